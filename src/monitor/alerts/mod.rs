//! Telling people: figures of the scenes that gave rise to alerts, then every alert to every channel until it is taken.
//!
//! An alert is marked as delivered after the channel has taken it, so that it arrives at least once; its id lets the
//! receiver drop a second copy. What could not be delivered is tried again by the next run and shown by `status`.

mod atom;
mod command;
mod mail;
mod params;
mod webhook;

pub(super) use params::KINDS;
pub use params::{AlertParams, Channel, Encryption, Secret, Secrets};

use super::state::{AlertRow, State};
use super::{Config, Error, SiteConfig, views};
use crate::io;
use crate::pipeline::{self, GdalSource, Plan, Silent};
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Alerts of a feed.
const FEED_COUNT: usize = 200;

/// An alert, as it stands or as withdrawn, with everything that is sent along.
pub(super) struct Message {
    pub(super) alert: AlertRow,
    /// Messages of the alert that the channel took before.
    pub(super) told: u32,
    pub(super) site_title: String,
    /// Folder of figure and page.
    pub(super) folder: Option<PathBuf>,
    /// The figure as PNG.
    pub(super) figure: Option<Vec<u8>>,
    /// GeoJSON collection of the alert alone.
    pub(super) geojson: String,
}

impl Message {
    /// Name of this message: that an alert is withdrawn, or stands again, must not pass for a second copy of the alert.
    fn id(&self) -> String {
        let id = &self.alert.alert_id;
        match (self.told, self.alert.withdrawn_at) {
            (0, _) => id.clone(),
            (n, Some(_)) => format!("{id}-withdrawn-{n}"),
            (n, None) => format!("{id}-again-{n}"),
        }
    }

    /// One line for people.
    fn title(&self) -> String {
        let prefix = if self.alert.withdrawn_at.is_some() { "Withdrawn: " } else { "" };
        format!("{prefix}{}", self.alert.title)
    }

    /// The alert as JSON; the figure in base64.
    fn json(&self) -> Value {
        let feature: Value = serde_json::from_str(&self.alert.feature).unwrap_or_default();
        json!({
            "id": self.alert.alert_id,
            "site": self.alert.site_id,
            "site_title": self.site_title,
            "kind": self.alert.kind,
            "datetime": self.alert.datetime,
            "title": self.title(),
            "withdrawn": self.alert.withdrawn_at.is_some(),
            "geojson": { "type": "FeatureCollection", "features": [feature] },
            "folder": self.folder,
            "figure_png_base64":
                self.figure.as_ref().map(|png| base64::engine::general_purpose::STANDARD.encode(png)),
        })
    }
}

/// Delivers what is open; gives the numbers of deliveries and failures.
pub(super) fn deliver(
    state: &mut State,
    config: &Config,
    secrets: &Secrets,
    now: &dyn Fn() -> Timestamp,
) -> Result<(usize, usize), Error> {
    let mut counts = (0, 0);
    for site in &config.site {
        for alert in state.without_evidence(&site.id)? {
            let made = evidence(state, config, site, &alert);
            if let Err(reason) = &made {
                tracing::warn!(alert = alert.alert_id, reason, "no figure for an alert");
            }
            // An empty name says that there is none: it is not tried again.
            let folder = made.map(|path| path.display().to_string()).unwrap_or_default();
            state.set_evidence(&alert.alert_id, &folder)?;
        }
    }
    for channel in &config.alerts.channel {
        let open = state.undelivered(channel.name(), &config.site)?;
        if open.is_empty() {
            continue;
        }
        let secret = channel.secret().map(|s| secrets.get(s)).transpose();
        for (alert, told) in open {
            let message = message(config, alert, told)?;
            let result = match &secret {
                Err(reason) => Err(reason.clone()),
                Ok(secret) => send(state, channel, secret.as_deref(), (&message, now())),
            };
            if let Err(reason) = &result {
                let id = &message.alert.alert_id;
                tracing::error!(channel = channel.name(), alert = id, reason, "an alert was not delivered");
                counts.1 += 1;
            } else {
                counts.0 += 1;
            }
            state.set_delivered(&message.alert, channel.name(), result.map(|()| now()))?;
        }
    }
    Ok(counts)
}

fn send(
    state: &State,
    channel: &Channel,
    secret: Option<&str>,
    (message, now): (&Message, Timestamp),
) -> Result<(), String> {
    match channel {
        Channel::Webhook { url, .. } => webhook::send(url, secret, message, now),
        Channel::Mail { .. } => mail::send(channel, secret, message),
        Channel::Command { command, .. } => command::send(command, message),
        Channel::Atom { path, .. } => {
            let mut alerts =
                state.alerts_of_channel(channel.name(), FEED_COUNT).map_err(|e| e.to_string())?;
            // What is told now was last changed now: an entry that stands again must not go back in time.
            for (alert, changed_at) in &mut alerts {
                if alert.alert_id == message.alert.alert_id {
                    *changed_at = now;
                }
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            io::write_text(path, &atom::feed(&alerts, folder)).map_err(|e| e.to_string())
        }
    }
}

/// Folder of figure and page of an alert, where they could be made.
pub(super) fn evidence_folder(alert: &AlertRow) -> Option<&Path> {
    alert.evidence.as_deref().filter(|folder| !folder.is_empty()).map(Path::new)
}

/// A link to `place` from a page in `folder`: relative, so that both can be moved together.
pub(super) fn link_from(folder: &Path, place: &Path) -> String {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (folder, place) = (real(folder), real(place));
    let shared = folder.components().zip(place.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| "..".to_owned());
    let down = place.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

fn message(config: &Config, alert: AlertRow, told: u32) -> Result<Message, Error> {
    let folder = evidence_folder(&alert).map(Path::to_owned);
    let figure = folder.as_ref().and_then(|f| std::fs::read(f.join("report.png")).ok());
    let site_title = config.site(&alert.site_id)?.title().to_owned();
    let feature: Value = serde_json::from_str(&alert.feature).unwrap_or_default();
    let geojson = json!({ "type": "FeatureCollection", "features": [feature] }).to_string() + "\n";
    Ok(Message { alert, told, site_title, folder, figure, geojson })
}

/// Figure and page of the scene of an alert, once a scene: what `railwatch detect` makes of it and the dates before.
fn evidence(state: &State, config: &Config, site: &SiteConfig, alert: &AlertRow) -> Result<PathBuf, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let scene = state.scene(alert.scene_key).map_err(|e| text(&e))?.ok_or("the scene is unknown")?;
    let view = scene.view.as_deref().unwrap_or(views::OPTICAL);
    let is_radar = views::is_radar(view);
    let name = alert.datetime.strftime("%Y%m%dT%H%M%S").to_string() + if is_radar { "-radar" } else { "" };
    let folder = config.alerts.folder.join(&site.id).join(name);
    if !folder.join("report.html").exists() {
        let baselines = state
            .specs_before((&site.id, view), alert.datetime, site.baseline.count)
            .map_err(|e| text(&e))?;
        let mut detect = site.detect_config();
        detect.target = scene.spec;
        detect.baseline = baselines;
        if is_radar {
            detect.bands.clear();
        }
        detect.out.clone_from(&folder);
        detect.buffer_m = 250.0;
        pipeline::prepare_folder(&folder).map_err(|e| text(&e))?;
        let plan = Plan::new(detect).map_err(|e| text(&e))?;
        let output = pipeline::run(&plan, &GdalSource, &Silent).map_err(|e| text(&e))?;
        pipeline::write_outputs(&plan, &output, &[]).map_err(|e| text(&e))?;
    }
    let path = folder.join(format!("alert-{}.geojson", alert.alert_id));
    io::write_text(&path, &(alert.feature.clone() + "\n")).map_err(|e| text(&e))?;
    Ok(folder)
}

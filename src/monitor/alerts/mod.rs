//! Reporting to people: figures of the scenes that gave rise to alerts, then every alert to every channel until it is taken.
//!
//! An alert is marked as delivered after the channel has taken it, so that it arrives at least once; its id lets the
//! receiver drop a second copy. What could not be delivered is tried again by the next run and shown by `status`.

mod atom;
mod command;
mod figures;
mod mail;
mod params;
mod ready;
mod webhook;

pub use params::{AlertParams, Channel, Encryption, Secret, Secrets};
pub(super) use ready::lacking;

use super::state::{AlertRow, State, of_json};
use super::{Config, Error};
use crate::io;
use crate::pipeline::Sink;
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Alerts of a feed.
const FEED_COUNT: usize = 200;

/// Seconds that a run gives a channel that does not take what it is sent: four times what one message may take. A dead server
/// must not keep the run, which holds the lock, from ending before the next one begins.
const PATIENCE_S: i64 = 120;

/// An alert, as it stands or as withdrawn, with everything that is sent along.
pub(super) struct Message {
    pub(super) alert: AlertRow,
    /// Messages of the alert that the channel took before.
    pub(super) sent_count: u32,
    pub(super) site_title: String,
    /// Folder of figure and page.
    pub(super) folder: Option<PathBuf>,
    /// The figure as PNG.
    pub(super) figure: Option<Vec<u8>>,
    /// GeoJSON collection of the alert alone.
    pub(super) geojson: Value,
}

impl Message {
    /// Name of this message: that an alert is withdrawn, or stands again, must not pass for a second copy of the alert.
    fn id(&self) -> String {
        let id = &self.alert.alert_id;
        match (self.sent_count, self.alert.withdrawn_at) {
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
        json!({
            "id": self.alert.alert_id,
            "site": self.alert.site_id,
            "site_title": self.site_title,
            "kind": self.alert.kind,
            "datetime": self.alert.datetime,
            "title": self.title(),
            "withdrawn": self.alert.withdrawn_at.is_some(),
            "geojson": self.geojson,
            "folder": self.folder,
            "figure_png_base64":
                self.figure.as_ref().map(|png| base64::engine::general_purpose::STANDARD.encode(png)),
        })
    }
}

/// Draws what is to be delivered; whether there was any. A failure holds up no alert: it goes out without a figure. What is not drawn
/// when the user asks to stop is left to the next run.
fn draw_figures(state: &mut State, config: &Config, sink: &dyn Sink) -> Result<bool, Error> {
    let mut drawn = figures::Drawn::new();
    for site in &config.site {
        for alert in state.without_figure(&site.id)? {
            if sink.interrupted() {
                return Err(Error::Interrupted);
            }
            let folder = match figures::draw(state, config, site, &alert, &mut drawn, sink) {
                Ok(folder) => folder,
                Err(_) if sink.interrupted() => return Err(Error::Interrupted),
                Err(none) => {
                    tracing::warn!(alert = alert.alert_id, reason = none.reason, "no figure for an alert");
                    if none.is_passing {
                        continue;
                    }
                    // An empty name says that there is none: it is not tried again.
                    String::new()
                }
            };
            state.set_figure_folder(&alert.alert_id, &folder)?;
        }
    }
    Ok(!drawn.is_empty())
}

/// Delivers what is open; gives the numbers of deliveries and failures. Between two figures and two messages it may be asked to stop.
pub(super) fn deliver(
    state: &mut State,
    config: &Config,
    secrets: &Secrets,
    now: &dyn Fn() -> Timestamp,
    sink: &dyn Sink,
) -> Result<(usize, usize), Error> {
    let drawn = draw_figures(state, config, sink)?;
    let mut counts = (0, 0);
    for channel in &config.alerts.channel {
        let open = state.undelivered(channel.name(), &config.site)?;
        if open.is_empty() {
            // An alert that was sent without its figure gets the link to it.
            if let (Channel::Atom { name, path }, true) = (channel, drawn)
                && let Err(reason) = write_feed(state, config, name, path, None)
            {
                tracing::error!(channel = name, reason, "the feed has no links to the new figures");
            }
            continue;
        }
        let secret = channel.secret().map(|s| secrets.get(s)).transpose();
        let (mut lost_s, count) = (0, open.len());
        for (i, (alert, sent_count)) in open.into_iter().enumerate() {
            if sink.interrupted() {
                return Err(Error::Interrupted);
            }
            if lost_s >= PATIENCE_S {
                tracing::error!(
                    channel = channel.name(),
                    left = count - i,
                    "the next run tries the other alerts"
                );
                counts.1 += count - i;
                break;
            }
            // An alert that is damaged in the state holds up no other.
            let message = message(config, &alert, sent_count).map_err(|e| e.to_string());
            let began = now();
            let result = match (&secret, &message) {
                (Err(reason), _) | (_, Err(reason)) => Err(reason.clone()),
                (Ok(secret), Ok(message)) => send(state, config, channel, secret.as_deref(), message, began),
            };
            if let Err(reason) = &result {
                let id = &alert.alert_id;
                tracing::error!(channel = channel.name(), alert = id, reason, "an alert was not delivered");
                counts.1 += 1;
                lost_s += now().as_second() - began.as_second();
            } else {
                counts.0 += 1;
            }
            state.set_delivered(&alert, channel.name(), result.map(|()| now()))?;
        }
    }
    Ok(counts)
}

fn send(
    state: &State,
    config: &Config,
    channel: &Channel,
    secret: Option<&str>,
    message: &Message,
    now: Timestamp,
) -> Result<(), String> {
    match channel {
        Channel::Webhook { url, .. } => webhook::send(url, secret, message, now),
        Channel::Mail { .. } => mail::send(channel, secret, message),
        Channel::Command { command, .. } => command::send(command, message),
        Channel::Atom { name, path } => {
            write_feed(state, config, name, path, Some((&message.alert.alert_id, now)))
        }
    }
}

/// Writes the feed of a channel; an alert may be `sent` now.
fn write_feed(
    state: &State,
    config: &Config,
    channel: &str,
    path: &Path,
    sent: Option<(&str, Timestamp)>,
) -> Result<(), String> {
    let mut alerts = state.alerts_of_channel(channel, FEED_COUNT).map_err(|e| e.to_string())?;
    // What is sent now was last changed now: an entry that stands again must not go back in time.
    for (alert, changed_at) in &mut alerts {
        if let Some((id, now)) = sent
            && alert.alert_id == id
        {
            *changed_at = now;
        }
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    io::write_text(path, &atom::feed(&alerts, folder, &config.alerts.folder)).map_err(|e| e.to_string())
}

/// Folder of figure and page of an alert, where they could be made; `alerts` is the configured folder of all.
pub(super) fn figure_folder(alert: &AlertRow, alerts: &Path) -> Option<PathBuf> {
    alert.figure_folder.as_deref().filter(|folder| !folder.is_empty()).map(|folder| alerts.join(folder))
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

fn message(config: &Config, alert: &AlertRow, sent_count: u32) -> Result<Message, Error> {
    let folder = figure_folder(alert, &config.alerts.folder);
    let figure = folder.as_ref().and_then(|f| std::fs::read(f.join("report.png")).ok());
    let site_title = config.site(&alert.site_id)?.title().to_owned();
    let feature: Value = of_json("the feature of an alert", &alert.feature)?;
    let geojson = json!({ "type": "FeatureCollection", "features": [feature] });
    Ok(Message { alert: alert.clone(), sent_count, site_title, folder, figure, geojson })
}

/// An alert of site `s`, for tests.
#[cfg(test)]
fn an_alert(alert_id: &str) -> AlertRow {
    AlertRow {
        alert_id: alert_id.to_owned(),
        site_id: "s".into(),
        life_id: "l".into(),
        scene_key: 1,
        kind: "first".into(),
        datetime: Timestamp::UNIX_EPOCH,
        title: "t".into(),
        feature: "{}".into(),
        figure_folder: None,
        withdrawn_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::state::raise;
    use crate::pipeline::Silent;
    use std::cell::Cell;

    #[test]
    fn a_dead_channel_does_not_hold_up_the_run_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.toml");
        // Nobody listens on port 1.
        let text = "[[site]]\nid = \"s\"\nrails = \"r\"\nsource = { folder = \"f\" }\n\
                    [[alerts.channel]]\nkind = \"webhook\"\nname = \"dead\"\nurl = \"http://127.0.0.1:1/\"\n\
                    [[alerts.channel]]\nkind = \"atom\"\nname = \"feed\"\npath = \"feed.atom\"\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path).unwrap();
        let mut state = State::open(&config.state).unwrap();
        for i in 0..9 {
            let alert = an_alert(&format!("a{i}"));
            let channels = ["dead".to_owned(), "feed".to_owned()];
            state.transaction(|t| raise(t, &alert, &channels, Timestamp::UNIX_EPOCH)).unwrap();
        }
        // Half a minute passes between two looks at the clock.
        let time_s = Cell::new(0);
        let now = || {
            time_s.set(time_s.get() + 30);
            Timestamp::from_second(time_s.get()).unwrap()
        };
        for (told, tries) in [((9, 9), 4), ((0, 9), 8)] {
            assert_eq!(deliver(&mut state, &config, &Secrets::default(), &now, &Silent).unwrap(), told);
            let failed = state.failed_deliveries().unwrap();
            assert_eq!(failed.iter().map(|f| f.2).sum::<u32>(), tries, "{failed:?}");
        }
        assert_eq!(
            std::fs::read_to_string(folder.path().join("feed.atom")).unwrap().matches("<entry>").count(),
            9
        );
        // Without its scene an alert has no figure.
        assert!(state.alerts("s", 9).unwrap().iter().all(|a| a.figure_folder.as_deref() == Some("")));
    }

    /// A site with one feed, and its empty state.
    fn with_a_feed(folder: &Path) -> (Config, State) {
        let path = folder.join("monitor.toml");
        let text = "[[site]]\nid = \"s\"\nrails = \"r\"\nsource = { folder = \"f\" }\n\
                    [[alerts.channel]]\nkind = \"atom\"\nname = \"feed\"\npath = \"feed.atom\"\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path).unwrap();
        let state = State::open(&config.state).unwrap();
        (config, state)
    }

    #[test]
    fn an_alert_that_is_damaged_in_the_state_is_told_and_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (config, mut state) = with_a_feed(folder.path());
        let damaged = AlertRow { feature: "{".into(), ..an_alert("a") };
        for alert in [damaged, an_alert("b")] {
            state.transaction(|t| raise(t, &alert, &["feed".to_owned()], Timestamp::UNIX_EPOCH)).unwrap();
        }
        let now = || Timestamp::UNIX_EPOCH;
        assert_eq!(deliver(&mut state, &config, &Secrets::default(), &now, &Silent).unwrap(), (1, 1));
        let failed = state.failed_deliveries().unwrap();
        assert!(failed.len() == 1 && failed[0].0 == "a", "{failed:?}");
        assert!(failed[0].3.starts_with("the state holds the feature of an alert that"), "{failed:?}");
    }

    /// A user who has asked to stop.
    struct Stopped;

    impl Sink for Stopped {
        fn event(&self, _event: &crate::pipeline::Event) {}

        fn interrupted(&self) -> bool {
            true
        }
    }

    #[test]
    fn who_asks_to_stop_waits_for_no_figure_and_loses_no_alert() {
        let folder = tempfile::tempdir().unwrap();
        let (config, mut state) = with_a_feed(folder.path());
        state.transaction(|t| raise(t, &an_alert("a"), &["feed".to_owned()], Timestamp::UNIX_EPOCH)).unwrap();
        let now = || Timestamp::UNIX_EPOCH;
        let stopped = deliver(&mut state, &config, &Secrets::default(), &now, &Stopped);
        assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
        assert_eq!(state.without_figure("s").unwrap().len(), 1);
        let again = deliver(&mut state, &config, &Secrets::default(), &now, &Silent);
        assert_eq!(again.unwrap(), (1, 0));
    }
}

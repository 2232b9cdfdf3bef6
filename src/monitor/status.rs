//! What is known of each site, for people and machines.

use super::alerts::figure_folder;
use super::state::{AlertRow, State};
use super::words::Word;
use super::{Config, Error, LifeState};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write;

/// Alerts that are listed a site.
const ALERT_COUNT: usize = 10;

/// State of everything that is watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// One entry a configured site.
    pub sites: Vec<SiteStatus>,
    /// Deliveries that failed so far: alert, channel, attempts, last reason.
    pub failed_deliveries: Vec<(String, String, u32, String)>,
    /// When the last run began, and when it ended; an end that is missing is a run at work or one that was killed.
    pub last_run: Option<(String, Option<String>)>,
}

/// State of one site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteStatus {
    /// The site.
    pub site_id: String,
    /// Name for people.
    pub title: String,
    /// Scenes by status.
    pub scenes: Vec<(String, usize)>,
    /// Newest date that was compared.
    pub newest: Option<Timestamp>,
    /// Trains that may still stand.
    pub standing: Vec<Standing>,
    /// The newest alerts, with the whole paths of their figures.
    pub alerts: Vec<AlertRow>,
    /// Newest scenes that could not be used: name, status, reason.
    pub skipped: Vec<(String, String, String)>,
    /// Why it could not be watched the last time that it could not.
    pub last_error: Option<SiteError>,
}

/// Why a run could not watch a site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteError {
    /// When that run ended.
    pub at: Timestamp,
    /// What was wrong and what to do.
    pub reason: String,
    /// Whether a later run could watch the site.
    pub is_over: bool,
}

/// A train that may still stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The train.
    pub life_id: String,
    /// The track.
    pub track_id: String,
    /// `first`, `provisional` or `confirmed`.
    pub state: LifeState,
    /// Length, metres.
    pub length_m: f64,
    /// First date.
    pub first_seen: Timestamp,
    /// Last date.
    pub last_seen: Timestamp,
}

/// Reads the state of all configured sites; a run may be at work meanwhile.
///
/// # Errors
/// [`Error::NoState`], [`Error::Damaged`], [`Error::Database`].
pub fn status(config: &Config) -> Result<Status, Error> {
    let state = State::open_to_read(&config.state)?;
    let mut sites = Vec::new();
    for site in &config.site {
        let lives = state.lives(&site.id)?;
        let mut alerts = state.alerts(&site.id, ALERT_COUNT)?;
        for alert in &mut alerts {
            // Whoever reads this does not know the folder of alerts.
            let folder = figure_folder(alert, &config.alerts.folder);
            alert.figure_folder = folder.map(|folder| folder.display().to_string());
        }
        let standing = lives.into_iter().filter(|row| row.life.state.is_open()).map(|row| Standing {
            length_m: row.life.place.length_m(),
            life_id: row.life.id,
            track_id: row.track_id,
            state: row.life.state,
            first_seen: row.life.first_seen,
            last_seen: row.life.last_seen,
        });
        sites.push(SiteStatus {
            site_id: site.id.clone(),
            title: site.title().to_owned(),
            scenes: state.scene_counts(&site.id)?,
            newest: state.newest_used(&site.id)?,
            standing: standing.collect(),
            alerts,
            skipped: state.newest_skipped(&site.id, ALERT_COUNT)?,
            last_error: state.last_error(&site.id)?,
        });
    }
    Ok(Status { sites, failed_deliveries: state.failed_deliveries()?, last_run: state.last_run()? })
}

impl Status {
    /// Lines for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = match &self.last_run {
            Some((start, Some(end))) => writeln!(text, "last run {start} to {end}"),
            Some((start, None)) => {
                writeln!(text, "last run began {start} and has not ended: still running or killed")
            }
            None => writeln!(text, "no run yet"),
        };
        for (alert, channel, attempts, reason) in &self.failed_deliveries {
            let _ = writeln!(text, "not delivered: alert {alert} to {channel}, {attempts} tries: {reason}");
        }
        for site in &self.sites {
            let counts: Vec<String> = site.scenes.iter().map(|(s, n)| format!("{n} {s}")).collect();
            let newest = site.newest.map_or_else(|| "none".to_owned(), |t| t.to_string());
            let counts = if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") };
            let _ = writeln!(
                text,
                "\n{} ({})\n  scenes: {counts}; newest used: {newest}",
                site.site_id, site.title
            );
            if let Some(error) = &site.last_error {
                let over = if error.is_over { ", watched again since" } else { "" };
                let _ = writeln!(text, "  error on {}{over}: {}", error.at, error.reason);
            }
            for s in &site.standing {
                let (first, last) = (s.first_seen.strftime("%Y-%m-%d"), s.last_seen.strftime("%Y-%m-%d"));
                let state = Word(s.state);
                let _ = writeln!(
                    text,
                    "  standing: {state}, {:.0} m on {}, {first} to {last}",
                    s.length_m, s.track_id
                );
            }
            for alert in &site.alerts {
                let withdrawn = if alert.withdrawn_at.is_some() { " (withdrawn)" } else { "" };
                let _ =
                    writeln!(text, "  alert {} {}: {}{withdrawn}", alert.alert_id, alert.kind, alert.title);
            }
            for (scene, status, reason) in &site.skipped {
                let _ = writeln!(text, "  {status}: {scene}: {reason}");
            }
        }
        text
    }
}

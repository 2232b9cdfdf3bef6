//! One run over all sites: what a timer starts every night.

use super::state::State;
use super::summary::{RunSummary, SiteSummary};
use super::{Config, Error, Secrets, alerts, site_run};
use crate::io;
use crate::pipeline::Sink;
use jiff::Timestamp;
use std::path::PathBuf;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The time now: written beside what is stored; it decides which alerts are too old to deliver and, where `since` is
    /// missing, from when on a catalog is searched.
    pub now: Timestamp,
    /// Oldest date to take; where it is missing, all that a folder has and the newest days of a catalog.
    pub since: Option<Timestamp>,
    /// Say what would be done, read no pixels and write nothing: every file counts as whole, and a run that is at work is
    /// not disturbed.
    pub dry_run: bool,
    /// Sites to take; all where it is empty.
    pub sites: Vec<String>,
    /// Secrets from the environment.
    pub secrets: Secrets,
    /// Folders in which programs of channels are looked for: `PATH` of the environment.
    pub program_folders: Vec<PathBuf>,
}

/// Takes every site as far as its source goes. What concerns one site or scene is recorded and stops no other.
///
/// # Errors
/// [`Error::Locked`] when another run is at work (not for a dry run), [`Error::Damaged`], [`Error::Database`] when the state cannot be
/// written, [`Error::Interrupted`]; what was finished by then is kept.
pub fn run(config: &Config, options: &RunOptions, sink: &dyn Sink) -> Result<RunSummary, Error> {
    for site in &options.sites {
        config.site(site)?;
    }
    let clock = Clock::start();
    let mut state =
        if options.dry_run { State::open_for_dry_run(&config.state)? } else { State::open(&config.state)? };
    let mut summary = RunSummary { dry_run: options.dry_run, ..RunSummary::default() };
    // The first alert may be months away: what it will need is missed today. The scenes are taken all the same.
    summary.channel_problems = alerts::lacking(config, options);
    for problem in &summary.channel_problems {
        tracing::error!(problem, "a channel could not deliver an alert");
    }
    let key = if options.dry_run { None } else { Some(state.begin_run(options.now)?) };
    let wanted = |id: &String| options.sites.is_empty() || options.sites.contains(id);
    for site in config.site.iter().filter(|s| wanted(&s.id)) {
        let mut of_site = SiteSummary { site_id: site.id.clone(), ..SiteSummary::default() };
        match site_run::watch(&mut state, config, site, options, sink, &mut of_site) {
            Ok(()) => {}
            Err(error @ (Error::Database { .. } | Error::Damaged { .. } | Error::Interrupted)) => {
                return Err(error);
            }
            Err(error) => of_site.problem = Some(error.to_string()),
        }
        if let Some(problem) = &of_site.problem {
            tracing::error!(site = site.id, problem, "the site could not be watched");
        }
        tracing::info!(
            site = of_site.site_id,
            used = of_site.used_count,
            hidden = of_site.hidden_count,
            failed = of_site.failed_count,
            detections = of_site.detection_count,
            alerts = of_site.alert_count,
            "site done"
        );
        summary.sites.push(of_site);
    }
    if !options.dry_run {
        let now = || clock.now(options.now);
        (summary.delivered_count, summary.undelivered_count) =
            alerts::deliver(&mut state, config, &options.secrets, &now, sink)?;
    }
    summary.duration_s = clock.seconds();
    if let Some(key) = key {
        let text = serde_json::to_string(&summary)
            .map_err(|e| Error::Stored { what: "a summary", reason: e.to_string() })?;
        let ended = clock.now(options.now);
        state.end_run(key, ended, &text)?;
        if let Some(path) = &config.metrics {
            io::write_text(path, &summary.prometheus(ended.as_second()))?;
        }
    }
    Ok(summary)
}

/// How long a run takes.
struct Clock(std::time::Instant);

#[expect(clippy::disallowed_methods, reason = "the run's duration is part of its summary")]
impl Clock {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// The time now of a run that was started at `start`, whole seconds.
    fn now(&self, start: Timestamp) -> Timestamp {
        Timestamp::from_second(start.as_second() + self.seconds() as i64).unwrap_or(start)
    }
}

//! `railwatch monitor`.

use super::args::{Global, MonitorArgs, MonitorCommand, MonitorRunArgs, MonitorStatusArgs};
use super::logging::{say, to_stdout};
use super::progress::Reporter;
use super::{Failure, Outcome};
use crate::monitor::{self, Config, Error, RunOptions, Secrets};
use crate::pipeline::parse_time;
use jiff::Timestamp;
use miette::miette;

/// Runs one of the commands of `monitor`.
pub(super) fn run(global: &Global, args: &MonitorArgs) -> Result<Outcome, Failure> {
    match &args.command {
        MonitorCommand::Run(args) => watch(global, args),
        MonitorCommand::Status(args) => status(global, args),
        MonitorCommand::Series(args) => {
            let config = Config::read(&args.config)?;
            written(global, monitor::write_series(&config, &args.sites, &args.out))
        }
        MonitorCommand::Export(args) => {
            let config = Config::read(&args.config)?;
            written(global, monitor::export(&config, &args.out))
        }
    }
}

fn watch(global: &Global, args: &MonitorRunArgs) -> Result<Outcome, Failure> {
    let config = Config::read(&args.config)?;
    let options = RunOptions {
        now: now(),
        since: args.since.as_deref().map(parse_time).transpose()?,
        dry_run: args.dry_run,
        sites: args.sites.clone(),
        secrets: secrets(&config),
    };
    let reporter = Reporter::new(global);
    let result = monitor::run(&config, &options, &reporter);
    reporter.finish();
    let summary = result?;
    say(global, &summary.text())?;
    if args.json {
        to_stdout(json(&summary)?.as_bytes())?;
    }
    Ok(if summary.is_whole() { Outcome::Done } else { Outcome::Skipped })
}

fn status(global: &Global, args: &MonitorStatusArgs) -> Result<Outcome, Failure> {
    let config = Config::read(&args.config)?;
    let status = monitor::status(&config)?;
    if args.json { to_stdout(json(&status)?.as_bytes()) } else { say(global, &status.text()) }
}

/// Names what was written.
fn written(global: &Global, result: Result<Vec<std::path::PathBuf>, Error>) -> Result<Outcome, Failure> {
    let paths = result?;
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    say(global, &(names.join("\n") + "\n"))
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::failed(miette!("cannot write the summary as JSON: {e}")))?;
    Ok(text + "\n")
}

/// The secrets that the configuration names and the environment has.
#[expect(clippy::disallowed_methods, reason = "the environment belongs to cli")]
fn secrets(config: &Config) -> Secrets {
    let found = config.secret_variables().into_iter();
    Secrets(found.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect())
}

#[expect(clippy::disallowed_methods, reason = "the clock belongs to cli")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A failure of watching with its exit code.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let report = miette!("{error}");
        if error.is_usage() { Self::usage(report) } else { Self::failed(report) }
    }
}

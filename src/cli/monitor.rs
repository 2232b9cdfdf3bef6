//! `railwatch monitor`.

use super::args::{Global, MonitorArgs, MonitorCommand, MonitorRunArgs, MonitorStatusArgs};
use super::logging::say;
use super::progress::Reporter;
use super::{Failure, Outcome, detect, man};
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
            let config = Config::read(&args.config).map_err(failure)?;
            written(global, monitor::write_series(&config, &args.sites, &args.out))
        }
        MonitorCommand::Export(args) => {
            let config = Config::read(&args.config).map_err(failure)?;
            written(global, monitor::export(&config, &args.out))
        }
    }
}

fn watch(global: &Global, args: &MonitorRunArgs) -> Result<Outcome, Failure> {
    let config = Config::read(&args.config).map_err(failure)?;
    let options = RunOptions {
        now: now(),
        since: args.since.as_deref().map(parse_time).transpose().map_err(detect::failure)?,
        dry_run: args.dry_run,
        sites: args.sites.clone(),
        secrets: secrets(&config),
    };
    let reporter = Reporter::new(global);
    let result = monitor::run(&config, &options, &reporter);
    reporter.finish();
    let summary = result.map_err(failure)?;
    say(global, &summary.text())?;
    if args.json {
        man::print(json(&summary)?.as_bytes())?;
    }
    Ok(if summary.is_whole() { Outcome::Done } else { Outcome::Skipped })
}

fn status(global: &Global, args: &MonitorStatusArgs) -> Result<Outcome, Failure> {
    let config = Config::read(&args.config).map_err(failure)?;
    let status = monitor::status(&config).map_err(failure)?;
    if args.json { man::print(json(&status)?.as_bytes()) } else { say(global, &status.text()) }
}

/// Names what was written.
fn written(global: &Global, result: Result<Vec<std::path::PathBuf>, Error>) -> Result<Outcome, Failure> {
    let paths = result.map_err(failure)?;
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

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn failure(error: Error) -> Failure {
    let usage = error.is_usage();
    let report = miette!("{error}");
    if usage { Failure::usage(report) } else { Failure::failed(report) }
}

//! `railwatch monitor`.

use super::args::{Global, MonitorArgs, MonitorCommand, MonitorRunArgs, MonitorStatusArgs};
use super::logging::{json_to_stdout, say, say_written};
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
            say_written(global, &monitor::write_series(&config, &args.sites, &args.out)?)
        }
        MonitorCommand::Export(args) => {
            let config = Config::read(&args.config)?;
            say_written(global, &monitor::export(&config, &args.out)?)
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
        program_folders: program_folders(),
    };
    let reporter = Reporter::new(global);
    let result = monitor::run(&config, &options, &reporter);
    reporter.finish();
    let summary = result?;
    say(global, &summary.text())?;
    if args.json {
        json_to_stdout(&summary)?;
    }
    Ok(if summary.is_whole() { Outcome::Done } else { Outcome::Skipped })
}

fn status(global: &Global, args: &MonitorStatusArgs) -> Result<Outcome, Failure> {
    let config = Config::read(&args.config)?;
    let status = monitor::status(&config)?;
    if args.json { json_to_stdout(&status) } else { say(global, &status.text()) }
}

/// The secrets that the configuration names and the environment has.
#[expect(clippy::disallowed_methods, reason = "the environment belongs to cli")]
fn secrets(config: &Config) -> Secrets {
    let found = config.secret_variables().into_iter();
    Secrets(found.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect())
}

/// Where the system looks for programs.
#[expect(clippy::disallowed_methods, reason = "the environment belongs to cli")]
fn program_folders() -> Vec<std::path::PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
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

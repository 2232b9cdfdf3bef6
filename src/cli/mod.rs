//! The command line: what was typed, made into a configuration; progress, messages and exit codes.

mod args;
mod catalog_args;
mod detect;
mod evaluate;
mod fetch;
mod logging;
mod man;
mod monitor;
mod monitor_args;
mod progress;
mod register;
mod report;
mod search;
mod simulate;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// What the exit code says, in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Failed while working.
    Failed,
    /// The command line or the configuration asks for what cannot be: a bad value, a file or band that is not there.
    Usage,
    /// Done and something was found; only with `--fail-on-detect`.
    Found,
    /// Done, but some scenes were skipped, or a step failed.
    Skipped,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            Outcome::Found => 3,
            Outcome::Skipped => 4,
        })
    }
}

/// A failure with the exit code that it means.
#[derive(Debug)]
struct Failure {
    outcome: Outcome,
    report: miette::Report,
}

impl Failure {
    fn usage(report: impl Into<miette::Report>) -> Self {
        Self { outcome: Outcome::Usage, report: report.into() }
    }
    fn failed(report: impl Into<miette::Report>) -> Self {
        Self { outcome: Outcome::Failed, report: report.into() }
    }
}

/// Runs the program on the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout, mistakes to stderr.
            let outcome = if error.use_stderr() { Outcome::Usage } else { Outcome::Done };
            return if error.print().is_ok() { outcome } else { Outcome::Failed }.into();
        }
    };
    logging::start(&cli.global);
    let result = match prepare(&cli.global) {
        Ok(()) => match &cli.command {
            Command::Detect(args) => detect::run(&cli.global, args),
            Command::Register(args) => register::run(&cli.global, args),
            Command::Search(args) => search::run(&cli.global, args),
            Command::Fetch(args) => fetch::run(&cli.global, args),
            Command::Simulate(args) => simulate::run(&cli.global, args),
            Command::Evaluate(args) => evaluate::run(&cli.global, args),
            Command::Report(args) => report::run(&cli.global, args),
            Command::Monitor(args) => monitor::run(&cli.global, args),
            Command::Completions { shell } => man::completions(*shell),
            Command::Man { out } => man::pages(out.as_deref()),
        },
        Err(failure) => Err(failure),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            logging::print_error(&cli.global, &failure.report);
            failure.outcome.into()
        }
    }
}

/// Sets up GDAL and the thread pool.
fn prepare(global: &args::Global) -> Result<(), Failure> {
    crate::io::configure();
    if let Some(threads) = global.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| Failure::failed(miette::miette!("cannot start {threads} threads: {e}")))?;
    }
    Ok(())
}

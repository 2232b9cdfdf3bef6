//! Messages on stderr, as text or as one JSON object a line.

use super::args::{Global, LogFormat};
use super::{Failure, Outcome};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log; called once.
pub(super) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let terminal = std::io::stderr().is_terminal();
    let messages =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(terminal);
    // Libraries' own notes are none of the user's business.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let messages = match global.log_format {
        LogFormat::Text => messages.without_time().boxed(),
        LogFormat::Json => messages.json().flatten_event(true).boxed(),
    };
    // A second start would only happen in a test that shares the process; the first one stays.
    drop(tracing_subscriber::registry().with(messages.with_filter(ours)).try_init());
    if !terminal {
        // Scripts search for paths and phrases, which a wrapped line would break.
        let unwrapped = miette::set_hook(Box::new(|_| {
            Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
        }));
        drop(unwrapped);
    }
}

/// Lines for people, on stderr, unless quiet; one JSON object a line where machines read.
pub(super) fn say(global: &Global, text: &str) -> Result<Outcome, Failure> {
    if global.quiet {
        return Ok(Outcome::Done);
    }
    let written = match global.log_format {
        LogFormat::Text => std::io::stderr().write_all(text.as_bytes()),
        LogFormat::Json => text.lines().try_for_each(|line| {
            writeln!(std::io::stderr(), "{}", serde_json::json!({ "level": "INFO", "message": line }))
        }),
    };
    written.map_err(|e| Failure::failed(miette::miette!("cannot write to stderr: {e}")))?;
    Ok(Outcome::Done)
}

/// Writes data to stdout; a reader that closed the pipe early is no failure.
pub(super) fn to_stdout(bytes: &[u8]) -> Result<Outcome, Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(miette::miette!("cannot write to stdout: {e}")))
        }
        _ => Ok(Outcome::Done),
    }
}

/// Writes a value to stdout as JSON.
pub(super) fn json_to_stdout(value: &impl serde::Serialize) -> Result<Outcome, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::failed(miette::miette!("the results cannot be written as JSON: {e}")))?;
    to_stdout((text + "\n").as_bytes())
}

/// Names the files that were written.
pub(super) fn say_written(global: &Global, paths: &[PathBuf]) -> Result<Outcome, Failure> {
    let lines: Vec<String> = paths.iter().map(|p| format!("{}\n", p.display())).collect();
    say(global, &lines.concat())
}

/// The arguments as they were typed, for the provenance.
pub(super) fn command_line() -> Vec<String> {
    std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect()
}

/// Prints an error in the chosen format.
pub(super) fn print_error(global: &Global, report: &miette::Report) {
    let line = match global.log_format {
        LogFormat::Text => format!("{report:?}"),
        LogFormat::Json => serde_json::json!({ "level": "ERROR", "message": chain(report) }).to_string(),
    };
    // Where stderr is closed there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// An error and its causes in one line.
fn chain(report: &miette::Report) -> String {
    report.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

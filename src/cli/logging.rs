//! Messages on stderr, as text or as one JSON object a line.

use super::args::{Global, LogFormat};
use std::io::{IsTerminal, Write};
use tracing_subscriber::filter::LevelFilter;

/// Starts the log; called once.
pub(super) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let builder =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_target(false);
    // A second start would only happen in a test that shares the process; the first one stays.
    let started = match global.log_format {
        LogFormat::Text => builder.without_time().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started);
    if !std::io::stderr().is_terminal() {
        // Scripts search for paths and phrases, which a wrapped line would break.
        let unwrapped = miette::set_hook(Box::new(|_| {
            Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
        }));
        drop(unwrapped);
    }
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

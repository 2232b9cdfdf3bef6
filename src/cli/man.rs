//! Completion scripts and manual pages, made from the same description as `--help`.

use super::args::Cli;
use super::logging::to_stdout;
use super::{Failure, Outcome};
use clap::CommandFactory;
use miette::miette;
use std::path::Path;

/// Prints the completion script of `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "railwatch", &mut script);
    to_stdout(&script)
}

/// Writes the manual pages into `out`, or the main page to stdout.
pub(super) fn pages(out: Option<&Path>) -> Result<Outcome, Failure> {
    let Some(dir) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|e| Failure::failed(miette!("cannot make the manual page: {e}")))?;
        return to_stdout(&page);
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|e| Failure::failed(miette!("cannot write manual pages to {}: {e}", dir.display())))?;
    Ok(Outcome::Done)
}

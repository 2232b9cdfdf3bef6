//! `railwatch report`.

use super::args::{Global, ReportArgs};
use super::logging::say;
use super::{Failure, Outcome};
use crate::pipeline;

/// Draws the figures and the page of a finished run again.
pub(super) fn run(global: &Global, args: &ReportArgs) -> Result<Outcome, Failure> {
    let paths = pipeline::report_again(&args.dir)?;
    say(global, &paths.summary)
}

//! `railwatch register`.

use super::args::{Global, ModelChoice, RegisterArgs};
use super::logging::{command_line, say, to_stdout};
use super::progress::Reporter;
use super::{Failure, Outcome};
use crate::coreg::{CoregParams, Model};
use crate::pipeline::{self, GdalSource, RegisterRequest};

/// Measures, and writes unless asked not to.
pub(super) fn run(global: &Global, args: &RegisterArgs) -> Result<Outcome, Failure> {
    let mut coreg = CoregParams { window_px: args.window_px, ..CoregParams::default() };
    coreg.largest_shift_px = args.max_shift_px.unwrap_or(coreg.largest_shift_px);
    let request = RegisterRequest {
        reference: args.reference.clone(),
        moving: args.moving.clone(),
        out: args.out.clone().filter(|_| !args.dry_run),
        tie_points: args.tie_points.clone(),
        bands: args.bands.clone(),
        match_band: args.match_band.clone(),
        model: match args.model {
            ModelChoice::Auto => None,
            ModelChoice::Translation => Some(Model::Translation),
            ModelChoice::Affine => Some(Model::Affine),
            ModelChoice::Field => Some(Model::Field),
        },
        spacing_px: args.spacing_px.map(std::num::NonZeroUsize::get),
        coreg,
        arguments: command_line(),
    };
    let reporter = Reporter::new(global);
    let result = pipeline::register(&request, &GdalSource, &reporter);
    reporter.finish();
    let output = result?;
    say(global, &output.summary)?;
    if args.json {
        to_stdout(output.json.as_bytes())?;
    }
    Ok(Outcome::Done)
}

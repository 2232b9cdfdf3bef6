//! `railwatch simulate`.

use super::args::{Global, SimulateArgs};
use super::detect::{failure, say};
use super::{Failure, Outcome};
use crate::pipeline::{self, SimulateRequest};

/// Makes a stack of scenes with trains of known place and writes it.
pub(super) fn run(global: &Global, args: &SimulateArgs) -> Result<Outcome, Failure> {
    let request = SimulateRequest {
        rails: args.rails.clone(),
        out: args.out.clone(),
        seed: args.seed,
        epsg: args.epsg,
        margin_m: args.margin_m,
        config: args.config.clone(),
    };
    let summary = pipeline::simulate(&request).map_err(failure)?;
    say(global, &summary)
}

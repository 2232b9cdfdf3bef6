//! `railwatch simulate`.

use super::args::{Global, SensorArg, SimulateArgs};
use super::logging::say;
use super::{Failure, Outcome};
use crate::pipeline::{self, SimulateRequest, SimulatedSensor};
use miette::miette;

/// Widest ground around the rails, metres.
const MOST_MARGIN_M: f64 = 50_000.0;

/// Makes a stack of scenes with trains of known place and writes it.
pub(super) fn run(global: &Global, args: &SimulateArgs) -> Result<Outcome, Failure> {
    let sensor = match args.sensor {
        _ if !args.into.is_empty() => SimulatedSensor::Real(args.into.clone()),
        SensorArg::Optical => SimulatedSensor::Optical,
        SensorArg::Radar => SimulatedSensor::Radar,
    };
    if !(0.0..=MOST_MARGIN_M).contains(&args.margin_m) {
        let reason = miette!("--margin-m {}: give 0 to {MOST_MARGIN_M} metres", args.margin_m);
        return Err(Failure::usage(reason));
    }
    let request = SimulateRequest {
        sensor,
        rails: args.rails.clone(),
        out: args.out.clone(),
        seed: args.seed,
        epsg: args.epsg,
        margin_m: args.margin_m,
        config: args.config.clone(),
    };
    let summary = pipeline::simulate(&request)?;
    say(global, &summary)
}

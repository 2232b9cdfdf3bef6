//! `railwatch simulate`.

use super::args::{Global, SensorArg, SimulateArgs};
use super::detect::{failure, say};
use super::{Failure, Outcome};
use crate::pipeline::{self, SimulateRequest, SimulatedSensor};

/// Makes a stack of scenes with trains of known place and writes it.
pub(super) fn run(global: &Global, args: &SimulateArgs) -> Result<Outcome, Failure> {
    let sensor = match args.sensor {
        _ if !args.into.is_empty() => SimulatedSensor::Real(args.into.clone()),
        SensorArg::Optical => SimulatedSensor::Optical,
        SensorArg::Radar => SimulatedSensor::Radar,
    };
    let request = SimulateRequest {
        sensor,
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

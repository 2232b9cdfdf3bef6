//! `railwatch detect --area`: what changed anywhere in a pair of scenes, without rails.
//!
//! `AreaRequest → Pair → Measured → Hidden → AreaModel → change.tif, objects`. Clouds are told on a coarse look at both
//! scenes, the statistic is estimated on windows spread over them; then both pass once in strips, each target pixel is
//! interpolated once, and memory follows the strip and not the scene.

mod ground;
mod hidden;
mod outputs;
mod request;
mod sweep;

pub use request::AreaRequest;

use super::clock::Clock;
use super::outputs::{CHANGE_MAP, OBJECTS, RECORD};
use super::register::{Measured, Pair, Shifts, measure};
use super::staged::{Staged, refuse_inputs};
use super::told::warn_of_unstated;
use super::{Error, Event, SceneSource, Sink};
use crate::change::{AreaModel, AreaObject, ChangeMethod};
use crate::io;
use crate::mask::MaskSummary;
use hidden::Hidden;
use std::path::PathBuf;

/// Sample windows along each axis, at most.
const SAMPLE_COUNT: usize = 8;
/// Side of a sample window, px.
const SAMPLE_PX: usize = 192;
/// Side of a tile of a file: sample windows keep inside one, so that few tiles are decoded for them.
const TILE_PX: usize = 512;

/// What an area run found and wrote.
#[derive(Debug)]
pub struct AreaOutput {
    /// Lines for people.
    pub summary: String,
    /// The objects.
    pub geojson: PathBuf,
    /// Number of objects.
    pub object_count: usize,
}

/// Scenes of an area run, opened and checked before a pixel is read.
struct Planned {
    pair: Pair,
    /// Indices of the common bands in the baseline and in the target.
    bands: [Vec<usize>; 2],
    names: Vec<crate::scene::BandName>,
}

/// What a run found, on its way to the files.
struct Found {
    measured: Option<Measured>,
    masks: [MaskSummary; 2],
    model: AreaModel,
    objects: Vec<AreaObject>,
    area_km2: f64,
}

/// What would be done, in lines for `--dry-run`.
///
/// # Errors
/// As [`change_area`], of the scenes' metadata.
pub fn plan_area(request: &AreaRequest) -> Result<String, Error> {
    Ok(outputs::plan(request, &Planned::new(request)?))
}

/// Finds what changed between two scenes and writes `change.tif`, `objects.geojson` and `run.json`.
///
/// # Errors
/// Scenes that cannot be opened or have no band or ground in common, a shift that cannot be trusted, a statistic that
/// cannot be computed, a full disk. Nothing is left under a final name then.
pub fn change_area(
    request: &AreaRequest,
    source: &dyn SceneSource,
    sink: &dyn Sink,
) -> Result<AreaOutput, Error> {
    let mut clock = Clock::start();
    let planned = Planned::new(request)?;
    let pair = &planned.pair;
    let outputs = [CHANGE_MAP, OBJECTS, RECORD].map(|name| request.out.join(name));
    refuse_inputs(&outputs, [&pair.reference, &pair.moving], &[])?;
    let mut staged = Staged::new(&request.out)?;
    let measured = if request.register { Some(measure(pair, &request.pair, source, sink)?) } else { None };
    clock.lap("register");
    step(sink, "mask", pair)?;
    let shifts = Shifts::new(pair, measured.as_ref());
    let lay = pair.lay(&shifts);
    let typical = measured.as_ref().map_or((0.0, 0.0), super::register::typical_shift);
    let (hidden, masks) = Hidden::new(&planned, typical, &request.mask)?;
    clock.lap("mask");
    step(sink, "estimate", pair)?;
    let sweep = sweep::Sweep { planned: &planned, source, sink, lay, hidden };
    let model = AreaModel::estimate(
        &sweep.samples(SAMPLE_COUNT, SAMPLE_PX)?,
        pair.pixel_m,
        &request.change,
        &request.objects,
    )?;
    clock.lap("estimate");
    let (objects, area_km2) = staged.file(CHANGE_MAP, |path| sweep.pass(&model, path))?;
    clock.lap("change");
    let found = Found { measured, masks, model, objects, area_km2 };
    outputs::write(request, &planned, &found, staged, clock)
}

fn step(sink: &dyn Sink, stage: &'static str, pair: &Pair) -> Result<(), Error> {
    if sink.interrupted() {
        return Err(Error::Interrupted);
    }
    sink.event(&Event { stage, what: pair.moving.id.clone(), done: 0, total: 1 });
    Ok(())
}

impl Planned {
    fn new(request: &AreaRequest) -> Result<Self, Error> {
        let mut pair = Pair::open(&request.pair)?;
        if pair.reference.radar.is_some() || pair.moving.radar.is_some() {
            return Err(Error::AreaRadar);
        }
        if request.change.method != ChangeMethod::Auto {
            return Err(Error::RadarOnly { scene: pair.moving.id });
        }
        pair.moving.datetime = request.datetime.or(pair.moving.datetime);
        let mut bands = [Vec::new(), Vec::new()];
        let mut names = Vec::new();
        for (i, band) in pair.reference.bands.iter().enumerate() {
            if let Some(k) = pair.moving.bands.iter().position(|b| b.name == band.name) {
                bands[0].push(i);
                bands[1].push(k);
                names.push(band.name.clone());
            }
        }
        if names.is_empty() {
            return Err(Error::NoCommonBand {
                target: pair.moving.id.clone(),
                target_bands: pair.moving.band_list(),
                baseline: pair.reference.id.clone(),
                baseline_bands: pair.reference.band_list(),
            });
        }
        io::working_crs(&pair.reference.grid)?;
        warn_of_unstated(&pair.moving, &[&pair.reference], &names);
        Ok(Self { pair, bands, names })
    }
}

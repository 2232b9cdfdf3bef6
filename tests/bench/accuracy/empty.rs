//! False alarms on real railways and roads, on which nothing is put.

use super::sites::{Site, real_lines};
use super::world::Pair;
use super::{World, found, moved, rate, run, sampled};
use ndarray::Axis;
use railwatch::coreg::{CoregParams, Prepared, Side, register};
use railwatch::corridor::{StripGeometry, Track};
use railwatch::evaluate::{Case, evaluate};
use railwatch::raster::Raster;
use std::collections::BTreeMap;
use std::path::Path;

/// Rate up to which detections are kept, per 100 km.
const KEPT_PER_100KM: f64 = 50.0;

/// Place of the red band, on which railwatch measures shifts.
const RED: usize = 2;

/// The pair with every date registered to the target where all lie on one grid; `None` where one is refused.
fn registered(pair: &Pair) -> Option<Pair> {
    let mut pair = pair.clone();
    let (target, baselines) = pair.dates.split_first_mut()?;
    let prepared = |raster: &Raster| {
        let ok = raster.validity.mapv(|v| v.is_empty());
        Prepared::new(Side { values: raster.values.index_axis(Axis(0), RED), ok: ok.view() })
    };
    if baselines.iter().any(|b| b.raster.grid != target.raster.grid) {
        return Some(pair);
    }
    let reference = prepared(&target.raster);
    for baseline in baselines {
        let r = register(&reference, &prepared(&baseline.raster), &CoregParams::default()).ok()?;
        // A shift is added to the (row, col) of the moving scene; a track's place has its opposite added.
        baseline.shift_px = (-r.shift_row_px, -r.shift_col_px);
    }
    Some(pair)
}

/// Every line as it is, sampled on all dates of a pair.
fn as_they_are(pair: &Pair, tracks: Vec<Track>) -> Vec<World> {
    let geometry = StripGeometry::for_pixel_m(10.0);
    let world = |(i, track): (usize, Track)| {
        let strips = pair.dates.iter().map(|d| sampled(&d.raster, d.shift_px, &track, geometry)).collect();
        World { track: moved(&track, -1e6 * (i + 1) as f64), strips, raw: Vec::new(), trains: Vec::new() }
    };
    tracks.into_iter().enumerate().map(world).collect()
}

/// Lines of the table: detections on each real line by the placebos beside the lines of its kind, railways or roads.
pub(crate) fn lines(data: &Path, name: &str, site: &Site) -> String {
    let mut cases: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for pair in &site.pairs {
        let Some(pair) = &registered(pair) else { continue };
        let lines = real_lines(data, site.name, &pair.dates[0].raster.grid);
        let (rails, roads): (Vec<Track>, Vec<Track>) =
            lines.into_iter().partition(|l| l.id.ends_with("rail"));
        for worlds in [as_they_are(pair, rails), as_they_are(pair, roads)] {
            let Ok(output) = run(&worlds, KEPT_PER_100KM) else { continue };
            for (i, world) in worlds.iter().enumerate() {
                let own = output.detections.iter().filter(|d| d.track_index == i);
                let case = Case {
                    name: String::new(),
                    found: own.map(|d| found(world, d)).collect(),
                    known: Vec::new(),
                    observed_m: output.tracks[i].observed_m,
                    asked_per_100km: KEPT_PER_100KM,
                    origin_lonlat: (0.0, 0.0),
                };
                cases.entry(world.track.id.clone()).or_default().push(case);
            }
        }
    }
    let row = |(line, cases): (&String, &Vec<Case>)| {
        let e = evaluate(cases);
        let counts: Vec<String> = e.calibration.iter().take(3).map(rate).collect();
        format!("| {name}: {line} | {:.1} | {} |\n", e.observed_km, counts.join(" | "))
    };
    cases.iter().map(row).collect()
}

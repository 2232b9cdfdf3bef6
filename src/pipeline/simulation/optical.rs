//! Synthetic Sentinel-2 scenes.

use super::{Ground, SimulateRequest, conclude, ground, params, scene_names, tags};
use crate::grid::Grid;
use crate::io;
use crate::pipeline::{Error, prepare_folder};
use crate::simulate::{self, SimulateParams};
use jiff::Timestamp;
use ndarray::Array3;
use std::path::Path;

/// Writes a stack of reflectance.
pub(super) fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    let mut params: SimulateParams = params(request)?;
    if let Some(seed) = request.seed {
        (params.seed, params.trains.seed) = (seed, seed);
    }
    let Ground { tracks, grid, middle_lonlat } = ground(request)?;
    let tracks = [tracks.clone(), simulate::yard_tracks(&params, &tracks)].concat();
    params.place_lonlat = params.place_lonlat.or(Some(middle_lonlat));
    let simulated = simulate::scene_pair(&params, &tracks, &grid)?;
    prepare_folder(&request.out)?;
    let mut written = Vec::new();
    for (scene, name) in simulated.scenes.iter().zip(scene_names(simulated.scenes.len())) {
        let path = request.out.join(name);
        let about = "simulated by railwatch: no satellite data";
        write(&path, &grid, (&scene.values, &["B02", "B03", "B04", "B08"]), (scene.datetime, about))?;
        written.push(path);
    }
    conclude(&request.out, written, (&grid.crs, &tracks), &simulated.truth)
}

/// 16-bit reflectance × 10 000, as Sentinel-2 products store it; 0 is no data and written for NaN.
pub(super) fn write(
    path: &Path,
    grid: &Grid,
    (values, names): (&Array3<f32>, &[&str]),
    (datetime, about): (Timestamp, &str),
) -> Result<(), Error> {
    let store = |v: f32| if v.is_nan() { 0 } else { (v * 10_000.0).round().clamp(1.0, 65_534.0) as u16 };
    Ok(io::write_scene(path, grid, &values.mapv(store), names, &tags(datetime, about))?)
}

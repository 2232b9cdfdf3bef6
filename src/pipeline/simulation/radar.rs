//! Synthetic Sentinel-1 scenes.

use super::{Ground, SimulateRequest, conclude, ground, params, scene_names, tags};
use crate::grid::Grid;
use crate::io;
use crate::pipeline::{Error, prepare_folder};
use crate::scene::{Backscatter, Pass, Radar, Storage};
use crate::simulate::{self, RadarParams};
use jiff::Timestamp;
use ndarray::Array3;
use std::path::Path;

/// Writes a stack of linear power in VV and VH.
pub(super) fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    let mut params: RadarParams = params(request)?;
    if let Some(seed) = request.seed {
        (params.seed, params.trains.seed) = (seed, seed);
    }
    let Ground { tracks, grid, .. } = ground(request)?;
    let stack = simulate::radar_stack(&params, &tracks, &grid)?;
    let eastwards = params.trains.look_azimuth_deg < 180.0;
    let radar = Radar {
        mode: Some("IW".to_owned()),
        // The satellite looks to the right of its flight: east when it flies north.
        pass: Some(if eastwards { Pass::Ascending } else { Pass::Descending }),
        relative_orbit: Some(params.relative_orbit),
        backscatter: Backscatter::Gamma0,
        storage: Storage::Linear,
    };
    prepare_folder(&request.out)?;
    let mut written = Vec::new();
    for (scene, name) in stack.scenes.iter().zip(scene_names(stack.scenes.len())) {
        let path = request.out.join(name);
        let about = "simulated by railwatch: no satellite data";
        write(&path, &grid, (&scene.values, &["VV", "VH"]), (scene.datetime, about), &radar)?;
        written.push(path);
    }
    conclude(&request.out, written, (&grid.crs, &tracks), &stack.truth)
}

/// 32-bit linear power; 0 is no data.
pub(super) fn write(
    path: &Path,
    grid: &Grid,
    (values, names): (&Array3<f32>, &[&str]),
    (datetime, about): (Timestamp, &str),
    radar: &Radar,
) -> Result<(), Error> {
    let mut tags = tags(datetime, about);
    let mut tag = |key: &str, value: Option<String>| tags.extend(value.map(|v| (key.to_owned(), v)));
    tag("MODE", radar.mode.clone());
    tag("ORBIT_PASS_DIRECTION", radar.pass.map(|p| p.to_string()));
    tag("RELATIVE_ORBIT", radar.relative_orbit.map(|n| n.to_string()));
    tag("UNITS", Some("linear".to_owned()));
    let known = matches!(radar.backscatter, Backscatter::Sigma0 | Backscatter::Gamma0);
    tag("BACKSCATTER", known.then(|| radar.backscatter.to_string()));
    let bands = names.iter().zip(values.outer_iter());
    let bands = bands.map(|(name, plane)| ((*name).to_owned(), plane.to_owned())).collect();
    Ok(io::write_cog(path, &io::CogInput { grid, bands, nodata: Some(0.0), tags, overviews: false })?)
}

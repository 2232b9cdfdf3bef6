//! Synthetic Sentinel-1 scenes.

use super::{
    About, Pixels, SimulateRequest, SyntheticGround, conclude, ground, params, scene_names, warn_left_out,
};
use crate::io;
use crate::pipeline::Error;
use crate::pipeline::origin::radar_tags;
use crate::pipeline::staged::Staged;
use crate::scene::{Backscatter, Pass, Radar, Storage};
use crate::simulate::{self, RadarParams};

/// Writes a stack of linear power in VV and VH.
pub(super) fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    let mut params: RadarParams = params(request)?;
    if let Some(seed) = request.seed {
        (params.seed, params.trains.seed) = (seed, seed);
    }
    let SyntheticGround { tracks, grid, .. } = ground(request)?;
    let stack = simulate::radar_stack(&params, &tracks, &grid)?;
    warn_left_out("trains", params.trains.train_count(), stack.truth.len());
    let eastwards = params.trains.look_azimuth_deg < 180.0;
    let radar = Radar {
        mode: Some("IW".to_owned()),
        // The satellite looks to the right of its flight: east when it flies north.
        pass: Some(if eastwards { Pass::Ascending } else { Pass::Descending }),
        relative_orbit: Some(params.relative_orbit),
        backscatter: Backscatter::Gamma0,
        storage: Storage::Linear,
    };
    let mut staged = Staged::new(&request.out)?;
    for (scene, name) in stack.scenes.iter().zip(scene_names(stack.scenes.len())) {
        let pixels = Pixels { grid: &grid, values: &scene.values, bands: &["VV", "VH"] };
        write(&mut staged, &name, &pixels, &About::nothing(scene.datetime), &radar)?;
    }
    conclude(staged, &grid.crs, &tracks, &stack.truth)
}

/// 32-bit linear power; 0 is no data.
pub(super) fn write(
    staged: &mut Staged,
    name: &str,
    &Pixels { grid, values, bands }: &Pixels<'_>,
    about: &About,
    radar: &Radar,
) -> Result<(), Error> {
    let mut tags = about.tags();
    tags.extend(radar_tags(&Radar { storage: Storage::Linear, ..radar.clone() }));
    let bands = bands.iter().zip(values.outer_iter());
    let bands = bands.map(|(name, plane)| ((*name).to_owned(), plane.to_owned())).collect();
    let input = io::CogInput { grid, bands, nodata: Some(0.0), tags, overviews: false };
    staged.file(name, |path| Ok(io::write_cog(path, &input)?))
}

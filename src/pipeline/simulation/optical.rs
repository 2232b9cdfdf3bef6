//! Synthetic Sentinel-2 scenes.

use super::{
    About, Pixels, SimulateRequest, SyntheticGround, conclude, ground, params, scene_names, warn_left_out,
};
use crate::io;
use crate::pipeline::Error;
use crate::pipeline::staged::Staged;
use crate::scene::REFLECTANCE_SCALE;
use crate::simulate::{self, Kind, SimulateParams};

/// Writes a stack of reflectance.
pub(super) fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    let mut params: SimulateParams = params(request)?;
    if let Some(seed) = request.seed {
        (params.seed, params.trains.seed) = (seed, seed);
    }
    let SyntheticGround { tracks, grid, middle_lonlat } = ground(request)?;
    let tracks = [tracks.clone(), simulate::yard_tracks(&params, &tracks)].concat();
    params.place_lonlat = params.place_lonlat.or(Some(middle_lonlat));
    let simulated = simulate::scene_pair(&params, &tracks, &grid)?;
    let placed = |kind: Kind| simulated.truth.iter().filter(|t| t.kind == kind).count();
    warn_left_out("trains", params.trains.train_count(), placed(Kind::Train));
    let stockpile_count = params.stockpile_count + params.stockpile_departed_count;
    warn_left_out("stockpiles", stockpile_count, placed(Kind::Cargo));
    let mut staged = Staged::new(&request.out)?;
    for (scene, name) in simulated.scenes.iter().zip(scene_names(simulated.scenes.len())) {
        let pixels = Pixels { grid: &grid, values: &scene.values, bands: &["B02", "B03", "B04", "B08"] };
        write(&mut staged, &name, &pixels, &About::nothing(scene.datetime))?;
    }
    conclude(staged, &grid.crs, &tracks, &simulated.truth)
}

/// 16-bit reflectance × 10 000, as Sentinel-2 products store it; 0 is no data and written for NaN.
pub(super) fn write(
    staged: &mut Staged,
    name: &str,
    &Pixels { grid, values, bands }: &Pixels<'_>,
    about: &About,
) -> Result<(), Error> {
    let per_unit = (1.0 / REFLECTANCE_SCALE) as f32;
    let store = |v: f32| if v.is_nan() { 0 } else { (v * per_unit).round().clamp(1.0, 65_534.0) as u16 };
    let mut tags = about.tags();
    tags.push(("BOA_ADD_OFFSET".to_owned(), "0".to_owned()));
    staged.file(name, |path| Ok(io::write_scene(path, grid, &values.mapv(store), bands, &tags)?))
}

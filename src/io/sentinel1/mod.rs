//! Sentinel-1: terrain-corrected rasters, SAFE products (folder, zip, COG), rasters with control points only, STAC items.

mod annotation;
mod dem;
mod geocode;
mod ground;
mod incidence;
mod layout;
mod lut;
mod map_grid;
mod points;
mod safe;
mod stated;
mod units;

pub(super) use map_grid::of_map_grid;
pub(super) use points::open_points;
pub(super) use safe::open_safe;

use super::{Error, names};
use crate::grid::Window;
use crate::raster::Raster;
use crate::scene::{Backscatter, Radar, Scene, Source, Storage};
use stated::Stated;

/// Polarisations, in the order in which they are taken.
pub(super) const POLARISATIONS: [&str; 4] = ["VV", "VH", "HH", "HV"];

/// Whether a band name is a polarisation.
pub(super) fn is_polarisation(name: &str) -> bool {
    POLARISATIONS.contains(&name)
}

/// Whether the files of a product are Sentinel-1's.
pub(super) fn is_product(files: &[String]) -> bool {
    files.iter().any(|f| is_annotation(f))
}

fn is_annotation(file: &str) -> bool {
    let Some((folder, name)) = file.rsplit_once('/') else { return false };
    folder.rsplit('/').next() == Some("annotation")
        && name.starts_with("s1")
        && names::has_extension(name, &["xml"])
}

fn radar(stated: &Stated, backscatter: Backscatter, storage: Storage) -> Radar {
    Radar {
        mode: stated.mode.clone(),
        pass: stated.pass,
        relative_orbit: stated.relative_orbit,
        backscatter,
        storage,
    }
}

/// Reads `window` of a radar scene as linear power; a pixel is without data where any band is.
pub(super) fn read_power(
    scene: &Scene,
    radar: &Radar,
    window: Window,
    bands: &[usize],
) -> Result<Raster, Error> {
    match &radar.storage {
        Storage::GroundRange(ground) => ground::read(scene, ground, window, bands),
        _ => map_grid::read_power(scene, radar, window, bands),
    }
}

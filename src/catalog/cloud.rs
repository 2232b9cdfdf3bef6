//! Cloud over the corridor: the window of the classification alone is read, or of the bands where there is none.

use super::{Corridor, Error};
use crate::grid::Window;
use crate::io::{self, SceneOptions};
use crate::mask::{self, MaskParams};
use crate::raster::{Raster, Validity};
use crate::scene::{BandName, Scene};
use serde_json::Value;

/// What can be seen of the corridor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cloud {
    /// Share of cloud and shadow among the pixels of the corridor that hold data, 0…1.
    pub cloud_fraction: f64,
    /// Share of the corridor's pixels that hold data, 0…1.
    pub observed_fraction: f64,
}

/// Validity of the corridor's window of one item with signed assets.
pub(super) fn look(json: &Value, location: &str, corridor: &Corridor) -> Result<Raster, Error> {
    let inside = |scene: &Scene| -> Result<Window, Error> {
        corridor.window(&scene.grid)?.ok_or_else(|| Error::Outside { item: scene.id.clone() })
    };
    if let Some(scene) = io::classification_of_item(json, location)? {
        return Ok(io::read_raster(&scene, inside(&scene)?, &[])?);
    }
    let scene = io::open_item_json(json, location, &SceneOptions::default())?;
    let bands: Vec<usize> = (0..scene.bands.len()).collect();
    let names: Vec<BandName> = scene.bands.iter().map(|b| b.name.clone()).collect();
    let mut raster = io::read_raster(&scene, inside(&scene)?, &bands)?;
    if names.iter().any(|n| n.0.starts_with('B')) {
        let pixel_m = io::ground_pixel_m(&raster.grid)?;
        let params = MaskParams { own_test: scene.scaling.is_reflectance(), ..MaskParams::default() };
        raster.validity = mask::clouds(&raster, &names, None, pixel_m, &params);
    }
    Ok(raster)
}

/// Adds what another strip of the same tile shows where this one has no data.
pub(super) fn fill(raster: &mut Raster, other: &Raster) {
    if raster.grid == other.grid {
        ndarray::azip!((v in &mut raster.validity, &o in &other.validity)
            if v.contains(Validity::NO_DATA) { *v = o; });
    }
}

/// Counts the corridor's pixels.
pub(super) fn judge(raster: &Raster, corridor: &Corridor) -> Result<Cloud, Error> {
    let mask = corridor.mask(&raster.grid)?;
    let (mut all, mut observed, mut covered) = (0_usize, 0_usize, 0_usize);
    for (&validity, _) in raster.validity.iter().zip(&mask).filter(|(_, inside)| **inside) {
        all += 1;
        if !validity.contains(Validity::NO_DATA) {
            observed += 1;
            covered += usize::from(validity.intersects(Validity::CLOUD | Validity::SHADOW));
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Ok(Cloud { cloud_fraction: share(covered, observed), observed_fraction: share(observed, all) })
}

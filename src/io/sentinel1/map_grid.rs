//! Terrain-corrected products and others on a map grid.

use super::super::pixels::{File, Sampling};
use super::super::{Error, library};
use super::stated;
use super::{is_polarisation, radar, units};
use crate::grid::{Grid, Window};
use crate::raster::{Raster, Validity};
use crate::scene::{Backscatter, Band, Radar, Scaling, Scene, Storage};
use ndarray::{Array2, Array3, Axis};

/// Power that stands for zero and negative numbers of noise removal, −50 dB.
const FLOOR: f32 = 1e-5;

/// Makes a scene of polarisations on a map grid radar; leaves others as they are.
///
/// Bands of another kind beside polarisations (incidence angle, layover mask) are left out.
pub(in crate::io) fn of_map_grid(scene: Scene, json: Option<&serde_json::Value>) -> Result<Scene, Error> {
    if !scene.bands.iter().any(|b| is_polarisation(&b.name.0)) {
        return Ok(scene);
    }
    let bands: Vec<Band> = scene.bands.into_iter().filter(|b| is_polarisation(&b.name.0)).collect();
    let mut stated = json.map(stated::by_item).unwrap_or_default();
    let mut kinds: Vec<(Storage, String)> = Vec::new();
    for band in &bands {
        let path = library::file_of(&band.source.gdal_path);
        stated = stated.or(stated::by_tags(&library::open_raster(&band.source.gdal_path)?));
        for part in path.rsplit('/').take(2) {
            stated = stated.or(stated::by_name(part));
        }
        kinds.push(units::storage(&band.source, stated.decibel)?);
    }
    let stated = stated.or(stated::by_name(&scene.id));
    let (storage, words) = kinds.swap_remove(0);
    if let Some((other, _)) = kinds.iter().find(|(k, _)| *k != storage) {
        let reason =
            format!("its bands are stored differently ({storage:?} and {other:?}); give bands of one kind");
        return Err(Error::bands(&scene.path, reason));
    }
    let backscatter = match (&storage, stated.backscatter) {
        (Storage::Amplitude, _) => Backscatter::Uncalibrated,
        (_, stated) => stated.unwrap_or(Backscatter::Unknown),
    };
    Ok(Scene {
        bands,
        classification: None,
        scaling: Scaling { offset: 0.0, scale: 1.0, rule: format!("{backscatter}: {words}") },
        platform: stated.platform.clone().or(scene.platform),
        radar: Some(radar(&stated, backscatter, storage)),
        ..scene
    })
}

/// Reads `window` of a scene on a map grid as linear power; a pixel is without data where any band is.
pub(super) fn read_power(
    scene: &Scene,
    radar: &Radar,
    window: Window,
    bands: &[usize],
) -> Result<Raster, Error> {
    let grid: Grid = scene.grid.sub_grid(window);
    let shape = grid.shape;
    let mut values = Array3::<f32>::zeros((bands.len(), shape.0, shape.1));
    let mut validity = Array2::from_elem(shape, Validity::empty());
    for (&index, mut plane) in bands.iter().zip(values.axis_iter_mut(Axis(0))) {
        let source = &scene.bands[index].source;
        let stored = File::open(source)?.band_on(source, &grid, Sampling::Bilinear)?;
        ndarray::azip!((v in &mut plane, &s in &stored.values, f in &mut validity) {
            // Exact zeros are the border of a product; decibels have none.
            let zero = s == 0.0 && radar.storage != Storage::Decibel;
            if stored.is_missing(s) || zero {
                *f |= Validity::NO_DATA;
            } else {
                let power = match radar.storage {
                    // P = 10^(dB / 10)
                    Storage::Decibel => 10f64.powf(f64::from(s) / 10.0),
                    Storage::Amplitude => f64::from(s).powi(2),
                    _ => f64::from(s),
                };
                *v = (power as f32).max(FLOOR);
            }
        });
    }
    for mut plane in values.axis_iter_mut(Axis(0)) {
        ndarray::azip!((v in &mut plane, &f in &validity) if f.contains(Validity::NO_DATA) { *v = 0.0; });
    }
    Ok(Raster { values, validity, grid })
}

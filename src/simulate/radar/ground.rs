//! Mean backscatter of the synthetic landscape, VV and VH.
//!
//! The levels are assumptions of usual C band levels near 38°, not measured. They set what the trains stand out from, not how
//! well a detector does: that is a matter of contrasts and speckle.

use super::super::landscape::{Landscape, Surface};
use super::speckle::Texture;
use crate::grid::Affine;
use crate::units::db_to_power;
use ndarray::Array3;
use rayon::prelude::*;

/// VV and VH, dB.
type Level = [f64; 2];

const WATER: Level = [-18.0, -26.0];
const SAND: Level = [-14.0, -22.0];
const ROAD: Level = [-14.0, -21.5];
const FOREST: Level = [-9.0, -14.5];
/// Houses turn corners to the satellite, gardens do not.
const VILLAGE: Level = [-6.5, -13.0];
/// Stubble, bare soil, winter cereal, wet paddy, fallow grass; as the optical fields.
const FIELDS: [Level; 5] = [[-11.0, -18.0], [-10.5, -19.5], [-11.5, -17.5], [-13.0, -20.5], [-11.5, -18.0]];
/// Ballast with its shoulders, rough for the wavelength.
const BED: Level = [-10.0, -17.0];
/// Half the width of the bed with its shoulders, metres.
const BED_HALF_M: f64 = 4.0;
/// From the darkest to the brightest field of one kind, dB.
const TONE_DB: f64 = 3.0;
/// Smooth change of weather over the land, standard deviation in dB.
const WEATHER_DB: f64 = 0.3;

/// Mean power `(band, row, col)` on the `date`-th date, mean of 2 × 2 points a pixel.
pub(super) fn power(
    land: &Landscape,
    affine: &Affine,
    shape: (usize, usize),
    date: usize,
    season_db: f64,
) -> Array3<f32> {
    const SIDE: usize = 2;
    let (h, w) = shape;
    let pixel = |row: usize, col: usize| {
        let mut mean = [0.0; 2];
        for k in 0..SIDE * SIDE {
            let step = |i: usize| (i as f64 + 0.5) / SIDE as f64 - 0.5;
            let xy = affine.xy(row as f64 + step(k / SIDE), col as f64 + step(k % SIDE));
            for (m, db) in mean.iter_mut().zip(level_db(land, xy, date)) {
                *m += db_to_power(db + season_db) / (SIDE * SIDE) as f64;
            }
        }
        mean
    };
    let rows: Vec<Vec<[f64; 2]>> =
        (0..h).into_par_iter().map(|row| (0..w).map(|col| pixel(row, col)).collect()).collect();
    Array3::from_shape_fn((2, h, w), |(b, r, c)| rows[r][c][b] as f32)
}

/// Multiplies power by the texture of its place, all polarisations alike.
pub(super) fn roughen(power: &mut Array3<f32>, affine: &Affine, texture: &Texture) {
    let (_, h, w) = power.dim();
    for row in 0..h {
        for col in 0..w {
            let factor = texture.at(affine.xy(row as f64, col as f64)) as f32;
            power.slice_mut(ndarray::s![.., row, col]).mapv_inplace(|p| p * factor);
        }
    }
}

fn level_db(land: &Landscape, xy: (f64, f64), date: usize) -> Level {
    if land.rail_distance_m(xy) < BED_HALF_M {
        return BED.map(|db| db + WEATHER_DB * land.weather(xy, date));
    }
    let (level, tone) = match land.surface(xy) {
        Surface::Water => return WATER,
        Surface::Sand => (SAND, 0.5),
        Surface::Road => (ROAD, 0.5),
        Surface::Village => (VILLAGE, 0.5),
        Surface::Forest => (FOREST, 0.5),
        Surface::Field => land.crop(xy, date).map_or((FIELDS[4], 0.5), |crop| (FIELDS[crop.kind], crop.tone)),
    };
    let change = TONE_DB * (tone - 0.5) + WEATHER_DB * land.weather(xy, date);
    level.map(|db| db + change)
}

//! What wagons add to the power of the ground, before speckle and blur.

use super::{RadarTrain, ScattererParams};
use crate::corridor::Track;
use crate::grid::Affine;
use crate::units::db_to_power;
use ndarray::{Array3, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Distance of scatterers along a train, metres.
const STEP_M: f64 = 1.0;
/// Reach of the mean that gives the level of the ground, px.
const GROUND_PX: usize = 3;

/// Power `(band, row, col)` that `trains` add to the mean power `ground`, as points in the pixels that they are imaged in.
///
/// A continuous train then has, blurred by the point spread, `contrast_db` over the ground at its middle line.
pub(super) fn excess(
    ground: &Array3<f32>,
    affine: &Affine,
    tracks: &[Track],
    trains: &[&RadarTrain],
    params: &ScattererParams,
) -> Array3<f32> {
    let mut out = Array3::zeros(ground.dim());
    let layover_m = params.layover_m();
    let pixel_m = affine.pixel_size();
    // A line whose points fall into whole pixels and are blurred peaks at q / (√(2π) σ_t), σ_t² = σ² + 1/12.
    let width_px = (std::f64::consts::TAU * (params.psf_sigma_px.powi(2) + 1.0 / 12.0)).sqrt();
    for train in trains {
        let Some(track) = tracks.iter().find(|t| t.id == train.track_id) else { continue };
        // One look of the wagons for all dates: they are drawn by the train's place.
        let mut rng = ChaCha8Rng::seed_from_u64(params.seed ^ train.chainage_start_m.to_bits());
        let length_m = train.chainage_end_m - train.chainage_start_m;
        let mut wagon = usize::MAX;
        let mut over = 0.0;
        for k in 0..(length_m / STEP_M) as usize {
            let along_m = (k as f64 + 0.5) * STEP_M;
            if (along_m / params.wagon_m) as usize != wagon {
                wagon = (along_m / params.wagon_m) as usize;
                let jitter_db = params.wagon_sigma_db * rng.sample::<f64, _>(StandardNormal);
                // q / σ = (10^(c/10) − 1)·√(2π) σ_t·Δs / Δ
                over = (db_to_power(train.contrast_db) - 1.0) * db_to_power(jitter_db) * width_px * STEP_M
                    / pixel_m;
            }
            let (x, y) = track.at(train.chainage_start_m + along_m).xy;
            let (row, col) = affine.row_col(x + layover_m.0, y + layover_m.1);
            let (row, col) = (row.round(), col.round());
            let (_, h, w) = ground.dim();
            if row >= 0.0 && col >= 0.0 && row < h as f64 && col < w as f64 {
                let (row, col) = (row as usize, col as usize);
                for band in 0..ground.dim().0 {
                    out[(band, row, col)] += (over * level(ground, band, row, col)) as f32;
                }
            }
        }
    }
    out
}

/// Mean power of the ground around a pixel; 0 where nothing is known.
fn level(ground: &Array3<f32>, band: usize, row: usize, col: usize) -> f64 {
    let (_, h, w) = ground.dim();
    let part = s![
        band,
        row.saturating_sub(GROUND_PX)..(row + GROUND_PX + 1).min(h),
        col.saturating_sub(GROUND_PX)..(col + GROUND_PX + 1).min(w)
    ];
    let part = ground.slice(part);
    let (sum, count) = part
        .iter()
        .filter(|v| **v > 0.0)
        .fold((0.0, 0_usize), |(sum, count), &v| (sum + f64::from(v), count + 1));
    if count > 0 { sum / count as f64 } else { 0.0 }
}

//! Clouds with soft edges and the shadows they throw, and the veil of haze between ground and sensor.

use super::Sun;
use super::noise::fractal;
use crate::grid::Affine;
use crate::stats::quantile;
use ndarray::Array2;

/// Opacity of clouds and of their shadows, `(row, col)`, 0…1.
pub(super) struct Sky {
    pub(super) cloud: Array2<f32>,
    pub(super) shadow: Array2<f32>,
}

/// Reflectance of a thick cloud in B02, B03, B04, B08.
pub(super) const CLOUD: [f64; 4] = [0.62, 0.61, 0.62, 0.65];
/// Share of light that reaches the ground in a full shadow, per band: blue sky light remains.
pub(super) const SHADE: [f64; 4] = [0.62, 0.55, 0.50, 0.45];
/// Height of the clouds, metres.
const BASE_M: f64 = 700.0;

/// Reflectance of haze so thick that no ground shows, per band: scattering by fine aerosol falls with wavelength
/// (exponent 1 of Ångström 1929, 10.2307/519399).
pub(super) const HAZE: [f64; 4] = [0.42, 0.37, 0.31, 0.24];
/// Size of the largest patches of haze, metres.
const HAZE_M: f64 = 3000.0;

/// Opacity of haze at a map point, 0…1, `mean` on average.
pub(super) fn haze(seed: u64, xy: (f64, f64), mean: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    (mean * (1.0 + 0.5 * fractal(seed ^ 0x4a2e, xy, HAZE_M, 5))).clamp(0.0, 1.0)
}

/// A sky of which about `fraction` is cloud.
pub(super) fn sky(seed: u64, affine: &Affine, shape: (usize, usize), fraction: f64, sun: Sun) -> Sky {
    if fraction <= 0.0 {
        return Sky { cloud: Array2::zeros(shape), shadow: Array2::zeros(shape) };
    }
    let density = |dx: f64, dy: f64| {
        Array2::from_shape_fn(shape, |(r, c)| {
            let (x, y) = affine.xy(r as f64, c as f64);
            fractal(seed ^ 0xc10d, (x + dx, y + dy), 1100.0, 5)
        })
    };
    let cloud = density(0.0, 0.0);
    let threshold = quantile(&mut cloud.iter().copied().collect::<Vec<f64>>(), 1.0 - fraction);
    let opacity = |d: f64| ((d - threshold) / 0.18).clamp(0.0, 1.0) as f32;
    let shadow_m = sun.shadow_m(BASE_M);
    let shadow = density(-shadow_m.0, -shadow_m.1);
    Sky { cloud: cloud.mapv(opacity), shadow: shadow.mapv(opacity) }
}

//! Multilooked speckle: gamma-distributed power, correlated between neighbours by the point spread.
//!
//! Gamma and K: Oliver & Quegan 2004, Understanding Synthetic Aperture Radar Images, chapters 4 and 5.

use super::super::draw::{blur, kernel_energy};
use ndarray::{Array3, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};

/// Multiplies mean power `(band, row, col)` by speckle and blurs it, so that homogeneous ground has `looks` looks.
///
/// Before the blur power has n′ = n·Σw² looks, with w the point spread: the blur averages independent speckle.
pub(super) fn sense(power: &mut Array3<f32>, looks: f64, psf_sigma_px: f64, rng: &mut ChaCha8Rng) {
    let raw = looks * kernel_energy(psf_sigma_px).powi(2);
    // s ~ Γ(n′, 1/n′): mean 1, variance 1/n′
    if let Ok(speckle) = Gamma::new(raw, 1.0 / raw) {
        power.iter_mut().filter(|p| **p > 0.0).for_each(|p| *p *= speckle.sample(rng) as f32);
    }
    for mut band in power.axis_iter_mut(Axis(0)) {
        blur(&mut band, psf_sigma_px);
    }
}

/// Texture of a place, τ ~ Γ(ν′, 1/ν′): the same for all dates; with speckle it makes K-distributed clutter.
pub(super) struct Texture {
    law: Option<Gamma<f64>>,
    seed: u64,
}

impl Texture {
    /// Texture that makes clutter of order ν as [`sense`] leaves it; none where ν is 0.
    ///
    /// The blur leaves W = (Σw²)² of the variance of independent pixels, so the texture is drawn stronger: W times the
    /// variance of Γ(ν′)·Γ(n W) is (1 + 1/ν)(1 + 1/n) − 1.
    pub(super) fn new(order: f64, looks: f64, psf_sigma_px: f64, seed: u64) -> Self {
        let left = kernel_energy(psf_sigma_px).powi(2);
        // ν′ = ν (W + 1/n) / (1 + 1/n)
        let raw = order * (left + 1.0 / looks) / (1.0 + 1.0 / looks);
        Self { law: (raw > 0.0).then(|| Gamma::new(raw, 1.0 / raw).ok()).flatten(), seed }
    }

    /// The factor of a square of 10 m.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> f64 {
        let Some(law) = &self.law else { return 1.0 };
        let (i, j) = ((x / 10.0).floor() as i64, (y / 10.0).floor() as i64);
        let place = self.seed ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (j as u64).rotate_left(32);
        law.sample(&mut ChaCha8Rng::seed_from_u64(place))
    }
}

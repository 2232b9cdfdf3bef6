//! Painting patches of the track frame into pixels, in squares of 1 m.

use super::noise::value;
use super::{SpectralBand, Spectrum};
use crate::corridor::Track;
use crate::grid::Affine;
use ndarray::{Array2, Array3, ArrayViewMut2, Axis};

/// A piece of the track frame of one colour.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) track: usize,
    /// First and last chainage, metres.
    pub(super) along_m: (f64, f64),
    /// Left and right offset, metres.
    pub(super) across_m: (f64, f64),
    pub(super) reflectance: Spectrum,
    /// Velocity along increasing chainage, m/s.
    pub(super) velocity_m_s: f64,
    /// Relative standard deviation of a texture that stays in place.
    pub(super) texture: f64,
}

impl Patch {
    /// The patch as a band that looks `delay_s` after B02 sees it.
    pub(super) fn seen_after(&self, delay_s: f64) -> Self {
        let way_m = self.velocity_m_s * delay_s;
        Self { along_m: (self.along_m.0 + way_m, self.along_m.1 + way_m), ..self.clone() }
    }
}

/// What patches cover of each pixel and what they add to it.
pub(super) struct Layer {
    /// Share of the pixel, `(row, col)`, 0…1.
    pub(super) cover: Array2<f32>,
    /// Share times reflectance, `(band, row, col)`.
    pub(super) colour: Array3<f32>,
}

impl Layer {
    /// An empty layer.
    pub(super) fn new(bands: usize, shape: (usize, usize)) -> Self {
        Self { cover: Array2::zeros(shape), colour: Array3::zeros((bands, shape.0, shape.1)) }
    }

    /// Paints `patches`, each cell of about 1 m² into the pixel in which its centre lies.
    pub(super) fn paint(
        &mut self,
        patches: &[Patch],
        tracks: &[Track],
        affine: &Affine,
        bands: &[SpectralBand],
        seed: u64,
    ) {
        let pixel_area = affine.pixel_size().powi(2);
        for patch in patches {
            let cells = |(a, b): (f64, f64)| ((b - a).round().max(1.0) as usize, b - a);
            let ((ns, long_m), (nt, wide_m)) = (cells(patch.along_m), cells(patch.across_m));
            let (ds, dt) = (long_m / ns as f64, wide_m / nt as f64);
            let share = (ds * dt / pixel_area) as f32;
            for s in 0..ns {
                let point = tracks[patch.track].at(patch.along_m.0 + (s as f64 + 0.5) * ds);
                for t in 0..nt {
                    let xy = point.at_offset(patch.across_m.0 + (t as f64 + 0.5) * dt);
                    let (row, col) = affine.row_col(xy.0, xy.1);
                    let (row, col) = (row.round(), col.round());
                    let (h, w) = self.cover.dim();
                    if !(row >= 0.0 && col >= 0.0 && row < h as f64 && col < w as f64) {
                        continue;
                    }
                    let (row, col) = (row as usize, col as usize);
                    let tone =
                        if patch.texture > 0.0 { 1.0 + patch.texture * value(seed, xy, 14.0) } else { 1.0 };
                    self.cover[(row, col)] += share;
                    for (b, band) in bands.iter().enumerate() {
                        self.colour[(b, row, col)] += share * (patch.reflectance[band.index()] * tone) as f32;
                    }
                }
            }
        }
    }

    /// Counts `area_m2` at a map point.
    pub(super) fn add(&mut self, (x, y): (f64, f64), area_m2: f64, affine: &Affine) {
        let (row, col) = affine.row_col(x, y);
        let (row, col) = (row.round(), col.round());
        let (h, w) = self.cover.dim();
        if row >= 0.0 && col >= 0.0 && row < h as f64 && col < w as f64 {
            self.cover[(row as usize, col as usize)] += (area_m2 / affine.pixel_size().powi(2)) as f32;
        }
    }

    /// Makes room for `upper`, which stands on this layer.
    pub(super) fn put(&mut self, upper: &Layer) {
        // f = min(1, f_lower + f_upper − overlap): the upper layer takes its share from the lower one first.
        for ((row, col), &f) in upper.cover.indexed_iter() {
            if f <= 0.0 {
                continue;
            }
            let below = self.cover[(row, col)];
            let left = if below > 0.0 { ((below - f) / below).max(0.0) } else { 0.0 };
            for b in 0..self.colour.dim().0 {
                let c = &mut self.colour[(b, row, col)];
                *c = *c * left + upper.colour[(b, row, col)];
            }
            self.cover[(row, col)] = below * left + f;
        }
        for ((row, col), f) in self.cover.indexed_iter_mut() {
            if *f > 1.0 {
                self.colour.slice_mut(ndarray::s![.., row, col]).mapv_inplace(|c| c / *f);
                *f = 1.0;
            }
        }
    }

    /// Blurs cover and colour by the point spread.
    pub(super) fn blur(&mut self, sigma_px: f64) {
        blur(&mut self.cover.view_mut(), sigma_px);
        for mut band in self.colour.axis_iter_mut(Axis(0)) {
            blur(&mut band, sigma_px);
        }
    }
}

/// Gaussian blur in place, separable, edges continued; reach 4 σ.
pub(super) fn blur(values: &mut ArrayViewMut2<'_, f32>, sigma_px: f64) {
    if sigma_px <= 0.0 {
        return;
    }
    let (kernel, reach) = kernel(sigma_px);
    for axis in [Axis(1), Axis(0)] {
        for mut lane in values.lanes_mut(axis) {
            let line: Vec<f32> = lane.to_vec();
            let last = line.len() as i64 - 1;
            if last < 0 || line.iter().all(|&v| v == 0.0) {
                continue;
            }
            for (i, out) in lane.iter_mut().enumerate() {
                let at = |k: i64| f64::from(line[(i as i64 + k).clamp(0, last) as usize]);
                let blurred: f64 = (-reach..=reach).zip(&kernel).map(|(k, w)| w * at(k)).sum();
                *out = blurred as f32;
            }
        }
    }
}

/// Weights of the Gaussian along one axis, sum 1, and its reach of 4 σ, px.
fn kernel(sigma_px: f64) -> (Vec<f64>, i64) {
    let reach = (4.0 * sigma_px).ceil() as i64;
    // The pixel's own square is already in the cover; the kernel is the optics' alone.
    let weights: Vec<f64> = (-reach..=reach).map(|k| (-0.5 * (k as f64 / sigma_px).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (weights.iter().map(|w| w / sum).collect(), reach)
}

/// Σw² of [`blur`]'s weights along one axis: what it leaves of the variance of independent pixels; 1 without blur.
pub(super) fn kernel_energy(sigma_px: f64) -> f64 {
    if sigma_px > 0.0 { kernel(sigma_px).0.iter().map(|w| w * w).sum() } else { 1.0 }
}

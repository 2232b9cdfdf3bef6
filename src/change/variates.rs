//! Standardised variates of the pixels of some pictures, and the covariance of the pixels under the weights that these give.
//!
//! Pixels are taken a row at a time: their components lie side by side, so that sums over them are vector instructions.

use super::Error;
use crate::stats::{Vectors, WeightedCovariance};
use nalgebra::DMatrix;
use ndarray::{Array2, Array3, ArrayView1, Axis, Zip};
use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Rows per unit of parallel work.
const BLOCK_ROWS: usize = 64;

/// Linear maps from a pixel's vector to variates with variance 1 where nothing changed. The vector holds the bands of all pictures
/// `(band, row, col)`, one picture after another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variates {
    /// Mean vector where nothing changed.
    pub(super) mean: Vec<f64>,
    /// `(variate, component)`.
    pub(super) map: DMatrix<f64>,
}

impl Variates {
    /// Sum of the squared variates of every pixel of a row.
    fn squared(&self, pixels: &Vectors, sums: &mut [f64]) {
        let mut variate = vec![0.0; sums.len()];
        sums.fill(0.0);
        for (factors, constant) in self.map.row_iter().zip(self.constants()) {
            let factors: Vec<f64> = factors.iter().copied().collect();
            pixels.dot(&factors, &mut variate);
            // Z = Σᵢ vᵢ²,  vᵢ = Σ_k m_ik (x_k − μ_k)
            sums.iter_mut().zip(&variate).for_each(|(sum, v)| *sum += (v - constant).powi(2));
        }
    }

    /// √Z of every pixel that is finite in all `pictures`, NaN elsewhere.
    pub(super) fn statistic(&self, pictures: &[&Array3<f32>]) -> Array2<f32> {
        let (_, height, width) = pictures.first().map_or((0, 0, 0), |p| p.dim());
        let constants = self.constants();
        let mut out = Array2::<f32>::zeros((height, width));
        Zip::indexed(out.axis_iter_mut(Axis(0))).par_for_each(|row, mut line| {
            let mut variate = vec![0.0_f32; width];
            for (factors, constant) in self.map.row_iter().zip(&constants) {
                // A value that is not finite makes the sum so.
                variate.fill(-constant as f32);
                let bands = pictures.iter().flat_map(|p| p.outer_iter());
                for (band, factor) in bands.zip(factors.iter()) {
                    let factor = *factor as f32;
                    variate.iter_mut().zip(band.row(row)).for_each(|(sum, v)| *sum += factor * v);
                }
                line.iter_mut().zip(&variate).for_each(|(z, v)| *z += v * v);
            }
            line.mapv_inplace(|z| if z.is_finite() { z.sqrt() } else { f32::NAN });
        });
        out
    }

    /// `Σ_k m_ik μ_k` of each variate.
    fn constants(&self) -> Vec<f64> {
        self.map.row_iter().map(|factors| factors.iter().zip(&self.mean).map(|(f, m)| f * m).sum()).collect()
    }
}

/// P(χ² > Z) of a pixel where nothing changed: its weight. From a table over √Z, since every pixel of every iteration needs it.
pub(super) struct NoChange {
    table: Vec<f64>,
}

impl NoChange {
    const PER_UNIT: f64 = 64.0;

    /// For a sum over `freedom` squared variates.
    pub(super) fn new(freedom: usize) -> Result<Self, Error> {
        let law = ChiSquared::new(freedom as f64).map_err(|_degenerate| Error::Collinear)?;
        let reach = (8.0 + (freedom as f64).sqrt()) * Self::PER_UNIT;
        let table = (0..=reach as usize).map(|k| law.sf((k as f64 / Self::PER_UNIT).powi(2))).collect();
        Ok(Self { table })
    }

    fn weight(&self, squared: f64) -> f64 {
        let place = squared.sqrt() * Self::PER_UNIT;
        let k = place as usize;
        match (self.table.get(k), self.table.get(k + 1)) {
            (Some(a), Some(b)) => a + (b - a) * (place - k as f64),
            _ => 0.0,
        }
    }
}

/// Covariance of the pixels that are finite in all pictures of their window, of every `step`-th row; weighted by how likely the
/// variates are where nothing changed, or all alike. The sum runs in the order of the rows.
pub(super) fn covariance<const PICTURES: usize>(
    windows: &[[&Array3<f32>; PICTURES]],
    step: usize,
    weights: Option<(&Variates, &NoChange)>,
) -> WeightedCovariance {
    let size = windows.first().map_or(0, |pictures| pictures.iter().map(|p| p.shape()[0]).sum());
    let height = |pictures: &[&Array3<f32>; PICTURES]| pictures.first().map_or(0, |p| p.shape()[1]);
    let rows: Vec<(&[&Array3<f32>; PICTURES], usize)> =
        windows.iter().flat_map(|w| (0..height(w)).map(move |row| (w, row))).step_by(step).collect();
    let parts: Vec<WeightedCovariance> = rows
        .par_chunks(BLOCK_ROWS)
        .map(|block| {
            let mut sums = WeightedCovariance::new(size);
            for &(pictures, row) in block {
                let (pixels, count) = clear_pixels(pictures, size, row);
                let mut weight = vec![1.0; count];
                if let Some((variates, no_change)) = weights {
                    variates.squared(&pixels, &mut weight);
                    for z in &mut weight {
                        *z = no_change.weight(*z);
                    }
                }
                sums.add(&pixels, &weight);
            }
            sums
        })
        .collect();
    parts.iter().fold(WeightedCovariance::new(size), WeightedCovariance::merged)
}

/// Vectors of the pixels of a row that are finite in all pictures, and how many they are.
fn clear_pixels(pictures: &[&Array3<f32>], size: usize, row: usize) -> (Vectors, usize) {
    let bands: Vec<ArrayView1<'_, f32>> =
        pictures.iter().flat_map(|p| p.outer_iter()).map(|band| band.index_axis_move(Axis(0), row)).collect();
    let width = bands.first().map_or(0, ArrayView1::len);
    let clear: Vec<usize> = (0..width).filter(|&col| bands.iter().all(|b| b[col].is_finite())).collect();
    let mut pixels = Vectors::zeros(size, clear.len());
    for (component, band) in bands.iter().enumerate() {
        clear.iter().enumerate().for_each(|(k, &col)| pixels.set(k, component, f64::from(band[col])));
    }
    (pixels, clear.len())
}

//! Pixel values with the reasons why some of them are not to be used, and where they lie.

mod validity;

pub use validity::Validity;

use crate::grid::Grid;
use ndarray::{Array2, Array3};

/// Values `(band, row, col)`, validity `(row, col)` and their grid.
///
/// Values are reflectance (0…1, negative values occur) or linear radar power. Where the validity is
/// not empty the value is finite but must not enter a statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Values, `(band, row, col)`.
    pub values: Array3<f32>,
    /// Reasons against each pixel, `(row, col)`; empty = valid.
    pub validity: Array2<Validity>,
    /// Where the pixels lie.
    pub grid: Grid,
}

impl Raster {
    /// Share of valid pixels, 0…1; 0 for an empty raster.
    #[must_use]
    pub fn valid_fraction(&self) -> f64 {
        self.fraction(|v| v.is_empty())
    }

    /// Share of pixels whose validity satisfies `test`, 0…1.
    #[must_use]
    pub fn fraction(&self, test: impl Fn(Validity) -> bool) -> f64 {
        let hits = self.validity.iter().filter(|&&v| test(v)).count();
        hits as f64 / self.validity.len().max(1) as f64
    }
}

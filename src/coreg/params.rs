//! Parameters of the registration.

use super::Error;
use serde::{Deserialize, Serialize};

/// Side of windows for one shift, px.
pub(super) const SHIFT_WINDOW_PX: usize = 128;
/// Side of windows for a field of shifts, px.
pub(crate) const FIELD_WINDOW_PX: usize = 64;

/// How the shift between two scenes is measured, and when it is trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoregParams {
    /// Side of a tie point's window, px (16…512), smaller in smaller scenes; where `None`, 128 for one shift and 64 for a
    /// field of shifts, which vary inside wider ones.
    pub window_px: Option<usize>,
    /// Largest shift looked for, px (1…200).
    pub largest_shift_px: f64,
    /// Fewest tie points that agree, where the scene has room for more (3…1000).
    pub least_tie_points: usize,
    /// Lowest correlation of a tie point's two windows (0.1…0.99).
    pub least_correlation: f64,
    /// Largest standard error of one tie point along its weaker direction, px (0.01…1).
    pub largest_sigma_px: f64,
    /// Largest standard error of the shift, px (0.01…1); change of the scene may widen it to √2 times that.
    pub largest_uncertainty_px: f64,
    /// Largest spread of the agreeing tie points about the shift, px (0.05…3).
    pub largest_rmse_px: f64,
}

impl Default for CoregParams {
    fn default() -> Self {
        Self {
            window_px: None,
            largest_shift_px: 50.0,
            least_tie_points: 5,
            least_correlation: 0.4,
            largest_sigma_px: 0.2,
            largest_uncertainty_px: 0.25,
            largest_rmse_px: 0.75,
        }
    }
}

impl CoregParams {
    /// Refuses values outside their ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first of them.
    pub fn check(&self) -> Result<(), Error> {
        let ranges = [
            ("coreg.window_px", self.window_px.unwrap_or(SHIFT_WINDOW_PX) as f64, 16.0, 512.0),
            ("coreg.largest_shift_px", self.largest_shift_px, 1.0, 200.0),
            ("coreg.least_tie_points", self.least_tie_points as f64, 3.0, 1000.0),
            ("coreg.least_correlation", self.least_correlation, 0.1, 0.99),
            ("coreg.largest_sigma_px", self.largest_sigma_px, 0.01, 1.0),
            ("coreg.largest_uncertainty_px", self.largest_uncertainty_px, 0.01, 1.0),
            ("coreg.largest_rmse_px", self.largest_rmse_px, 0.05, 3.0),
        ];
        match ranges.into_iter().find(|r| !(r.1 >= r.2 && r.1 <= r.3)) {
            Some((name, value, low, high)) => Err(Error::Parameter { name, value, low, high }),
            None => Ok(()),
        }
    }
}

//! The shift between two scenes of one place, from tie points over their whole overlap.
//!
//! A coarse phase correlation (Foroosh et al. 2002, 10.1109/83.988953) of the high-passed overlap finds whole
//! pixels. Least-squares matching (Gruen 1985) in windows finds the rest: unlike the peak of a
//! correlation it has no pixel-locking bias, and it knows its own standard error in both directions.
//! Consensus of the windows and a robust mean give the shift. [`register`] assumes that the scenes differ by a translation, and
//! the residual says how well that holds; [`field()`] fits the simplest of translation, plane and surface that the tie points ask for.

#[cfg(test)]
mod change_tests;
mod coarse;
mod consensus;
mod edges;
mod error;
mod field;
mod filter;
mod matching;
mod neighbours;
mod params;
mod patch;
mod retry;
mod surface;
#[cfg(test)]
mod tests;
mod turned;
mod uncertainty;

pub use coarse::shift as coarse_shift;
pub use consensus::{largest_group, median_shift_px};
pub use edges::edges;
pub use error::Error;
pub use field::{FieldRegistration, Matches, Model, ShiftField, field};
pub use matching::{Matched, Search, match_window, match_windows};
pub use params::CoregParams;
pub(crate) use params::FIELD_WINDOW_PX;
pub use retry::by_smaller_windows;
pub use turned::explained;

use coarse::Spectrum;
use matching::Cut;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// One window in which both scenes were matched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TiePoint {
    /// Row in the reference where its gradients lie, px.
    pub row: f64,
    /// Column in the reference, likewise, px.
    pub col: f64,
    /// Add to the moving (row, col) to get the reference's.
    pub shift_row_px: f64,
    /// See `shift_row_px`.
    pub shift_col_px: f64,
    /// Standard error along the weaker direction, px.
    pub sigma_px: f64,
    /// Correlation of the matched windows, −1…1.
    pub correlation: f64,
    /// What a small window in its middle says; `None` where it does not match, or where the window itself is small.
    pub inner: Option<Inner>,
}

/// A small window in the middle of a matched one, and what its own match differs by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inner {
    /// Its shift less that of the tie point, px (row, col).
    pub off_px: [f64; 2],
    /// Its standard error along the weaker direction, px.
    pub sigma_px: f64,
}

/// A shift that can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Add to a moving (row, col) to get the reference (row, col).
    pub shift_row_px: f64,
    /// See `shift_row_px`.
    pub shift_col_px: f64,
    /// Root mean square of the tie points about the shift, px.
    pub residual_rmse_px: f64,
    /// Standard error of the mean of the tie points, px: what averages out over the scene.
    pub standard_error_px: f64,
    /// Standard error of the shift, px: what averages out over the scene, and the change that may not.
    pub uncertainty_px: f64,
    /// The tie points that agree.
    pub tie_points: Vec<TiePoint>,
    /// Tie points that were tried.
    pub tried_count: usize,
}

/// One scene as registration sees it: values `(row, col)` and which of them show ground.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Values, any unit.
    pub values: ArrayView2<'a, f32>,
    /// Usable pixels.
    pub ok: ArrayView2<'a, bool>,
}

/// A scene made ready to be registered: for one on which many are laid, once.
#[derive(Debug)]
pub struct Prepared {
    values: Array2<f32>,
    ok: Array2<bool>,
    spectrum: Spectrum,
    filtered: Cut,
}

impl Prepared {
    /// Filters a scene for the coarse and for the fine step.
    #[must_use]
    pub fn new(side: Side<'_>) -> Self {
        let (spectrum, filtered) = rayon::join(|| Spectrum::new(side), || Cut::new(side));
        Self { values: side.values.to_owned(), ok: side.ok.to_owned(), spectrum, filtered }
    }

    fn side(&self) -> Side<'_> {
        Side { values: self.values.view(), ok: self.ok.view() }
    }
}

/// Measures the shift of `moving` against `reference`, both on the reference's grid and of one shape.
///
/// # Errors
/// [`Error`] whenever the shift cannot be trusted: no common ground, no texture, too few or contradicting tie points.
pub fn register(
    reference: &Prepared,
    moving: &Prepared,
    params: &CoregParams,
) -> Result<Registration, Error> {
    params.check()?;
    if reference.ok.dim() != moving.ok.dim() {
        return Err(Error::Shape { reference: reference.ok.dim(), moving: moving.ok.dim() });
    }
    let percent = clear_percent(reference.side(), moving.side());
    if percent / 100.0 * (reference.ok.len() as f64) < 32.0 * 32.0 {
        return Err(Error::NoCommonGround { percent });
    }
    measured(reference, moving, params)
        .map_err(|error| turned::explained(error, reference.side(), moving.side(), params.largest_shift_px))
}

/// [`register`] without the question whether the scenes are turned.
fn measured(reference: &Prepared, moving: &Prepared, params: &CoregParams) -> Result<Registration, Error> {
    let (start, radius_px) = coarse::between(&reference.spectrum, &moving.spectrum, params.largest_shift_px)?;
    let clear_percent = clear_percent(reference.side(), moving.side());
    let search = Search { start, radius_px };
    by_some_windows((&reference.filtered, &moving.filtered), search, clear_percent, params)
}

/// The shift near the expected one, both sides being of one shape.
///
/// # Errors
/// [`Error`] as [`register`], except for what is found out before the windows are matched.
pub fn near(
    reference: Side<'_>,
    moving: Side<'_>,
    search: Search,
    params: &CoregParams,
) -> Result<Registration, Error> {
    let (a, b) = rayon::join(|| Cut::new(reference), || Cut::new(moving));
    by_some_windows((&a, &b), search, clear_percent(reference, moving), params)
}

/// Share of the pixels that both show.
fn clear_percent(reference: Side<'_>, moving: Side<'_>) -> f64 {
    let both = reference.ok.iter().zip(moving.ok).filter(|(a, b)| **a && **b).count();
    100.0 * both as f64 / reference.ok.len().max(1) as f64
}

/// The shift that windows agree about, smaller ones where large ones do not do.
fn by_some_windows(
    sides: (&Cut, &Cut),
    search: Search,
    clear_percent: f64,
    params: &CoregParams,
) -> Result<Registration, Error> {
    let attempt = |window_px| Ok(agreed(sides, search, (window_px, clear_percent), params));
    let window_px = params.window_px.unwrap_or(params::SHIFT_WINDOW_PX);
    retry::by_smaller_windows(window_px, attempt, |_| false, |_, _| false)?
}

/// The shift that windows of one size agree about.
fn agreed(
    (reference, moving): (&Cut, &Cut),
    search: Search,
    (window_px, clear_percent): (usize, f64),
    params: &CoregParams,
) -> Result<Registration, Error> {
    let (reference, moving) = (reference.filtered(), moving.filtered());
    let windows = matching::windows(reference.values.dim(), window_px);
    let matched: Vec<TiePoint> = windows
        .par_iter()
        .filter_map(|w| matching::tie_point(reference, moving, *w, search, params))
        .collect();
    let seen = windows.iter().filter(|w| matching::seen(reference, moving, **w)).count();
    let side_px = windows.first().map_or(0, |w| w.2);
    let tried = consensus::Tried { count: windows.len(), seen, side_px, clear_percent };
    consensus::agree(&matched, tried, params)
}

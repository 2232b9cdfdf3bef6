//! Least-squares matching of windows (Gruen 1985): shift, gain and offset together, with a standard error.
//!
//! Two things keep it free of pixel locking: both scenes are smoothed a little first, so that eight taps interpolate
//! them to a thousandth, and gradients are taken after interpolation (see [`super::patch`]).
//! A tie point stands where the gradients that decided it lie, not at its window's middle: where the shift changes
//! from place to place, that is the place whose shift it measures.

use super::patch::{Filtered, LEAST_VALID_FRACTION, Patch};
use super::{CoregParams, Side, TiePoint, filter};
use ndarray::s;

/// Gauss–Newton steps, at most.
const STEPS_MAX: usize = 25;
/// Steps below this end the iteration, px.
const STEP_END_PX: f64 = 5e-4;
/// Smaller windows hold too few independent pixels for two shifts, a gain and an offset.
const SMALLEST_SIDE_PX: usize = 32;

/// First (row, col) and side of a window.
pub(super) type Place = (usize, usize, usize);

/// Windows are laid out until there are about this many; more tell nothing new about one shift.
const WINDOWS_MAX: f64 = 400.0;

/// A grid of windows over an array of `shape`, overlapping by half at most; smaller windows where few would fit.
pub(super) fn windows(shape: (usize, usize), side_px: usize) -> Vec<Place> {
    let smallest = shape.0.min(shape.1);
    let side = side_px.min((smallest / 3).max(SMALLEST_SIDE_PX)).min(smallest);
    let area = (shape.0 * shape.1) as f64;
    let spacing = (side as f64 / 2.0).max((area / WINDOWS_MAX).sqrt());
    let starts = |n: usize| {
        let count = ((n - side) as f64 / spacing).ceil() as usize + 1;
        (0..count).map(move |i| if count == 1 { 0 } else { i * (n - side) / (count - 1) })
    };
    starts(shape.0).flat_map(|r| starts(shape.1).map(move |c| (r, c, side))).collect()
}

/// Whether both scenes show enough ground in a window.
pub(super) fn seen(reference: Filtered<'_>, moving: Filtered<'_>, (row, col, side): Place) -> bool {
    let part = s![row..row + side, col..col + side];
    let (a, b) = (reference.ok.slice(part), moving.ok.slice(part));
    let both = a.iter().zip(&b).filter(|(a, b)| **a && **b).count();
    both as f64 > LEAST_VALID_FRACTION * (side * side) as f64
}

/// Where to look for a window's partner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Shift expected, px (row, col).
    pub start: (f64, f64),
    /// How far the shift may lie from it, px; 0 when it is known to a pixel.
    pub radius_px: usize,
}

/// Matches one window of filtered scenes; `None` when it cannot be matched or is not sharp in both directions.
pub(super) fn tie_point<'a>(
    reference: Filtered<'a>,
    moving: Filtered<'a>,
    place: Place,
    search: Search,
    params: &CoregParams,
) -> Option<TiePoint> {
    let Search { start, radius_px: radius } = search;
    let mut patch = Patch::new(reference, moving, place);
    let mut d = if radius == 0 { start } else { patch.best_whole_shift(start, radius)? };
    let mut solution = None;
    for _ in 0..STEPS_MAX {
        let step = patch.step(d)?;
        d = (d.0 + step.delta.0.clamp(-1.0, 1.0), d.1 + step.delta.1.clamp(-1.0, 1.0));
        if (d.0 - start.0).abs().max((d.1 - start.1).abs()) > radius as f64 + 1.5 {
            return None;
        }
        let done = step.delta.0.abs().max(step.delta.1.abs()) < STEP_END_PX;
        solution = Some(step);
        if done {
            break;
        }
    }
    let step = solution?;
    if step.sigma_px > params.largest_sigma_px || step.delta.0.abs().max(step.delta.1.abs()) >= 0.02 {
        return None;
    }
    let correlation = patch.correlation(d)?;
    (correlation >= params.least_correlation).then_some(TiePoint {
        row: step.centroid.0,
        col: step.centroid.1,
        shift_row_px: d.0,
        shift_col_px: d.1,
        sigma_px: step.sigma_px,
        correlation,
    })
}

/// Matches the window with first pixel `(row, col)` and side `side_px` of two unfiltered arrays of one shape, in which a
/// pixel has the same (row, col) before the shift; places and shifts of the result are in their pixels.
///
/// `Err(false)` when the window does not show ground in both, `Err(true)` when it does and yet has no sharp partner.
///
/// # Errors
/// See above: an unmatched window is no failure of the program.
pub fn match_window(
    reference: Side<'_>,
    moving: Side<'_>,
    (row, col, side): (usize, usize, usize),
    search: Search,
    params: &CoregParams,
) -> Result<TiePoint, bool> {
    let (h, w) = reference.values.dim();
    let far = search.start.0.abs().max(search.start.1.abs()).ceil() as usize;
    let margin = filter::REACH_PX + 6 + far + search.radius_px;
    let (top, left) = (row.saturating_sub(margin), col.saturating_sub(margin));
    let part = s![top..(row + side + margin).min(h), left..(col + side + margin).min(w)];
    let cut = |side: Side<'_>| {
        let (values, ok) = (side.values.slice(part).to_owned(), side.ok.slice(part).to_owned());
        let fits = filter::kernel_fits(&ok.view());
        (filter::band_passed(Side { values: values.view(), ok: ok.view() }), fits)
    };
    let place = (row - top, col - left, side);
    let shown = |side: Side<'_>| {
        let part = side.ok.slice(s![row..(row + place.2).min(h), col..(col + place.2).min(w)]);
        part.iter().filter(|ok| **ok).count() as f64 > LEAST_VALID_FRACTION * (side_area(place)) as f64
    };
    if !shown(reference) || !shown(moving) {
        return Err(false);
    }
    let ((a, a_ok), (b, b_ok)) = (cut(reference), cut(moving));
    let reference = Filtered { values: a.view(), ok: a_ok.view() };
    let moving = Filtered { values: b.view(), ok: b_ok.view() };
    if !seen(reference, moving, place) {
        return Err(false);
    }
    let point = tie_point(reference, moving, place, search, params).ok_or(true)?;
    Ok(TiePoint { row: point.row + top as f64, col: point.col + left as f64, ..point })
}

fn side_area(place: Place) -> usize {
    place.2 * place.2
}

//! Least-squares matching of windows (Gruen 1985): shift, gain and offset together, with a standard error.
//!
//! Two things keep it free of pixel locking: both scenes are smoothed a little first, so that eight taps interpolate
//! them to a thousandth, and gradients are taken after interpolation (see [`super::patch`]).
//! A tie point stands where the gradients that decided it lie, not at its window's middle: where the shift changes
//! from place to place, that is the place whose shift it measures.

use super::patch::{Filtered, LEAST_VALID_FRACTION, Patch};
use super::{CoregParams, Inner, Side, TiePoint, filter};
use crate::signal::kernel_fits;
use ndarray::{Array2, s};
use rayon::prelude::*;

/// Gauss–Newton steps, at most.
const STEPS_MAX: usize = 25;
/// Steps below this end the iteration, px.
const STEP_END_PX: f64 = 5e-4;
/// Smaller windows hold too few independent pixels for two shifts, a gain and an offset.
pub(super) const SMALLEST_SIDE_PX: usize = 32;

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

/// Whether a window lies inside and both scenes show enough ground in it.
pub(super) fn seen(reference: Filtered<'_>, moving: Filtered<'_>, (row, col, side): Place) -> bool {
    let (height, width) = reference.ok.dim();
    if row + side > height || col + side > width {
        return false;
    }
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

/// Matches one window of filtered scenes, and a small one in its middle; `None` when it cannot be matched or is not sharp in
/// both directions.
pub(super) fn tie_point<'a>(
    reference: Filtered<'a>,
    moving: Filtered<'a>,
    place: Place,
    search: Search,
    params: &CoregParams,
) -> Option<TiePoint> {
    let point = solved(reference, moving, place, search, params)?;
    let (row, col, side) = place;
    if side < 2 * SMALLEST_SIDE_PX {
        return Some(point);
    }
    let first = |centre: f64, first: usize| {
        let room = (side - SMALLEST_SIDE_PX) as f64;
        first + (centre - first as f64 - SMALLEST_SIDE_PX as f64 / 2.0).clamp(0.0, room) as usize
    };
    let small = (first(point.row, row), first(point.col, col), SMALLEST_SIDE_PX);
    let known = Search { start: (point.shift_row_px, point.shift_col_px), radius_px: 0 };
    let inner = solved(reference, moving, small, known, params).map(|p| Inner {
        off_px: [p.shift_row_px - point.shift_row_px, p.shift_col_px - point.shift_col_px],
        sigma_px: p.sigma_px,
    });
    Some(TiePoint { inner, ..point })
}

/// [`tie_point`] without the small window.
fn solved<'a>(
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
        inner: None,
    })
}

/// What a window gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Matched {
    /// Too little ground in both scenes.
    Unseen,
    /// Ground in both scenes and no sharp partner.
    Unmatched,
    /// A tie point, in pixels of the arrays.
    Point(TiePoint),
}

/// Matches windows of side `side` with first pixels `places` in two unfiltered arrays of one shape, in which a pixel has
/// the same (row, col) before the shift; places and shifts of the results are in their pixels. Windows that reach out of the
/// arrays are unseen.
#[must_use]
pub fn match_windows(
    reference: Side<'_>,
    moving: Side<'_>,
    (places, side): (&[(usize, usize)], usize),
    search: Search,
    params: &CoregParams,
) -> Vec<Matched> {
    let margin = margin_px(search);
    let whole = reference.values.len();
    // Windows close together share what is filtered; scattered ones are filtered each by itself.
    if places.len() * (side + 2 * margin).pow(2) > whole {
        let (a, b) = rayon::join(|| Cut::new(reference), || Cut::new(moving));
        let one = |&(row, col): &(usize, usize)| {
            matched(a.filtered(), b.filtered(), (row, col, side), search, params)
        };
        return places.par_iter().map(one).collect();
    }
    places
        .par_iter()
        .map(|&(row, col)| match_window(reference, moving, (row, col, side), search, params))
        .collect()
}

/// Pixels around a window that its matching needs.
fn margin_px(search: Search) -> usize {
    let far = search.start.0.abs().max(search.start.1.abs()).ceil() as usize;
    filter::REACH_PX + 6 + far + search.radius_px
}

/// A filtered part of a scene.
#[derive(Debug)]
pub(super) struct Cut {
    values: Array2<f32>,
    ok: Array2<bool>,
}

impl Cut {
    pub(super) fn new(side: Side<'_>) -> Self {
        let usable = filter::usable(side);
        let side = Side { values: side.values, ok: usable.view() };
        Self { values: filter::band_passed(side), ok: kernel_fits(&side.ok) }
    }

    pub(super) fn filtered(&self) -> Filtered<'_> {
        Filtered { values: self.values.view(), ok: self.ok.view() }
    }
}

/// [`match_windows`] for one window.
#[must_use]
pub fn match_window(
    reference: Side<'_>,
    moving: Side<'_>,
    (row, col, side): Place,
    search: Search,
    params: &CoregParams,
) -> Matched {
    let (h, w) = reference.values.dim();
    if row + side > h || col + side > w {
        return Matched::Unseen;
    }
    let shown = |of: Side<'_>| {
        let part = of.ok.slice(s![row..row + side, col..col + side]);
        part.iter().filter(|ok| **ok).count() as f64 > LEAST_VALID_FRACTION * (side * side) as f64
    };
    if !shown(reference) {
        return Matched::Unseen;
    }
    let margin = margin_px(search);
    let (top, left) = (row.saturating_sub(margin), col.saturating_sub(margin));
    let part = s![top..(row + side + margin).min(h), left..(col + side + margin).min(w)];
    let cut = |of: Side<'_>| Cut::new(Side { values: of.values.slice(part), ok: of.ok.slice(part) });
    let (a, b) = (cut(reference), cut(moving));
    match matched(a.filtered(), b.filtered(), (row - top, col - left, side), search, params) {
        Matched::Point(p) => {
            Matched::Point(TiePoint { row: p.row + top as f64, col: p.col + left as f64, ..p })
        }
        other => other,
    }
}

/// One window of filtered scenes: from the expected shift at once, and by a search where that leads nowhere.
fn matched<'a>(
    reference: Filtered<'a>,
    moving: Filtered<'a>,
    place: Place,
    search: Search,
    params: &CoregParams,
) -> Matched {
    if !seen(reference, moving, place) {
        return Matched::Unseen;
    }
    let near = Search { radius_px: 0, ..search };
    let point = tie_point(reference, moving, place, near, params).or_else(|| {
        if search.radius_px == 0 { None } else { tie_point(reference, moving, place, search, params) }
    });
    point.map_or(Matched::Unmatched, Matched::Point)
}

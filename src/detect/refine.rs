//! Second pass: where a found train begins and ends, and how far it stands off the line.

use super::residual::Residuals;
use super::scan::{Scan, strongest_within};
use super::stack::Stack;
use ndarray::{ArrayView2, Axis};
use std::ops::Range;

/// Fewest rows by which an end may move outwards in one step.
const SMALLEST_REACH: usize = 12;
/// Steps of the refinement.
const STEPS: usize = 4;

/// Where the train of an event is looked for.
pub(super) struct Search {
    pub(super) event: Range<usize>,
    /// Rows around it that no surer train holds.
    pub(super) free: Range<usize>,
    /// Rows of the shortest train.
    pub(super) min_rows: usize,
}

/// How much likelier a row is with the train of some rows than without it.
///
/// With whitened residuals u ~ N(μ, 1) inside and N(0, 1) outside, μ their mean over the rows, the log-likelihood ratio is
/// `μ·u − μ²/2`. Residuals are not clipped here, or what the blur spreads beyond the end of a strong train would look like the
/// train; instead one row says no more than a row wholly inside or outside does, or noise at the clip.
pub(super) struct Likelihood<'r> {
    bare: ArrayView2<'r, f64>,
    mean: Vec<f64>,
    /// μ²/2
    pub(super) half_square: f64,
    most: f64,
}

impl<'r> Likelihood<'r> {
    /// Of the train on `rows`.
    pub(super) fn new(residuals: &'r Residuals, rows: &Range<usize>) -> Self {
        let bare = residuals.bare.index_axis(Axis(1), 1);
        let mean: Vec<f64> =
            bare.columns().into_iter().map(|band| mean(rows.clone().map(|row| band[row]))).collect();
        let square: f64 = mean.iter().map(|m| m * m).sum();
        let most = (0.5 * square).max(residuals.clip * square.sqrt());
        Self { bare, mean, half_square: 0.5 * square, most }
    }

    /// `μ·u` of a row; NaN where it is unobserved.
    pub(super) fn along(&self, row: usize) -> f64 {
        self.mean.iter().zip(self.bare.row(row)).map(|(m, u)| m * u).sum()
    }

    /// Log-likelihood ratio of a row; 0 where it is unobserved.
    pub(super) fn gain(&self, row: usize) -> f64 {
        let gain = self.along(row) - self.half_square;
        if gain.is_finite() { gain.clamp(-self.most, self.most) } else { 0.0 }
    }
}

/// The rows that hold the train: the stretch with the highest [`Likelihood`] of its own mean change.
///
/// The search begins at the event and at the strongest window of each length within it, and keeps the likeliest outcome: in an event
/// that takes in two trains the mean of all is that of neither, and with it the gap between them costs too little. An end moves
/// outwards by the event's own length (or [`SMALLEST_REACH`]) at most, for a longer train had given a longer event, and not beyond
/// `free`, the rows that no surer train holds.
pub(super) fn ends(residuals: &Residuals, scans: &[Scan], search: &Search) -> Range<usize> {
    let Search { event, free, .. } = search;
    let most = event.len().max(SMALLEST_REACH);
    let bounds = event.start.saturating_sub(most).max(free.start)..(event.end + most).min(free.end);
    let parts = scans.iter().filter_map(|scan| strongest_within(std::slice::from_ref(scan), event));
    let starts = std::iter::once(event.clone()).chain(parts.map(|part| part.rows));
    let outcomes = starts.map(|start| climb(residuals, start, search, &bounds));
    let likeliest = outcomes.reduce(|best, next| if next.1 > best.1 { next } else { best });
    likeliest.map_or_else(|| event.clone(), |(rows, _)| rows)
}

/// From a start to the stretch that is likeliest for its own mean change μ, and its log-likelihood ratio: Kadane's scan with the
/// start's μ, then μ and the search range are renewed, until the ends stand still.
fn climb(
    residuals: &Residuals,
    start: Range<usize>,
    Search { event, min_rows, .. }: &Search,
    bounds: &Range<usize>,
) -> (Range<usize>, f64) {
    let mut rows = start;
    for _ in 0..STEPS {
        let likelihood = Likelihood::new(residuals, &rows);
        if likelihood.half_square <= 0.0 {
            break;
        }
        let reach = rows.len().max(SMALLEST_REACH);
        let search = rows.start.saturating_sub(reach).max(bounds.start)..(rows.end + reach).min(bounds.end);
        let best = largest_stretch(search, |row| likelihood.gain(row));
        let is_elsewhere = best.end <= event.start || best.start >= event.end;
        if best.len() < *min_rows || is_elsewhere || best == rows {
            break;
        }
        rows = best;
    }
    let likelihood = Likelihood::new(residuals, &rows);
    let total = rows.clone().map(|row| likelihood.gain(row)).sum();
    (rows, total)
}

/// Kadane: the stretch with the largest sum.
fn largest_stretch(search: Range<usize>, gain: impl Fn(usize) -> f64) -> Range<usize> {
    let (mut best, mut best_sum) = (search.start..search.start, 0.0);
    let (mut start, mut sum) = (search.start, 0.0);
    for row in search {
        if sum <= 0.0 {
            (start, sum) = (row, 0.0);
        }
        sum += gain(row);
        if sum > best_sum {
            (best, best_sum) = (start..row + 1, sum);
        }
    }
    best
}

/// Mean of the finite values; 0 when there are none.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.filter(|v| v.is_finite()).fold((0.0, 0u32), |a, v| (a.0 + v, a.1 + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The rows of the track that holds `row`.
pub(super) fn track_of(stack: &Stack<'_>, row: usize) -> Range<usize> {
    stack.ranges.iter().find(|r| r.contains(&row)).cloned().unwrap_or(0..stack.rows())
}

/// Offset of the train from the line, px, right positive: vertex of the parabola through the size of the mean
/// change at −1, 0 and 1 px, at most one pixel.
pub(super) fn offset_px(residuals: &Residuals, rows: &Range<usize>) -> f64 {
    let size = |c: usize| {
        let column = residuals.bare.index_axis(Axis(1), c);
        let bands = column.columns().into_iter();
        bands.map(|band| mean(rows.clone().map(|row| band[row])).powi(2)).sum::<f64>().sqrt()
    };
    let (left, own, right) = (size(0), size(1), size(2));
    let curvature = left - 2.0 * own + right;
    if curvature < -1e-12 {
        (0.5 * (left - right) / curvature).clamp(-1.0, 1.0)
    } else if left > right {
        -1.0
    } else if right > left {
        1.0
    } else {
        0.0
    }
}

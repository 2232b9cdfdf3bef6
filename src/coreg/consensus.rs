//! Which tie points agree, and what they say together.

use super::uncertainty::{self, Residual};
use super::{CoregParams, Error, Registration, TiePoint};
use crate::stats::median;

/// Shifts so near to each other may be one, px.
const GROUP_PX: f64 = 1.0;
/// Tie points farther than this from the middle are out, in standard deviations of the agreeing ones: only those that no
/// field of shifts within a scene explains, for the weights hold down the rest.
const OUTLIER_SIGMAS: f64 = 7.7;
/// Median distance from the middle of two normal components over the standard deviation of each: √(2 ln 2).
const MEDIAN_DISTANCE_SIGMAS: f64 = 1.1774;
/// Floor of that distance, px: a scene is never flatter than this.
const OUTLIER_FLOOR_PX: f64 = 0.15;
/// Share of all matched windows that must agree.
const LEAST_AGREEING_FRACTION: f64 = 0.4;
/// Share of the windows that show ground in both scenes that must agree.
const LEAST_SEEN_FRACTION: f64 = 0.2;

/// Fewest tie points that must agree of the `matched` windows and of those that show ground: where windows see ground and
/// yet do not match, the few that do may match by chance.
pub(super) fn least_agreeing(matched: usize, seen: usize) -> usize {
    let share = (LEAST_SEEN_FRACTION * seen as f64).max(LEAST_AGREEING_FRACTION * matched as f64);
    share.ceil() as usize
}

/// The windows that were tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    /// How many.
    pub(super) count: usize,
    /// How many of them show ground in both scenes.
    pub(super) seen: usize,
    /// Their side, px.
    pub(super) side_px: usize,
    /// Share of the overlap that shows ground in both scenes, percent.
    pub(super) clear_percent: f64,
}

/// Finds the largest group of agreeing tie points and takes their weighted mean.
///
/// # Errors
/// [`Error::TooFewTiePoints`], [`Error::Scattered`] or [`Error::Uncertain`].
pub(super) fn agree(
    matched: &[TiePoint],
    Tried { count: tried, seen, side_px, clear_percent }: Tried,
    params: &CoregParams,
) -> Result<Registration, Error> {
    let needed = params.least_tie_points.min((tried / 4).max(3));
    let mut kept = largest_group(matched, GROUP_PX);
    for _ in 0..10 {
        if kept.len() < 2 {
            break;
        }
        let (row, col) = median_shift_px(&kept);
        let distance = |p: &TiePoint| (p.shift_row_px - row).hypot(p.shift_col_px - col);
        // σ = med |d − med d| / √(2 ln 2)
        let spread = median(&mut kept.iter().map(distance).collect::<Vec<_>>()) / MEDIAN_DISTANCE_SIGMAS;
        let limit = (OUTLIER_SIGMAS * spread).max(OUTLIER_FLOOR_PX);
        let next: Vec<TiePoint> = matched.iter().filter(|p| distance(p) <= limit).copied().collect();
        if next.len() == kept.len() {
            break;
        }
        kept = next;
    }
    let needed = needed.max(least_agreeing(matched.len(), seen));
    if kept.len() < needed {
        return Err(Error::TooFewTiePoints { agreeing: kept.len(), tried, needed, clear_percent });
    }
    // τ², what differs from place to place beyond each point's own error (DerSimonian & Laird 1986), evens the weights.
    let (row, col) = median_shift_px(&kept);
    let square = |p: &TiePoint| (p.shift_row_px - row).powi(2) + (p.shift_col_px - col).powi(2);
    let between =
        kept.iter().map(|p| 0.5 * square(p) - p.sigma_px * p.sigma_px).sum::<f64>() / kept.len() as f64;
    let weight = |p: &TiePoint| 1.0 / (p.sigma_px * p.sigma_px + between.max(1e-4));
    let total: f64 = kept.iter().map(weight).sum();
    let mean = |pick: fn(&TiePoint) -> f64| kept.iter().map(|p| weight(p) * pick(p)).sum::<f64>() / total;
    let (row, col) = (mean(|p| p.shift_row_px), mean(|p| p.shift_col_px));
    let square = |p: &TiePoint| (p.shift_row_px - row).powi(2) + (p.shift_col_px - col).powi(2);
    let rmse = (kept.iter().map(square).sum::<f64>() / kept.len() as f64).sqrt();
    if rmse > params.largest_rmse_px {
        return Err(Error::Scattered { rmse_px: rmse, largest_px: params.largest_rmse_px });
    }
    let residual = |p: &TiePoint| Residual {
        place: (p.row, p.col),
        off_px: [p.shift_row_px - row, p.shift_col_px - col],
        weight: weight(p),
    };
    let residuals: Vec<Residual> = kept.iter().map(residual).collect();
    // Neighbouring windows overlap by half and so share three quarters of their pixels' worth.
    let of_mean = (4.0 * rmse * rmse / kept.len() as f64).max(uncertainty::between_blocks(&residuals));
    let standard_error_px = of_mean.sqrt();
    let uncertainty_px = (of_mean + uncertainty::change(&residuals, &kept, (side_px, seen))).sqrt();
    uncertainty::check(standard_error_px, uncertainty_px, params)?;
    Ok(Registration {
        shift_row_px: row,
        shift_col_px: col,
        residual_rmse_px: rmse,
        standard_error_px,
        uncertainty_px,
        tie_points: kept,
        tried_count: tried,
    })
}

/// The tie points whose shifts lie within so many pixels of that which has most such neighbours.
#[must_use]
pub fn largest_group(points: &[TiePoint], within_px: f64) -> Vec<TiePoint> {
    let near = |a: &TiePoint, b: &TiePoint| {
        (a.shift_row_px - b.shift_row_px).hypot(a.shift_col_px - b.shift_col_px) < within_px
    };
    let count = |p: &TiePoint| points.iter().filter(|q| near(p, q)).count();
    let Some(middle) = points.iter().max_by_key(|p| count(p)) else { return Vec::new() };
    points.iter().filter(|p| near(middle, p)).copied().collect()
}

/// Median shift (row, col) of tie points, px; NaN without any.
#[must_use]
pub fn median_shift_px(points: &[TiePoint]) -> (f64, f64) {
    let mid = |pick: fn(&TiePoint) -> f64| median(&mut points.iter().map(pick).collect::<Vec<_>>());
    (mid(|p| p.shift_row_px), mid(|p| p.shift_col_px))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_too_few_asks_for_more_than_there_are() {
        // Six windows agree; the others say something different each.
        let point = |i: usize| {
            let away = if i < 6 { 0.01 * i as f64 } else { 5.0 * i as f64 };
            let (row, col) = (i as f64 * 64.0, 0.0);
            TiePoint {
                row,
                col,
                shift_row_px: away,
                shift_col_px: 0.0,
                sigma_px: 0.05,
                correlation: 0.8,
                inner: None,
            }
        };
        let matched: Vec<TiePoint> = (0..56).map(point).collect();
        let tried = Tried { count: 56, seen: 56, side_px: 128, clear_percent: 100.0 };
        let error = agree(&matched, tried, &CoregParams::default()).unwrap_err();
        let refusal = Error::TooFewTiePoints { agreeing: 6, tried: 56, needed: 23, clear_percent: 100.0 };
        assert_eq!(error, refusal);
    }
}

//! Which tie points agree, and what they say together.

use super::{CoregParams, Error, Registration, TiePoint};
use crate::stats::median;

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

/// Whether `agreeing` tie points are enough of the `matched` windows and of those that show ground: where windows see ground
/// and yet do not match, the few that do may match by chance.
pub(super) fn enough(agreeing: usize, matched: usize, seen: usize) -> bool {
    agreeing as f64 >= LEAST_SEEN_FRACTION * seen as f64
        && agreeing as f64 >= LEAST_AGREEING_FRACTION * matched as f64
}

/// Finds the largest group of agreeing tie points and takes their weighted mean; of the windows `tried`, `seen` show ground
/// in both scenes.
///
/// # Errors
/// [`Error::TooFewTiePoints`], [`Error::Scattered`] or [`Error::Uncertain`].
pub(super) fn agree(
    matched: &[TiePoint],
    (tried, seen): (usize, usize),
    params: &CoregParams,
) -> Result<Registration, Error> {
    let needed = params.least_tie_points.min((tried / 4).max(3));
    let mut kept = largest_group(matched);
    for _ in 0..10 {
        if kept.len() < 2 {
            break;
        }
        let (row, col) = centre(&kept);
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
    if kept.len() < needed || !enough(kept.len(), matched.len(), seen) {
        return Err(Error::TooFewTiePoints { agreeing: kept.len(), tried, needed });
    }
    // τ², what differs from place to place beyond each point's own error (DerSimonian & Laird 1986), evens the weights.
    let (row, col) = centre(&kept);
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
    // Neighbouring windows overlap by half and so share three quarters of their pixels' worth.
    let uncertainty_px = 2.0 * rmse / (kept.len() as f64).sqrt();
    if uncertainty_px > params.largest_uncertainty_px {
        return Err(Error::Uncertain { uncertainty_px, largest_px: params.largest_uncertainty_px });
    }
    Ok(Registration {
        shift_row_px: row,
        shift_col_px: col,
        residual_rmse_px: rmse,
        uncertainty_px,
        tie_points: kept,
        tried_count: tried,
    })
}

/// The tie points within 1 px of the one that has most neighbours.
fn largest_group(matched: &[TiePoint]) -> Vec<TiePoint> {
    let near = |a: &TiePoint, b: &TiePoint| {
        (a.shift_row_px - b.shift_row_px).hypot(a.shift_col_px - b.shift_col_px) < 1.0
    };
    let count = |p: &TiePoint| matched.iter().filter(|q| near(p, q)).count();
    let Some(middle) = matched.iter().max_by_key(|p| count(p)) else { return Vec::new() };
    matched.iter().filter(|p| near(middle, p)).copied().collect()
}

fn centre(points: &[TiePoint]) -> (f64, f64) {
    let mid = |pick: fn(&TiePoint) -> f64| median(&mut points.iter().map(pick).collect::<Vec<_>>());
    (mid(|p| p.shift_row_px), mid(|p| p.shift_col_px))
}

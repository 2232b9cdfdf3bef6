//! How long a train would have to be to be found: the detection limit that makes "nothing seen" evidence.

use super::params::Cargo;
use super::radar;
use super::residual::Residuals;
use super::scan::Scan;
use super::stack::Stack;
use crate::stats::median;
use std::ops::Range;

/// Normal quantile of the promised probability of 90 %.
const Z_90: f64 = 1.281_551_565_544_6;
/// Typical neighbour of the soft veto in units of the typical statistic.
const VETO_TYPICAL_SQUARED: f64 = 0.3 * 1.5 * 1.5;

/// Shortest train of a cargo that would be found with 90 % probability on this track and date.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionLimit {
    /// Name of the cargo.
    pub cargo: String,
    /// Length in metres; `None` when no train of this cargo would be found reliably.
    pub length_m: Option<f64>,
}

/// Detection limits of the track at `rows`, for a `threshold` of the scan statistic.
pub(super) fn limits(
    stack: &Stack<'_>,
    residuals: &Residuals,
    scans: &[Scan],
    rows: &Range<usize>,
    (threshold, cargos): (f64, &[Cargo]),
) -> Vec<DetectionLimit> {
    let observed = rows.clone().any(|row| residuals.white[(row, stack.half, 0)].is_finite());
    let gain: Vec<f64> = (0..stack.bands)
        .map(|b| median(&mut rows.clone().map(|row| residuals.gain[(row, b)]).collect::<Vec<_>>()))
        .collect();
    cargos
        .iter()
        .map(|cargo| {
            let length_m =
                observed.then(|| limit(stack, residuals, scans, (threshold, &gain, cargo))).flatten();
            DetectionLimit { cargo: cargo.name.clone(), length_m }
        })
        .collect()
}

/// The length at which the expected statistic of the best window exceeds the threshold by 1.28 of its spread.
fn limit(
    stack: &Stack<'_>,
    residuals: &Residuals,
    scans: &[Scan],
    (threshold, gain, cargo): (f64, &[f64], &Cargo),
) -> Option<f64> {
    let profile = &stack.profile;
    // pixel contrast = cover × (cargo − ballast); filter output = response × pixel contrast
    let of_cargo = |b: usize| cargo.contrast.get(b).copied().unwrap_or(0.0);
    let signal = |b: usize| match stack.looks {
        Some(looks) => radar::expected(stack, looks, of_cargo(b)),
        None => of_cargo(b) * profile.cover * profile.response,
    };
    let change: Vec<f64> = (0..stack.bands).map(|b| signal(b) * gain[b]).collect();
    let mut white = vec![0.0; stack.bands];
    residuals.whitener.apply(&change, &mut white);
    let length = white.iter().map(|v| v * v).sum::<f64>().sqrt();
    let shrink = (residuals.clip / length.max(1e-12)).min(1.0);
    for v in &mut white {
        *v *= shrink;
    }
    // A train of n rows in a window of L ≥ n rows adds n u to the sum.
    let excess = |rows: f64| {
        scans
            .iter()
            .map(|scan| {
                let inside = rows.min(scan.cells as f64);
                let sum: Vec<f64> = white.iter().map(|v| v * inside).collect();
                let q = (scan.whitener.length(&sum) - Z_90).max(0.0);
                let near = VETO_TYPICAL_SQUARED * scan.typical * scan.typical;
                q * q / (q * q + near).sqrt() / scan.typical
            })
            .fold(0.0, f64::max)
    };
    let longest = scans.last()?.cells;
    let shortest = scans.first()?.cells;
    let found = (shortest..=longest).find(|&n| excess(n as f64) >= threshold)?;
    Some(found as f64 * stack.step_m)
}

//! Radar: what takes the place of filter and reflectance where strips hold linear power.
//!
//! A cell's evidence is the signed root of the likelihood ratio for equal gamma means of target and baseline
//! dates ([`crate::sar::signed_root`]), of power averaged over the width of a train. Along the line it is regressed
//! robustly on what changed beside the cell, for each column by itself: season, rain and wet snow cancel. From there on
//! radar goes the way of reflectance: local noise, whitening over polarisations, scan, placebo tracks.

use super::stack::{Role, Stack};
use crate::sar::signed_root;
use crate::stats::median;
use crate::units::power_to_db;
use std::ops::Range;

/// Sigma of the weights over the width of a train, px.
const CENTRE_SIGMA_PX: f64 = 0.65;
/// Reach of those weights, px.
const CENTRE_PX: f64 = 1.5;
/// Least power, a guard against overshoots of the interpolation: −50 dB.
const FLOOR: f64 = 1e-5;

/// Power at a cell of a column.
#[derive(Clone, Copy)]
pub(super) struct Power {
    /// Mean over the width of a train.
    pub(super) centre: f64,
    /// Mean of the left flank, 1.5–3 px.
    pub(super) left: f64,
    /// Mean of the right flank.
    pub(super) right: f64,
}

impl Power {
    /// Mean of both flanks.
    fn flank(self) -> f64 {
        0.5 * (self.left + self.right)
    }
}

/// Power of a scene in a column, `None` where it is not clear.
pub(super) fn power(stack: &Stack<'_>, scene: usize, band: usize, column: usize) -> Vec<Option<Power>> {
    let reach = stack.profile.weights.len() / 2;
    let cell = |k: usize| (k as f64 - reach as f64) / stack.cells_per_px as f64;
    let weight = |t: f64| {
        if t.abs() <= CENTRE_PX { (-t * t / (2.0 * CENTRE_SIGMA_PX * CENTRE_SIGMA_PX)).exp() } else { 0.0 }
    };
    let weights: Vec<f64> = (0..stack.profile.weights.len()).map(|k| weight(cell(k))).collect();
    let total: f64 = weights.iter().sum();
    let first = (stack.middle + column * stack.cells_per_px) - stack.half * stack.cells_per_px - reach;
    let at = |strip: &crate::corridor::Strip, s: usize| {
        let (mut centre, mut sides, mut counts) = (0.0, [0.0; 2], [0.0; 2]);
        for (k, w) in weights.iter().enumerate() {
            if !strip.valid[(s, first + k)] {
                return None;
            }
            let v = f64::from(strip.values[(band, s, first + k)]).max(FLOOR);
            centre += w * v / total;
            let side = stack.profile.side[k];
            if side != 0 {
                let i = usize::from(side > 0);
                sides[i] += v;
                counts[i] += 1.0;
            }
        }
        Some(Power { centre, left: sides[0] / counts[0], right: sides[1] / counts[1] })
    };
    stack
        .strips
        .iter()
        .flat_map(|strips| {
            let strip = strips[scene];
            (0..strip.valid.nrows()).map(move |s| (strip, s))
        })
        .map(|(strip, s)| at(strip, s))
        .collect()
}

/// Mean over the dates that are clear at each row, and how many they are.
fn mean_of(dates: &[Vec<Option<Power>>]) -> Vec<Option<(Power, f64)>> {
    let rows = dates.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| {
            let clear: Vec<Power> = dates.iter().filter_map(|d| d[row]).collect();
            let n = clear.len() as f64;
            let mean = |pick: fn(&Power) -> f64| clear.iter().map(pick).sum::<f64>() / n;
            (n > 0.0).then(|| {
                (Power { centre: mean(|p| p.centre), left: mean(|p| p.left), right: mean(|p| p.right) }, n)
            })
        })
        .collect()
}

/// Evidence of one band and column, rows of all tracks together; NaN where unobserved.
pub(super) struct Evidence {
    /// Signed root of the likelihood ratio.
    pub(super) on_track: Vec<f64>,
    /// Logarithm of the change of the ground beside the cell: what the evidence is regressed on.
    pub(super) beside: Vec<f64>,
}

/// Evidence of `role` in one band and column.
pub(super) fn evidence(stack: &Stack<'_>, role: &Role, looks: f64, column: usize, band: usize) -> Evidence {
    let tested = power(stack, role.tested, band, column);
    let others: Vec<_> = role.others.iter().map(|&scene| power(stack, scene, band, column)).collect();
    let baseline = mean_of(&others);
    let rows = tested.len();
    let mut beside = vec![f64::NAN; rows];
    let mut on_track = vec![f64::NAN; rows];
    for (row, (tested, baseline)) in tested.iter().zip(&baseline).enumerate() {
        let (Some(t), Some((b, count))) = (tested, baseline) else { continue };
        on_track[row] = signed_root(t.centre, b.centre, *count, looks);
        beside[row] = (t.flank() / b.flank()).ln();
    }
    Evidence { on_track, beside }
}

/// Logarithm of power on the track over that of its flanks; NaN where it is not clear.
pub(super) fn level(stack: &Stack<'_>, scene: usize, band: usize) -> Vec<f64> {
    let power = power(stack, scene, band, stack.half);
    power.into_iter().map(|p| p.map_or(f64::NAN, |p| (p.centre / p.flank()).ln())).collect()
}

/// Change of the power on the track per band, dB: mean of the scenes `after` the change against the mean of those `before` it over
/// `rows`, less the median of the same along the rest of the track.
pub(super) fn contrast_db(
    stack: &Stack<'_>,
    track: &Range<usize>,
    rows: &Range<usize>,
    [after, before]: &[Vec<usize>; 2],
) -> Vec<f64> {
    (0..stack.bands)
        .map(|band| {
            let side = |scenes: &[usize]| {
                let dates: Vec<_> =
                    scenes.iter().map(|&scene| power(stack, scene, band, stack.half)).collect();
                mean_of(&dates)
            };
            let (after, before) = (side(after), side(before));
            let pair = |row: usize| Some((after[row]?.0.centre, before[row]?.0.centre));
            let (t, b) = rows.clone().filter_map(pair).fold((0.0, 0.0), |a, p| (a.0 + p.0, a.1 + p.1));
            let mut usual: Vec<f64> = track
                .clone()
                .filter(|row| !rows.contains(row))
                .filter_map(pair)
                .map(|(t, b)| power_to_db(t / b))
                .collect();
            let usual = if usual.len() < 8 { 0.0 } else { median(&mut usual) };
            power_to_db(t / b) - usual
        })
        .collect()
}

/// Evidence of a cell whose power changed by `contrast_db` against so many dates, before local noise and whitening.
pub(super) fn expected(dates: usize, looks: f64, contrast_db: f64) -> f64 {
    signed_root(crate::units::db_to_power(contrast_db), 1.0, dates as f64, looks)
}

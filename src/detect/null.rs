//! Placebo tracks: parallels where there is no rail tell how often nothing looks like a train.

use super::Error;
use super::scan::{Scan, events};
use super::stack::Stack;
use crate::stats::{EventTail, quantile};
use rayon::prelude::*;

/// Highest placebo events to which the tail is fitted.
const FIT_COUNT: usize = 60;
/// Highest placebo events that are left to the fit.
const TRUSTED_COUNT: usize = 10;

/// What the placebo tracks say.
#[derive(Debug, Clone, PartialEq)]
pub struct NullSummary {
    /// Placebo tracks: columns times tracks.
    pub placebo_track_count: usize,
    /// Observed length of all placebo tracks, metres.
    pub placebo_length_m: f64,
    /// Asked rate, expected false alarms per 100 km.
    pub false_alarms_per_100km_asked: f64,
    /// Smallest `score` of a detection: −log10 of the asked rate.
    pub threshold_score: f64,
    /// The scan statistic at the asked rate (1 = the typical window beside the track).
    pub threshold_statistic: f64,
    /// Median of the placebo events' scan statistic.
    pub median_statistic: f64,
    /// 99 % quantile of the placebo events' scan statistic.
    pub high_statistic: f64,
    /// Number of placebo events behind the null.
    pub placebo_event_count: usize,
    /// Whether the asked rate is rarer than the placebos can count, so that a fitted tail decides.
    pub extrapolated: bool,
}

/// The null of one role.
pub(super) struct Null {
    pub(super) tail: EventTail,
    pub(super) placebo_count: usize,
    pub(super) placebo_length_m: f64,
    /// Median and 99 % quantile of the statistic.
    pub(super) quantiles: (f64, f64),
}

/// Collects the placebo events.
///
/// # Errors
/// [`Error::FewPlacebos`] when there are too few to say anything.
pub(super) fn null(stack: &Stack<'_>, scans: &[Scan]) -> Result<Null, Error> {
    let columns = stack.placebo_columns();
    let found: Vec<Vec<f64>> = columns
        .par_iter()
        .map(|&c| events(stack, scans, c).into_iter().map(|e| e.statistic).collect())
        .collect();
    let statistics: Vec<f64> = found.into_iter().flatten().collect();
    let count = statistics.len();
    let placebo_length_m = columns.iter().map(|&c| scanned_length_m(stack, scans, c)).sum::<f64>();
    let quantiles = (quantile(&mut statistics.clone(), 0.5), quantile(&mut statistics.clone(), 0.99));
    let tail = EventTail::new(statistics, placebo_length_m / 100_000.0, FIT_COUNT, TRUSTED_COUNT)
        .ok_or(Error::FewPlacebos { count, placebo_length_m })?;
    Ok(Null { tail, placebo_count: columns.len() * stack.ranges.len(), placebo_length_m, quantiles })
}

/// Length of a column on which the shortest window could be scanned.
pub(super) fn scanned_length_m(stack: &Stack<'_>, scans: &[Scan], column: usize) -> f64 {
    let Some(scan) = scans.first() else { return 0.0 };
    let starts = scan.statistic.column(column).iter().filter(|v| v.is_finite()).count();
    starts as f64 * stack.step_m
}

//! Placebo tracks: parallels where there is no rail tell how often nothing looks like a train.

use super::Error;
use super::scan::{Event, Scan, events};
use super::stack::Stack;
use crate::stats::{EventTail, quantile};
use rayon::prelude::*;
use std::ops::Range;

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
    /// Events of each placebo column.
    pub(super) events: Vec<Vec<Event>>,
}

/// Collects the placebo events.
///
/// # Errors
/// [`Error::FewPlacebos`] when there are too few to say anything.
pub(super) fn null(stack: &Stack<'_>, scans: &[Scan]) -> Result<Null, Error> {
    let columns = stack.placebo_columns();
    let events: Vec<Vec<Event>> = columns.par_iter().map(|&c| events(stack, scans, c)).collect();
    let statistics: Vec<f64> = events.iter().flatten().map(|e| e.statistic).collect();
    let count = statistics.len();
    let placebo_length_m = columns.iter().map(|&c| scanned_length_m(stack, scans, c)).sum::<f64>();
    let quantiles = (quantile(&mut statistics.clone(), 0.5), quantile(&mut statistics.clone(), 0.99));
    let tail = EventTail::new(statistics, placebo_length_m / 100_000.0, FIT_COUNT, TRUSTED_COUNT)
        .ok_or(Error::FewPlacebos { count, placebo_length_m })?;
    let placebo_count = columns.len() * stack.ranges.len();
    Ok(Null { tail, placebo_count, placebo_length_m, quantiles, events })
}

/// Factor from the rate of events of one role to that of all: 1 if all see the same placebo events, the number of roles if they never
/// do. Each stretch is told once, and both roles see most changes of the newest baseline against the target. Counted over the highest
/// placebo events of every role.
pub(super) fn distinct(nulls: &[&Null]) -> f64 {
    let columns = nulls.iter().map(|null| null.events.len()).min().unwrap_or(0);
    let least: Vec<f64> = nulls.iter().map(|null| null.tail.nth_highest(FIT_COUNT)).collect();
    let (mut all, mut kept) = (0_usize, 0_usize);
    for column in 0..columns {
        let mut told: Vec<&Range<usize>> = Vec::new();
        for (null, least) in nulls.iter().zip(&least) {
            let strong = null.events[column].iter().filter(|e| e.statistic >= *least);
            for event in strong {
                all += 1;
                if !told.iter().any(|rows| rows.start < event.rows.end && event.rows.start < rows.end) {
                    kept += 1;
                    told.push(&event.rows);
                }
            }
        }
    }
    (nulls.len() as f64 * kept as f64 / all.max(1) as f64).max(1.0)
}

/// Length of a column on which the shortest window could be scanned.
pub(super) fn scanned_length_m(stack: &Stack<'_>, scans: &[Scan], column: usize) -> f64 {
    let Some(scan) = scans.first() else { return 0.0 };
    let starts = scan.statistic.column(column).iter().filter(|v| v.is_finite()).count();
    starts as f64 * stack.step_m
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A role that sees `count` events of ten rows on one placebo track, from `first` on and 20 rows apart.
    fn role(first: usize, count: usize) -> Null {
        let event = |k: usize| Event { rows: first + 20 * k..first + 20 * k + 10, statistic: 2.0 + k as f64 };
        let events: Vec<Event> = (0..count).map(event).collect();
        let statistics = events.iter().map(|e| e.statistic).collect();
        let tail = EventTail::new(statistics, 1.0, FIT_COUNT, TRUSTED_COUNT).unwrap();
        Null { tail, placebo_count: 1, placebo_length_m: 1e5, quantiles: (0.0, 0.0), events: vec![events] }
    }

    #[test]
    fn what_both_roles_see_counts_once() {
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 1e-9;
        assert!(near(distinct(&[&role(0, 40)]), 1.0));
        assert!(near(distinct(&[&role(0, 40), &role(5, 40)]), 1.0));
        assert!(near(distinct(&[&role(0, 40), &role(10, 40)]), 2.0));
        // Of 100 events the 60 strongest count: those from the 41st on, of which the other sees the last 30.
        assert!(near(distinct(&[&role(0, 100), &role(1400, 60)]), 2.0 * 90.0 / 120.0));
    }
}

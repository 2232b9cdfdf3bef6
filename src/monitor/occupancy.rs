//! Metres of track that trains stand on, with what is uncertain about them.
//!
//! Each end of a train is taken as known to [`END_SIGMA_M`]; the ends of n trains are independent, so that the standard error
//! of the sum is `σ √(2n)`. The range given is the central 90 % of a normal. Wagons follow from their lengths over
//! couplers, which lie between 12 and 20 m (tank and ore cars the shortest, covered and passenger cars the longest).

use super::lives::Stretch;
use crate::detect::DetectionLimit;

/// Standard error of one end of a train, metres. Errors of ends have a long tail (`docs/accuracy.md`): half are below 3 to 7 m,
/// as with 5 to 10 m here, and one in ten is above 11 m in a place of long trains on bare beds, above 70 to 129 m in others. Two pixels
/// lie between, so that one end in ten is off by more than 33 m; a detection that takes in a neighbour is off by more.
pub(super) const END_SIGMA_M: f64 = 20.0;
/// Normal quantile of the central 90 %.
const Z_90: f64 = 1.645;
/// Shortest and longest usual wagon over couplers, metres.
const WAGON_M: (f64, f64) = (12.0, 20.0);

/// Occupied track on one date.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Occupancy {
    /// Occupied length, metres.
    pub(super) occupied_m: f64,
    /// 90 % range of it, metres.
    pub(super) range_m: (f64, f64),
    /// The same in wagons, whole numbers.
    pub(super) wagons: (u32, u32),
    /// Trains seen.
    pub(super) train_count: u32,
}

/// Occupied length of one track `length_m` long: overlapping trains count once.
#[must_use]
pub(super) fn occupancy(trains: &[Stretch], length_m: f64) -> Occupancy {
    let mut stretches: Vec<(f64, f64)> =
        trains.iter().map(|t| (t.start_m.max(0.0), t.end_m.min(length_m))).filter(|t| t.1 > t.0).collect();
    stretches.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut occupied_m, mut reached_m) = (0.0, 0.0f64);
    for (start, end) in &stretches {
        occupied_m += (end - start.max(reached_m)).max(0.0);
        reached_m = reached_m.max(*end);
    }
    with_range(occupied_m, stretches.len() as u32, length_m)
}

/// 90 % range of the sum over the tracks of a site, metres.
#[must_use]
pub(super) fn site_range(occupied_m: f64, train_count: u32, length_m: f64) -> (f64, f64) {
    with_range(occupied_m, train_count, length_m).range_m
}

fn with_range(occupied_m: f64, train_count: u32, length_m: f64) -> Occupancy {
    // σ_sum = σ √(2n)
    let spread_m = Z_90 * END_SIGMA_M * (2.0 * f64::from(train_count)).sqrt();
    let range_m = ((occupied_m - spread_m).max(0.0), (occupied_m + spread_m).min(length_m.max(occupied_m)));
    let wagons = ((range_m.0 / WAGON_M.1).floor() as u32, (range_m.1 / WAGON_M.0).ceil() as u32);
    Occupancy { occupied_m, range_m, wagons, train_count }
}

/// Detection limit of the middle one of the cargoes, metres; `None` where trains of half of the cargoes would be missed.
#[must_use]
pub(super) fn usual_limit(limits: &[DetectionLimit]) -> Option<f64> {
    let mut lengths: Vec<f64> = limits.iter().map(|l| l.length_m.unwrap_or(f64::INFINITY)).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied().filter(|l| l.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_count_once_and_ranges_grow_with_the_root() {
        let at = |start_m, end_m| Stretch { track: 0, start_m, end_m };
        let one = occupancy(&[at(100.0, 400.0)], 1000.0);
        assert!((one.occupied_m - 300.0).abs() < 1e-9 && one.train_count == 1);
        assert!((one.range_m.1 - 300.0 - 1.645 * 20.0 * 2f64.sqrt()).abs() < 1e-9);
        assert_eq!(one.wagons, (12, 29));
        let two = occupancy(&[at(100.0, 400.0), at(300.0, 500.0), at(900.0, 1200.0)], 1000.0);
        assert!((two.occupied_m - 500.0).abs() < 1e-9);
        assert_eq!(occupancy(&[], 1000.0), Occupancy::default());
    }

    #[test]
    fn the_limit_is_that_of_the_middle_cargo() {
        let limit = |length_m| DetectionLimit { cargo: String::new(), length_m };
        let limits = [limit(Some(80.0)), limit(None), limit(Some(120.0))];
        assert_eq!(usual_limit(&limits), Some(120.0));
        assert_eq!(usual_limit(&[limit(None), limit(None), limit(Some(60.0))]), None);
        assert_eq!(usual_limit(&[]), None);
    }
}

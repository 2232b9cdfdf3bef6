//! What a date shows of a train whose place and contrast are known.
//!
//! The mean likeness along its place is compared with that of stretches as long as it on the same track and on its placebo tracks.
//! Assumes that trains stand on less than a quarter of the track, and that a train keeps its contrast.

use super::bed::mean;
use super::lives::{Evidence, Stretch};
use crate::detect::TrackResult;
use crate::stats::{mad_sigma, median};
use ndarray::{Array2, s};
use statrs::function::erf::erfc;
use std::ops::Range;

/// Fewest stretches that tell how far chance gets.
const LEAST_STRETCHES: usize = 8;
/// Fewest rows of such a stretch.
const LEAST_ROWS: usize = 3;
/// Metres of track for which false alarms are counted.
const PER_M: f64 = 100_000.0;

/// What a stretch of a track in steps of `step_m` shows of a train of this contrast; of an empty contrast nothing is known.
pub(super) fn evidence(track: &TrackResult, stretch: &Stretch, contrast: &[f64], step_m: f64) -> Evidence {
    let last = track.profile.len();
    let at = |m: f64| ((m / step_m).round().max(0.0) as usize).min(last);
    let rows = at(stretch.start_m)..at(stretch.end_m.max(stretch.start_m));
    let seen = track.profile[rows.clone()].iter().filter(|v| v.is_finite()).count();
    let clear = seen as f64 / rows.len().max(1) as f64;
    let like = track.likeness.to(contrast);
    let strength = mean(like.row(0).slice(s![rows.clone()]).iter().copied());
    if strength.is_nan() {
        return Evidence { clear, strength, score: f64::NEG_INFINITY };
    }
    let chance = chance(&like, &rows, strength);
    // Of one stretch in 1/chance as much is expected, of 100 km in (100 km / length) · chance stretches.
    let score = -(chance.max(1e-300) * PER_M / stretch.length_m().max(step_m)).log10();
    Evidence { clear, strength, score: if score.is_nan() { f64::NEG_INFINITY } else { score } }
}

/// Probability that a stretch as long as `rows`, elsewhere on the track or on a placebo track, is as like the train: that of a normal
/// distribution of their spread, or their count where it is higher; NaN where there are too few to say.
///
/// On a track too short for [`LEAST_STRETCHES`] of them, they are taken shorter, and their spread is made less by the root.
fn chance(like: &Array2<f64>, rows: &Range<usize>, strength: f64) -> f64 {
    let (columns, last) = like.dim();
    let free = columns * last - rows.len();
    let count = rows.len().min(free / LEAST_STRETCHES).min(last).max(LEAST_ROWS);
    let mut means = Vec::new();
    for (column, line) in like.outer_iter().enumerate() {
        let is_elsewhere = |start: usize| column > 0 || start + count <= rows.start || start >= rows.end;
        let starts = (0..(last + 1).saturating_sub(count)).step_by((count / 2).max(1));
        for start in starts.filter(|&start| is_elsewhere(start)) {
            let seen = line.iter().skip(start).take(count).copied().filter(|v| v.is_finite());
            if 2 * seen.clone().count() >= count {
                means.push(mean(seen));
            }
        }
    }
    if means.len() < LEAST_STRETCHES {
        return f64::NAN;
    }
    let as_like = means.iter().filter(|m| **m >= strength).count() as f64 / means.len() as f64;
    let centre = median(&mut means);
    let shorter = count as f64 / rows.len().max(1) as f64;
    let sigma = mad_sigma(&means, centre) * shorter.min(1.0).sqrt();
    let normal = 0.5 * erfc((strength - centre) / sigma / std::f64::consts::SQRT_2);
    // Shorter stretches vary more than one as long as the place.
    if shorter < 1.0 { normal } else { normal.max(as_like) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corridor::{Strip, Track};
    use crate::detect::{DetectParams, TrackStrips, detect};
    use crate::monitor::bed::tests::{CONTRAST, SHOWN, strip};

    /// A date against three without a train.
    fn compared(target: Strip) -> TrackResult {
        let track = Track::new("a".into(), None, vec![(0.0, 0.0), (5000.0, 0.0)]).unwrap();
        let exclusion = Array2::from_elem(target.valid.dim(), false);
        let baselines = (1..4).map(|date| strip(date, 0.0, [0.0; 2])).collect();
        let input = TrackStrips { track: &track, target, baselines, exclusion };
        detect(&[input], &DetectParams::default()).unwrap().tracks.remove(0)
    }

    fn shown(track: &TrackResult, start_m: f64, contrast: &[f64]) -> Evidence {
        evidence(track, &Stretch { track: 0, start_m, end_m: start_m + 300.0 }, contrast, 10.0)
    }

    #[test]
    fn a_known_train_is_told_from_its_empty_bed_and_from_its_opposite() {
        for (now, strength) in SHOWN {
            let track = compared(strip(10, 0.05, now));
            let seen = shown(&track, 1000.0, &CONTRAST);
            assert!((seen.strength - strength).abs() < 0.15, "{now:?}: {seen:?}");
            assert_eq!(seen.score > 0.0, strength > 0.5, "{seen:?}");
            // A field that changed beside the track is no train.
            assert!(shown(&track, 3500.0, &CONTRAST).strength.abs() < 0.3);
        }
    }

    #[test]
    fn an_empty_place_gives_evidence_as_seldom_as_it_is_said() {
        let (mut count, mut found) = (0, 0);
        for date in 10..30 {
            let track = compared(strip(date, 0.02, [0.0; 2]));
            for start in (0..4700).step_by(200) {
                count += 1;
                // 33 on 100 km are one in ten stretches of 300 m.
                let seen = shown(&track, f64::from(start), &[0.004, 0.004]);
                found += usize::from(seen.score >= -(33.0f64.log10()));
            }
        }
        let share = f64::from(found as u32) / f64::from(count);
        assert!((0.05..0.17).contains(&share), "{share}");
    }

    #[test]
    fn what_is_not_seen_proves_nothing() {
        let mut hidden = strip(9, 0.0, [0.03, 0.01]);
        hidden.valid.slice_mut(s![90..140, ..]).fill(false);
        let track = compared(hidden);
        let seen = shown(&track, 1000.0, &[0.03, 0.01]);
        assert!(seen.clear == 0.0 && seen.score == f64::NEG_INFINITY && !seen.stands(), "{seen:?}");
        assert!(!shown(&track, 1000.0, &[]).stands());
    }
}

//! Which date has a train that was found, and what every date shows on the track.

use super::Change;
use super::radar;
use super::refine::{mean, track_of};
use super::stack::Stack;
use crate::stats::{Whitener, median, robust_line, trimmed_covariance};
use rayon::prelude::*;
use std::ops::Range;

/// Neighbouring rows to either side that say what the track normally looks like.
const NEIGHBOURS: usize = 60;
/// Fewest of them that are clear.
const LEAST_NEIGHBOURS: usize = 8;

/// By how much several baselines must be farther off than the target, in power, to show a train that departed: one that stood on all
/// dates is rarer than one that came. With 2 a fifth of those that did was told as arrivals, with 1 more arrivals as departures.
const RARER: f64 = 1.4;

/// What every date shows in the track's column, (date, band, row); NaN where it is not clear.
pub(super) struct OnTrack {
    /// Output of the filter; on radar how far the track stands out.
    pub(super) filtered: Vec<Vec<Vec<f64>>>,
    /// The same less its robust line on the flanks along all tracks: how far a bed stands out moves with the field beside it.
    standing_out: Vec<Vec<Vec<f64>>>,
}

impl OnTrack {
    pub(super) fn new(stack: &Stack<'_>) -> Self {
        let of_band = |scene: usize, band: usize| {
            if stack.looks.is_some() {
                let level = radar::level(stack, scene, band);
                return (level.clone(), level);
            }
            let seen = stack.seen_in_column(scene, band, stack.half);
            let (x, y): (Vec<f64>, Vec<f64>) = seen.iter().flatten().map(|s| (s.flank, s.filtered)).unzip();
            let line = robust_line(&x, &y);
            let usual = |flank: f64| line.as_ref().map_or(0.0, |line| line.at(flank));
            seen.iter()
                .map(|s| s.map_or((f64::NAN, f64::NAN), |s| (s.filtered, s.filtered - usual(s.flank))))
                .unzip()
        };
        let of_date = |scene: usize| (0..stack.bands).map(|band| of_band(scene, band)).unzip();
        let (filtered, standing_out) = (0..stack.scenes()).into_par_iter().map(of_date).unzip();
        Self { filtered, standing_out }
    }

    fn at(&self, date: usize, band: usize, row: usize) -> f64 {
        self.standing_out[date][band][row]
    }

    /// Median over dates; NaN where none is clear.
    fn median(&self, dates: Range<usize>, band: usize, row: usize) -> f64 {
        median(&mut dates.map(|date| self.at(date, band, row)).filter(|v| v.is_finite()).collect::<Vec<_>>())
    }
}

/// Which dates show a train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownOn {
    /// The target: it appeared.
    Target,
    /// The target and the newest of several baselines alike: it appeared before the newest.
    TargetAndNewest,
    /// The newest of several baselines alone: it departed.
    Newest,
    /// The baselines as a whole: it departed.
    AllBaselines,
    /// The older of several baselines, not the newest: it departed before the newest.
    OlderBaselines,
}

impl ShownOn {
    /// Of the train on `rows`.
    ///
    /// 1. With two or more baselines the older ones say what the place looks like. Target `a` and newest baseline `b` are
    ///    each compared with their median, less the same beside the stretch, and squared by the covariance there.
    ///    Both are alike where `(a − b)²` is below `a²` and `b²`. Else, with `b²` above `a²`, the train
    ///    stood on the newest and departed.
    /// 2. Otherwise target and baselines (their median) are each compared with what the track shows beside the
    ///    stretch on the same dates. The baselines are farther off (with several of them [`RARER`] times as far in
    ///    power): departed. Else it appeared. Either
    ///    way before the newest baseline where that and the target are alike.
    ///
    /// With too few clear neighbours the target is taken as the odd one.
    pub(super) fn new(stack: &Stack<'_>, on_track: &OnTrack, rows: &Range<usize>) -> Self {
        let dates = stack.scenes();
        let target = |band: usize, row: usize| on_track.at(0, band, row);
        let alone = Contest::new(stack, rows, &target, &|band, row| on_track.median(1..dates, band, row));
        let several = dates > 2;
        let against_older = if several {
            let older = |band: usize, row: usize| on_track.median(2..dates, band, row);
            let target = |band: usize, row: usize| on_track.at(0, band, row) - older(band, row);
            Contest::new(stack, rows, &target, &|band, row| on_track.at(1, band, row) - older(band, row))
        } else {
            Contest::default()
        };
        let Contest { first: target, second: newest, between } = against_older;
        let factor = if several { RARER } else { 1.0 };
        let both = several && between < target.min(newest);
        if several && newest > target && !both {
            Self::Newest
        } else {
            match (alone.second > factor * alone.first, both) {
                (true, false) => Self::AllBaselines,
                (true, true) => Self::OlderBaselines,
                (false, true) => Self::TargetAndNewest,
                (false, false) => Self::Target,
            }
        }
    }

    /// What that means for the time between baselines and target.
    #[must_use]
    pub fn change(self) -> Change {
        match self {
            Self::Target | Self::TargetAndNewest => Change::Appeared,
            Self::Newest | Self::AllBaselines | Self::OlderBaselines => Change::Departed,
        }
    }

    /// Whether the newest baseline shows the place as the target does.
    #[must_use]
    pub fn is_before_newest(self) -> bool {
        matches!(self, Self::TargetAndNewest | Self::OlderBaselines)
    }

    /// Scenes that show the place after and before the change.
    pub(super) fn sides(self, stack: &Stack<'_>) -> [Vec<usize>; 2] {
        let older = 2..stack.scenes();
        match self {
            Self::Target | Self::AllBaselines => [vec![0], (1..stack.scenes()).collect()],
            Self::TargetAndNewest | Self::OlderBaselines => [vec![0, 1], older.collect()],
            Self::Newest => [std::iter::once(0).chain(older).collect(), vec![1]],
        }
    }
}

/// A signal on the track by band and row.
type Signal<'a> = &'a dyn Fn(usize, usize) -> f64;

/// Squared departures of two signals in a stretch from their neighbours, and of one from the other, by their common covariance beside
/// the stretch; all 0 where too little is clear there.
#[derive(Default)]
struct Contest {
    first: f64,
    second: f64,
    between: f64,
}

impl Contest {
    fn new(stack: &Stack<'_>, rows: &Range<usize>, first: Signal<'_>, second: Signal<'_>) -> Self {
        let departures = Departure::new(stack, rows, first).zip(Departure::new(stack, rows, second));
        let Some((first, second)) = departures else { return Self::default() };
        let beside = [first.beside, second.beside].concat();
        let covariance = trimmed_covariance(&beside, stack.bands, 0.9, 3);
        let Some(whitener) = covariance.as_ref().and_then(Whitener::new) else { return Self::default() };
        let square = |departure: &[f64]| whitener.length(departure).powi(2);
        let between: Vec<f64> = first.inside.iter().zip(&second.inside).map(|(a, b)| a - b).collect();
        Self { first: square(&first.inside), second: square(&second.inside), between: square(&between) }
    }
}

/// How a signal differs in a stretch from what it is beside it.
struct Departure {
    /// Mean over the stretch less the median beside it, per band.
    inside: Vec<f64>,
    /// The signal beside the stretch less its median there, bands of one row after another.
    beside: Vec<f64>,
}

impl Departure {
    /// `None` with too few clear neighbours.
    fn new(stack: &Stack<'_>, rows: &Range<usize>, signal: Signal<'_>) -> Option<Self> {
        let track = track_of(stack, rows.start);
        let before = rows.start.saturating_sub(NEIGHBOURS).max(track.start)..rows.start.saturating_sub(1);
        let after = rows.end + 1..(rows.end + NEIGHBOURS).min(track.end);
        let of_row = |row: usize| (0..stack.bands).map(|band| signal(band, row)).collect::<Vec<f64>>();
        let mut beside: Vec<Vec<f64>> = before.chain(after).map(of_row).collect();
        beside.retain(|bands| bands.iter().all(|v| v.is_finite()));
        if beside.len() < LEAST_NEIGHBOURS {
            return None;
        }
        let centre = |band: usize| median(&mut beside.iter().map(|bands| bands[band]).collect::<Vec<_>>());
        let centres: Vec<f64> = (0..stack.bands).map(centre).collect();
        let inside =
            (0..stack.bands).map(|band| mean(rows.clone().map(|row| signal(band, row) - centres[band])));
        let inside = inside.collect();
        let beside = beside.iter().flat_map(|bands| bands.iter().zip(&centres).map(|(v, c)| v - c)).collect();
        Some(Self { inside, beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corridor::{Strip, StripGeometry, Track};
    use crate::detect::{DetectParams, TrackStrips};
    use ndarray::{Array2, Array3};

    const TRAIN: Range<usize> = 200..230;

    /// Two bands of a bed with these levels by band and row, between fields of those levels by row.
    fn strip(track: &Track, bed: impl Fn(usize, usize) -> f64, field: impl Fn(usize) -> f64) -> Strip {
        let geometry = StripGeometry::for_pixel_m(10.0);
        let (ns, nt) = (geometry.along_count(track.length_m()), geometry.across_count());
        let values = Array3::from_shape_fn((2, ns, nt), |(b, s, t)| {
            let offset_px = (t as f64 - 40.0) / 2.0;
            let cover = 0.4 * (-offset_px * offset_px / (2.0 * 0.55 * 0.55)).exp();
            (field(s) * (1.0 - cover) + cover * bed(b, s)) as f32
        });
        Strip { values, valid: Array2::from_elem((ns, nt), true), geometry }
    }

    fn shown(target: impl Fn(&Track) -> Strip, baseline: impl Fn(&Track) -> Strip) -> ShownOn {
        let track = Track::new("a".into(), None, vec![(0.0, 0.0), (6000.0, 0.0)]).unwrap();
        let (target, baselines) = (target(&track), vec![baseline(&track)]);
        let exclusion = Array2::from_elem(target.valid.dim(), false);
        let strips = [TrackStrips { track: &track, target, baselines, exclusion }];
        let stack = Stack::new(&strips, &DetectParams::default()).unwrap();
        ShownOn::new(&stack, &OnTrack::new(&stack), &TRAIN)
    }

    fn wave(s: usize, length: f64) -> f64 {
        (s as f64 * std::f64::consts::TAU / length).sin()
    }

    #[test]
    fn what_the_fields_do_is_not_the_bed() {
        // The baseline's field is bright beside the train, so the bed seems darker there than it is.
        let fine = |b: usize, s: usize| 0.002 * wave(s, 3.7 + b as f64);
        let with_train = |b: usize, s: usize| 0.15 + fine(b, s) - if TRAIN.contains(&s) { 0.05 } else { 0.0 };
        let empty = |b: usize, s: usize| 0.15 + fine(b + 2, s);
        let steady = |s: usize| 0.2 + 0.002 * wave(s, 31.0);
        let bright = |s: usize| 0.2 + 0.002 * wave(s, 31.0) + if (195..235).contains(&s) { 0.1 } else { 0.0 };
        assert_eq!(shown(|t| strip(t, with_train, steady), |t| strip(t, empty, bright)), ShownOn::Target);
        assert_eq!(
            shown(|t| strip(t, empty, bright), |t| strip(t, with_train, steady)),
            ShownOn::AllBaselines
        );
    }

    #[test]
    fn what_all_bands_share_beside_the_train_says_less() {
        // Both bands rise and fall together along the bed, and do so within the stretch; the train has a colour.
        let fine = |b: usize, s: usize| 0.002 * wave(s, 3.7 + b as f64);
        let colour = |b: usize, s: usize| match (b, TRAIN.contains(&s)) {
            (0, true) => 0.02,
            (_, true) => -0.02,
            _ => 0.0,
        };
        let with_train = |b: usize, s: usize| 0.15 + 0.04 * wave(s, 15.0) + fine(b, s) + colour(b, s);
        let risen = |s: usize| if TRAIN.contains(&s) { 0.04 } else { 0.0 };
        let empty = |b: usize, s: usize| 0.15 + 0.04 * wave(s, 15.0) + risen(s) + fine(b + 2, s);
        let field = |s: usize| 0.2 + 0.002 * wave(s, 31.0);
        assert_eq!(shown(|t| strip(t, with_train, field), |t| strip(t, empty, field)), ShownOn::Target);
        assert_eq!(shown(|t| strip(t, empty, field), |t| strip(t, with_train, field)), ShownOn::AllBaselines);
    }
}

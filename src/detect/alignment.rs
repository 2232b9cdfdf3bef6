//! Where the rails lie in the pictures: a map is metres off, and so is a scene.
//!
//! Ballast stands out from what lies beside it on every date. The rails are moved together, by one step in map metres,
//! to where the baselines' filtered signal along all tracks is largest; the target is not asked, so that no train draws
//! the line to itself. The same search on placebo tracks says how large the signal becomes where no bed is: the rails stay
//! where they are unless theirs is clearly larger, and clearly larger than without the step.

use super::stack::Stack;
use super::{DetectParams, TrackStrips};
use crate::stats::median;
use rayon::prelude::*;

/// Steps tried along each map axis are multiples of this, px.
const STEP_PX: f64 = 0.5;
/// Baselines looked at, newest first.
const DATES: usize = 4;
/// Fewest rows that decide.
const ROWS_MIN: usize = 100;
/// Standard deviations over the placebo tracks' mean from which a bed is seen.
const SEEN_SIGMAS: f64 = 4.0;

/// The signal of the bed below the rails, moved by each step.
struct Beds {
    /// Map metres, the shortest first.
    steps: Vec<(f64, f64)>,
    /// Cells to the right that each step means in each row.
    asides: Vec<Vec<isize>>,
    /// Signal on the tracks by step, in units of the placebo tracks'.
    own: Vec<f64>,
    /// The step with the largest.
    best: usize,
    /// Mean and standard deviation over placebo tracks of their largest.
    placebo: (f64, f64),
}

/// The step `(x, y)`, map metres, and the cells to the right that it means in each row; `None` where the rails stay.
pub(super) fn step(stack: &Stack<'_>, tracks: &[TrackStrips<'_>]) -> Option<((f64, f64), Vec<isize>)> {
    let mut beds = Beds::new(stack, tracks)?;
    let seen = beds.sigmas(beds.best) > SEEN_SIGMAS && beds.own[beds.best] - beds.own[0] > beds.placebo.1;
    seen.then(|| (beds.steps[beds.best], beds.asides.swap_remove(beds.best)))
}

/// How clearly the baselines show a bed just below the rails, in standard deviations of the most that placebo tracks show within a step;
/// 0 where that is not known.
#[must_use]
pub fn bed_sigmas(tracks: &[TrackStrips<'_>]) -> f64 {
    let stack = Stack::new(tracks, &DetectParams::default()).ok();
    let sigmas = stack.and_then(|stack| Some(Beds::new(&stack, tracks)?.sigmas(0)));
    sigmas.filter(|s| s.is_finite()).unwrap_or(0.0)
}

impl Beds {
    fn new(stack: &Stack<'_>, tracks: &[TrackStrips<'_>]) -> Option<Self> {
        let reach = stack.reach_cells();
        if reach < 1 || stack.rows() < ROWS_MIN {
            return None;
        }
        let right: Vec<(f64, f64)> =
            tracks.iter().zip(&stack.ranges).flat_map(|(t, rows)| normals(stack, t, rows.len())).collect();
        let cell_m = stack.step_m / stack.cells_per_px as f64;
        let cells = |step: (f64, f64)| -> Vec<isize> {
            right.iter().map(|n| ((step.0 * n.0 + step.1 * n.1) / cell_m).round() as isize).collect()
        };
        let steps = steps(stack.step_m, reach as f64 * cell_m);
        let asides: Vec<Vec<isize>> = steps.iter().map(|&s| cells(s)).collect();
        // Signal of every step on the tracks and on each placebo track, in units of the placebos' own.
        let centres: Vec<usize> = std::iter::once(stack.half).chain(stack.placebo_columns()).collect();
        let signals: Vec<Vec<Vec<f64>>> = centres
            .par_iter()
            .map(|&c| (0..stack.bands).map(|b| signal(stack, (c, b), reach, &asides)).collect())
            .collect();
        let unit: Vec<f64> = (0..stack.bands)
            .map(|b| {
                median(
                    &mut signals[1..].iter().map(|s| s[b][0]).filter(|v| v.is_finite()).collect::<Vec<_>>(),
                )
            })
            .collect();
        let sums = |of: &Vec<Vec<f64>>| -> Vec<f64> {
            (0..steps.len()).map(|k| of.iter().zip(&unit).map(|(s, u)| s[k] / u).sum()).collect()
        };
        let highest =
            |of: &Vec<f64>| of.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
        let placebo: Vec<f64> =
            signals[1..].iter().map(|s| highest(&sums(s))).filter(|v| v.is_finite()).collect();
        let mean = placebo.iter().sum::<f64>() / placebo.len() as f64;
        let sigma =
            (placebo.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (placebo.len() as f64 - 1.0)).sqrt();
        let own = sums(&signals[0]);
        let best = (0..own.len())
            .filter(|&k| own[k].is_finite())
            .max_by(|&a, &b| own[a].total_cmp(&own[b]).then(b.cmp(&a)))?;
        Some(Self { steps, asides, own, best, placebo: (mean, sigma) })
    }

    /// Of the signal at a step, over the placebo tracks.
    fn sigmas(&self, step: usize) -> f64 {
        (self.own[step] - self.placebo.0) / self.placebo.1
    }
}

/// Unit vectors to the right of the track at each of its rows.
fn normals<'t>(
    stack: &Stack<'_>,
    track: &'t TrackStrips<'_>,
    rows: usize,
) -> impl Iterator<Item = (f64, f64)> + 't {
    let step_m = stack.step_m;
    (0..rows).map(move |s| {
        let along = track.track.at(s as f64 * step_m).along;
        (along.1, -along.0)
    })
}

/// Steps of at most `most_m`, the shortest first.
fn steps(pixel_m: f64, most_m: f64) -> Vec<(f64, f64)> {
    let step_m = STEP_PX * pixel_m;
    let n = (most_m / step_m).floor() as i32;
    let along = move |k: i32| f64::from(k) * step_m;
    let mut all: Vec<(f64, f64)> =
        (-n..=n).flat_map(|i| (-n..=n).map(move |j| (along(i), along(j)))).collect();
    all.retain(|s| s.0.hypot(s.1) <= most_m + 1e-9);
    all.sort_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)));
    all
}

/// Median along all tracks of the size of the baselines' mean filtered signal in one band, around a column, for every step.
fn signal(
    stack: &Stack<'_>,
    (column, band): (usize, usize),
    reach: isize,
    asides: &[Vec<isize>],
) -> Vec<f64> {
    let from = (column as isize - stack.half as isize) * stack.cells_per_px as isize;
    let at_cell = |cell: isize| -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); stack.rows()];
        for scene in 1..stack.scenes().min(1 + DATES) {
            for (sum, filtered) in sums.iter_mut().zip(stack.filtered(scene, band, from + cell)) {
                *sum = filtered.map_or(*sum, |v| (sum.0 + v, sum.1 + 1.0));
            }
        }
        sums.into_iter().map(|(sum, count)| (sum / count).abs()).collect()
    };
    let cells: Vec<Vec<f64>> = (-reach..=reach).map(at_cell).collect();
    let of_step = |aside: &Vec<isize>| {
        let row = |(row, &cell): (usize, &isize)| cells[(cell + reach) as usize][row];
        let usable = |(row, _): &(usize, &isize)| !stack.excluded[(*row, column)] || column == stack.half;
        median(
            &mut aside
                .iter()
                .enumerate()
                .filter(usable)
                .map(row)
                .filter(|v| v.is_finite())
                .collect::<Vec<_>>(),
        )
    };
    asides.iter().map(of_step).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{DetectParams, stack};
    use super::*;
    use crate::corridor::{Strip, StripGeometry, Track};
    use ndarray::{Array2, Array3};
    use rand::{RngExt, SeedableRng};

    /// Dates of a straight line with a bed of this contrast, so many cells right of the rail.
    fn tracks(track: &Track, contrast: f32, cells_right: isize) -> TrackStrips<'_> {
        let geometry = StripGeometry::for_pixel_m(10.0);
        let (rows, middle) = (geometry.along_count(track.length_m()), geometry.half_across() as isize);
        let strip = |seed: u64| {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let values = Array3::from_shape_fn((2, rows, geometry.across_count()), |(_, _, t)| {
                let offset_px = 0.5 * (t as isize - middle - cells_right) as f32;
                0.1 + contrast * (-offset_px * offset_px / 0.6).exp() + 0.02 * (rng.random::<f32>() - 0.5)
            });
            Strip { valid: Array2::from_elem((rows, geometry.across_count()), true), values, geometry }
        };
        let exclusion = Array2::from_elem((rows, geometry.across_count()), false);
        TrackStrips { track, target: strip(1), baselines: vec![strip(2), strip(3)], exclusion }
    }

    #[test]
    fn rails_follow_a_bed_that_lies_beside_them_and_stay_where_there_is_none() {
        // Towards the east: right is south.
        let track = Track::new("a".into(), None, vec![(0.0, 0.0), (4000.0, 0.0)]).unwrap();
        let found = |contrast, cells| {
            let tracks = [tracks(&track, contrast, cells)];
            let stack = stack::Stack::new(&tracks, &DetectParams::default()).unwrap();
            step(&stack, &tracks).map(|(step_m, aside)| (step_m, aside[100]))
        };
        assert_eq!(found(0.02, 2), Some(((0.0, -10.0), 2)));
        assert_eq!(found(-0.02, -1), Some(((0.0, 5.0), -1)));
        assert_eq!(found(0.02, 0), None);
        assert_eq!(found(0.0, 0), None);
    }
}

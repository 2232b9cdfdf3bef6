//! What stands out of the other scenes, and how much of it the scene under test shows if it is still there.

use super::stack::{Role, Seen, Stack};
use crate::stats::{mad_sigma, median, weighted_median};
use rayon::prelude::*;

/// A place stands out of its column partly from the first on and wholly from the second, in standard deviations along the column. What
/// swings with the place of a bed between the pixels stays below.
const SURE_SIGMAS: std::ops::Range<f64> = 3.0..4.7;
/// Contrast of a date over that of the others that is believed, and how much what stands still may differ from it.
const CONTRAST_RATIOS: std::ops::RangeInclusive<f64> = 0.4..=2.5;
const CONTRAST_TOLERANCE: f64 = 0.15;
/// Fewest cells beside the track that tell it.
const CONTRAST_CELLS: usize = 30;

/// Mean filter output and flank of the scenes that are clear at a row; NaN where none is.
pub(super) fn mean_of(scenes: &[&[Option<Seen>]], row: usize) -> (f64, f64) {
    let (filtered, flank, count) = scenes
        .iter()
        .filter_map(|o| o[row])
        .fold((0.0, 0.0, 0.0), |(a, b, n), s| (a + s.filtered, b + s.flank, n + 1.0));
    (filtered / count, flank / count)
}

fn finite_median(values: &[f64]) -> f64 {
    median(&mut values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<_>>())
}

/// By how much each row of some scenes stands out of their column on most dates.
///
/// A slope on a noisy covariate is too flat (errors in variables), and rightly so for what is noise in it. A wagon that stands on all
/// dates stands out by far more than noise and is expected to do so again by as much, as far as the contrast of the dates is known. So
/// what is beyond the noise for certain is taken from both sides of the regression.
pub(super) struct StandingOut {
    /// Median over the dates less the column's, by row; 0 where it is within the noise.
    out: Vec<f64>,
    /// Standard deviation along the column.
    sigma: f64,
}

impl StandingOut {
    /// `usual` is the mean of the scenes; `None` where it does not vary.
    pub(super) fn new(usual: &[f64], scenes: &[&[Option<Seen>]]) -> Option<Self> {
        let mut finite: Vec<f64> = usual.iter().copied().filter(|v| v.is_finite()).collect();
        let centre = median(&mut finite);
        let sigma = mad_sigma(&finite, centre);
        if sigma.is_nan() || sigma <= 0.0 {
            return None;
        }
        let of = |(row, usual): (usize, &f64)| {
            if usual.is_nan() || (usual - centre).abs() < SURE_SIGMAS.start * sigma {
                return 0.0;
            }
            median(&mut scenes.iter().filter_map(|o| o[row]).map(|s| s.filtered).collect::<Vec<_>>()) - centre
        };
        Some(Self { out: usual.iter().enumerate().map(of).collect(), sigma })
    }

    /// How sure a row stands out, from 0 to 1 without a step or a kink.
    fn sure(&self, out: f64) -> f64 {
        let sure = (out.abs() / self.sigma - SURE_SIGMAS.start) / (SURE_SIGMAS.end - SURE_SIGMAS.start);
        let sure = sure.clamp(0.0, 1.0);
        sure * sure * (3.0 - 2.0 * sure)
    }

    /// What surely stands, by row.
    pub(super) fn standing(&self) -> Vec<f64> {
        self.out.iter().map(|&out| out * self.sure(out)).collect()
    }
}

/// The least and the most that the scene under test shows of what stands still, over what the others show of it, for each band.
///
/// Haze, light and moisture change the contrast of a whole scene. How much is seen beside the track, on hedges, roads and edges that
/// stand out there on the others for certain: the median of the ratios, weighted by their size. But fields change by themselves, so
/// an unchanged contrast is believed, too, and what stands still may show anything between.
pub(super) fn contrast_ratios(stack: &Stack<'_>, role: &Role) -> Vec<[f64; 2]> {
    let columns: Vec<usize> = stack.placebo_columns().into_iter().step_by(2).collect();
    let of_column = |&(band, column): &(usize, usize)| {
        let seen = |scene: usize| stack.seen_in_column(scene, band, column);
        let others: Vec<Vec<Option<Seen>>> = role.others.iter().map(|&scene| seen(scene)).collect();
        let others: Vec<&[Option<Seen>]> = others.iter().map(Vec::as_slice).collect();
        let usual: Vec<f64> = (0..stack.rows()).map(|row| mean_of(&others, row).0).collect();
        let tested: Vec<f64> =
            seen(role.tested).into_iter().map(|s| s.map_or(f64::NAN, |s| s.filtered)).collect();
        let centre = finite_median(&tested);
        let Some(standing) = StandingOut::new(&usual, &others) else { return Vec::new() };
        let sure = |out: f64| out.abs() >= SURE_SIGMAS.end * standing.sigma;
        let pairs = standing.out.iter().zip(&tested).filter(|(out, v)| sure(**out) && v.is_finite());
        pairs.map(|(out, v)| ((v - centre) / out, out.abs())).collect()
    };
    let of_band = |band: usize| {
        let cells: Vec<(usize, usize)> = columns.iter().map(|&column| (band, column)).collect();
        let ratios: Vec<(f64, f64)> = cells.par_iter().flat_map_iter(of_column).collect();
        let ratio = if ratios.len() < CONTRAST_CELLS { 1.0 } else { weighted_median(ratios) };
        let ratio = ratio.clamp(*CONTRAST_RATIOS.start(), *CONTRAST_RATIOS.end());
        [ratio.min(1.0) * (1.0 - CONTRAST_TOLERANCE), ratio.max(1.0) * (1.0 + CONTRAST_TOLERANCE)]
    };
    if stack.looks.is_some() { Vec::new() } else { (0..stack.bands).map(of_band).collect() }
}

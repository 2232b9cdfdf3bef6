//! What changes slowly over the ground (haze, illumination, season) belongs to the expectation.
//!
//! The trend is the mean of the contrast in a square window, with the contrast clipped at three robust
//! standard deviations so that a large object does not become its own trend.

use super::expected::Expectation;
use crate::stats::{mad_sigma, median};
use ndarray::{Array2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// The contrast is clipped at so many standard deviations before it is averaged.
const CLIP_SIGMA: f64 = 3.0;

/// Moves the trend over windows of `2 · reach_px + 1` pixels from the contrast to the expectation.
pub(super) fn absorb(model: &mut Expectation, reach_px: usize) {
    model
        .expected
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(model.contrast.axis_iter_mut(Axis(0)))
        .for_each(|(expected, contrast)| absorb_band(expected, contrast, reach_px));
}

fn absorb_band(expected: ArrayViewMut2<'_, f32>, contrast: ArrayViewMut2<'_, f32>, reach_px: usize) {
    if let Some(clip) = Clip::of(contrast.iter()) {
        clip.absorb(expected, contrast, reach_px);
    }
}

/// Where the contrast of a band is clipped before it is averaged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clip {
    centre: f64,
    reach: f64,
}

impl Clip {
    /// The clip that these contrasts ask for; `None` where they have no spread.
    pub(super) fn of<'a>(contrast: impl Iterator<Item = &'a f32>) -> Option<Self> {
        let mut values: Vec<f64> = contrast.filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
        let centre = median(&mut values);
        let reach = CLIP_SIGMA * mad_sigma(&values, centre);
        (reach > 0.0).then_some(Self { centre, reach })
    }

    /// Moves the trend of one band from the contrast to the expectation.
    pub(super) fn absorb(
        self,
        mut expected: ArrayViewMut2<'_, f32>,
        mut contrast: ArrayViewMut2<'_, f32>,
        reach_px: usize,
    ) {
        let (height, width) = contrast.dim();
        // Sums of the clipped values and their number: along rows, then the rows in reach of the current one.
        let along = Array2::from_shape_vec((height, width), self.along_rows(&contrast, reach_px));
        let Ok(along) = along else { return };
        let mut sums = vec![(0.0_f64, 0.0_f64); width];
        let add = |sums: &mut Vec<(f64, f64)>, row: usize, sign: f64| {
            for (sum, part) in sums.iter_mut().zip(along.row(row)) {
                *sum = (sum.0 + sign * f64::from(part.0), sum.1 + sign * f64::from(part.1));
            }
        };
        (0..reach_px.min(height)).for_each(|row| add(&mut sums, row, 1.0));
        for row in 0..height {
            if row + reach_px < height {
                add(&mut sums, row + reach_px, 1.0);
            }
            if row > reach_px {
                add(&mut sums, row - reach_px - 1, -1.0);
            }
            let lines = contrast.row_mut(row).into_iter().zip(expected.row_mut(row)).zip(&sums);
            for ((value, model), sum) in lines.filter(|((v, _), _)| v.is_finite()) {
                let trend = (self.centre + sum.0 / sum.1.max(1.0)) as f32;
                *value -= trend;
                *model += trend;
            }
        }
    }

    /// Sum and number of the clipped values within reach along each row.
    fn along_rows(self, contrast: &ArrayViewMut2<'_, f32>, reach_px: usize) -> Vec<(f32, f32)> {
        let (centre, reach) = (self.centre as f32, self.reach as f32);
        let clipped = |v: f32| {
            if v.is_finite() { ((v - centre).clamp(-reach, reach), 1.0) } else { (0.0, 0.0) }
        };
        let mut out = Vec::with_capacity(contrast.len());
        let mut parts = Vec::with_capacity(contrast.ncols());
        for line in contrast.outer_iter() {
            parts.clear();
            parts.extend(line.iter().map(|v| clipped(*v)));
            let mut sum = parts.iter().take(reach_px).fold((0.0_f32, 0.0_f32), |s, p| (s.0 + p.0, s.1 + p.1));
            for col in 0..parts.len() {
                if let Some(p) = parts.get(col + reach_px) {
                    sum = (sum.0 + p.0, sum.1 + p.1);
                }
                if let Some(p) = col.checked_sub(reach_px + 1).map(|k| parts[k]) {
                    sum = (sum.0 - p.0, sum.1 - p.1);
                }
                out.push(sum);
            }
        }
        out
    }
}

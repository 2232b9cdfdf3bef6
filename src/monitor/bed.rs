//! How the bed of a track changed since other dates, and how much of a train that is known one of them shows.
//!
//! For dates before a train was known, when the detector did not look for it.

use super::lives::Stretch;
use super::state::Scale;
use crate::corridor::Strip;
use crate::stats::{median, robust_line};
use ndarray::Array2;
use std::ops::Range;

/// Half width of the bed, pixels: the pixel that a train fills most of.
const BED_PX: f64 = 0.5;
/// Where the ground beside it lies, pixels from the track. A bed that is narrower than a pixel changes with the fields beside it.
const FLANK_PX: (f64, f64) = (1.5, 3.0);

/// Change of the bed of one track, less what the ground beside it explains.
pub(super) struct BedChange {
    /// Target less the median of the dates before, (band, row): reflectance, or dB for radar; NaN where it is not seen.
    change: Array2<f64>,
    /// Weight of each band, 1/σ² of a row.
    weights: Vec<f64>,
    step_m: f64,
}

impl BedChange {
    /// Of a strip against those of earlier dates, from which the trains are taken out.
    pub(super) fn new(target: &Strip, baselines: &[&Strip], scale: Scale) -> Self {
        let (bands, rows, _) = target.values.dim();
        let levels = |strip: &Strip, reach_px: (f64, f64)| levels(strip, reach_px, scale);
        let difference = |reach_px: (f64, f64)| {
            let before: Vec<Array2<f64>> = baselines.iter().map(|b| levels(b, reach_px)).collect();
            let mut now = levels(target, reach_px);
            for (at, value) in now.indexed_iter_mut() {
                let dates = before.iter().map(|b| b[at]).filter(|v| v.is_finite());
                *value -= median(&mut dates.collect::<Vec<_>>());
            }
            now
        };
        let (bed, flank) = (difference((0.0, BED_PX)), difference(FLANK_PX));
        let mut change = Array2::from_elem((bands, rows), f64::NAN);
        let mut weights = vec![0.0; bands];
        for band in 0..bands {
            let seen = |row: &usize| bed[(band, *row)].is_finite() && flank[(band, *row)].is_finite();
            let clear: Vec<usize> = (0..rows).filter(seen).collect();
            let (x, y): (Vec<f64>, Vec<f64>) =
                clear.iter().map(|&row| (flank[(band, row)], bed[(band, row)])).unzip();
            let Some(line) = robust_line(&x, &y) else { continue };
            for &row in &clear {
                change[(band, row)] = bed[(band, row)] - line.at(flank[(band, row)]);
            }
            weights[band] = line.sigma.max(1e-9).powi(-2);
        }
        Self { change, weights, step_m: target.geometry.along_step_m }
    }

    fn rows(&self, stretch: &Stretch) -> Range<usize> {
        let last = self.change.ncols();
        let at = |m: f64| ((m / self.step_m).round().max(0.0) as usize).min(last);
        at(stretch.start_m)..at(stretch.end_m)
    }

    /// Share of a contrast that a stretch shows; NaN where nothing of it is seen.
    pub(super) fn strength(&self, stretch: &Stretch, contrast: &[f64]) -> f64 {
        let like = self.likeness(contrast);
        mean(like.get(self.rows(stretch)).unwrap_or(&[]).iter().copied())
    }

    /// Projection of each row on a contrast, 1 where it shows it in full; NaN where it is not seen.
    fn likeness(&self, contrast: &[f64]) -> Vec<f64> {
        let bands = || contrast.iter().zip(&self.weights).enumerate();
        let square: f64 = bands().map(|(_, (c, w))| c * c * w).sum();
        let of_row =
            |row: usize| bands().map(|(band, (c, w))| c * w * self.change[(band, row)]).sum::<f64>() / square;
        (0..self.change.ncols()).map(of_row).collect()
    }
}

/// Mean level of the cells at a distance from the track, (band, row); NaN where none is seen.
fn levels(strip: &Strip, reach_px: (f64, f64), scale: Scale) -> Array2<f64> {
    let (bands, rows, columns) = strip.values.dim();
    let (middle, cells_per_px) =
        (strip.geometry.half_across(), strip.geometry.along_step_m / strip.geometry.across_step_m);
    let is_within = |t: &usize| {
        let px = t.abs_diff(middle) as f64 / cells_per_px;
        (reach_px.0..=reach_px.1).contains(&px)
    };
    let cells: Vec<usize> = (0..columns).filter(is_within).collect();
    Array2::from_shape_fn((bands, rows), |(band, row)| {
        let seen = cells.iter().filter(|&&t| strip.valid[(row, t)]);
        f64::from(scale.stored(mean(seen.map(|&t| f64::from(strip.values[(band, row, t)]))) as f32))
    })
}

/// Mean of the finite values; NaN where there are none.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.filter(|v| v.is_finite()).fold((0.0, 0u32), |a, v| (a.0 + v, a.1 + 1));
    sum / f64::from(count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::corridor::StripGeometry;
    use ndarray::Array3;

    /// Contrast of a train that is known.
    pub(in crate::monitor) const CONTRAST: [f64; 2] = [0.03, 0.01];
    /// Contrasts that its place may show, and how much of the train they are: itself, the bed, its opposite, another colour.
    pub(in crate::monitor) const SHOWN: [([f64; 2], f64); 4] =
        [(CONTRAST, 1.0), ([0.0, 0.0], 0.0), ([-0.03, -0.01], -1.0), ([-0.01, 0.03], 0.0)];

    /// Uniform noise −0.5…0.5 that depends on nothing but its argument.
    fn noise(seed: usize) -> f64 {
        let mut z = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    /// A bed of 5 km under noise of its date; fields beside it that change by `field` and half of that on the bed, from 3 km on; a
    /// train of `contrast` at 1000 to 1300 m.
    pub(in crate::monitor) fn strip(date: usize, field: f64, contrast: [f64; 2]) -> Strip {
        let geometry = StripGeometry::for_pixel_m(10.0);
        let shape = (geometry.along_count(5000.0), geometry.across_count());
        let values = Array3::from_shape_fn((2, shape.0, shape.1), |(b, s, t)| {
            let px = (t as f64 - geometry.half_across() as f64) / 2.0;
            let blur = (-px * px / (2.0 * 0.55 * 0.55)).exp();
            let train = if (100..130).contains(&s) { contrast[b] * blur } else { 0.0 };
            let fields = if s >= 300 { field * (1.0 - 0.5 * blur) } else { 0.0 };
            (0.2 + train + fields + 0.01 * noise(((date * 2 + b) * 1000 + s) * 100 + t)) as f32
        });
        Strip { values, valid: Array2::from_elem(shape, true), geometry }
    }

    #[test]
    fn a_known_train_is_told_from_its_empty_bed_and_from_its_opposite() {
        let before: Vec<Strip> = (1..4).map(|date| strip(date, 0.0, [0.0; 2])).collect();
        let before: Vec<&Strip> = before.iter().collect();
        let change = |target: &Strip| BedChange::new(target, &before, Scale::Linear);
        let place = Stretch { track: 0, start_m: 1000.0, end_m: 1300.0 };
        for (now, strength) in SHOWN {
            // The bed is as wide as the pixel, of which the train fills the most.
            let seen = change(&strip(10, 0.05, now)).strength(&place, &CONTRAST);
            assert!((seen - strength).abs() < 0.3, "{now:?}: {seen}");
        }
        // A field that changed beside the track is no train.
        let field = Stretch { track: 0, start_m: 3500.0, end_m: 3800.0 };
        assert!(change(&strip(10, 0.05, [0.0; 2])).strength(&field, &CONTRAST).abs() < 0.3);
        let mut hidden = strip(9, 0.0, [0.03, 0.01]);
        hidden.valid.fill(false);
        assert!(change(&hidden).strength(&place, &CONTRAST).is_nan());
    }
}

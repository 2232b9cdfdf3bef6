//! The velocity at which the two ends of a train travel from band to band, given as a posterior over all velocities.

use super::Seen;
use super::signal::Line;
use std::ops::RangeInclusive;

/// Spacing of the velocities that are tried, m/s.
const SPEED_STEP_M_S: f64 = 1.0;
/// An end is searched this far from where the detector found it, metres, in about such steps: whole parts of a cell.
const SEARCH_M: f64 = 60.0;
const SEARCH_STEP_M: f64 = 2.5;
/// A product of widths is taken the logarithm of before it leaves the numbers that there are.
const LARGE: f64 = 1e100;
/// Line beyond the search that is compared, metres: bands shift by half of the way of the fastest train.
const MARGIN_M: f64 = 40.0;
/// Blur of an end by the sensor and by resampling, cells.
const BLUR_CELLS: f64 = 0.6;
/// Line behind an end that is not taken for the train's inside, metres.
const RIM_M: f64 = 30.0;
/// Variance of the gain of a cell: where the train falls in the pixels, what ground is seen beside it.
const GAIN_VARIANCE: f64 = 0.16;

/// The best velocity.
pub(super) struct Best {
    pub(super) velocity_m_s: f64,
    pub(super) sigma_m_s: f64,
}

/// Bands scaled to one noise, and what the inside of the train says of them.
struct Model<'a> {
    bands: &'a [(f64, Line)],
    mean_s: f64,
    step_m: f64,
    /// `c_b`.
    contrasts: Vec<f64>,
    /// f σ²: correlation along the line times misfit of the inside.
    noise: f64,
}

/// Fits `z_b(s) = c_b p(s − v τ_b) g(s)` to `bands` (delay, signal); `None` where there is no inside to measure.
pub(super) fn fit(bands: &[(f64, Line)], step_m: f64, seen: Seen, fastest_m_s: f64) -> Option<Best> {
    let model = Model::new(bands, step_m, seen)?;
    let steps = (fastest_m_s / SPEED_STEP_M_S).round() as i64;
    let velocities: Vec<f64> = (-steps..=steps).map(|k| k as f64 * SPEED_STEP_M_S).collect();
    let middle_m = 0.5 * (seen.start_m + seen.end_m);
    let reach_m = SEARCH_M + MARGIN_M;
    let first = |v| model.end(v, (seen.start_m - reach_m, middle_m), seen.start_m, 1.0);
    let last = |v| model.end(v, (middle_m, seen.end_m + reach_m), seen.end_m, -1.0);
    let start: Vec<f64> = velocities.iter().map(|&v| first(v)).collect();
    let end: Vec<f64> = velocities.iter().map(|&v| last(v)).collect();
    let both: Vec<f64> = start.iter().zip(&end).map(|(a, b)| a + b).collect();
    let (velocity_m_s, sigma) = moments(&velocities, &both);
    // A train does not grow: ends that contradict each other show that something else is in sight.
    let ((v0, s0), (v1, s1)) = (moments(&velocities, &start), moments(&velocities, &end));
    let discord = (v0 - v1).abs() / s0.hypot(s1).max(f64::MIN_POSITIVE);
    Some(Best { velocity_m_s, sigma_m_s: sigma.max(0.5 * SPEED_STEP_M_S) * discord.max(1.0) })
}

impl<'a> Model<'a> {
    fn new(bands: &'a [(f64, Line)], step_m: f64, seen: Seen) -> Option<Self> {
        let count = bands.len() as f64;
        let cells = bands.iter().map(|b| b.1.values.len()).min()?;
        let rim_m = RIM_M.min(0.25 * (seen.end_m - seen.start_m));
        let from = ((seen.start_m + rim_m) / step_m).ceil().max(0.0) as usize;
        let to = (((seen.end_m - rim_m) / step_m).floor().max(0.0) as usize).min(cells.checked_sub(1)?);
        let inside: Vec<usize> =
            (from..=to).filter(|&s| bands.iter().all(|b| b.1.values[s].is_finite())).collect();
        if inside.len() < 2 {
            return None;
        }
        let length = inside.len() as f64;
        let contrasts: Vec<f64> =
            bands.iter().map(|b| inside.iter().map(|&s| b.1.values[s]).sum::<f64>() / length).collect();
        let power: f64 = contrasts.iter().map(|c| c * c).sum();
        // Inside, p = 1: what one gain for all bands leaves is noise and what the model lacks.
        let left = |s: usize| {
            let shown: f64 = bands.iter().zip(&contrasts).map(|(b, c)| b.1.values[s] * c).sum();
            bands.iter().map(|b| b.1.values[s].powi(2)).sum::<f64>() - shown * shown / power.max(1e-12)
        };
        let misfit = inside.iter().map(|&s| left(s)).sum::<f64>() / ((count - 1.0).max(1.0) * (length - 1.0));
        let inflation = bands.iter().map(|b| b.1.inflation).sum::<f64>() / count;
        let mean_s = bands.iter().map(|b| b.0).sum::<f64>() / count;
        Some(Self { bands, mean_s, step_m, contrasts, noise: inflation * misfit.max(1.0) })
    }

    /// −2 ln of the likelihood of `v`, one end anywhere near `found_m`; `side` 1 where the train lies beyond it, −1 where before.
    fn end(&self, v: f64, (from_m, to_m): (f64, f64), found_m: f64, side: f64) -> f64 {
        let first = (from_m / self.step_m).ceil().max(0.0) as usize;
        let last = (to_m / self.step_m).floor().max(0.0) as usize;
        let per_cell = (self.step_m / SEARCH_STEP_M).round().max(1.0) as usize;
        let step_m = self.step_m / per_cell as f64;
        let tries = (SEARCH_M / step_m).round() as usize;
        // p = Φ(x / blur) of each band, from the first cell less all tries on; a try later a cell is a step nearer.
        let places = per_cell * (last + 1).saturating_sub(first) + 2 * tries;
        let rising = |(delay_s, _): &(f64, Line)| -> Vec<f64> {
            let at_m = found_m + v * (delay_s - self.mean_s);
            let beyond_m = |m: usize| ((per_cell * first + m) as f64 - tries as f64) * step_m - at_m;
            (0..places).map(|m| risen(side * beyond_m(m) / (BLUR_CELLS * self.step_m))).collect()
        };
        let risings: Vec<Vec<f64>> = self.bands.iter().map(rising).collect();
        let costs: Vec<f64> =
            (0..=2 * tries).map(|k| self.cost(first..=last, &risings, 2 * tries - k, per_cell)).collect();
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        least - 2.0 * costs.iter().map(|c| (-0.5 * (c - least)).exp()).sum::<f64>().ln()
    }

    /// −2 ln of the likelihood of the end of which every band's `risings` give p, in the first of `cells` at `start` and then every
    /// `per_cell`; the gains are integrated out cell by cell.
    fn cost(&self, cells: RangeInclusive<usize>, risings: &[Vec<f64>], start: usize, per_cell: usize) -> f64 {
        let prior = 1.0 / GAIN_VARIANCE;
        let (mut sum, mut width) = (0.0, 1.0_f64);
        for (k, s) in cells.enumerate() {
            let (mut power, mut shown, mut seen) = (0.0, 0.0, 0.0);
            for (((_, line), contrast), rising) in self.bands.iter().zip(&self.contrasts).zip(risings) {
                let Some(z) = line.values.get(s).filter(|z| z.is_finite()) else { continue };
                // c_b p
                let model = contrast * rising[start + k * per_cell];
                power += model * model;
                shown += z * model;
                seen += z * z;
            }
            let (power, shown, seen) = (power / self.noise, shown / self.noise, seen / self.noise);
            // min over g of Σ (z − c p g)² / f + (g − 1)² / κ, and ln of the width: ∫ dg
            sum += seen + prior - (shown + prior).powi(2) / (power + prior);
            width *= 1.0 + GAIN_VARIANCE * power;
            if width > LARGE {
                sum += width.ln();
                width = 1.0;
            }
        }
        sum + width.ln()
    }
}

/// Φ(x) by its logistic approximation, good to 0.01.
fn risen(x: f64) -> f64 {
    1.0 / (1.0 + (-1.702 * x).exp())
}

/// Mean and standard deviation of velocities under exp(−cost / 2).
fn moments(velocities: &[f64], costs: &[f64]) -> (f64, f64) {
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = costs.iter().map(|c| (-0.5 * (c - least)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mean = velocities.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total;
    let variance = velocities.iter().zip(&weights).map(|(v, w)| (v - mean).powi(2) * w).sum::<f64>() / total;
    (mean, variance.sqrt())
}

//! Tests pixel by pixel for radar stacks: the t-test of one date against the others, and the omnibus test.
//!
//! t-test: Ballinger 2024 (arXiv 2405.06323), here with a single date after; the largest |t| of the polarisations, for cargo
//! may show in one only. Omnibus: Conradsen et al. 2016 (10.1109/TGRS.2015.2510160), its −2ρ ln Q summed over the
//! polarisations as if they were independent; it asks whether *any* date differs, so that a change between two baselines
//! counts too. Neither knows a pixel's neighbours.

use super::expected::{self, Expectation};
use super::{ChangeMap, ChangeParams, Error, Kind, check};
use crate::sar::{omnibus_statistic, t_statistic};
use crate::units::db_to_power;
use ndarray::{Array2, Array3, Axis, Zip};

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PixelTest {
    /// Student's t of the target against the baselines, on decibels.
    T,
    /// Likelihood ratio for equal gamma means of all dates.
    Omnibus {
        /// Equivalent number of looks of every date.
        looks: f64,
    },
}

/// Fewest baselines that have a spread.
const BASELINES_MIN: usize = 2;

/// The statistic of a test for a target in decibels `(band, row, col)` and its baselines, all registered on one grid.
///
/// Pixels that are not `ok` or not finite in the target, or that fewer than two baselines show, are NaN. The rows are worked
/// on side by side; nothing but the statistic is held for them.
///
/// # Errors
/// [`enum@Error`] for differing shapes, fewer than two baselines and too few pixels.
pub fn pixelwise(
    target: &Array3<f32>,
    baselines: &[Array3<f32>],
    ok: &Array2<bool>,
    test: PixelTest,
    params: &ChangeParams,
) -> Result<ChangeMap, Error> {
    check(target, baselines, ok)?;
    if baselines.len() < BASELINES_MIN {
        return Err(Error::TooFewDates { count: baselines.len(), minimum: BASELINES_MIN });
    }
    let Expectation { expected, contrast, .. } = expected::expectation(target, baselines, ok, params)?;
    let (bands, height, width) = target.dim();
    let mut statistic = Array2::from_elem((height, width), f32::NAN);
    Zip::indexed(statistic.axis_iter_mut(Axis(0))).par_for_each(|row, mut line| {
        let mut dates = Vec::with_capacity(baselines.len());
        for (col, out) in line.iter_mut().enumerate().filter(|(col, _)| ok[[row, *col]]) {
            let of_band = |band: usize| {
                dates.clear();
                let power = |values: &Array3<f32>| db_to_power(f64::from(values[[band, row, col]]));
                dates.extend(baselines.iter().map(power).filter(|v| v.is_finite()));
                of_series(power(target), &mut dates, test)
            };
            *out = combined((0..bands).map(of_band), test) as f32;
        }
    });
    let kind = match test {
        PixelTest::T => Kind::TTest,
        PixelTest::Omnibus { .. } => Kind::Omnibus,
    };
    Ok(ChangeMap { statistic, kind, expected, contrast })
}

/// |t|, or −2ρ ln Q, with its degrees of freedom; NaN where it is not known.
fn of_series(target: f64, dates: &mut Vec<f64>, test: PixelTest) -> (f64, f64) {
    if dates.len() < BASELINES_MIN {
        return (f64::NAN, 0.0);
    }
    match test {
        PixelTest::T => (t_statistic(target, dates).abs(), dates.len() as f64 - 1.0),
        PixelTest::Omnibus { looks } => {
            dates.push(target);
            (omnibus_statistic(dates, looks), dates.len() as f64 - 1.0)
        }
    }
}

/// One number of all polarisations, comparable between pixels of different numbers of dates.
fn combined(bands: impl Iterator<Item = (f64, f64)>, test: PixelTest) -> f64 {
    match test {
        PixelTest::T => {
            bands.map(|b| b.0).fold(0.0, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
        }
        PixelTest::Omnibus { .. } => {
            let (x, f) = bands.fold((0.0, 0.0), |sum, band| (sum.0 + band.0, sum.1 + band.1));
            // Wilson–Hilferty: (x/f)^(1/3) of χ²(f) is normal with mean 1 − 2/9f and variance 2/9f.
            let spread = 2.0 / (9.0 * f);
            let z = ((x / f).cbrt() - (1.0 - spread)) / spread.sqrt();
            if z.is_nan() { z } else { z.max(0.0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::power_to_db;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};

    /// Nine dates of speckle of 4 looks with a patch 8 dB brighter in the target.
    fn stack() -> (Array3<f32>, Vec<Array3<f32>>) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let speckle = Gamma::new(4.0, 0.25 * 0.1).unwrap();
        let mut date = |patch: f64| {
            Array3::from_shape_fn((2, 60, 60), |(_, r, c)| {
                let over = if (20..30).contains(&r) && (20..30).contains(&c) { patch } else { 1.0 };
                power_to_db(speckle.sample(&mut rng) * over) as f32
            })
        };
        (date(10f64.powf(0.8)), (0..8).map(|_| date(1.0)).collect())
    }

    #[test]
    fn both_tests_see_a_change_and_keep_their_law_elsewhere() {
        let (mut target, baselines) = stack();
        target[(0, 0, 0)] = f32::NAN;
        let ok = Array2::from_elem((60, 60), true);
        for (test, kind) in [(PixelTest::T, Kind::TTest), (PixelTest::Omnibus { looks: 4.0 }, Kind::Omnibus)]
        {
            let map = pixelwise(&target, &baselines, &ok, test, &ChangeParams::default()).unwrap();
            assert_eq!(map.kind, kind);
            assert!(map.statistic[(0, 0)].is_nan());
            let patch = map.statistic.slice(ndarray::s![20..30, 20..30]).mean().unwrap();
            let ground = map.statistic.slice(ndarray::s![30.., ..]).mean().unwrap();
            assert!(patch > 2.0 * ground, "{kind:?}: {patch} {ground}");
            if kind == Kind::Omnibus {
                // Without change z is normal: 5 % lie beyond 1.645.
                let beyond =
                    map.statistic.slice(ndarray::s![30.., ..]).iter().filter(|z| **z > 1.645).count();
                let share = beyond as f64 / 1800.0;
                assert!((share - 0.05).abs() < 0.016, "{share}");
            }
        }
    }

    #[test]
    fn one_baseline_has_no_spread() {
        let (target, baselines) = stack();
        let ok = Array2::from_elem((60, 60), true);
        let error = pixelwise(&target, &baselines[..1], &ok, PixelTest::T, &ChangeParams::default());
        assert_eq!(error, Err(Error::TooFewDates { count: 1, minimum: 2 }));
    }
}

//! Parameters of the change statistic and of the objects cut from it.

use super::Error;
use serde::{Deserialize, Serialize};

/// Which change statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeMethod {
    /// IR-MAD for pairs, a robust z-score for stacks.
    #[default]
    Auto,
    /// Radar only: Student's t of the target against the baselines, pixel by pixel (Ballinger 2024).
    TTest,
    /// Radar only: the omnibus test for any change between any dates, pixel by pixel (Conradsen et al. 2016).
    Omnibus,
}

/// How the change statistic is computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeParams {
    /// Which statistic: `auto` (the default), `t-test` or `omnibus`.
    pub method: ChangeMethod,
    /// Most reweighting iterations; 1…200, default 30.
    pub iterations_max: usize,
    /// The iteration ends when no canonical correlation moves by more; above 0, default 0.001.
    pub correlation_tolerance: f64,
    /// Fewest valid pixels for a statistic; at least 50, default 200.
    pub pixels_min: usize,
    /// Most pixels from which fits and covariances are estimated (thinned by whole rows); at least 1000, default 500 000.
    pub pixels_max: usize,
    /// The iteration keeps its last state rather than rest on a smaller share of the pixels; 0…1, default 0.05.
    pub unchanged_fraction_min: f64,
    /// Baselines from which a stack is used instead of a pair; at least 3, default 3.
    pub stack_min: usize,
    /// Weight of the scene's typical spread against a pixel's own, in dates; at least 0, default 4.
    pub prior_dates: f64,
    /// Changes that are even over a window of this reach are haze or season and are taken out, px; 0 keeps them
    /// (for changes of whole districts), default 5.
    pub trend_reach_px: usize,
}

impl Default for ChangeParams {
    fn default() -> Self {
        Self {
            method: ChangeMethod::Auto,
            iterations_max: 30,
            correlation_tolerance: 1e-3,
            pixels_min: 200,
            pixels_max: 500_000,
            unchanged_fraction_min: 0.05,
            stack_min: 3,
            prior_dates: 4.0,
            trend_reach_px: 5,
        }
    }
}

/// How objects are cut from a change statistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectParams {
    /// Expected false objects per square kilometre of mask; above 0. `None`, the default, leaves it to whoever calls: a
    /// run takes what its rate of false alarms makes of it, [`Self::rate_per_km2`] else takes 0.04.
    pub false_objects_per_km2: Option<f64>,
    /// Smallest object, m²; above 0, default 300.
    pub area_min_m2: f64,
    /// What spreads over this much ground at half of its level, such as a harvest, is held against all objects of the
    /// background; what is narrower against narrow ones alone as well. m², at least `area_min_m2`, default 10 000.
    pub area_wide_m2: f64,
    /// Misregistration that must not make a change, px; 0…1, default 1.
    pub shift_tolerance_px: f32,
    /// Side of the cells in which the level of the statistic is measured, px; at least 8, default 32.
    pub cell_px: usize,
    /// Background pixels within this distance of the mask are left out of the null, px; at most 100, default 3.
    pub guard_px: usize,
    /// Fewest background pixels; with fewer the mask itself serves as background; default 2000.
    pub background_pixels_min: usize,
}

impl Default for ObjectParams {
    fn default() -> Self {
        Self {
            false_objects_per_km2: None,
            area_min_m2: 300.0,
            area_wide_m2: 10_000.0,
            shift_tolerance_px: 1.0,
            cell_px: 32,
            guard_px: 3,
            background_pixels_min: 2000,
        }
    }
}

impl ChangeParams {
    /// Refuses values outside their ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first of them.
    pub fn check(&self) -> Result<(), Error> {
        let at_least = |n: usize, low: usize| n >= low;
        let (tolerance, share) = (self.correlation_tolerance, self.unchanged_fraction_min);
        first_bad(&[
            (
                "change.iterations_max",
                "1 to 200",
                self.iterations_max as f64,
                (1..=200).contains(&self.iterations_max),
            ),
            ("change.correlation_tolerance", ABOVE_0, tolerance, tolerance.is_finite() && tolerance > 0.0),
            ("change.pixels_min", "at least 50", self.pixels_min as f64, at_least(self.pixels_min, 50)),
            ("change.pixels_max", "at least 1000", self.pixels_max as f64, at_least(self.pixels_max, 1000)),
            ("change.unchanged_fraction_min", "0 to 1", share, (0.0..=1.0).contains(&share)),
            ("change.stack_min", "at least 3", self.stack_min as f64, at_least(self.stack_min, 3)),
            (
                "change.prior_dates",
                "finite and at least 0",
                self.prior_dates,
                self.prior_dates.is_finite() && self.prior_dates >= 0.0,
            ),
        ])
    }
}

/// Expected false objects per square kilometre where nothing else is asked: 2 per 100 km of a corridor 500 m wide.
const FALSE_OBJECTS_PER_KM2: f64 = 0.04;

impl ObjectParams {
    /// Expected false objects per square kilometre of mask.
    #[must_use]
    pub fn rate_per_km2(&self) -> f64 {
        self.false_objects_per_km2.unwrap_or(FALSE_OBJECTS_PER_KM2)
    }

    /// Pixels of the smallest object and of the narrowest wide one.
    pub(super) fn counts_px(&self, pixel_m2: f64) -> (usize, usize) {
        let count = |area_m2: f64| (area_m2 / pixel_m2 - 1e-9).ceil().max(1.0) as usize;
        (count(self.area_min_m2), count(self.area_wide_m2))
    }

    /// Refuses values outside their ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first of them.
    pub fn check(&self) -> Result<(), Error> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let (rate, area, shift) = (self.rate_per_km2(), self.area_min_m2, self.shift_tolerance_px);
        first_bad(&[
            ("objects.false_objects_per_km2", ABOVE_0, rate, positive(rate)),
            ("objects.area_min_m2", ABOVE_0, area, positive(area)),
            (
                "objects.area_wide_m2",
                "finite and at least area_min_m2",
                self.area_wide_m2,
                self.area_wide_m2.is_finite() && self.area_wide_m2 >= area,
            ),
            ("objects.shift_tolerance_px", "0 to 1", f64::from(shift), (0.0..=1.0).contains(&shift)),
            ("objects.cell_px", "at least 8", self.cell_px as f64, self.cell_px >= 8),
            ("objects.guard_px", "at most 100", self.guard_px as f64, self.guard_px <= 100),
        ])
    }
}

const ABOVE_0: &str = "finite and above 0";

/// The first of `(name, range, value, whether it lies in it)` that does not.
fn first_bad(values: &[(&'static str, &'static str, f64, bool)]) -> Result<(), Error> {
    match values.iter().find(|v| !v.3) {
        Some(&(name, allowed, value, _)) => Err(Error::Parameter { name, allowed, value }),
        None => Ok(()),
    }
}

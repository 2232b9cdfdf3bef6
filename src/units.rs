//! Units that must not be mixed up at the edges of the API.
//!
//! Inside an algorithm a number is an `f64` whose name carries its unit (`length_m`, `shift_px`);
//! these newtypes guard the places where a caller hands a bare number to the library.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Mean radius of the Earth, metres (IUGG).
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// A degree of latitude on a sphere of that radius, whole metres; within 0.6 % of the ellipsoid's at any latitude.
pub const METRES_PER_DEGREE: f64 = 111_195.0;

/// A number outside the range that its unit allows.
#[derive(Debug, Error, Clone, PartialEq)]
#[error("{quantity} must be {allowed}, not {value}")]
pub struct OutOfRange {
    /// What the number stands for.
    pub quantity: &'static str,
    /// The range in words.
    pub allowed: &'static str,
    /// The number that was given.
    pub value: f64,
}

/// Expected false alarms per 100 km of track in one target scene; finite and above zero.
///
/// ```
/// use railwatch::units::FalseAlarmRate;
/// let rate = FalseAlarmRate::per_100km(2.0)?;
/// assert_eq!(rate.get(), 2.0);
/// assert!(FalseAlarmRate::per_100km(-1.0).is_err());
/// # Ok::<(), railwatch::units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct FalseAlarmRate(f64);

impl FalseAlarmRate {
    /// A rate in false alarms per 100 km.
    ///
    /// # Errors
    /// [`OutOfRange`] when `per_100km` is not finite or not above zero.
    pub fn per_100km(per_100km: f64) -> Result<Self, OutOfRange> {
        if per_100km.is_finite() && per_100km > 0.0 {
            Ok(Self(per_100km))
        } else {
            Err(OutOfRange {
                quantity: "false alarms per 100 km",
                allowed: "finite and above 0",
                value: per_100km,
            })
        }
    }

    /// The rate as a number per 100 km.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for FalseAlarmRate {
    /// Two per 100 km.
    fn default() -> Self {
        Self(2.0)
    }
}

impl TryFrom<f64> for FalseAlarmRate {
    type Error = OutOfRange;
    fn try_from(per_100km: f64) -> Result<Self, OutOfRange> {
        Self::per_100km(per_100km)
    }
}

impl From<FalseAlarmRate> for f64 {
    fn from(rate: FalseAlarmRate) -> f64 {
        rate.0
    }
}

/// A count with its noun, whose plural ends in s.
///
/// ```
/// use railwatch::units::counted;
/// assert_eq!([counted(1, "scene"), counted(0, "scene")], ["1 scene", "0 scenes"]);
/// ```
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Linear power ratio to decibels; zero and negative power give `-inf` and NaN as `log10` does.
#[must_use]
pub fn power_to_db(power_ratio: f64) -> f64 {
    10.0 * power_ratio.log10()
}

/// Decibels to a linear power ratio.
#[must_use]
pub fn db_to_power(level_db: f64) -> f64 {
    10f64.powf(level_db / 10.0)
}

/// The sum of lengths, metres; of none it is 0, where that of the standard library is −0, which prints its sign.
#[must_use]
pub fn total_m(lengths_m: impl IntoIterator<Item = f64>) -> f64 {
    lengths_m.into_iter().fold(0.0, |sum, length_m| sum + length_m)
}

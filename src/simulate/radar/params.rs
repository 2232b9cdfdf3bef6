//! What is simulated of radar. Lengths in metres, contrasts in decibels, fractions 0…1.

use super::super::Error;
use super::super::params::{check_land, check_stack, within};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Dates of the stack that is made by default: eight baselines and a target.
const DATES: i64 = 9;
/// Days after which Sentinel-1 sees a place from the same orbit again.
const REPEAT_DAYS: i64 = 12;

/// A synthetic stack of radar scenes, VV and VH, with trains of known place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadarParams {
    /// The same seed gives the same scenes.
    pub seed: u64,
    /// Times of sensing, ascending; the last is the target, those before are baselines; at least two.
    pub datetimes: Vec<Timestamp>,
    /// What the target differs from a perfect registration by, (row, col) px: added to its (row, col) it gives the baseline's.
    pub target_shift_px: (f64, f64),
    /// Width of the river, metres; 0 = no river.
    pub river_width_m: f64,
    /// Course of the river in map metres; empty = across the middle of the longest track.
    pub river: Vec<(f64, f64)>,
    /// Share of fields that are worked between any two dates, 0…1.
    pub field_change_fraction: f64,
    /// Brightness of all ground on a date, standard deviation in dB: rain, frost, snow.
    pub season_sigma_db: f64,
    /// Relative orbit that the scenes carry, 1…175.
    pub relative_orbit: u16,
    /// Trains and speckle.
    pub trains: ScattererParams,
}

impl Default for RadarParams {
    fn default() -> Self {
        let first = Timestamp::constant(1_660_686_540, 0); // 2022-08-16T21:49:00Z
        let later = |k: i64| first.checked_add(SignedDuration::from_hours(24 * REPEAT_DAYS * k));
        Self {
            seed: 1,
            datetimes: (0..DATES).filter_map(|k| later(k).ok()).collect(),
            target_shift_px: (0.0, 0.0),
            river_width_m: 180.0,
            river: Vec::new(),
            field_change_fraction: 0.12,
            season_sigma_db: 0.7,
            relative_orbit: 54,
            trains: ScattererParams::default(),
        }
    }
}

/// Trains as scatterers under speckle, on synthetic and on real scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScattererParams {
    /// The same seed gives the same trains.
    pub seed: u64,
    /// Trains in the target only.
    pub appeared_count: usize,
    /// Trains in the baselines only.
    pub departed_count: usize,
    /// Trains in every scene, which are no change.
    pub standing_count: usize,
    /// Shortest train, metres, > 0.
    pub min_length_m: f64,
    /// Longest train, metres, ≥ the shortest.
    pub max_length_m: f64,
    /// Power at the middle of a train over the ground around it, dB; drawn with equal chance, at least one.
    pub contrasts_db: Vec<f64>,
    /// Standard deviation from wagon to wagon, dB.
    pub wagon_sigma_db: f64,
    /// Wagon over couplers, metres.
    pub wagon_m: f64,
    /// Height of the scattering centre over the ground, metres.
    pub height_m: f64,
    /// Incidence angle, degrees from the vertical.
    pub incidence_deg: f64,
    /// Where the radar looks, degrees from grid north clockwise: about 78 on ascending and 282 on descending passes.
    pub look_azimuth_deg: f64,
    /// Equivalent number of looks.
    pub looks: f64,
    /// Order ν of the K-distribution that clutter has as it is seen, blur included; 0 = none, gamma-distributed clutter. Synthetic scenes only.
    pub texture_order: f64,
    /// Gaussian point spread, standard deviation in px, ≥ 0; it correlates the speckle of neighbours too.
    pub psf_sigma_px: f64,
}

impl Default for ScattererParams {
    fn default() -> Self {
        Self {
            seed: 1,
            appeared_count: 4,
            departed_count: 2,
            standing_count: 1,
            min_length_m: 150.0,
            max_length_m: 400.0,
            contrasts_db: vec![3.0, 5.0, 8.0],
            wagon_sigma_db: 1.5,
            wagon_m: 14.0,
            height_m: 4.0,
            incidence_deg: 38.0,
            look_azimuth_deg: 282.0,
            looks: 4.4,
            texture_order: 0.0,
            psf_sigma_px: 0.55,
        }
    }
}

impl ScattererParams {
    /// Trains that are asked for.
    #[must_use]
    pub fn train_count(&self) -> usize {
        self.appeared_count + self.departed_count + self.standing_count
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first number outside its range.
    pub fn check(&self) -> Result<(), Error> {
        within("trains.min_length_m", self.min_length_m, 1.0, f64::MAX)?;
        within("trains.max_length_m", self.max_length_m, self.min_length_m, f64::MAX)?;
        within("the number of trains.contrasts_db", self.contrasts_db.len() as f64, 1.0, 100.0)?;
        for &contrast in &self.contrasts_db {
            within("trains.contrasts_db", contrast, 0.1, 40.0)?;
        }
        within("trains.wagon_sigma_db", self.wagon_sigma_db, 0.0, 20.0)?;
        within("trains.wagon_m", self.wagon_m, 1.0, 100.0)?;
        within("trains.height_m", self.height_m, 0.0, 50.0)?;
        within("trains.incidence_deg", self.incidence_deg, 10.0, 80.0)?;
        within("trains.look_azimuth_deg", self.look_azimuth_deg, 0.0, 360.0)?;
        within("trains.looks", self.looks, 1.0, 1000.0)?;
        within("trains.texture_order", self.texture_order, 0.0, 1000.0)?;
        within("trains.psf_sigma_px", self.psf_sigma_px, 0.0, 10.0)
    }

    /// How far on the map the image of an elevated scatterer lies from its foot, metres east and north.
    pub(crate) fn layover_m(&self) -> (f64, f64) {
        // towards the satellite by h / tan θ
        let shift_m = self.height_m / self.incidence_deg.to_radians().tan();
        let azimuth = self.look_azimuth_deg.to_radians();
        (-shift_m * azimuth.sin(), -shift_m * azimuth.cos())
    }
}

impl RadarParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first number outside its range, [`Error::Dates`] for fewer than two dates,
    /// [`Error::Order`] for dates that do not ascend.
    pub fn check(&self) -> Result<(), Error> {
        check_stack(&self.datetimes, self.target_shift_px)?;
        check_land(self.river_width_m, self.field_change_fraction)?;
        within("season_sigma_db", self.season_sigma_db, 0.0, 20.0)?;
        within("relative_orbit", f64::from(self.relative_orbit), 1.0, 175.0)?;
        self.trains.check()
    }
}

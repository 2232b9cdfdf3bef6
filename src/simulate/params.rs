//! What is simulated. Lengths in metres, reflectances 0…1, fractions 0…1.

use super::{Error, Sun};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A synthetic stack of scenes with trains of known place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateParams {
    /// The same seed gives the same scenes.
    pub seed: u64,
    /// Times of sensing, ascending; the last is the target, those before are baselines; at least two.
    pub datetimes: Vec<Timestamp>,
    /// Longitude and latitude for the position of the sun; none = that of the rails in `railwatch simulate`.
    pub place_lonlat: Option<(f64, f64)>,
    /// What the target differs from a perfect registration by, (row, col) px: added to its (row, col) it gives the baseline's.
    pub target_shift_px: (f64, f64),
    /// Registration error of every baseline but the newest, (row, col) each, one standard deviation in px, 0…10.
    pub baseline_shift_sigma_px: f64,
    /// Share of the target under clouds, 0…1.
    pub target_cloud_fraction: f64,
    /// Share of each baseline under clouds, 0…1.
    pub baseline_cloud_fraction: f64,
    /// Mean opacity of the veil of haze over the target, 0…0.5; it varies from place to place over a few kilometres.
    pub target_haze_opacity: f64,
    /// The same over each baseline.
    pub baseline_haze_opacity: f64,
    /// Width of the river, metres; 0 = no river.
    pub river_width_m: f64,
    /// Course of the river in map metres; empty = across the middle of the longest track.
    pub river: Vec<(f64, f64)>,
    /// Share of fields that are worked between any two dates, 0…1.
    pub field_change_fraction: f64,
    /// Sensor noise, reflectance, one standard deviation, ≥ 0.
    pub noise_sigma: f64,
    /// Off-track stockpiles or containers that appear in the target.
    pub stockpile_count: usize,
    /// The same that were in the baselines and are gone from the target.
    pub stockpile_departed_count: usize,
    /// Tracks laid beside the longest one, alternately right and left of it.
    pub yard_track_count: usize,
    /// Their spacing, metres, 3…100.
    pub yard_spacing_m: f64,
    /// Their length, metres, about the middle of the longest track.
    pub yard_length_m: f64,
    /// Trains and beds.
    pub trains: ImplantParams,
}

impl Default for SimulateParams {
    fn default() -> Self {
        Self {
            seed: 1,
            datetimes: vec![
                Timestamp::constant(1_667_701_981, 0), // 2022-11-06T02:33:01Z
                Timestamp::constant(1_668_565_981, 0), // 2022-11-16T02:33:01Z
            ],
            place_lonlat: None,
            baseline_shift_sigma_px: 0.0,
            target_shift_px: (0.38, -0.27),
            target_cloud_fraction: 0.04,
            baseline_cloud_fraction: 0.0,
            target_haze_opacity: 0.0,
            baseline_haze_opacity: 0.0,
            river_width_m: 180.0,
            river: Vec::new(),
            field_change_fraction: 0.12,
            noise_sigma: 0.0015,
            stockpile_count: 2,
            stockpile_departed_count: 0,
            yard_track_count: 0,
            yard_spacing_m: 5.0,
            yard_length_m: 800.0,
            trains: ImplantParams::default(),
        }
    }
}

/// Beds and trains, on synthetic and on real scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImplantParams {
    /// The same seed gives the same trains.
    pub seed: u64,
    /// Trains in the target only.
    pub appeared_count: usize,
    /// Trains in the baselines only.
    pub departed_count: usize,
    /// Trains in every scene, which are no change.
    pub standing_count: usize,
    /// Trains under way in the target only.
    pub moving_count: usize,
    /// Slowest and fastest of them, m/s, in either direction.
    pub speed_m_s: (f64, f64),
    /// Whether the detector saw the bands in the opposite order, B02 last.
    pub bands_reversed: bool,
    /// Shortest train, metres, > 0.
    pub min_length_m: f64,
    /// Longest train, metres, ≥ the shortest.
    pub max_length_m: f64,
    /// Cargoes, drawn with equal chance; empty = all.
    pub cargoes: Vec<super::Cargo>,
    /// Lengths over couplers from which the wagons are drawn, one a train, one a wagon when mixed; empty = `wagon_m`.
    pub wagon_lengths_m: Vec<f64>,
    /// Height of a wagon that throws a shadow, metres, 0…10; 0 = no shadow.
    pub height_m: f64,
    /// Direction to the sun; none = of each date at its place, and no shadow of trains put into real scenes.
    pub sun: Option<Sun>,
    /// Wagon over couplers, metres, > the gap.
    pub wagon_m: f64,
    /// Gap between wagon bodies, metres, ≥ 0.
    pub gap_m: f64,
    /// Width of a wagon, metres, > 0.
    pub train_width_m: f64,
    /// Width of the ballast bed, metres; 0 = the scene's own bed is kept.
    pub bed_width_m: f64,
    /// Static texture of the bed, relative standard deviation.
    pub bed_texture: f64,
    /// Brightness of bed and train together on a date, relative standard deviation.
    pub date_gain_sigma: f64,
    /// Further brightness of the bed alone on a date, relative standard deviation.
    pub bed_jitter_sigma: f64,
    /// Gaussian point spread, standard deviation in px, ≥ 0.
    pub psf_sigma_px: f64,
    /// The point spread of B02, B03, B04, B08 in units of `psf_sigma_px`, each 0…3.
    pub psf_band_ratio: super::Spectrum,
}

impl ImplantParams {
    /// Trains that are asked for.
    #[must_use]
    pub fn train_count(&self) -> usize {
        self.appeared_count + self.departed_count + self.standing_count + self.moving_count
    }
}

impl Default for ImplantParams {
    fn default() -> Self {
        Self {
            seed: 1,
            appeared_count: 4,
            departed_count: 2,
            standing_count: 1,
            moving_count: 0,
            speed_m_s: (8.0, 30.0),
            bands_reversed: false,
            min_length_m: 120.0,
            max_length_m: 480.0,
            cargoes: Vec::new(),
            wagon_lengths_m: Vec::new(),
            height_m: 4.0,
            sun: None,
            wagon_m: 14.0,
            gap_m: 1.2,
            train_width_m: 3.0,
            bed_width_m: 4.5,
            bed_texture: 0.06,
            date_gain_sigma: 0.05,
            bed_jitter_sigma: 0.05,
            psf_sigma_px: 0.5,
            psf_band_ratio: [1.0; 4],
        }
    }
}

impl ImplantParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first number outside its range.
    pub fn check(&self) -> Result<(), Error> {
        within("trains.min_length_m", self.min_length_m, 1.0, f64::MAX)?;
        within("trains.max_length_m", self.max_length_m, self.min_length_m, f64::MAX)?;
        within("trains.gap_m", self.gap_m, 0.0, f64::MAX)?;
        within("trains.wagon_m", self.wagon_m, self.gap_m + 1.0, f64::MAX)?;
        within("trains.train_width_m", self.train_width_m, 0.5, 20.0)?;
        within("trains.bed_width_m", self.bed_width_m, 0.0, 20.0)?;
        within("trains.bed_texture", self.bed_texture, 0.0, 1.0)?;
        within("trains.date_gain_sigma", self.date_gain_sigma, 0.0, 1.0)?;
        within("trains.bed_jitter_sigma", self.bed_jitter_sigma, 0.0, 1.0)?;
        within("trains.height_m", self.height_m, 0.0, 10.0)?;
        within("trains.speed_m_s.0", self.speed_m_s.0, 0.0, 150.0)?;
        within("trains.speed_m_s.1", self.speed_m_s.1, self.speed_m_s.0, 150.0)?;
        for &length_m in &self.wagon_lengths_m {
            within("trains.wagon_lengths_m", length_m, self.gap_m + 1.0, 100.0)?;
        }
        for ratio in self.psf_band_ratio {
            within("trains.psf_band_ratio", ratio, 0.0, 3.0)?;
        }
        if let Some(sun) = self.sun {
            within("trains.sun.elevation_deg", sun.elevation_deg, 0.0, 90.0)?;
            within("trains.sun.azimuth_deg", sun.azimuth_deg, 0.0, 360.0)?;
        }
        within("trains.psf_sigma_px", self.psf_sigma_px, 0.0, 10.0)
    }
}

impl SimulateParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first number outside its range, [`Error::Dates`] for fewer than two dates,
    /// [`Error::Order`] for dates that do not ascend.
    pub fn check(&self) -> Result<(), Error> {
        check_stack(&self.datetimes, self.target_shift_px)?;
        check_land(self.river_width_m, self.field_change_fraction)?;
        within("baseline_shift_sigma_px", self.baseline_shift_sigma_px, 0.0, 10.0)?;
        within("yard_spacing_m", self.yard_spacing_m, 3.0, 100.0)?;
        within("yard_length_m", self.yard_length_m, 20.0, 1e5)?;
        within("target_cloud_fraction", self.target_cloud_fraction, 0.0, 1.0)?;
        within("baseline_cloud_fraction", self.baseline_cloud_fraction, 0.0, 1.0)?;
        within("target_haze_opacity", self.target_haze_opacity, 0.0, 0.5)?;
        within("baseline_haze_opacity", self.baseline_haze_opacity, 0.0, 0.5)?;
        within("noise_sigma", self.noise_sigma, 0.0, 1.0)?;
        self.trains.check()
    }
}

/// Refuses dates that are too few or out of order, and a shift beyond the reach of registration.
pub(super) fn check_stack(datetimes: &[Timestamp], target_shift_px: (f64, f64)) -> Result<(), Error> {
    if datetimes.len() < 2 {
        return Err(Error::Dates { count: datetimes.len() });
    }
    if let Some(pair) = datetimes.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(Error::Order { earlier: pair[0], later: pair[1] });
    }
    within("target_shift_px.0", target_shift_px.0, -50.0, 50.0)?;
    within("target_shift_px.1", target_shift_px.1, -50.0, 50.0)
}

/// Refuses a landscape of no sense.
pub(super) fn check_land(river_width_m: f64, field_change_fraction: f64) -> Result<(), Error> {
    within("river_width_m", river_width_m, 0.0, 1e5)?;
    within("field_change_fraction", field_change_fraction, 0.0, 1.0)
}

/// Refuses a number outside its range.
pub(super) fn within(name: &'static str, value: f64, low: f64, high: f64) -> Result<(), Error> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(Error::Parameter { name, value, low, high }) }
}

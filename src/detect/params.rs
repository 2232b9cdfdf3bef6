//! What a user may set about the detection of trains.

use super::Error;
use crate::scene;
use crate::units::FalseAlarmRate;
use serde::{Deserialize, Serialize};

/// The most baseline scenes of a run.
pub const BASELINES_MAX: usize = 50;

/// Parameters of [`super::detect`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectParams {
    /// Expected false alarms per 100 km of track and target scene, > 0; default 2.
    pub false_alarms: FalseAlarmRate,
    /// Shortest train looked for, metres, 30…1000; default 60.
    pub min_length_m: f64,
    /// Longest window of the scan, metres, at least `min_length_m`; default 800. Longer trains are found too.
    pub max_window_m: f64,
    /// Newest baseline scenes used, 1…50; default 50.
    pub baseline_count_max: usize,
    /// Cargoes of the detection limit, each with a contrast for every band; empty (the default) takes [`Cargo::usual`] for
    /// the number of bands.
    pub cargoes: Vec<Cargo>,
    /// Equivalent number of looks where the strips hold linear radar power, 0.5…1000; `None` (the default) for
    /// reflectance. The run estimates it from the scene.
    pub looks: Option<f64>,
}

impl Default for DetectParams {
    fn default() -> Self {
        Self {
            false_alarms: FalseAlarmRate::default(),
            min_length_m: 60.0,
            max_window_m: 800.0,
            baseline_count_max: BASELINES_MAX,
            cargoes: Vec::new(),
            looks: None,
        }
    }
}

impl DetectParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first field out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |name, allowed, value| Err(Error::Parameter { name, allowed, value });
        if !(30.0..=1000.0).contains(&self.min_length_m) {
            return bad("min_length_m", "30 to 1000 m", self.min_length_m);
        }
        if !(self.max_window_m >= self.min_length_m && self.max_window_m <= 5000.0) {
            return bad("max_window_m", "min_length_m to 5000 m", self.max_window_m);
        }
        if !(1..=BASELINES_MAX).contains(&self.baseline_count_max) {
            return bad("baseline_count_max", "1 to 50", self.baseline_count_max as f64);
        }
        if let Some(looks) = self.looks
            && !(0.5..=1000.0).contains(&looks)
        {
            return bad("looks", "0.5 to 1000", looks);
        }
        Ok(())
    }
}

/// A cargo whose detection limit is reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cargo {
    /// Name in the report.
    pub name: String,
    /// Reflectance of the cargo less that of ballast, per band; for radar the wagons' power over that of the
    /// ballast, dB.
    pub contrast: Vec<f64>,
}

/// The cargoes whose detection limits are told.
const USUAL: [scene::Cargo; 5] = [
    scene::Cargo::Coal,
    scene::Cargo::Rust,
    scene::Cargo::GreyBox,
    scene::Cargo::White,
    scene::Cargo::BlueTarpaulin,
];

impl Cargo {
    /// Wagons of 3, 5 and 8 dB over ballast, for radar.
    #[must_use]
    pub fn radar(band_count: usize) -> Vec<Self> {
        [3.0, 5.0, 8.0]
            .iter()
            .map(|db| Self { name: format!("wagons +{db} dB"), contrast: vec![*db; band_count] })
            .collect()
    }

    /// Usual cargoes as Sentinel-2's `band_names` see them: `B02`, `B03`, `B04`, `B08` or `B8A`.
    ///
    /// Bands of other names are taken as these four in this order when there are several, as B04 when there is one.
    #[must_use]
    pub fn usual(band_names: &[&str]) -> Vec<Self> {
        let place = |(b, name): (usize, &&str)| match *name {
            "B02" => 0,
            "B03" => 1,
            "B04" => 2,
            "B08" | "B8A" => 3,
            _ if band_names.len() > 1 => b.min(3),
            _ => 2,
        };
        USUAL
            .iter()
            .map(|cargo| Self {
                name: cargo.name().to_owned(),
                contrast: band_names.iter().enumerate().map(place).map(|k| cargo.contrast()[k]).collect(),
            })
            .collect()
    }
}

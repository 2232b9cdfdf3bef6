//! Scenes with trains of known place: synthetic ones, and implants into real ones.
//!
//! A train is a row of wagon bodies `train_width_m` wide on a ballast bed. Its share of each pixel is counted in
//! squares of 1 m, then blurred by the sensor's point spread:
//! `ρ' = ρ·(1 − PSF⋆f) + PSF⋆(f·ρ_train)`. What is assumed: flat ground, boxes for wagons, a Gaussian
//! point spread, spectra of [`Cargo`]. Everything is a function of its parameters and seed.

mod clouds;
mod draw;
mod implant;
mod landscape;
mod noise;
mod pair;
mod params;
mod radar;
mod rails;
mod spectra;
mod sun;
mod trains;

pub use implant::{DateView, Role, implant};
pub use pair::{SimScene, Simulated, scene_pair};
pub use params::{ImplantParams, SimulateParams};
pub use radar::{
    RadarParams, RadarScene, RadarStack, RadarTrain, RadarView, ScattererParams, implant_radar, radar_stack,
};
pub use rails::yard_tracks;
pub use sun::Sun;

pub use crate::scene::{Cargo, SpectralBand, Spectrum};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What simulated scenes carry where real ones name their satellite.
pub const PLATFORM: &str = "simulated";

/// Why nothing could be simulated.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// A parameter out of range.
    #[error(
        "simulate: {name} is {value}, it must be between {low} and {high}: change it in the configuration"
    )]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// What was given.
        value: f64,
        /// Lowest allowed.
        low: f64,
        /// Highest allowed.
        high: f64,
    },
    /// Too few dates.
    #[error("simulate: {count} dates given, at least two are needed: baselines, then the target")]
    Dates {
        /// Dates given.
        count: usize,
    },
    /// Dates out of order.
    #[error(
        "simulate: datetimes must ascend, the target last, but {later} is not after {earlier}: put them in order in the configuration"
    )]
    Order {
        /// The one that stands first.
        earlier: Timestamp,
        /// The one after it.
        later: Timestamp,
    },
    /// No rails.
    #[error("simulate: there is no track to put trains on: give a rail vector that lies in the scene")]
    NoTracks,
    /// A view whose bands and values do not fit.
    #[error(
        "simulate: scene {index} has {values} bands of values but {bands} band names: give one name per band"
    )]
    Bands {
        /// Which view.
        index: usize,
        /// Length of the first axis.
        values: usize,
        /// Names given.
        bands: usize,
    },
}

/// What kind of thing was put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// On a track.
    Train,
    /// Beside the tracks.
    Cargo,
}

/// How an implant changes between baseline and target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// In the target only.
    Appeared,
    /// In the baselines only.
    Departed,
    /// In every scene: no change, and a detection there is a false alarm.
    Standing,
}

/// One thing that was put into scenes: the truth that detections are scored against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Implant {
    /// Train or cargo.
    pub kind: Kind,
    /// Appeared, departed or standing.
    pub change: Change,
    /// What it is made of.
    pub cargo: Cargo,
    /// Track it stands on or beside.
    pub track_id: String,
    /// First chainage, metres.
    pub chainage_start_m: f64,
    /// Last chainage, metres.
    pub chainage_end_m: f64,
    /// Middle across, metres, right positive; 0 for a train.
    pub offset_m: f64,
    /// Velocity along increasing chainage, m/s, of what moves; its place is that at the time of B02.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velocity_m_s: Option<f64>,
    /// Outline in map metres, not closed.
    pub footprint: Vec<(f64, f64)>,
    /// Reflectance in B02, B03, B04, B08 minus that of the ballast, of a pixel wholly covered.
    pub contrast: Spectrum,
}

#[cfg(test)]
mod tests;

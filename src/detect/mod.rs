//! Trains on the track: regression of the target on what the same place looked like, scanned along the line.
//!
//! Method: each track is seen as a strip of chainage and offset. A cross-track filter keeps what is as
//! thin as a train; a robust regression for every offset by itself predicts the filtered target from its
//! own flanks and from the baselines; the residual is scaled by the local noise, whitened over bands,
//! summed in windows of many lengths and compared with the same windows on placebo tracks, parallels
//! without rails, which see the same haze, edges and registration error. References stand in the files of
//! each step. It holds when the strips are registered within about 0.3 px and most of each track is empty
//! of new trains; tracks of a scene are fitted together, so that short ones borrow from long ones.
//!
//! Two roles are scanned: the target against the baselines, and with two or more baselines also the
//! newest baseline against the target and the older ones, which finds trains that departed. Both share
//! the asked false-alarm rate equally.

mod error;
mod limit;
mod null;
mod params;
mod profile;
mod refine;
mod residual;
mod scan;
mod stack;
mod verdict;

pub use error::Error;
pub use limit::DetectionLimit;
pub use null::NullSummary;
pub use params::{Cargo, DetectParams};

use crate::corridor::{Strip, Track};
use ndarray::Array2;

/// The scenes sampled along one track.
#[derive(Debug, Clone)]
pub struct TrackStrips<'a> {
    /// The track.
    pub track: &'a Track,
    /// The acquisition under test.
    pub target: Strip,
    /// Earlier scenes, newest first, at least one; the same scenes for every track (a scene that does not
    /// reach a track gives a strip without valid cells).
    pub baselines: Vec<Strip>,
    /// Cells (along, across) on another rail or a road, which are no placebo.
    pub exclusion: Array2<bool>,
}

/// Whether the train is in the target or was in the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// In the target, not before.
    Appeared,
    /// Before, not in the target.
    Departed,
}

/// How the train differs from its bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// Brighter in the visible and near infrared as a whole.
    Bright,
    /// Darker as a whole.
    Dark,
    /// Brighter in some bands, darker in others.
    Coloured,
}

/// A train on a track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackDetection {
    /// Index in the input.
    pub track_index: usize,
    /// First end, metres along the track.
    pub chainage_start_m: f64,
    /// Other end, metres along the track.
    pub chainage_end_m: f64,
    /// Offset from the rail line, metres, right of increasing chainage positive.
    pub offset_m: f64,
    /// Appeared or departed.
    pub change: Change,
    /// −log10 of the expected false alarms per 100 km at least as strong: higher is surer.
    pub score: f64,
    /// Probability that a placebo event is at least as strong.
    pub p_value: f64,
    /// False discovery rate over all candidates of the run (Benjamini–Hochberg).
    pub q_value: f64,
    /// Change of the reflectance of the pixels on the track per band, target less baseline.
    pub contrast: Vec<f64>,
    /// How the train differs from its bed.
    pub appearance: Appearance,
}

/// What was seen along one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackResult {
    /// Index in the input.
    pub track_index: usize,
    /// Length, metres.
    pub length_m: f64,
    /// Length clear in the target and in at least one baseline, metres.
    pub observed_m: f64,
    /// Score of the best window over each cell along, same scale as [`TrackDetection::score`]; NaN unobserved.
    pub profile: Vec<f32>,
    /// Detection limit for each cargo.
    pub detection_limits: Vec<DetectionLimit>,
}

/// Outcome of [`detect`].
#[derive(Debug, Clone, PartialEq)]
pub struct DetectOutput {
    /// Detections, surest first.
    pub detections: Vec<TrackDetection>,
    /// One entry per input track, in order.
    pub tracks: Vec<TrackResult>,
    /// What the placebo tracks said.
    pub null: NullSummary,
}

/// Finds trains that appeared or departed on the tracks of one target scene.
///
/// Strips of all tracks must share geometry, bands and scenes. A cell that is not valid in the target
/// or in all baselines is left out.
///
/// # Errors
/// [`Error`] when parameters are out of range, strips disagree, or too little clear ground is left for a null.
pub fn detect(tracks: &[TrackStrips<'_>], params: &DetectParams) -> Result<DetectOutput, Error> {
    params.check()?;
    let stack = stack::Stack::new(tracks, params)?;
    verdict::verdict(&stack, params)
}

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
//! Two roles are scanned: the target against the baselines, which finds arrivals, and the newest baseline
//! against the target and the older ones, which finds departures (a regression forgives what is odd in its
//! covariates, so one role does not see both). They share the asked false-alarm rate; what both see counts once.

mod alignment;
mod error;
mod interval;
mod likeness;
mod limit;
mod null;
mod parallel;
mod params;
mod profile;
mod radar;
mod refine;
mod residual;
mod scan;
mod shown;
mod stack;
mod standing;
#[cfg(test)]
mod tests;
mod verdict;

pub use alignment::bed_sigmas;
pub use error::Error;
pub use likeness::Likeness;
pub use limit::DetectionLimit;
pub use null::NullSummary;
pub use params::{BASELINES_MAX, Cargo, DetectParams};
pub use shown::ShownOn;

use crate::corridor::{Strip, Track};
use crate::scene::Appearance;
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

/// A train on a track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackDetection {
    /// Index in the input.
    pub track_index: usize,
    /// First end, metres along the track.
    pub chainage_start_m: f64,
    /// Other end, metres along the track.
    pub chainage_end_m: f64,
    /// Likely range of the first end (a 90 % interval under the model), metres along the track.
    pub start_interval_m: (f64, f64),
    /// Likely range of the other end, metres along the track.
    pub end_interval_m: (f64, f64),
    /// Likely range of the length, metres.
    pub length_interval_m: (f64, f64),
    /// Offset from the rail line, metres, right of increasing chainage positive.
    pub offset_m: f64,
    /// Appeared or departed.
    pub change: Change,
    /// The dates that show it, from which `change` follows.
    pub shown_on: ShownOn,
    /// −log10 of the expected false alarms per 100 km at least as strong: higher is surer.
    pub score: f64,
    /// Probability that a placebo event is at least as strong.
    pub p_value: f64,
    /// False discovery rate over all candidates of the run (Benjamini–Hochberg).
    pub q_value: f64,
    /// Change of the pixels on the track per band, target less baseline: reflectance, or dB for radar.
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
    /// Stretches of the target that stand out however little, strongest first; no two share a cell.
    pub candidates: Vec<Candidate>,
    /// How like a train of known contrast the target is along the track.
    pub likeness: Likeness,
}

/// A stretch of the target that stands out, whether it passes the asked rate or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// First end, metres along the track.
    pub chainage_start_m: f64,
    /// Other end, metres along the track.
    pub chainage_end_m: f64,
    /// Same scale as [`TrackDetection::score`].
    pub score: f64,
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
    /// Step `(x, y)`, map metres, by which the rails lie beside their bed in the scenes, where that was seen and followed.
    pub rails_step_m: Option<(f64, f64)>,
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
    let mut stack = stack::Stack::new(tracks, params)?;
    let step = if params.looks.is_none() { alignment::step(&stack, tracks) } else { None };
    let rails_step_m = step.map(|(step_m, aside)| {
        stack.move_aside(tracks, aside);
        step_m
    });
    let mut output = DetectOutput { rails_step_m, ..verdict::verdict(&stack, params)? };
    let lines: Vec<&Track> = tracks.iter().map(|t| t.track).collect();
    output.detections = parallel::without_side_lobes(output.detections, &lines);
    Ok(output)
}

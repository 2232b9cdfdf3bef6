//! Detections held against what is known to be there.
//!
//! A detection and a truth on the same stretch (overlap along the truth's axis of at least 30 % of the shorter one,
//! axes within 30 m) are a hit; a truth without one is a miss; a detection without one is a false alarm.
//! Recall at a false-alarm rate lowers the score until that many false alarms per 100 km of observed
//! track are in, over all cases together. [`naive`] scores what is scripted without a track frame by the same rule.

mod case;
mod csv;
mod curve;
mod evaluated;
mod input;
mod matching;
mod measure;
mod motion;
pub mod naive;
mod output;

pub use case::{Case, Found, Known, read_case, truth_of};
pub use csv::csv;
pub use curve::CurvePoint;
pub use evaluated::Evaluated;
pub use input::{CaseInput, case_inputs};
pub use matching::Axis;
pub use measure::{
    Calibration, Class, EndErrors, Evaluation, LengthKept, OffTrack, RATES_PER_100KM, RecallAt, Reliability,
    evaluate,
};
pub use motion::MotionScore;
pub use output::{table, write};

use std::path::PathBuf;
use thiserror::Error;

/// A case that cannot be read or scored.
#[derive(Debug, Error)]
pub enum Error {
    /// A file cannot be read.
    #[error(
        "cannot read {path}: {source}; a case is an output folder of `railwatch detect` with a truth.geojson in it or beside it"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not usable: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A folder without a truth.
    #[error("{dir} has no truth.geojson in it or beside it: name one with --truth or in a case list")]
    NoTruth {
        /// The folder.
        dir: PathBuf,
    },
    /// A list of cases with a mistake.
    #[error("the case list {path} has a mistake:\n{source}")]
    List {
        /// The list.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// Nothing to score.
    #[error("no case: {what} matches no output folder of `railwatch detect`")]
    NoCase {
        /// What was given.
        what: String,
    },
    /// Neither a folder of a run nor a glob.
    #[error("no case: {what} is neither an output folder of `railwatch detect` nor a valid glob: {source}")]
    Pattern {
        /// What was given.
        what: String,
        /// Where the glob is wrong.
        source: glob::PatternError,
    },
    /// The scenes of a case cannot be compared again for the naive references.
    #[error("the naive references of {case} cannot be computed: {source}")]
    Scenes {
        /// The case.
        case: String,
        /// Why.
        source: crate::pipeline::Error,
    },
    /// A curve cannot be drawn.
    #[error(transparent)]
    Report(#[from] crate::report::Error),
    /// An output cannot be written.
    #[error(transparent)]
    Output(#[from] crate::io::Error),
}

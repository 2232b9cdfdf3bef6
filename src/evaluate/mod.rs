//! Detections held against what is known to be there.
//!
//! A detection and a truth on the same stretch (overlap along the truth's axis of at least 30 % of the shorter one,
//! axes within 30 m) are a hit; a truth without one is a miss; a detection without one is a false alarm.
//! Recall at a false-alarm rate lowers the score until that many false alarms per 100 km of observed
//! track are in, over all cases together.

mod case;
mod measure;

pub use case::{Case, Found, Known, read_case};
pub use measure::{Evaluation, RecallAt, evaluate};

use std::path::PathBuf;
use thiserror::Error;

/// A case that cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// A file cannot be read.
    #[error(
        "cannot read {path}: {source}; a case is a folder of `railwatch detect` with a truth.geojson beside it"
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
}

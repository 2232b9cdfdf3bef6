//! What is written of an evaluation: the detector's figures and those of the naive references.

use super::measure::Evaluation;
use super::naive::NaiveResult;
use serde::Serialize;

/// Everything that is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    /// Names of the cases.
    pub cases: Vec<String>,
    /// How the detector did.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// How the naive references did on the same cases; empty where they were not asked for.
    pub references: Vec<NaiveResult>,
}

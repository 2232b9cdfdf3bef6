//! Why a detection run cannot give an answer.

use thiserror::Error;

/// Reasons why [`super::detect`] refuses.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// No track at all.
    #[error("no track lies in the scene: give rails that cross the target scene")]
    NoTrack,
    /// A track came without a baseline strip.
    #[error("track {track}: no baseline strip; give at least one earlier scene")]
    NoBaseline {
        /// Index in the input.
        track: usize,
    },
    /// Strips of unequal shape.
    #[error("track {track}: {what} is {found:?}, expected {expected:?}; sample all scenes alike")]
    Shape {
        /// Index in the input.
        track: usize,
        /// Which strip.
        what: &'static str,
        /// Shape found.
        found: (usize, usize, usize),
        /// Shape expected, (band, along, across).
        expected: (usize, usize, usize),
    },
    /// Strips too narrow for the filter and its placebos.
    #[error("strips reach only {half_width_px} px to either side of the track, at least 12 are needed")]
    Narrow {
        /// Reach in scene pixels.
        half_width_px: usize,
    },
    /// Nothing usable is left.
    #[error(
        "only {usable} cells along the tracks are clear in target and baseline, at least {needed} are needed: \
         choose clearer scenes or longer tracks"
    )]
    TooFewCells {
        /// Usable cells.
        usable: usize,
        /// Cells needed.
        needed: usize,
    },
    /// The placebo columns are constant.
    #[error(
        "the ground beside the tracks does not vary between the scenes: are target and baseline the same?"
    )]
    NoVariation,
    /// A parameter out of range.
    #[error("{name} must be {allowed}, not {value}")]
    Parameter {
        /// Field of the parameters.
        name: &'static str,
        /// Range in words.
        allowed: &'static str,
        /// Value given.
        value: f64,
    },
}

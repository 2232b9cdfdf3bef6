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
    /// Tracks with strips of different scenes.
    #[error(
        "track {track} has {found} baselines, the first track {expected}; sample all scenes along all tracks"
    )]
    Dates {
        /// Index in the input.
        track: usize,
        /// Its baselines.
        found: usize,
        /// Baselines of the first track.
        expected: usize,
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
    /// Strips sampled in different steps or widths.
    #[error("track {track}: its strips differ in step or width; sample all tracks and scenes alike")]
    Geometry {
        /// Index in the input.
        track: usize,
    },
    /// A cargo of the detection limit that says something else than one contrast a band.
    #[error("cargo {name}: {found} contrasts for {expected} bands; give one for each band")]
    Cargo {
        /// Name of the cargo.
        name: String,
        /// Contrasts given.
        found: usize,
        /// Bands of the strips.
        expected: usize,
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
    /// No track is as long as the shortest train looked for.
    #[error(
        "the longest track is {longest_m:.0} m, trains of {min_length_m:.0} m and more are looked for: \
         lower the shortest length or give longer rails"
    )]
    ShortTracks {
        /// Length of the longest track, metres.
        longest_m: f64,
        /// Shortest train, metres.
        min_length_m: f64,
    },
    /// Nothing beside the tracks is free of other rails.
    #[error(
        "other rails lie beside the tracks everywhere, so the rate of false alarms cannot be measured: \
         leave parallel tracks out of the rails or add a stretch of open line"
    )]
    NoPlacebo,
    /// The placebo tracks gave too few events.
    #[error(
        "the placebo tracks ({placebo_length_m:.0} m in all) gave only {count} events, too few for a rate of false \
         alarms: give longer rails or clearer scenes"
    )]
    FewPlacebos {
        /// Events.
        count: usize,
        /// Length of all placebo tracks, metres.
        placebo_length_m: f64,
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

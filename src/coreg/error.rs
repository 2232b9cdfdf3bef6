//! Why a shift cannot be trusted.

use super::Model;
use thiserror::Error;

/// With less of the overlap clear than this, windows are tried that fit between what hides it, percent: where a tenth is hidden, hardly a
/// window is hidden by half.
const CLEAR_PERCENT: f64 = 90.0;
/// With less of the overlap clear than this, what hides it is reason enough, percent.
const MOSTLY_HIDDEN_PERCENT: f64 = 50.0;

/// A registration that is refused.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The arrays differ in shape.
    #[error("the scenes were laid on different grids: {reference:?} and {moving:?} pixels")]
    Shape {
        /// Reference (rows, columns).
        reference: (usize, usize),
        /// Moving (rows, columns).
        moving: (usize, usize),
    },
    /// Hardly a pixel shows ground in both.
    #[error(
        "only {percent:.1} % of the overlap shows ground in both scenes: choose a clearer date (`detect \
         --no-register` trusts the georeference)"
    )]
    NoCommonGround {
        /// Share in percent.
        percent: f64,
    },
    /// Nothing to hold on to.
    #[error(
        "the overlap has no texture to match: choose another date or band (`detect --no-register` trusts the georeference)"
    )]
    NoTexture,
    /// The texture repeats itself.
    #[error(
        "the texture repeats itself: a shift that differs by {:.0} rows and {:.0} columns fits as well; choose another date \
         or band (`detect --no-register` trusts the georeference)", apart_px.0, apart_px.1
    )]
    Ambiguous {
        /// Difference of two shifts that fit, (rows, columns), px.
        apart_px: (f64, f64),
    },
    /// Too few windows match.
    #[error(
        "only {agreeing} of {tried} tie points agree (at least {needed} are needed): {}; choose another date (`detect \
         --no-register` trusts the georeference)", cause(*clear_percent)
    )]
    TooFewTiePoints {
        /// Tie points that agree.
        agreeing: usize,
        /// Windows that were tried.
        tried: usize,
        /// Tie points needed.
        needed: usize,
        /// Share of the overlap that shows ground in both scenes, percent.
        clear_percent: f64,
    },
    /// The tie points agree, and are too few for the form that was asked for.
    #[error(
        "{agreeing} of {tried} tie points agree, and a shift in the form `{}` needs at least {needed}: lay out more of them \
         with a smaller `--window-px` or `--spacing-px`, or ask for a simpler `--model`", model.name()
    )]
    TooFewForModel {
        /// Tie points that agree.
        agreeing: usize,
        /// Windows that were tried.
        tried: usize,
        /// Tie points needed.
        needed: usize,
        /// The form.
        model: Model,
    },
    /// The tie points contradict each other.
    #[error(
        "the tie points scatter by {rmse_px:.2} px (at most {largest_px:.2} px is trusted): the scenes do not differ by a shift of the requested form; take scenes of one orbit (`detect --no-register` trusts the georeference)"
    )]
    Scattered {
        /// Root mean square, px.
        rmse_px: f64,
        /// Limit, px.
        largest_px: f64,
    },
    /// Too little to go by for a shift of any use.
    #[error(
        "the shift is known to {uncertainty_px:.2} px only (at most {largest_px:.2} px is accepted): too few tie points, or \
         the scene changed too much (low sun, snow, season); read a wider window, or choose a date of the same season (`detect \
         --no-register` trusts the georeference)"
    )]
    Uncertain {
        /// Standard error, px.
        uncertainty_px: f64,
        /// Limit, px.
        largest_px: f64,
    },
    /// A rotation between the scenes.
    #[error(
        "the scenes are turned against each other, by about {:.1} degrees where they were looked at: tie points are \
         matched without turning; correct the georeference of one of them first (`gdalwarp` with control points)", degrees.abs()
    )]
    Turned {
        /// By how much the moving scene is turned, degrees.
        degrees: f64,
    },
    /// A parameter is outside its range.
    #[error("{name} must be between {low} and {high}, not {value}")]
    Parameter {
        /// Its name in the configuration.
        name: &'static str,
        /// The value.
        value: f64,
        /// Lower limit.
        low: f64,
        /// Upper limit.
        high: f64,
    },
}

impl Error {
    /// Whether windows of half the side may find what these did not: a part of the overlap is hidden, or there are too few
    /// windows for the form of the shift.
    pub(super) fn asks_for_smaller_windows(&self) -> bool {
        match self {
            Self::TooFewTiePoints { clear_percent, .. } => *clear_percent < CLEAR_PERCENT,
            Self::TooFewForModel { .. } => true,
            _ => false,
        }
    }
}

/// Why few tie points agree where so much of the overlap is clear.
fn cause(clear_percent: f64) -> String {
    let hidden = format!(
        "{:.0} % of the overlap is hidden in one scene or the other (cloud, snow, water or missing data)",
        100.0 - clear_percent
    );
    if clear_percent < MOSTLY_HIDDEN_PERCENT {
        hidden
    } else if clear_percent < CLEAR_PERCENT {
        format!(
            "{hidden}, and the rest shows different places, clouds that are not flagged or too little texture"
        )
    } else {
        "the scenes show different places, too much cloud or speckle, or too little texture".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_hides_the_ground() {
        let told = |clear_percent| {
            Error::TooFewTiePoints { agreeing: 0, tried: 30, needed: 5, clear_percent }.to_string()
        };
        assert!(told(12.0).contains("88 % of the overlap is hidden") && !told(12.0).contains("places"));
        assert!(told(66.0).contains("34 %") && told(66.0).contains("different places"));
        assert!(told(99.0).contains("different places") && !told(99.0).contains('%'));
    }
}

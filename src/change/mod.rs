//! Change off the track: a statistic per pixel, and the objects that stand out of it.
//!
//! The statistic is IR-MAD for a pair of multi-band scenes (Nielsen 2007, 10.1109/TIP.2006.888195), a robust
//! z-score for stacks, and a normalised difference for a pair of single bands. None of the three depends on the gain and
//! offset of any scene or band. For radar there are two tests pixel by pixel besides, which compare calibrated power. Its tail probabilities under a normal model are no threshold on
//! real scenes, so objects are held against the objects that the same rule finds outside the mask.
//!
//! It holds where most pixels did not change and all scenes lie on one grid. Degenerate cases (constant or
//! collinear bands, too few pixels, identical scenes) are errors.

mod area;
mod births;
mod changed;
mod expected;
mod irmad;
mod level;
mod null;
mod objects;
mod outline;
mod params;
mod pieces;
mod pixelwise;
mod robust_z;
mod trend;
mod variates;

pub use area::{AreaBlock, AreaModel, Sample};
pub use changed::Changed;
pub use objects::{ChangeObject, Direction, objects};
pub use params::{ChangeMethod, ChangeParams, ObjectParams};
pub use pieces::{AreaObject, AreaObjects};
pub use pixelwise::{PixelTest, pixelwise};

use ndarray::{Array2, Array3};
use thiserror::Error;

/// Why there is no change statistic or no object list.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Nothing to compare with.
    #[error("change needs at least one baseline scene; add one")]
    NoBaseline,
    /// The arrays do not lie on one grid.
    #[error("{what} has shape {found:?} where {wanted:?} is needed; resample all scenes to one grid first")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of the target.
        wanted: Vec<usize>,
    },
    /// Not enough common ground.
    #[error(
        "only {count} pixels are valid in target and baseline, at least {minimum} are needed; take a clearer scene or a larger window"
    )]
    TooFewPixels {
        /// Common valid pixels.
        count: usize,
        /// Fewest allowed.
        minimum: usize,
    },
    /// A test that needs a spread over dates.
    #[error(
        "{count} baseline is too few for a test over dates, at least {minimum} are needed; add earlier scenes"
    )]
    TooFewDates {
        /// Baselines given.
        count: usize,
        /// Fewest allowed.
        minimum: usize,
    },
    /// A band carries no contrast.
    #[error("band {band} (counted from 0) is nearly constant over the valid pixels; leave the band out")]
    Constant {
        /// Index of the band.
        band: usize,
    },
    /// The covariance of the bands cannot be inverted.
    #[error("two bands of one scene are linear combinations of each other; leave one of them out")]
    Collinear,
    /// Target and baseline are one picture.
    #[error(
        "target and baseline are the same picture up to gain and offset; check that they are two acquisitions"
    )]
    Identical,
    /// A parameter is outside its range.
    #[error("{name} must be {allowed}, not {value}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// Its range in words.
        allowed: &'static str,
        /// The given value.
        value: f64,
    },
}

/// How a statistic was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Iteratively reweighted multivariate alteration detection of a pair.
    IrMad,
    /// Robust z-score against a stack of baselines.
    RobustZ,
    /// Normalised difference of a pair of single bands.
    Single,
    /// Student's t pixel by pixel, for radar.
    TTest,
    /// Omnibus test pixel by pixel, for radar.
    Omnibus,
}

/// A change statistic and the pictures behind it; NaN where the target or every baseline is invalid.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeMap {
    /// By pixel `(row, col)`, at least 0, larger = more change: the root of the sum of squared standardised differences, the
    /// largest |t| of all bands, or the standard normal deviate of the omnibus statistic, by `kind`.
    pub statistic: Array2<f32>,
    /// How it was computed.
    pub kind: Kind,
    /// The target as the baselines predict it, `(band, row, col)`, in units of the target.
    pub expected: Array3<f32>,
    /// Target minus expectation, `(band, row, col)`, in units of the target.
    pub contrast: Array3<f32>,
}

/// The change statistic of a target `(band, row, col)` against its baselines, all registered on one grid.
///
/// Pixels that are not `ok` or not finite in the target are NaN in the result; a baseline may hold NaN of
/// its own, and a pixel then rests on the other baselines. One or two baselines are averaged into one
/// picture; from [`ChangeParams::stack_min`] on they make a stack. A baseline that shows fewer than
/// [`ChangeParams::pixels_min`] of the pixels does not count.
///
/// # Errors
/// [`enum@Error`] for differing shapes, too few pixels, and constant, collinear or identical bands.
pub fn statistic(
    target: &Array3<f32>,
    baselines: &[Array3<f32>],
    ok: &Array2<bool>,
    params: &ChangeParams,
) -> Result<ChangeMap, Error> {
    check(target, baselines, ok)?;
    let mut model = expected::expectation(target, baselines, ok, params)?;
    let stack = model.used_count >= params.stack_min.max(3);
    if params.trend_reach_px > 0 {
        trend::absorb(&mut model, params.trend_reach_px);
    }
    let bands = target.shape()[0];
    let (statistic, kind) = if stack {
        (robust_z::statistic(&model, params)?, Kind::RobustZ)
    } else if bands > 1 {
        (irmad::statistic(target, &model.expected, params)?, Kind::IrMad)
    } else {
        (robust_z::single(&model), Kind::Single)
    };
    Ok(ChangeMap { statistic, kind, expected: model.expected, contrast: model.contrast })
}

fn check(target: &Array3<f32>, baselines: &[Array3<f32>], ok: &Array2<bool>) -> Result<(), Error> {
    if baselines.is_empty() {
        return Err(Error::NoBaseline);
    }
    if let Some(odd) = baselines.iter().find(|b| b.shape() != target.shape()) {
        return Err(Error::Shape {
            what: "a baseline",
            found: odd.shape().to_vec(),
            wanted: target.shape().to_vec(),
        });
    }
    if *ok.shape() != target.shape()[1..] {
        return Err(Error::Shape {
            what: "the validity",
            found: ok.shape().to_vec(),
            wanted: target.shape()[1..].to_vec(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

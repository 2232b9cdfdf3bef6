//! Whether a pair that does not register is turned: its middle phase-correlated under small rotations.
//!
//! Tie points are matched without turning, and a shift of more than some pixels from place to place is beyond their
//! search. Only asked about pairs that are refused, so that the refusal says what is the matter.

use super::coarse::{Spectrum, clearness};
use super::{Error, Side};
use crate::signal::lanczos_at;
use ndarray::{Array2, s};

/// Side of the part that is turned, px: at half a step its rim moves by less than a pixel.
const PART_PX: usize = 256;
/// Steps of the angles that are tried on either side, and their size, degrees.
const STEPS: i32 = 8;
const STEP_DEG: f64 = 0.5;
/// Height of a correlation peak over the surface's root mean square from which it is no chance.
const CLEAR_SIGMAS: f64 = 12.0;
/// How much clearer than without turning the peak must be.
const CLEARER_RATIO: f64 = 1.25;

/// The refusal of a pair: [`Error::Turned`] in place of an error that a rotation explains, else the error itself.
#[must_use]
pub fn explained(error: Error, reference: Side<'_>, moving: Side<'_>, largest_px: f64) -> Error {
    let unexplained = matches!(
        error,
        Error::TooFewTiePoints { .. }
            | Error::Scattered { .. }
            | Error::Uncertain { .. }
            | Error::Ambiguous { .. }
    );
    match unexplained.then(|| degrees(reference, moving, largest_px)).flatten() {
        Some(degrees) => Error::Turned { degrees },
        None => error,
    }
}

/// By how much the middle of `moving` is turned, degrees; `None` where turning does not help.
fn degrees(reference: Side<'_>, moving: Side<'_>, largest_px: f64) -> Option<f64> {
    let (h, w) = reference.values.dim();
    let (rows, cols) = (h.min(PART_PX), w.min(PART_PX));
    let part = s![(h - rows) / 2..(h - rows) / 2 + rows, (w - cols) / 2..(w - cols) / 2 + cols];
    let middle = |side: Side<'_>| {
        let mut values = side.values.slice(part).to_owned();
        values.zip_mut_with(&side.ok.slice(part), |v, ok| *v = if *ok { *v } else { f32::NAN });
        values
    };
    let (a, b) = (middle(reference), middle(moving));
    let still = Spectrum::of_numbers(&a);
    let clear = |degrees: f64| clearness(&still, &Spectrum::of_numbers(&rotated(&b, degrees)), largest_px);
    let best = |tried: &mut dyn Iterator<Item = f64>| {
        tried.map(|d| (d, clear(d))).max_by(|p, q| p.1.total_cmp(&q.1))
    };
    let coarse = best(&mut (-STEPS..=STEPS).filter(|k| *k != 0).map(|k| f64::from(k) * STEP_DEG))?;
    let best = best(&mut (-1..=1).map(|k| coarse.0 + 0.5 * f64::from(k) * STEP_DEG))?;
    (best.1 > CLEAR_SIGMAS && best.1 > CLEARER_RATIO * clear(0.0)).then_some(best.0)
}

/// Values turned about the middle; NaN where nothing comes to.
fn rotated(values: &Array2<f32>, degrees: f64) -> Array2<f32> {
    let (h, w) = values.dim();
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (r0, c0) = ((h as f64 - 1.0) / 2.0, (w as f64 - 1.0) / 2.0);
    let view = values.view();
    Array2::from_shape_fn((h, w), |(r, c)| {
        let (y, x) = (r as f64 - r0, c as f64 - c0);
        lanczos_at(&view, (r0 + cos * y - sin * x, c0 + sin * y + cos * x), 1.0)
    })
}

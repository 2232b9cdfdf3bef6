//! The incidence angle along the rows of an image, and what it makes of height.
//!
//! θ is a parabola of the column, fitted to the angles of the control points. Where those have none but the image is as
//! wide as the whole swath of IW it is the usual one, which lies within 0.4° of three products of 2015 to 2021.

use crate::scene::ControlPoint;
use nalgebra::{DMatrix, DVector};

/// Coefficients for a whole swath of IW, degrees by the share of the width.
const WHOLE_IW_DEG: [f64; 3] = [30.5, 18.1, -2.6];
/// Width of a whole swath of IW, metres.
const WHOLE_IW_M: std::ops::RangeInclusive<f64> = 245_000.0..=275_000.0;

/// The angle by the column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incidence {
    /// Degrees by powers of the share of the width.
    coefficients: [f64; 3],
    width: f64,
}

impl Incidence {
    /// Of an image `width` pixels of `pixel_m` metres wide; `None` where nothing states the angle.
    pub(super) fn new(points: &[ControlPoint], width: usize, pixel_m: f64) -> Option<Self> {
        let width = width as f64;
        let stated: Vec<(f64, f64)> =
            points.iter().filter_map(|p| Some((p.col / width, p.incidence_deg?))).collect();
        if stated.is_empty() {
            let whole = WHOLE_IW_M.contains(&(width * pixel_m));
            return whole.then_some(Self { coefficients: WHOLE_IW_DEG, width });
        }
        // θ(f) = a + b f + c f²
        let x = DMatrix::from_fn(stated.len(), 3, |i, k| stated[i].0.powi(k as i32));
        let y = DVector::from_iterator(stated.len(), stated.iter().map(|t| t.1));
        let fitted = x.svd(true, true).solve(&y, 1e-9).ok()?;
        Some(Self { coefficients: [fitted[0], fitted[1], fitted[2]], width })
    }

    /// Metres by which a metre of height moves a target towards the satellite, on the ground: cot θ.
    pub(super) fn shift_per_height(&self, col: f64) -> f64 {
        let [a, b, c] = self.coefficients;
        let f = (col / self.width).clamp(0.0, 1.0);
        1.0 / (a + f * (b + f * c)).to_radians().tan()
    }
}

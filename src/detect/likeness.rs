//! How like a train of known contrast each row of a track is, and each row of its placebo tracks.
//!
//! A train whose place and contrast are known needs no search: the whitened residuals along its place, projected on what its contrast
//! would leave there, give 1 where it stands and 0 where the bed is empty, whatever else changed (a matched filter; Kay 1998,
//! Fundamentals of Statistical Signal Processing II, chapter 4). Placebo tracks tell how far chance gets.

use super::radar;
use super::residual::Residuals;
use super::stack::Stack;
use crate::stats::Whitener;
use ndarray::{Array2, Array3, Axis, concatenate, s};
use std::ops::Range;

/// What the target shows along one track and its placebo tracks that the dates before it do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// (row, column, band), whitened, the track first; NaN where unobserved or disturbed by another rail or a road.
    white: Array3<f64>,
    /// Factor of the local noise, (row, band).
    gain: Array2<f64>,
    whitener: Whitener,
    response: Response,
}

/// What a change leaves in the residuals before local noise and whitening.
#[derive(Debug, Clone, PartialEq)]
enum Response {
    /// Reflectance times this.
    Filter(f64),
    /// Power in decibels, against so many dates of so many looks.
    Radar { dates: usize, looks: f64 },
}

impl Likeness {
    /// Of the track at `rows`.
    pub(super) fn new(stack: &Stack<'_>, residuals: &Residuals, rows: &Range<usize>) -> Self {
        let track = residuals.bare.slice(s![rows.clone(), 1..2, ..]);
        let mut placebos = residuals.bare_placebos.slice(s![rows.clone(), .., ..]).to_owned();
        for (k, column) in stack.placebo_columns().into_iter().enumerate() {
            for row in rows.clone().filter(|&row| stack.excluded[(row, column)]) {
                placebos.slice_mut(s![row - rows.start, k, ..]).fill(f64::NAN);
            }
        }
        let white = concatenate(Axis(1), &[track, placebos.view()]).unwrap_or(placebos);
        let response = match stack.looks {
            Some(looks) => Response::Radar { dates: stack.scenes() - 1, looks },
            None => Response::Filter(stack.profile.response),
        };
        let gain = residuals.gain.slice(s![rows.clone(), ..]).to_owned();
        Self { white, gain, whitener: residuals.whitener.clone(), response }
    }

    /// Of a track of which nothing is known.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        let (white, gain) = (Array3::zeros((0, 0, 1)), Array2::zeros((0, 1)));
        let covariance = nalgebra::DMatrix::identity(1, 1);
        let whitener = Whitener::new(&covariance).unwrap();
        Self { white, gain, whitener, response: Response::Filter(1.0) }
    }

    /// Projection of every cell on a `contrast` (by band, reflectance or dB), (column, row), the track first: 1 where a cell shows it in
    /// full; NaN where it is not seen.
    #[must_use]
    pub fn to(&self, contrast: &[f64]) -> Array2<f64> {
        let (rows, columns, bands) = self.white.dim();
        let signal: Vec<f64> = (0..bands)
            .map(|b| contrast.get(b).copied().unwrap_or(f64::NAN))
            .map(|c| match self.response {
                Response::Filter(response) => c * response,
                Response::Radar { dates, looks } => radar::expected(dates, looks, c),
            })
            .collect();
        let (mut left, mut expected) = (vec![0.0; bands], vec![0.0; bands]);
        let mut out = Array2::from_elem((columns, rows), f64::NAN);
        for row in 0..rows {
            left.iter_mut().zip(&signal).zip(self.gain.row(row)).for_each(|((l, s), g)| *l = s * g);
            self.whitener.apply(&left, &mut expected);
            let square: f64 = expected.iter().map(|e| e * e).sum();
            for column in 0..columns {
                let cell = self.white.slice(s![row, column, ..]);
                out[(column, row)] = cell.iter().zip(&expected).map(|(u, e)| u * e).sum::<f64>() / square;
            }
        }
        out
    }
}

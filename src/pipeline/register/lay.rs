//! The moving scene laid on the reference's grid, window by window: each pixel interpolated once, at the place that the grids and
//! the shift give together.
//!
//! Lanczos kernels of [`crate::signal`]. Between grids of one CRS and pixel size they are separable, because the shift changes little
//! from pixel to pixel; between others each place is asked for by itself. Ground that the moving scene does not show is NaN.

use super::look::window_of;
use super::measure::Measured;
use super::pair::{Link, Pair};
use crate::grid::{Grid, Mapping, Window};
use crate::signal::{KernelTable, ShiftLattice, lanczos_at, warp};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Distance of the nodes at which the field is asked, px.
const LATTICE_STEP_PX: usize = 16;
/// Pixels around a place that its kernel needs.
const REACH_PX: f64 = 6.0;

/// How the moving scene is shifted on the reference's grid, and the kernels that do it.
pub(in crate::pipeline) struct Shifts {
    /// `None` where nothing is to be moved.
    lattice: Option<ShiftLattice>,
    table: KernelTable,
}

impl Shifts {
    /// The measured shift; none where none was measured.
    pub(in crate::pipeline) fn new(pair: &Pair, measured: Option<&Measured>) -> Self {
        let shape = pair.reference.grid.shape;
        let moved =
            |shift: &dyn Fn(f64, f64) -> (f64, f64)| Some(ShiftLattice::new(shape, LATTICE_STEP_PX, shift));
        let lattice = match (measured, &pair.link) {
            (Some(m), _) => moved(&|r, c| m.registration.field.shift_px(r, c)),
            (None, Link::Aligned { first }) if first.0.fract() == 0.0 && first.1.fract() == 0.0 => None,
            (None, _) => moved(&|_, _| (0.0, 0.0)),
        };
        Self { lattice, table: KernelTable::default() }
    }
}

/// How pixels of one moving grid, that of the scene or of a coarser band, become pixels of the reference's.
#[derive(Clone, Copy)]
pub(in crate::pipeline) struct Lay<'a> {
    pub(in crate::pipeline) reference: &'a Grid,
    /// Rows and columns of the moving grid.
    pub(in crate::pipeline) moving: (usize, usize),
    pub(in crate::pipeline) link: &'a Link,
    pub(in crate::pipeline) shifts: &'a Shifts,
}

impl Pair {
    /// How the moving scene's pixels become the reference's under `shifts`.
    pub(in crate::pipeline) fn lay<'a>(&'a self, shifts: &'a Shifts) -> Lay<'a> {
        Lay { reference: &self.reference.grid, moving: self.moving.grid.shape, link: &self.link, shifts }
    }
}

impl Lay<'_> {
    /// First and last row and column, in moving pixels, under a window of the reference; may lie outside.
    fn span(&self, window: Window, first: (f64, f64)) -> [f64; 4] {
        let rows = (window.row as f64, (window.row + window.height) as f64);
        let cols = (window.col as f64, (window.col + window.width) as f64);
        let Some(lattice) = &self.shifts.lattice else {
            return [rows.0 - first.0, rows.1 - 1.0 - first.0, cols.0 - first.1, cols.1 - 1.0 - first.1];
        };
        let [low_r, high_r, low_c, high_c] = lattice.range_px(window.row, window.height);
        [
            (rows.0 - high_r - first.0).floor() - REACH_PX,
            (rows.1 - low_r - first.0).ceil() + REACH_PX,
            (cols.0 - high_c - first.1).floor() - REACH_PX,
            (cols.1 - low_c - first.1).ceil() + REACH_PX,
        ]
    }

    /// How many rows below a strip of the reference are needed, `margin_px` included: shift and kernel may reach that far down.
    pub(in crate::pipeline) fn rows_below(&self, margin_px: usize) -> usize {
        let low = match (self.link, &self.shifts.lattice) {
            (Link::Aligned { .. }, Some(lattice)) => {
                lattice.range_px(0, self.reference.shape.0)[0] - REACH_PX
            }
            _ => 0.0,
        };
        margin_px + (-low).max(0.0).ceil() as usize
    }

    /// Where a pixel of a window of the reference lies in the moving grid.
    fn place(&self, window: Window, (r, c): (usize, usize), mapping: &Mapping) -> (f64, f64) {
        let (row, col) = (window.row + r, window.col + c);
        let d = self.shifts.lattice.as_ref().map_or((0.0, 0.0), |l| l.at(row, col));
        let (x, y) = self.reference.xy(row as f64 - d.0, col as f64 - d.1);
        mapping.row_col(x, y)
    }

    /// The part of the moving grid that a window of the reference needs; `None` when none of it.
    pub(in crate::pipeline) fn needs(&self, window: Window) -> Option<Window> {
        match self.link {
            Link::Aligned { first } => {
                let [top, bottom, left, right] = self.span(window, *first);
                Window::clipped(top, left, bottom, right, self.moving)
            }
            Link::Warped { mapping, scale } => {
                let place = |r: usize, c: usize| self.place(window, (r, c), mapping);
                window_of((window.height, window.width), &place, *scale, self.moving)
            }
        }
    }

    /// One band on a window of the reference, from the pixels `held` of it that [`Self::needs`] names (NaN where nothing is seen).
    pub(in crate::pipeline) fn on(
        &self,
        plane: &ArrayView2<'_, f32>,
        held: Window,
        window: Window,
    ) -> Array2<f32> {
        match self.link {
            Link::Aligned { first } => self.aligned(plane, held, *first, window),
            Link::Warped { mapping, scale } => {
                let mut out = Array2::from_elem((window.height, window.width), f32::NAN);
                out.outer_iter_mut().into_par_iter().enumerate().for_each(|(r, mut line)| {
                    for (c, v) in line.iter_mut().enumerate() {
                        let (row, col) = self.place(window, (r, c), mapping);
                        *v = lanczos_at(plane, (row - held.row as f64, col - held.col as f64), *scale);
                    }
                });
                out
            }
        }
    }

    fn aligned(
        &self,
        plane: &ArrayView2<'_, f32>,
        held: Window,
        first: (f64, f64),
        window: Window,
    ) -> Array2<f32> {
        if let Some(lattice) = &self.shifts.lattice {
            let first = (held.row as f64 + first.0, held.col as f64 + first.1);
            return warp(plane, first, lattice, window, &self.shifts.table);
        }
        let [top, _, left, _] = self.span(window, first);
        let mut framed = Array2::from_elem((window.height, window.width), f32::NAN);
        let at = ((held.row as f64 - top) as usize, (held.col as f64 - left) as usize);
        framed.slice_mut(s![at.0..at.0 + held.height, at.1..at.1 + held.width]).assign(plane);
        framed
    }
}

//! Windows of both scenes pixel over pixel: the baseline as it is, the target interpolated once through the shift.

use crate::grid::Window;
use crate::pipeline::register::{Link, Measured, Pair, window_of};
use crate::pipeline::{Error, SceneSource};
use crate::raster::Validity;
use crate::scene::Scene;
use crate::signal::{KernelTable, ShiftLattice, lanczos_at, warp};
use ndarray::{Array2, Array3, Axis, s};
use rayon::prelude::*;

/// Distance of the nodes at which the field is asked, px.
const LATTICE_STEP_PX: usize = 16;
/// Pixels around a place that its kernel needs.
const REACH_PX: f64 = 6.0;
/// Rows read ahead to, and columns read at once by a thread; whole tiles of most files.
const READ_PX: (usize, usize) = (512, 2048);

/// Values `(band, row, col)` of a window of a scene, NaN where it shows no ground; there may be more rows than the window has.
pub(super) struct Patch {
    pub(super) values: Array3<f32>,
    pub(super) window: Window,
}

impl Patch {
    /// Reads a window, its columns in parallel.
    pub(super) fn read(
        scene: &Scene,
        bands: &[usize],
        source: &dyn SceneSource,
        window: Window,
    ) -> Result<Self, Error> {
        let mut values = Array3::<f32>::zeros((bands.len(), window.height, window.width));
        fill(scene, bands, source, (window, values.view_mut()))?;
        Ok(Self { values, window })
    }

    /// A copy of a window that lies inside.
    pub(super) fn part(&self, window: Window) -> Array3<f32> {
        let (r, c) = (window.row - self.window.row, window.col - self.window.col);
        self.values.slice(s![.., r..r + window.height, c..c + window.width]).to_owned()
    }
}

fn fill(
    scene: &Scene,
    bands: &[usize],
    source: &dyn SceneSource,
    (window, mut values): (Window, ndarray::ArrayViewMut3<'_, f32>),
) -> Result<(), Error> {
    values.axis_chunks_iter_mut(Axis(2), READ_PX.1).into_par_iter().enumerate().try_for_each(
        |(k, mut part)| {
            let own = Window { col: window.col + k * READ_PX.1, width: part.len_of(Axis(2)), ..window };
            let raster = source.read(scene, own, bands)?;
            for (mut to, from) in part.outer_iter_mut().zip(raster.values.outer_iter()) {
                ndarray::Zip::from(&mut to).and(&from).and(&raster.validity).for_each(|to, v, flags| {
                    *to = if Validity::shows_ground(*flags) { *v } else { f32::NAN };
                });
            }
            Ok(())
        },
    )
}

/// Rows of a scene, read once from top to bottom.
pub(super) struct Rows<'a> {
    scene: &'a Scene,
    bands: &'a [usize],
    source: &'a dyn SceneSource,
    pub(super) patch: Patch,
}

impl<'a> Rows<'a> {
    pub(super) fn new(scene: &'a Scene, bands: &'a [usize], source: &'a dyn SceneSource) -> Self {
        let window = Window { row: 0, col: 0, height: 0, width: scene.grid.shape.1 };
        let values = Array3::zeros((bands.len(), 0, window.width));
        Self { scene, bands, source, patch: Patch { values, window } }
    }

    /// Holds rows `from..to` and a few after them; what lies before is let go.
    pub(super) fn hold(&mut self, from: usize, to: usize) -> Result<(), Error> {
        let held = self.patch.window;
        let end = held.row + held.height;
        if to <= end {
            return Ok(());
        }
        let (height, width) = self.scene.grid.shape;
        let kept = end.saturating_sub(from.max(held.row));
        let first = if kept > 0 { end - kept } else { from / READ_PX.0 * READ_PX.0 };
        let last = to.next_multiple_of(READ_PX.0).min(height);
        let rows = last - first;
        let patch = &mut self.patch;
        patch.window = Window { row: first, col: 0, height: rows, width };
        // The kept rows move to the top of the same memory.
        let room = patch.values.len_of(Axis(1));
        if rows > room {
            let tail = patch.values.slice(s![.., held.height - kept..held.height, ..]).to_owned();
            patch.values = Array3::zeros((0, 0, 0));
            patch.values = Array3::zeros((self.bands.len(), rows, width));
            patch.values.slice_mut(s![.., ..kept, ..]).assign(&tail);
        } else {
            for mut plane in patch.values.outer_iter_mut() {
                for row in 0..kept {
                    let (mut above, below) = plane.view_mut().split_at(Axis(0), held.height - kept + row);
                    if held.height > kept {
                        above.row_mut(row).assign(&below.row(0));
                    }
                }
            }
        }
        let new = Window { row: first + kept, col: 0, height: rows - kept, width };
        let part = patch.values.slice_mut(s![.., kept..rows, ..]);
        fill(self.scene, self.bands, self.source, (new, part))
    }
}

/// How the target is laid on the baseline's grid.
pub(super) struct Lay<'a> {
    pair: &'a Pair,
    /// `None` where nothing is to be moved.
    lattice: Option<ShiftLattice>,
    table: KernelTable,
}

impl<'a> Lay<'a> {
    pub(super) fn new(pair: &'a Pair, measured: Option<&Measured>) -> Self {
        let shape = pair.reference.grid.shape;
        let moved =
            |shift: &dyn Fn(f64, f64) -> (f64, f64)| Some(ShiftLattice::new(shape, LATTICE_STEP_PX, shift));
        let whole = |first: (f64, f64)| first.0.fract() == 0.0 && first.1.fract() == 0.0;
        let lattice = match (measured, &pair.link) {
            (Some(m), _) => moved(&|r, c| m.registration.field.shift_px(r, c)),
            (None, Link::Aligned { first }) if whole(*first) => None,
            (None, _) => moved(&|_, _| (0.0, 0.0)),
        };
        Self { pair, lattice, table: KernelTable::default() }
    }

    /// First and last row and column of the target, in its pixels, under a window of the baseline; may lie outside.
    fn span(&self, window: Window, first: (f64, f64)) -> [f64; 4] {
        let rows = (window.row as f64, (window.row + window.height) as f64);
        let cols = (window.col as f64, (window.col + window.width) as f64);
        let Some(lattice) = &self.lattice else {
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

    /// Rows below ground of the baseline that it needs with `margin_px` around it, counted alike in both scenes.
    pub(super) fn rows_below(&self, margin_px: usize) -> usize {
        let low = match (&self.pair.link, &self.lattice) {
            (Link::Aligned { .. }, Some(lattice)) => {
                lattice.range_px(0, self.pair.reference.grid.shape.0)[0] - REACH_PX
            }
            _ => 0.0,
        };
        margin_px + (-low).max(0.0).ceil() as usize
    }

    /// Where a pixel of a window of the baseline lies in the target.
    fn place(&self, window: Window, (r, c): (usize, usize), mapping: &crate::grid::Mapping) -> (f64, f64) {
        let (row, col) = (window.row + r, window.col + c);
        let d = self.lattice.as_ref().map_or((0.0, 0.0), |l| l.at(row, col));
        let (x, y) = self.pair.reference.grid.xy(row as f64 - d.0, col as f64 - d.1);
        mapping.row_col(x, y)
    }

    /// The part of the target that a window of the baseline needs; `None` when none of it.
    pub(super) fn needs(&self, window: Window) -> Option<Window> {
        let shape = self.pair.moving.grid.shape;
        match &self.pair.link {
            Link::Aligned { first } => {
                let [top, bottom, left, right] = self.span(window, *first);
                Window::clipped(top, left, bottom, right, shape)
            }
            Link::Warped { mapping, scale } => {
                let place = |r: usize, c: usize| self.place(window, (r, c), mapping);
                window_of((window.height, window.width), &place, *scale, shape)
            }
        }
    }

    /// The target on a window of the baseline, from a patch that holds what it needs.
    pub(super) fn on(&self, patch: &Patch, window: Window) -> Array3<f32> {
        let bands = patch.values.len_of(Axis(0));
        let mut out = Array3::from_elem((bands, window.height, window.width), f32::NAN);
        let Some(needed) = self.needs(window).and_then(|n| n.intersection(patch.window)) else { return out };
        let source = patch.part(needed);
        for (mut to, plane) in out.outer_iter_mut().zip(source.outer_iter()) {
            match &self.pair.link {
                Link::Aligned { first } => {
                    let [top, bottom, left, right] = self.span(window, *first);
                    let shape = ((bottom - top) as usize + 1, (right - left) as usize + 1);
                    let mut framed = Array2::from_elem(shape, f32::NAN);
                    let at = ((needed.row as f64 - top) as usize, (needed.col as f64 - left) as usize);
                    framed
                        .slice_mut(s![at.0..at.0 + needed.height, at.1..at.1 + needed.width])
                        .assign(&plane);
                    if let Some(lattice) = &self.lattice {
                        let part = (window.row, window.col, window.height, window.width);
                        let from = (top + first.0, left + first.1);
                        to.assign(&warp(framed, from, lattice, part, &self.table));
                    } else {
                        to.assign(&framed);
                    }
                }
                Link::Warped { mapping, scale } => {
                    for ((r, c), v) in to.indexed_iter_mut() {
                        let (row, col) = self.place(window, (r, c), mapping);
                        *v = lanczos_at(&plane, (row - needed.row as f64, col - needed.col as f64), *scale);
                    }
                }
            }
        }
        out
    }
}

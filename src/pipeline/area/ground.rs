//! Windows of both scenes pixel over pixel: the baseline as it is, the target interpolated once through the shift.

use crate::grid::Window;
use crate::pipeline::register::Lay;
use crate::pipeline::{Error, SceneSource};
use crate::raster::Validity;
use crate::scene::Scene;
use ndarray::{Array3, ArrayView3, Axis, s};
use rayon::prelude::*;

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
        fill(scene, bands, source, window, values.view_mut())?;
        Ok(Self { values, window })
    }

    /// A window that lies inside.
    pub(super) fn part(&self, window: Window) -> ArrayView3<'_, f32> {
        let (r, c) = (window.row - self.window.row, window.col - self.window.col);
        self.values.slice(s![.., r..r + window.height, c..c + window.width])
    }
}

fn fill(
    scene: &Scene,
    bands: &[usize],
    source: &dyn SceneSource,
    window: Window,
    mut values: ndarray::ArrayViewMut3<'_, f32>,
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

/// Rows of a scene, read once where they are asked for from top to bottom.
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
        if from >= held.row && to <= end {
            return Ok(());
        }
        let (height, width) = self.scene.grid.shape;
        // A scene whose rows run the other way is asked for earlier ones: nothing that is held comes before them.
        let kept = if from < held.row { 0 } else { end.saturating_sub(from.max(held.row)) };
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
        fill(self.scene, self.bands, self.source, new, part)
    }
}

/// The target on a window of the baseline `(band, row, col)`, from a patch that holds what it needs.
pub(super) fn laid(lay: &Lay<'_>, target: &Patch, window: Window) -> Array3<f32> {
    let bands = target.values.len_of(Axis(0));
    let mut out = Array3::from_elem((bands, window.height, window.width), f32::NAN);
    let Some(needed) = lay.needs(window).and_then(|n| n.intersection(target.window)) else { return out };
    let source = target.part(needed);
    for (mut to, plane) in out.outer_iter_mut().zip(source.outer_iter()) {
        to.assign(&lay.on(&plane, needed, window));
    }
    out
}

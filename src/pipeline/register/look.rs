//! A window of both scenes, pixel over pixel on the reference's grid.

use super::pair::{Link, Pair};
use crate::coreg::{self, Side};
use crate::grid::Window;
use crate::pipeline::radar::calmed_db;
use crate::pipeline::{Error, SceneSource};
use crate::raster::{Raster, Validity};
use crate::scene::Scene;
use crate::signal::lanczos_at;
use ndarray::{Array2, s};
use rayon::prelude::*;

/// Values `(row, col)` and which of them show ground that stands still.
pub(in crate::pipeline) struct Plane {
    values: Array2<f32>,
    ok: Array2<bool>,
}

impl Plane {
    fn empty(shape: (usize, usize)) -> Self {
        Self { values: Array2::zeros(shape), ok: Array2::from_elem(shape, false) }
    }

    pub(in crate::pipeline) fn side(&self) -> Side<'_> {
        Side { values: self.values.view(), ok: self.ok.view() }
    }

    /// Its edges in place of its values.
    fn edges(&self) -> Self {
        let (values, ok) = coreg::edges(self.side());
        Self { values, ok }
    }
}

/// Both scenes in one window.
pub(in crate::pipeline) struct Overlaid {
    pub(in crate::pipeline) reference: Plane,
    pub(in crate::pipeline) moving: Plane,
    /// To be added to a shift between the arrays to get the shift of the scenes, px.
    pub(in crate::pipeline) base: (f64, f64),
}

/// A rectangle on the reference's grid, which may reach beyond it.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Frame {
    /// First row.
    pub(in crate::pipeline) row: isize,
    /// First column.
    pub(in crate::pipeline) col: isize,
    /// Rows and columns.
    pub(in crate::pipeline) shape: (usize, usize),
}

impl Frame {
    /// The frame by so many rows and columns earlier.
    fn before(self, (rows, cols): (isize, isize)) -> Self {
        Self { row: self.row - rows, col: self.col - cols, ..self }
    }
}

impl Overlaid {
    /// The edges of both, which bands that differ have in common.
    pub(super) fn edges(self) -> Self {
        Self { reference: self.reference.edges(), moving: self.moving.edges(), ..self }
    }

    /// Takes out the pixels that `hides(row, col)` names.
    pub(super) fn hide(&mut self, hides: impl Fn(usize, usize) -> bool) {
        self.reference.ok.indexed_iter_mut().for_each(|((r, c), ok)| *ok &= !hides(r, c));
    }
}

/// Reads `frame` of the reference's grid in the bands `bands`; pixel p of the moving array is that of the scene which a
/// shift by `start` would bring to p.
pub(in crate::pipeline) fn look(
    pair: &Pair,
    source: &dyn SceneSource,
    frame: Frame,
    start: (isize, isize),
    bands: (usize, usize),
) -> Result<Overlaid, Error> {
    let reference = padded(&pair.reference, source, frame, bands.0)?;
    let from = frame.before(start);
    let whole = (start.0 as f64, start.1 as f64);
    match &pair.link {
        Link::Aligned { first } => {
            let (r, c) = (first.0.round(), first.1.round());
            let own = from.before((r as isize, c as isize));
            let moving = padded(&pair.moving, source, own, bands.1)?;
            // Moving pixel m lies at m + first; the array says m + round(first).
            Ok(Overlaid { reference, moving, base: (whole.0 - (first.0 - r), whole.1 - (first.1 - c)) })
        }
        Link::Warped { mapping, scale } => {
            let place = |r: usize, c: usize| {
                let (x, y) =
                    pair.reference.grid.xy((from.row + r as isize) as f64, (from.col + c as isize) as f64);
                mapping.row_col(x, y)
            };
            let moving = warped(&pair.moving, source, from.shape, &place, *scale, bands.1)?;
            Ok(Overlaid { reference, moving, base: whole })
        }
    }
}

/// A frame of a scene; what lies outside shows no ground.
fn padded(scene: &Scene, source: &dyn SceneSource, frame: Frame, band: usize) -> Result<Plane, Error> {
    let Frame { row, col, shape: (height, width) } = frame;
    let mut plane = Plane::empty(frame.shape);
    let ends = ((row + height as isize - 1) as f64, (col + width as isize - 1) as f64);
    let Some(window) = Window::clipped(row as f64, col as f64, ends.0, ends.1, scene.grid.shape) else {
        return Ok(plane);
    };
    let raster = source.read(scene, window, &[band])?;
    let (top, left) = ((window.row as isize - row) as usize, (window.col as isize - col) as usize);
    let part = s![top..top + window.height, left..left + window.width];
    plane.values.slice_mut(part).assign(&texture(scene, &raster));
    plane.ok.slice_mut(part).assign(&usable(&raster));
    Ok(plane)
}

/// What is matched of a raster's one band: of radar decibels with less speckle.
fn texture(scene: &Scene, raster: &Raster) -> Array2<f32> {
    if scene.radar.is_some() {
        calmed_db(raster)
    } else {
        raster.values.index_axis(ndarray::Axis(0), 0).to_owned()
    }
}

/// Edges stand still under a shadow; water and snow do not.
fn usable(raster: &Raster) -> Array2<bool> {
    raster.validity.mapv(|v| v.difference(Validity::SHADOW).is_empty())
}

/// A scene sampled at `place(row, col)` of its own pixels.
fn warped(
    scene: &Scene,
    source: &dyn SceneSource,
    shape: (usize, usize),
    place: &(impl Fn(usize, usize) -> (f64, f64) + Sync),
    scale: f64,
    band: usize,
) -> Result<Plane, Error> {
    let mut plane = Plane::empty(shape);
    let Some(window) = window_of(shape, place, scale, scene.grid.shape) else { return Ok(plane) };
    let raster = source.read(scene, window, &[band])?;
    let ok = usable(&raster);
    let mut values = texture(scene, &raster);
    values.zip_mut_with(&ok, |v, ok| *v = if *ok { *v } else { f32::NAN });
    let view = values.view();
    let rows = plane.values.outer_iter_mut().into_par_iter().zip(plane.ok.outer_iter_mut().into_par_iter());
    rows.enumerate().for_each(|(r, (mut line, mut ok))| {
        for c in 0..shape.1 {
            let (row, col) = place(r, c);
            let v = lanczos_at(&view, (row - window.row as f64, col - window.col as f64), scale);
            if !v.is_nan() {
                line[c] = v;
                ok[c] = true;
            }
        }
    });
    Ok(plane)
}

/// The pixels of another grid of `other` pixels that an area of `shape` needs; `None` when none of them.
pub(in crate::pipeline) fn window_of(
    shape: (usize, usize),
    place: &impl Fn(usize, usize) -> (f64, f64),
    scale: f64,
    other: (usize, usize),
) -> Option<Window> {
    const NODES: usize = 32;
    let margin = 5.0 * scale + 1.0;
    let nodes = |n: usize| (0..=NODES).map(move |k| k * (n - 1) / NODES);
    let at = nodes(shape.0).flat_map(|r| nodes(shape.1).map(move |c| place(r, c)));
    Window::around(at, margin, other)
}

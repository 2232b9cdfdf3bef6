//! The moving scene laid on the reference's grid: one interpolation, strip by strip, read, resampled and written at once.

use super::look::window_of;
use super::measure::Measured;
use super::pair::{Link, Pair};
use crate::grid::Window;
use crate::io::{BlockBand, BlockReader, BlockWriter};
use crate::pipeline::origin::{described, scene_tags};
use crate::pipeline::{Error, Event, Sink};
use crate::signal::{KernelTable, ShiftLattice, lanczos_at, warp};
use ndarray::{Array2, s};
use rayon::prelude::*;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Pixels of a strip, at most about: what a thread holds of one band.
const STRIP_PIXELS: usize = 3_000_000;
/// Distance of the nodes at which the field is asked, px.
const LATTICE_STEP_PX: usize = 16;

/// One band of a strip on its way to the file.
struct Block {
    band: usize,
    row: usize,
    values: Array2<f32>,
}

/// Writes all bands of the moving scene, moved by the field, on the reference's grid.
pub(super) fn write(path: &Path, pair: &Pair, measured: &Measured, sink: &dyn Sink) -> Result<(), Error> {
    let bands: Vec<usize> = (0..pair.moving.bands.len()).collect();
    let reader = BlockReader::open(&pair.moving, &bands)?;
    let stored: Vec<BlockBand> = reader.bands().map(|b| described(&pair.moving, b)).collect();
    let grid = &pair.reference.grid;
    let mut writer = BlockWriter::create(path, grid, &stored, &scene_tags(&pair.moving))?;
    let field = &measured.registration.field;
    let warper = Warper {
        pair,
        links: stored.iter().map(|b| Link::new(grid, &b.grid, pair.overlap)).collect::<Result<_, _>>()?,
        bands: &stored,
        lattice: ShiftLattice::new(grid.shape, LATTICE_STEP_PX, |r, c| field.shift_px(r, c)),
        table: KernelTable::default(),
    };
    let strip = (STRIP_PIXELS / grid.shape.1.max(1)).clamp(16, 1024);
    let starts: Vec<usize> = (0..grid.shape.0).step_by(strip).collect();
    let threads = rayon::current_num_threads();
    // Each thread takes neighbouring strips, so that the blocks of the file that two strips share are decoded once.
    let shares: Vec<&[usize]> = starts.chunks(starts.len().div_ceil(threads)).collect();
    let (sender, receiver) = sync_channel::<Block>(2);
    let total = starts.len() * stored.len();
    let (written, warped) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| -> Result<(), Error> {
            for (done, block) in receiver.into_iter().enumerate() {
                writer.write(block.band, (block.row, 0), &block.values)?;
                sink.event(&Event { stage: "resample", what: pair.moving.id.clone(), done: done + 1, total });
            }
            Ok(())
        });
        let warped = shares.par_iter().try_for_each_with(sender, |sender, share| {
            let reader = BlockReader::open(&pair.moving, &bands)?;
            share.iter().try_for_each(|row| {
                if sink.interrupted() {
                    return Err(Error::Interrupted);
                }
                warper.strip(&reader, (*row, strip.min(grid.shape.0 - row)), sender)
            })
        });
        (writing.join(), warped)
    });
    // A failed writer hangs up, and its own reason says more than that nobody listened.
    match written {
        Ok(result) => result?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    warped?;
    sink.event(&Event { stage: "write", what: path.display().to_string(), done: total, total });
    Ok(writer.finish()?)
}

struct Warper<'a> {
    pair: &'a Pair,
    links: Vec<Link>,
    bands: &'a [BlockBand],
    lattice: ShiftLattice,
    table: KernelTable,
}

impl Warper<'_> {
    /// Reads, moves and hands on all bands of `rows` rows from `row`.
    fn strip(
        &self,
        reader: &BlockReader,
        (row, rows): (usize, usize),
        sender: &SyncSender<Block>,
    ) -> Result<(), Error> {
        for (band, (stored, link)) in self.bands.iter().zip(&self.links).enumerate() {
            let values = match link {
                Link::Aligned { first } => self.aligned(reader, (band, stored), *first, (row, rows))?,
                Link::Warped { mapping, scale } => {
                    let place = |r: usize, c: usize| {
                        let d = self.lattice.at(row + r, c);
                        let (x, y) = self.pair.reference.grid.xy((row + r) as f64 - d.0, c as f64 - d.1);
                        mapping.row_col(x, y)
                    };
                    self.sampled(reader, (band, stored), rows, (&place, *scale))?
                }
            };
            if sender.send(Block { band, row, values }).is_err() {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    }

    fn aligned(
        &self,
        reader: &BlockReader,
        (band, stored): (usize, &BlockBand),
        first: (f64, f64),
        (row, rows): (usize, usize),
    ) -> Result<Array2<f32>, Error> {
        const REACH: f64 = 6.0;
        let cols = self.pair.reference.grid.shape.1;
        let [low_r, high_r, low_c, high_c] = self.lattice.range_px(row, rows);
        let top = (row as f64 - high_r - first.0).floor() - REACH;
        let bottom = ((row + rows) as f64 - low_r - first.0).ceil() + REACH;
        let left = (-high_c - first.1).floor() - REACH;
        let right = (cols as f64 - low_c - first.1).ceil() + REACH;
        let empty = || Array2::from_elem((rows, cols), f32::NAN);
        let Some(window) = Window::clipped(top, left, bottom, right, stored.grid.shape) else {
            return Ok(empty());
        };
        let mut source =
            Array2::from_elem(((bottom - top) as usize + 1, (right - left) as usize + 1), f32::NAN);
        let at = ((window.row as f64 - top) as usize, (window.col as f64 - left) as usize);
        source
            .slice_mut(s![at.0..at.0 + window.height, at.1..at.1 + window.width])
            .assign(&reader.read(band, window)?);
        let first = (top + first.0, left + first.1);
        Ok(warp(source, first, &self.lattice, (row, 0, rows, cols), &self.table))
    }

    fn sampled(
        &self,
        reader: &BlockReader,
        (band, stored): (usize, &BlockBand),
        rows: usize,
        (place, scale): (&(impl Fn(usize, usize) -> (f64, f64) + Sync), f64),
    ) -> Result<Array2<f32>, Error> {
        let shape = (rows, self.pair.reference.grid.shape.1);
        let mut out = Array2::from_elem(shape, f32::NAN);
        let Some(window) = window_of(shape, place, scale, stored.grid.shape) else { return Ok(out) };
        let source = reader.read(band, window)?;
        let view = source.view();
        out.outer_iter_mut().into_par_iter().enumerate().for_each(|(r, mut line)| {
            for (c, v) in line.iter_mut().enumerate() {
                let (row, col) = place(r, c);
                *v = lanczos_at(&view, (row - window.row as f64, col - window.col as f64), scale);
            }
        });
        Ok(out)
    }
}

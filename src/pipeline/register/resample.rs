//! The moving scene laid on the reference's grid: one interpolation, strip by strip, read, resampled and written at once.

use super::lay::{Lay, Shifts};
use super::measure::Measured;
use super::pair::{Link, Pair};
use crate::grid::Window;
use crate::io::{BandFormat, BlockReader, BlockWriter};
use crate::pipeline::origin::{described, scene_tags};
use crate::pipeline::{Error, Event, Sink};
use ndarray::Array2;
use rayon::prelude::*;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Pixels of a strip, at most about: what a thread holds of one band.
const STRIP_PIXELS: usize = 3_000_000;

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
    let formats: Vec<BandFormat> = reader.bands().map(|b| described(&pair.moving, &b.format)).collect();
    let grid = &pair.reference.grid;
    let mut writer = BlockWriter::create(path, grid, &formats, &scene_tags(&pair.moving))?;
    let shifts = Shifts::new(pair, Some(measured));
    let links: Vec<Link> =
        reader.bands().map(|b| Link::new(grid, &b.grid, pair.overlap)).collect::<Result<_, _>>()?;
    let lays: Vec<Lay<'_>> = (reader.bands().zip(&links))
        .map(|(band, link)| Lay { reference: grid, moving: band.grid.shape, link, shifts: &shifts })
        .collect();
    let strip_rows = (STRIP_PIXELS / grid.shape.1.max(1)).clamp(16, 1024);
    let starts: Vec<usize> = (0..grid.shape.0).step_by(strip_rows).collect();
    let threads = rayon::current_num_threads();
    // Each thread takes neighbouring strips, so that the blocks of the file that two strips share are decoded once.
    let shares: Vec<&[usize]> = starts.chunks(starts.len().div_ceil(threads)).collect();
    let (sender, receiver) = sync_channel::<Block>(2);
    let total = starts.len() * bands.len();
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
                strip(&lays, &reader, *row, strip_rows.min(grid.shape.0 - row), sender)
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

/// Reads, moves and hands on all bands of `rows` rows from `row`.
fn strip(
    lays: &[Lay<'_>],
    reader: &BlockReader,
    row: usize,
    rows: usize,
    sender: &SyncSender<Block>,
) -> Result<(), Error> {
    for (band, lay) in lays.iter().enumerate() {
        let window = Window { row, col: 0, height: rows, width: lay.reference.shape.1 };
        let values = match lay.needs(window) {
            Some(needed) => lay.on(&reader.read(band, needed)?.view(), needed, window),
            None => Array2::from_elem((window.height, window.width), f32::NAN),
        };
        if sender.send(Block { band, row, values }).is_err() {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

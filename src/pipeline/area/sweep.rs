//! The scenes gone through: windows spread over them for the estimate, then all of them once in strips.

use super::ground::{Patch, Rows, laid};
use super::hidden::Hidden;
use super::{Planned, TILE_PX};
use crate::change::{AreaModel, AreaObject, AreaObjects, Sample};
use crate::grid::Window;
use crate::io::{BandFormat, BlockWriter, Kind};
use crate::pipeline::origin::software_tag;
use crate::pipeline::register::Lay;
use crate::pipeline::{Error, Event, SceneSource, Sink};
use ndarray::{Array2, Array3, s};
use rayon::prelude::*;
use std::path::Path;

/// Pixels of a strip, at most about, and its rows.
const STRIP: (usize, usize) = (6_000_000, 512);
/// Columns that a thread judges at once.
const COLS: usize = 1024;
/// Bits of a statistic's mantissa that are written: one part in 2048, so that the file is small.
const MANTISSA_BITS: u32 = 11;

pub(super) struct Sweep<'a> {
    pub(super) planned: &'a Planned,
    pub(super) source: &'a dyn SceneSource,
    pub(super) sink: &'a dyn Sink,
    pub(super) lay: Lay<'a>,
    pub(super) hidden: Hidden,
}

impl Sweep<'_> {
    /// Windows of both scenes, at most `count` along each axis of `side` px, spread evenly over the overlap.
    pub(super) fn samples(&self, count: usize, side: usize) -> Result<Vec<Sample>, Error> {
        let overlap = self.planned.pair.overlap;
        let starts = |first: usize, n: usize| -> Vec<usize> {
            let side = side.min(n);
            let count = (n / side).clamp(1, count);
            let apart = |k: usize| if count == 1 { (n - side) / 2 } else { k * (n - side) / (count - 1) };
            (0..count)
                .map(|k| {
                    let start = first + apart(k);
                    let over = (start % TILE_PX + side).saturating_sub(TILE_PX);
                    if side < TILE_PX && start >= first + over { start - over } else { start }
                })
                .collect()
        };
        let (height, width) = (side.min(overlap.height), side.min(overlap.width));
        let cols = starts(overlap.col, overlap.width);
        let windows: Vec<Window> = starts(overlap.row, overlap.height)
            .iter()
            .flat_map(|&row| cols.iter().map(move |&col| Window { row, col, height, width }))
            .collect();
        windows.par_iter().map(|w| self.sample(*w)).collect()
    }

    fn sample(&self, window: Window) -> Result<Sample, Error> {
        let (pair, bands) = (&self.planned.pair, &self.planned.bands);
        let mut baseline = Patch::read(&pair.reference, &bands[0], self.source, window)?.values;
        self.hidden.blank(&mut baseline, window);
        let target = match self.lay.needs(window) {
            Some(needed) => {
                laid(&self.lay, &Patch::read(&pair.moving, &bands[1], self.source, needed)?, window)
            }
            None => Array3::from_elem(baseline.raw_dim(), f32::NAN),
        };
        Ok((baseline, target))
    }

    /// Writes the statistic of all ground to `path`; the objects, and the ground that both scenes show, km².
    pub(super) fn pass(&self, model: &AreaModel, path: &Path) -> Result<(Vec<AreaObject>, f64), Error> {
        let (pair, bands) = (&self.planned.pair, &self.planned.bands);
        let (height, width) = pair.reference.grid.shape;
        let mut writer = self.writer(path)?;
        let cell = model.cell_px();
        let rows = (STRIP.0 / width.max(1)).min(STRIP.1) / cell * cell;
        let rows = rows.max(cell);
        let cols = (COLS / cell * cell).max(cell);
        let columns: Vec<usize> = (0..width).step_by(cols).collect();
        let mut baseline = Rows::new(&pair.reference, &bands[0], self.source);
        let mut target = Rows::new(&pair.moving, &bands[1], self.source);
        let mut objects = AreaObjects::default();
        let mut seen = 0;
        // The first strip is shorter, so that what each needs ends with a row of tiles and no further one is held.
        let ahead = self.lay.rows_below(model.margin_px()).next_multiple_of(cell).min(rows - cell);
        let starts: Vec<usize> = std::iter::once(0).chain((rows - ahead..height).step_by(rows)).collect();
        for (done, &row) in starts.iter().enumerate() {
            if self.sink.interrupted() {
                return Err(Error::Interrupted);
            }
            let what = pair.moving.id.clone();
            self.sink.event(&Event { stage: "change", what, done, total: starts.len() });
            let end = starts.get(done + 1).copied().unwrap_or(height);
            let strip = Window { row, col: 0, height: end - row, width };
            let wide = strip.grown(model.margin_px(), (height, width));
            let needed = self.lay.needs(wide);
            let (a, b) = rayon::join(
                || baseline.hold(wide.row, wide.row + wide.height),
                || needed.map_or(Ok(()), |n| target.hold(n.row, n.row + n.height)),
            );
            a.and(b)?;
            let blocks: Vec<_> = columns
                .par_iter()
                .map(|&col| {
                    let core = Window { col, width: cols.min(width - col), ..strip };
                    let window = core.grown(model.margin_px(), (height, width));
                    let mut earlier = baseline.patch.part(window).to_owned();
                    self.hidden.blank(&mut earlier, window);
                    let later = laid(&self.lay, &target.patch, window);
                    model.block((&earlier.view(), &later.view()), (window.row, window.col), core)
                })
                .collect();
            let mut out = Array2::from_elem((strip.height, width), f32::NAN);
            for (&col, mut block) in columns.iter().zip(blocks) {
                let end = col + block.statistic.ncols();
                out.slice_mut(s![.., col..end]).assign(&block.statistic);
                objects.add(&mut block);
            }
            seen += out.iter().filter(|v| v.is_finite()).count();
            out.mapv_inplace(shortened);
            writer.write(0, (row, 0), &out)?;
        }
        drop((baseline, target));
        self.sink.event(&Event { stage: "write", what: "change.tif".to_owned(), done: 0, total: 1 });
        writer.finish()?;
        let area_km2 = seen as f64 * pair.pixel_m * pair.pixel_m / 1e6;
        Ok((objects.finish(model, area_km2), area_km2))
    }

    fn writer(&self, path: &Path) -> Result<BlockWriter, Error> {
        let grid = &self.planned.pair.reference.grid;
        let name = "change statistic".to_owned();
        let format = BandFormat { name, kind: Kind::Float32, no_data: f64::NAN, scale: None };
        Ok(BlockWriter::create(path, grid, &[format], &[software_tag()])?)
    }
}

/// A value with the last bits of its mantissa rounded away.
fn shortened(v: f32) -> f32 {
    let dropped = f32::MANTISSA_DIGITS - 1 - MANTISSA_BITS;
    if v.is_finite() { f32::from_bits((v.to_bits() + (1 << (dropped - 1))) >> dropped << dropped) } else { v }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn rounding_keeps_one_part_in_two_thousand() {
        for k in 1..2000 {
            let v = 0.013 * (k as f32).powf(1.3);
            assert!((shortened(v) / v - 1.0).abs() < 1.0 / 4000.0);
        }
        assert!(shortened(f32::NAN).is_nan() && shortened(0.0) == 0.0);
    }
}

//! A scene moved by a smoothly changing shift: one interpolation by eight-tap Lanczos kernels, along rows and then down
//! columns (two-pass warping, Catmull & Smith 1980, 10.1145/965105.807505).
//!
//! Both passes together are one interpolation of the source: the first resamples rows at the column that belongs to the
//! row on which the second will look. Missing pixels are NaN; a pixel is missing in the result where the nearest
//! one of the source is, and before missing ones the nearest seen ones are repeated.

use super::lanczos::{LANCZOS_TAPS, lanczos, lanczos_taps};
use crate::grid::Window;
use ndarray::{Array2, ArrayView2, Axis, s};

/// Steps of the kernel's table per pixel.
const PHASES: usize = 1024;
/// Taps before the pixel at or before a place.
const BEFORE: usize = LANCZOS_TAPS / 2 - 1;
/// Places that are worked on side by side.
const LANES: usize = 8;
/// Rows that are laid down as columns at once: what fills a line of the processor's cache.
const TURNED_ROWS: usize = 16;

/// A shift (row, col) in px at regular nodes, bilinear between.
#[derive(Debug, Clone)]
pub struct ShiftLattice {
    step_px: usize,
    rows: Array2<f32>,
    cols: Array2<f32>,
}

impl ShiftLattice {
    /// Asks `shift_px(row, col)` at every `step_px` pixels of an area of `shape`, and one node beyond.
    pub fn new(shape: (usize, usize), step_px: usize, shift_px: impl Fn(f64, f64) -> (f64, f64)) -> Self {
        let step_px = step_px.max(1);
        let size = (shape.0.div_ceil(step_px) + 1, shape.1.div_ceil(step_px) + 1);
        let (mut rows, mut cols) = (Array2::zeros(size), Array2::zeros(size));
        for ((i, j), row) in rows.indexed_iter_mut() {
            let shift = shift_px((i * step_px) as f64, (j * step_px) as f64);
            *row = shift.0 as f32;
            cols[(i, j)] = shift.1 as f32;
        }
        Self { step_px, rows, cols }
    }

    /// Least and greatest shift `[row, row, col, col]` of `count` rows from `row`, px.
    #[must_use]
    pub fn range_px(&self, row: usize, count: usize) -> [f64; 4] {
        let last = self.rows.nrows() - 1;
        let nodes = (row / self.step_px).min(last)..=((row + count).div_ceil(self.step_px)).min(last);
        let ends = |a: &Array2<f32>| {
            let part = a.slice(ndarray::s![nodes.clone(), ..]);
            part.iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |e, v| (e.0.min((*v).into()), e.1.max((*v).into())))
        };
        let (r, c) = (ends(&self.rows), ends(&self.cols));
        [r.0, r.1, c.0, c.1]
    }

    /// The shifts down of pixels `first..first + out.len()` of a (fractional) row.
    fn down_along_row(&self, row: f64, first: usize, out: &mut [f32]) {
        along(&self.rows.view(), self.step_px, row, first, out);
    }

    /// The shifts across of pixels `first..first + out.len()` of a (fractional) row.
    fn across_along_row(&self, row: f64, first: usize, out: &mut [f32]) {
        along(&self.cols.view(), self.step_px, row, first, out);
    }

    /// The shifts down of pixels `first..first + out.len()` of a column.
    fn down_along_column(&self, col: usize, first: usize, out: &mut [f32]) {
        along(&self.rows.t(), self.step_px, col as f64, first, out);
    }

    /// The shift at one pixel, px (row, col).
    #[must_use]
    pub fn at(&self, row: usize, col: usize) -> (f64, f64) {
        let (mut down, mut across) = ([0.0], [0.0]);
        self.down_along_row(row as f64, col, &mut down);
        self.across_along_row(row as f64, col, &mut across);
        (f64::from(down[0]), f64::from(across[0]))
    }
}

/// Bilinear values between `nodes` every `step_px`, at pixels `first..first + out.len()` of a (fractional) line.
fn along(nodes: &ArrayView2<'_, f32>, step_px: usize, line: f64, first: usize, out: &mut [f32]) {
    let (lines, count) = nodes.dim();
    let y = (line / step_px as f64).clamp(0.0, (lines - 1) as f64);
    let i = (y as usize).min(lines.saturating_sub(2));
    let f = (y - i as f64) as f32;
    let node = |j: usize| (1.0 - f) * nodes[(i, j)] + f * nodes[((i + 1).min(lines - 1), j)];
    let mut at = first;
    let mut rest = out;
    while !rest.is_empty() {
        let j = (at / step_px).min(count.saturating_sub(2));
        let (a, b) = (node(j), node((j + 1).min(count - 1)));
        let span = if j + 2 >= count { rest.len() } else { ((j + 1) * step_px - at).min(rest.len()) };
        let slope = (b - a) / step_px as f32;
        let (these, later) = rest.split_at_mut(span);
        for (k, v) in these.iter_mut().enumerate() {
            *v = a + slope * (at + k - j * step_px) as f32;
        }
        at += span;
        rest = later;
    }
}

/// Kernels at every phase.
#[derive(Debug, Clone)]
pub struct KernelTable(Vec<[f32; LANCZOS_TAPS]>);

impl Default for KernelTable {
    fn default() -> Self {
        Self((0..PHASES).map(|k| lanczos_taps(k as f64 / PHASES as f64).map(|t| t as f32)).collect())
    }
}

impl KernelTable {
    /// `to_i` = `from` at the place i + `offsets_i`; beyond the ends the last pixels are repeated.
    fn resample(&self, from: &[f32], offsets: &[f32], to: &mut [f32]) {
        for (block, (to, offsets)) in to.chunks_mut(LANES).zip(offsets.chunks(LANES)).enumerate() {
            let mut steps = [0; LANES];
            steps
                .iter_mut()
                .zip(offsets)
                .for_each(|(step, offset)| *step = floor(offset * PHASES as f32 + 0.5));
            let first = (block * LANES) as isize - BEFORE as isize;
            let (left, taps) = self.kernel(steps[0], first);
            let reach = usize::try_from(left)
                .ok()
                .filter(|_| to.len() == LANES && steps.iter().all(|step| *step == steps[0]))
                .and_then(|left| from.get(left..left + LANES + LANCZOS_TAPS - 1));
            if let Some(reach) = reach {
                let mut sums = [0.0_f32; LANES];
                for (tap, pixels) in taps.iter().zip(reach.windows(LANES)) {
                    sums.iter_mut().zip(pixels).for_each(|(sum, v)| *sum += tap * v);
                }
                to.copy_from_slice(&sums);
                continue;
            }
            for ((i, to), step) in to.iter_mut().enumerate().zip(steps) {
                let (left, taps) = self.kernel(step, first + i as isize);
                let inside = usize::try_from(left).ok().and_then(|left| from.get(left..)?.first_chunk());
                *to = match inside {
                    Some(pixels) => weighted(taps, pixels),
                    None => weighted(taps, &repeated(from, left)),
                };
            }
        }
    }

    /// First pixel and taps of the kernel at a place `step` phases from that whose first pixel is `first`.
    fn kernel(&self, step: i32, first: isize) -> (isize, &[f32; LANCZOS_TAPS]) {
        let whole = step.div_euclid(PHASES as i32) as isize;
        (first + whole, &self.0[step.rem_euclid(PHASES as i32) as usize])
    }
}

/// The whole number at or below `v`; the library's needs a call where the processor has no instruction that is sure to be there.
fn floor(v: f32) -> i32 {
    let towards_zero = v as i32;
    towards_zero - i32::from(v < towards_zero as f32)
}

/// The pixels from `left` on, the last ones repeated beyond the ends.
fn repeated(from: &[f32], left: isize) -> [f32; LANCZOS_TAPS] {
    let last = from.len() as isize - 1;
    std::array::from_fn(|k| from[(left + k as isize).clamp(0, last) as usize])
}

/// `Σ_k taps_k · pixels_k`, in an order that a processor can work on side by side.
fn weighted(taps: &[f32; LANCZOS_TAPS], pixels: &[f32; LANCZOS_TAPS]) -> f32 {
    const HALF: usize = LANCZOS_TAPS / 2;
    let both: [f32; HALF] = std::array::from_fn(|k| taps[k] * pixels[k] + taps[k + HALF] * pixels[k + HALF]);
    (both[0] + both[2]) + (both[1] + both[3])
}

/// The window of the result whose pixel p shows `source` at p − d(p) − `first`, d being the shift of `lattice` at p.
///
/// `source` is `(row, col)` with NaN where nothing is seen; `first` is where its pixel (0, 0) lies in the result before the
/// shift. It should reach four pixels beyond what is asked, or to its scene's edge, beyond which nothing is seen.
#[must_use]
pub fn warp(
    source: &ArrayView2<'_, f32>,
    first: (f64, f64),
    lattice: &ShiftLattice,
    window: Window,
    table: &KernelTable,
) -> Array2<f32> {
    let Window { row, col, height: rows, width: cols } = window;
    if source.is_empty() {
        return Array2::from_elem((rows, cols), f32::NAN);
    }
    let seen = source.iter().any(|v| v.is_nan()).then(|| source.mapv(|v| !v.is_nan()));
    let filled = seen.as_ref().map(|_| filled(source));
    let source = filled.as_ref().map_or(*source, |filled| filled.view());
    // H(s, c) = source(s, c − d_c − first), laid down (col, row).
    let (rows_before, cols_before) = ((row as f64 - first.0) as f32, (col as f64 - first.1) as f32);
    let mean = mean_down(lattice, row + rows / 2, col, cols);
    let (mut down, mut next) = (vec![0.0_f32; cols], vec![0.0_f32; cols]);
    let lines = turned(&source, cols, table, |s, offsets| {
        // Source row s lies on row s + first + d_r of the result; d_r varies along it, and d_c follows to first order.
        let target = s as f64 + first.0 + mean;
        lattice.across_along_row(target, col, offsets);
        lattice.across_along_row(target + 1.0, col, &mut next);
        lattice.down_along_row(target, col, &mut down);
        for ((across, next), down) in offsets.iter_mut().zip(&next).zip(&down) {
            *across = cols_before - *across - (down - mean as f32) * (next - *across);
        }
    });
    // out(r, c) = H(r − d_r − first, c)
    let mut out = turned(&lines.view(), rows, table, |c, offsets| {
        lattice.down_along_column(col + c, row, offsets);
        for down in offsets {
            *down = rows_before - *down;
        }
    });
    let (rows, cols) = (-0.5..source.nrows() as f32 - 0.5, -0.5..source.ncols() as f32 - 0.5);
    let inside = |r: f32, c: f32| rows.contains(&r) && cols.contains(&c);
    let is_seen = |seen: &Array2<bool>, r: f32, c: f32| {
        inside(r, c) && seen.get((floor(r + 0.5) as usize, floor(c + 0.5) as usize)).is_some_and(|seen| *seen)
    };
    match &seen {
        None => hide((&mut out, first, lattice), (row, col), inside),
        Some(seen) => hide((&mut out, first, lattice), (row, col), |r, c| is_seen(seen, r, c)),
    }
    out
}

/// Makes pixels of `out`, which begins at `(row, col)`, NaN where the source shows nothing at their place (row, col), px.
fn hide(
    (out, first, lattice): (&mut Array2<f32>, (f64, f64), &ShiftLattice),
    (row, col): (usize, usize),
    shows: impl Fn(f32, f32) -> bool,
) {
    let (mut down, mut across) = (vec![0.0_f32; out.ncols()], vec![0.0_f32; out.ncols()]);
    let left = (col as f64 - first.1) as f32;
    for (i, mut line) in out.outer_iter_mut().enumerate() {
        lattice.down_along_row((row + i) as f64, col, &mut down);
        lattice.across_along_row((row + i) as f64, col, &mut across);
        let top = ((row + i) as f64 - first.0) as f32;
        for (j, ((to, down), across)) in line.iter_mut().zip(&down).zip(&across).enumerate() {
            *to = if shows(top - down, j as f32 + left - across) { *to } else { f32::NAN };
        }
    }
}

/// The mean shift down along a row, px.
fn mean_down(lattice: &ShiftLattice, row: usize, col: usize, cols: usize) -> f64 {
    let mut down = vec![0.0_f32; cols];
    lattice.down_along_row(row as f64, col, &mut down);
    f64::from(down.iter().sum::<f32>() / cols.max(1) as f32)
}

/// Each row of `source` at `count` places, laid down as a column: the result is `(place, row)`. `set_offsets(row, offsets)` says
/// how far place i lies from pixel i.
fn turned(
    source: &ArrayView2<'_, f32>,
    count: usize,
    table: &KernelTable,
    mut set_offsets: impl FnMut(usize, &mut [f32]),
) -> Array2<f32> {
    let rows = source.nrows();
    let mut out = Array2::from_elem((count, rows), f32::NAN);
    let mut offsets = vec![0.0_f32; count];
    let mut lines = Array2::from_elem((TURNED_ROWS, count), f32::NAN);
    for (block, mut to) in out.axis_chunks_iter_mut(Axis(1), TURNED_ROWS).enumerate() {
        let part = source.slice(s![block * TURNED_ROWS.., ..]);
        for ((k, from), mut line) in part.outer_iter().enumerate().zip(lines.outer_iter_mut()) {
            set_offsets(block * TURNED_ROWS + k, &mut offsets);
            if let (Some(from), Some(line)) = (from.as_slice(), line.as_slice_mut()) {
                table.resample(from, &offsets, line);
            }
        }
        let count = to.ncols();
        to.assign(&lines.slice(s![..count, ..]).t());
    }
    out
}

/// `source` with the nearest seen pixels of the row, then of the column, repeated over missing ones within reach of the kernel;
/// the rest becomes 0.
fn filled(source: &ArrayView2<'_, f32>) -> Array2<f32> {
    let mut source = source.to_owned();
    for axis in [Axis(1), Axis(0)] {
        source.lanes_mut(axis).into_iter().for_each(|mut line| fill_line(&mut line));
    }
    source.mapv_inplace(|v| if v.is_nan() { 0.0 } else { v });
    source
}

/// Over missing pixels the nearest seen one on either side, the later one where both are as near.
fn fill_line(line: &mut ndarray::ArrayViewMut1<'_, f32>) {
    const REACH: usize = LANCZOS_TAPS / 2;
    let n = line.len();
    let mut from = 0;
    while let Some(gap) = (from..n).find(|i| line[*i].is_nan()) {
        let end = (gap..n).find(|i| !line[*i].is_nan()).unwrap_or(n);
        for i in gap..end {
            // Distances to the pixels before and after the gap.
            let before = (gap > 0).then(|| (i + 1 - gap, gap - 1));
            let after = (end < n).then(|| (end - i, end));
            let nearest = [after, before].into_iter().flatten().filter(|p| p.0 <= REACH).min_by_key(|p| p.0);
            if let Some((_, at)) = nearest {
                line[i] = line[at];
            }
        }
        from = end;
    }
}

/// One value at a continuous place of `source` (NaN where nothing is seen), by a kernel `scale` (≥ 1) times as wide as
/// needed to interpolate; NaN where the nearest pixel is missing.
#[must_use]
pub fn lanczos_at(source: &ArrayView2<'_, f32>, (row, col): (f64, f64), scale: f64) -> f32 {
    let (h, w) = source.dim();
    let near = (row.round(), col.round());
    if !(near.0 >= 0.0 && near.1 >= 0.0 && near.0 < h as f64 && near.1 < w as f64)
        || source[(near.0 as usize, near.1 as usize)].is_nan()
    {
        return f32::NAN;
    }
    let reach = scale * LANCZOS_TAPS as f64 / 2.0;
    let taps = |at: f64, n: usize| {
        let first = (at - reach).ceil().max(0.0) as usize;
        let last = ((at + reach).floor() as usize).min(n - 1);
        (first, (first..=last).map(|i| lanczos((i as f64 - at) / scale)).collect::<Vec<f64>>())
    };
    let ((top, down), (left, along)) = (taps(row, h), taps(col, w));
    let (mut sum, mut weight) = (0.0, 0.0);
    for (i, t) in down.iter().enumerate() {
        for (j, u) in along.iter().enumerate() {
            let v = source[(top + i, left + j)];
            if !v.is_nan() {
                sum += t * u * f64::from(v);
                weight += t * u;
            }
        }
    }
    if weight > 0.2 * scale * scale {
        (sum / weight) as f32
    } else {
        source[(near.0 as usize, near.1 as usize)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(r: f64, c: f64) -> f64 {
        (0.31 * r + 0.2).sin() * (0.27 * c).cos() + 0.3 * (0.11 * r - 0.4 * c).sin()
    }

    #[test]
    fn two_passes_are_the_one_interpolation() {
        let shift =
            |r: f64, c: f64| (1.4 * (r / 120.0).sin() + 7.3, 1.2 * (c / 140.0).cos() + 0.005 * r - 3.0);
        let source = Array2::from_shape_fn((200, 220), |(r, c)| wave(r as f64 + 0.25, c as f64 - 0.5) as f32);
        // Source pixel (0, 0) lies at (0.25, −0.5).
        let lattice = ShiftLattice::new((180, 200), 8, shift);
        let table = KernelTable::default();
        let out = warp(
            &source.view(),
            (0.25, -0.5),
            &lattice,
            Window { row: 20, col: 10, height: 100, width: 150 },
            &table,
        );
        let (mut from_plain, mut from_truth) = (0.0_f64, 0.0_f64);
        for ((i, j), v) in out.indexed_iter() {
            let (r, c) = ((20 + i) as f64, (10 + j) as f64);
            let d = shift(r, c);
            let direct = lanczos_at(&source.view(), (r - d.0 - 0.25, c - d.1 + 0.5), 1.0);
            from_plain = from_plain.max(f64::from((v - direct).abs()));
            from_truth = from_truth.max((f64::from(*v) - wave(r - d.0, c - d.1)).abs());
        }
        // The lattice's bend (4e-4) and half a step of the kernel's table (2.5e-4), along both axes.
        assert!(from_plain < 1.5e-3, "{from_plain}");
        // The kernel itself errs by 3e-3 along each axis (see its own test).
        assert!(from_truth < 7.5e-3, "{from_truth}");
    }

    #[test]
    fn whole_shifts_copy_and_missing_pixels_stay_missing() {
        let mut source = Array2::from_shape_fn((30, 30), |(r, c)| (r * 30 + c) as f32);
        source[(10, 12)] = f32::NAN;
        let lattice = ShiftLattice::new((30, 30), 16, |_, _| (2.0, -3.0));
        let out = warp(
            &source.view(),
            (0.0, 0.0),
            &lattice,
            Window { row: 0, col: 0, height: 34, width: 30 },
            &KernelTable::default(),
        );
        for ((r, c), v) in out.indexed_iter() {
            let place = (r.wrapping_sub(2), c + 3);
            let expected = source.get(place).copied().unwrap_or(f32::NAN);
            assert!(
                v.is_nan() == expected.is_nan() && (expected.is_nan() || (v - expected).abs() < 1e-3),
                "{r} {c}"
            );
        }
    }

    #[test]
    fn gaps_take_the_nearest_seen_pixel_within_reach() {
        let seen = |k: usize| !(k < 2 || (5..8).contains(&k) || (10..30).contains(&k) || k == 33);
        let mut line = ndarray::Array1::from_shape_fn(40, |k| if seen(k) { k as f32 } else { f32::NAN });
        fill_line(&mut line.view_mut());
        for (k, v) in line.iter().enumerate() {
            let distance = |q: &usize| q.abs_diff(k);
            let nearest = (0..40).filter(|q| seen(*q)).min_by_key(|q| (distance(q), *q < k)).unwrap();
            let wanted = if distance(&nearest) <= LANCZOS_TAPS / 2 { nearest as f32 } else { f32::NAN };
            assert!((v - wanted).abs() < 1e-6 || (v.is_nan() && wanted.is_nan()), "{k}: {v}, not {wanted}");
        }
    }

    #[test]
    fn strips_are_parts_of_the_whole() {
        let source = Array2::from_shape_fn((90, 80), |(r, c)| {
            if (r / 9 + c / 11) % 7 == 0 { f32::NAN } else { wave(r as f64, c as f64) as f32 }
        });
        let lattice = ShiftLattice::new((80, 70), 8, |r, c| (0.3 + 0.004 * c, -0.6 + 0.003 * r));
        let table = KernelTable::default();
        let whole = warp(
            &source.view(),
            (-4.0, -4.0),
            &lattice,
            Window { row: 0, col: 0, height: 80, width: 70 },
            &table,
        );
        for row in [0, 16, 64] {
            let part = warp(
                &source.slice(s![row..row + 26, ..]),
                (row as f64 - 4.0, -4.0),
                &lattice,
                Window { row, col: 0, height: 16, width: 70 },
                &table,
            );
            for ((i, j), v) in part.indexed_iter() {
                let w = whole[(row + i, j)];
                assert!(
                    v.is_nan() == w.is_nan() && (v.is_nan() || (v - w).abs() < 2e-4),
                    "{row} {i} {j}: {v} {w}"
                );
            }
        }
    }

    #[test]
    fn wide_kernels_average() {
        let source = Array2::from_shape_fn((64, 64), |(r, c)| if (r + c) % 2 == 0 { 1.0 } else { 0.0 });
        assert!((lanczos_at(&source.view(), (31.5, 31.5), 2.0) - 0.5).abs() < 0.02);
        assert!((lanczos_at(&source.view(), (31.0, 31.0), 1.0) - 1.0).abs() < 1e-6);
        assert!(lanczos_at(&source.view(), (-0.6, 3.0), 1.0).is_nan());
    }
}

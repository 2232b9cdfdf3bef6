//! A scene moved by a smoothly changing shift: one interpolation by eight-tap Lanczos kernels, along rows and then down
//! columns (two-pass warping, Catmull & Smith 1980, 10.1145/965105.807505).
//!
//! Both passes together are one interpolation of the source: the first resamples rows at the column that belongs to the
//! row on which the second will look. Missing pixels are NaN; a pixel is missing in the result where the nearest
//! one of the source is, and before missing ones the nearest seen ones are repeated.

use super::lanczos::{LANCZOS_TAPS, lanczos, lanczos_taps};
use ndarray::{Array2, ArrayView2};
use std::ops::Range;

/// Steps of the kernel's table per pixel.
const PHASES: usize = 1024;
/// Taps before the pixel at or before a place.
const BEFORE: usize = LANCZOS_TAPS / 2 - 1;

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

    /// The shifts of pixels `first..first + down.len()` of a (fractional) row.
    fn along(&self, row: f64, first: usize, shifts: &mut [Vec<f32>; 2]) {
        let [down, across] = shifts;
        let nodes = self.rows.dim();
        let y = (row / self.step_px as f64).clamp(0.0, (nodes.0 - 1) as f64);
        let i = (y as usize).min(nodes.0.saturating_sub(2));
        let f = (y - i as f64) as f32;
        for (plane, out) in [(&self.rows, down), (&self.cols, across)] {
            let node = |j: usize| (1.0 - f) * plane[(i, j)] + f * plane[((i + 1).min(nodes.0 - 1), j)];
            let mut c = first;
            let mut done = 0;
            while done < out.len() {
                let j = (c / self.step_px).min(nodes.1.saturating_sub(2));
                let (a, b) = (node(j), node((j + 1).min(nodes.1 - 1)));
                let end = if j + 2 >= nodes.1 {
                    out.len()
                } else {
                    ((j + 1) * self.step_px - first).min(out.len())
                };
                let slope = (b - a) / self.step_px as f32;
                for v in &mut out[done..end] {
                    *v = a + slope * (c - j * self.step_px) as f32;
                    c += 1;
                }
                done = end;
            }
        }
    }

    /// The shift at one pixel, px (row, col).
    #[must_use]
    pub fn at(&self, row: usize, col: usize) -> (f64, f64) {
        let mut shifts = [vec![0.0], vec![0.0]];
        self.along(row as f64, col, &mut shifts);
        (f64::from(shifts[0][0]), f64::from(shifts[1][0]))
    }
}

/// Kernels at every phase.
#[derive(Debug, Clone)]
pub struct KernelTable(Vec<[f32; LANCZOS_TAPS]>);

impl Default for KernelTable {
    fn default() -> Self {
        Self((0..=PHASES).map(|k| lanczos_taps(k as f64 / PHASES as f64).map(|t| t as f32)).collect())
    }
}

impl KernelTable {
    /// Calls `each(columns, pixel, taps)` for neighbouring columns of equal kernels, `pixel` being the one at or before their
    /// place.
    fn runs<'a>(
        &'a self,
        places: impl Iterator<Item = f32>,
        mut each: impl FnMut(Range<usize>, isize, &'a [f32; LANCZOS_TAPS]),
    ) {
        let mut open = (0, (0, 0));
        let mut count = 0;
        for place in places {
            let key = Self::phase(place);
            if key != open.1 {
                if count > open.0 {
                    each(open.0..count, open.1.0, &self.0[open.1.1]);
                }
                open = (count, key);
            }
            count += 1;
        }
        if count > open.0 {
            each(open.0..count, open.1.0, &self.0[open.1.1]);
        }
    }

    /// Pixel at or before a place, and the kernel's number.
    fn phase(place: f32) -> (isize, usize) {
        let towards_zero = place as isize;
        let pixel = towards_zero - isize::from(place < towards_zero as f32);
        (pixel, (((place - pixel as f32) * PHASES as f32 + 0.5) as usize).min(PHASES))
    }
}

/// `out_i = Σ_k taps_k · lines_k,i`; the lines are as long as the result.
fn combine(out: &mut [f32], taps: &[f32; LANCZOS_TAPS], lines: [&[f32]; LANCZOS_TAPS]) {
    let lines = lines.map(|line| &line[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = taps.iter().zip(&lines).map(|(t, line)| t * line[i]).sum();
    }
}

/// First row and column, rows and columns of a part of the result.
pub type Part = (usize, usize, usize, usize);

/// The part of the result whose pixel p shows `source` at p − d(p) − `first`, d being the shift of `lattice` at p.
///
/// `source` is `(row, col)` with NaN where nothing is seen and is used up; `first` is where its pixel (0, 0) lies in the result
/// before the shift. It should reach four pixels beyond what is asked, or beyond its scene's edge.
#[must_use]
pub fn warp(
    mut source: Array2<f32>,
    first: (f64, f64),
    lattice: &ShiftLattice,
    (row, col, rows, cols): Part,
    table: &KernelTable,
) -> Array2<f32> {
    let seen = source.iter().any(|v| v.is_nan()).then(|| source.mapv(|v| !v.is_nan()));
    if seen.is_some() {
        fill(&mut source);
    }
    let lines = along_rows(&source, first, lattice, (row, col, rows, cols), table);
    let mut out = vec![f32::NAN; rows * cols];
    let mut shifts = [vec![0.0_f32; cols], vec![0.0_f32; cols]];
    let (height, width) = source.dim();
    for (i, to) in out.chunks_exact_mut(cols.max(1)).enumerate() {
        lattice.along((row + i) as f64, col, &mut shifts);
        let [down, across] = &shifts;
        let start = ((row + i) as f64 - first.0) as f32;
        table.runs(down.iter().map(|d| start - d), |columns, y, taps| {
            let Some(top) = usize::try_from(y - BEFORE as isize).ok().filter(|t| t + LANCZOS_TAPS <= height)
            else {
                return;
            };
            // out(r, c) = Σ_k t_k H(y + k, c) with y = r − d_r(r, c)
            let line = |k: usize| &lines[(top + k) * cols..][columns.clone()];
            combine(&mut to[columns.clone()], taps, std::array::from_fn(line));
        });
        if let Some(seen) = &seen {
            let near = |at: f32, n: usize| (at > -0.5 && at < n as f32 - 0.5).then(|| at.round() as usize);
            for (j, to) in to.iter_mut().enumerate() {
                let place = (start - down[j], ((col + j) as f64 - first.1) as f32 - across[j]);
                let shown = near(place.0, height).zip(near(place.1, width)).is_some_and(|place| seen[place]);
                if !shown {
                    *to = f32::NAN;
                }
            }
        }
    }
    // As long as its shape says.
    Array2::from_shape_vec((rows, cols), out).unwrap_or_default()
}

/// `H(s, c) = source(s, c − d − first)`, d being the shift across at the row of the result which source row s is for.
fn along_rows(
    source: &Array2<f32>,
    first: (f64, f64),
    lattice: &ShiftLattice,
    (row, col, rows, cols): Part,
    table: &KernelTable,
) -> Vec<f32> {
    let (height, width) = source.dim();
    let mut lines = vec![f32::NAN; height * cols];
    let mut here = [vec![0.0_f32; cols], vec![0.0_f32; cols]];
    let mut next = here.clone();
    lattice.along(row as f64 + rows as f64 / 2.0, col, &mut here);
    let mean = f64::from(here[0].iter().sum::<f32>() / cols.max(1) as f32);
    let start = (col as f64 - first.1) as f32;
    for ((s, to), from) in lines.chunks_exact_mut(cols.max(1)).enumerate().zip(source.outer_iter()) {
        // Source row s lies on row s + first + d_r of the result; d_r varies along it, and d_c follows to first order.
        let target = s as f64 + first.0 + mean;
        lattice.along(target, col, &mut here);
        lattice.along(target + 1.0, col, &mut next);
        let Some(from) = from.as_slice() else { continue };
        // Places less the column, so that columns of equal shift have equal kernels.
        let places = (0..cols).map(|j| {
            let change = (here[0][j] - mean as f32) * (next[1][j] - here[1][j]);
            start - here[1][j] - change
        });
        table.runs(places, |columns, x, taps| {
            let left = x - BEFORE as isize;
            let begin = (-left).max(columns.start as isize);
            let end = (width as isize - LANCZOS_TAPS as isize + 1 - left).min(columns.end as isize);
            if begin < end {
                let (at, columns) = ((begin + left) as usize, begin as usize..end as usize);
                combine(&mut to[columns], taps, std::array::from_fn(|k| &from[at + k..]));
            }
        });
    }
    lines
}

/// Repeats the nearest seen pixels of the row, then of the column, over missing ones within reach of the kernel; the
/// rest becomes 0.
fn fill(source: &mut Array2<f32>) {
    for mut line in source.lanes_mut(ndarray::Axis(1)) {
        fill_line(&mut line);
    }
    for mut line in source.lanes_mut(ndarray::Axis(0)) {
        fill_line(&mut line);
    }
    source.mapv_inplace(|v| if v.is_nan() { 0.0 } else { v });
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
        let plain = source.clone();
        let out = warp(source, (0.25, -0.5), &lattice, (20, 10, 100, 150), &KernelTable::default());
        let (mut from_plain, mut from_truth) = (0.0_f64, 0.0_f64);
        for ((i, j), v) in out.indexed_iter() {
            let (r, c) = ((20 + i) as f64, (10 + j) as f64);
            let d = shift(r, c);
            let direct = lanczos_at(&plain.view(), (r - d.0 - 0.25, c - d.1 + 0.5), 1.0);
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
        let out = warp(source.clone(), (0.0, 0.0), &lattice, (8, 5, 12, 10), &KernelTable::default());
        for ((i, j), v) in out.indexed_iter() {
            let expected = source[(8 + i - 2, 5 + j + 3)];
            assert!(
                v.is_nan() == expected.is_nan() && (expected.is_nan() || (v - expected).abs() < 1e-3),
                "{i} {j}"
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
        let whole = warp(source.clone(), (-4.0, -4.0), &lattice, (0, 0, 80, 70), &table);
        for row in [0, 16, 64] {
            let part = warp(
                source.slice(ndarray::s![row..row + 26, ..]).to_owned(),
                (row as f64 - 4.0, -4.0),
                &lattice,
                (row, 0, 16, 70),
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

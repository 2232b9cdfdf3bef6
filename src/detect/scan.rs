//! Windows of many lengths along the line, each with its normalised statistic, and the events they make.
//!
//! Scan statistic after Kulldorff 1997 (10.1080/03610929708831995), generalised likelihood ratio for an
//! unknown spectrum after Kelly 1986 (10.1109/TAES.1986.310745).

use super::residual::{LEAST_COLUMNS, Residuals, beside, whiten};
use super::stack::Stack;
use crate::stats::{Whitener, median, trimmed_covariance};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use std::ops::Range;

/// Window lengths in metres, before those outside the user's range are dropped.
const WINDOWS_M: [f64; 8] = [60.0, 100.0, 160.0, 240.0, 400.0, 800.0, 1600.0, 3200.0];
/// Columns of the soft veto, px to either side.
pub(super) const VETO_PX: [isize; 4] = [-3, -2, 2, 3];
/// Farthest of them.
const VETO_REACH_PX: usize = 3;
/// Lowest statistic of an event: weaker windows are not kept.
const EVENT_FLOOR: f64 = 1.6;

/// The scan at one window length.
pub(super) struct Scan {
    /// Window length, rows.
    pub(super) cells: usize,
    /// Normalised statistic of the window that starts at a row, (row, column), 1 = typical beside the track; NaN where it
    /// cannot be computed.
    pub(super) statistic: Array2<f64>,
    /// Median over placebo columns of the statistic before normalisation.
    pub(super) typical: f64,
    /// Whitening of the window sums.
    pub(super) whitener: Whitener,
    /// Variance of the window sums beside the track over that of independent cells.
    pub(super) inflation: f64,
    /// Whitened window sums, (row, column, band); for the detection limit.
    pub(super) white: Array3<f64>,
}

/// A stretch with a high statistic.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Rows of the stack.
    pub(super) rows: Range<usize>,
    pub(super) statistic: f64,
}

/// Window lengths in rows: the user's range, and none longer than the longest track.
pub(super) fn window_cells(stack: &Stack<'_>, min_m: f64, max_m: f64) -> Vec<usize> {
    let longest = stack.ranges.iter().map(Range::len).max().unwrap_or(0);
    let lengths = std::iter::once(min_m).chain(WINDOWS_M.into_iter().filter(|&l| l > min_m && l <= max_m));
    let mut cells: Vec<usize> = lengths.map(|l| ((l / stack.step_m).round() as usize).max(3)).collect();
    cells.dedup();
    cells.retain(|&l| l <= longest);
    cells
}

/// Scans all columns with windows of `cells` rows; `None` when the placebos do not vary.
pub(super) fn scan(stack: &Stack<'_>, residuals: &Residuals, cells: usize) -> Option<Scan> {
    let (rows, columns, bands) = residuals.white.dim();
    let mut sums = vec![f64::NAN; rows * columns * bands];
    let by_column: Vec<Vec<f64>> =
        (0..columns).into_par_iter().map(|c| window_sums(stack, residuals, c, cells)).collect();
    for (c, column) in by_column.iter().enumerate() {
        for row in 0..rows {
            for b in 0..bands {
                sums[(row * columns + c) * bands + b] = column[row * bands + b];
            }
        }
    }
    subtract_median_across(stack, &mut sums, bands);
    let samples: Vec<f64> = beside(stack)
        .flat_map(|(row, c)| sums[(row * columns + c) * bands..][..bands].iter().copied())
        .collect();
    let covariance = trimmed_covariance(&samples, bands, 0.9, 3)?;
    let inflation = covariance.trace() / (bands * cells) as f64;
    let whitener = Whitener::new(&covariance)?;
    let mut white = Array3::from_shape_vec((rows, columns, bands), sums).ok()?;
    whiten(&mut white, &whitener);
    let mut statistic = statistics(stack, &white);
    let mut placebos: Vec<f64> = beside(stack).map(|at| statistic[at]).filter(|v| v.is_finite()).collect();
    let typical = median(&mut placebos);
    if !(typical.is_finite() && typical > 0.0) {
        return None;
    }
    statistic.mapv_inplace(|v| v / typical);
    Some(Scan { cells, statistic, typical, whitener, inflation, white })
}

/// Sums of the whitened residuals over the window that starts at each row, (row, band) flat; a window
/// with gaps counts as if full when at least half of it is there.
fn window_sums(stack: &Stack<'_>, residuals: &Residuals, column: usize, cells: usize) -> Vec<f64> {
    let bands = stack.bands;
    let white = residuals.white.index_axis(Axis(1), column);
    // The columns of the track's veto lie on a neighbouring rail as well: without them the track would be judged more leniently
    // than its placebos.
    let on_track = column.abs_diff(stack.half) <= VETO_REACH_PX;
    let mut out = vec![f64::NAN; stack.rows() * bands];
    let mut total = vec![0.0; bands];
    for range in &stack.ranges {
        let usable = |row: usize| white[(row, 0)].is_finite() && (on_track || !stack.excluded[(row, column)]);
        let mut count = 0usize;
        total.fill(0.0);
        for row in range.clone() {
            if usable(row) {
                count += 1;
                (0..bands).for_each(|b| total[b] += white[(row, b)]);
            }
            if row + 1 < range.start + cells {
                continue;
            }
            let start = row + 1 - cells;
            if 2 * count >= cells {
                let fill = (cells as f64 / count as f64).sqrt();
                (0..bands).for_each(|b| out[start * bands + b] = total[b] * fill);
            }
            if usable(start) {
                count -= 1;
                (0..bands).for_each(|b| total[b] -= white[(start, b)]);
            }
        }
    }
    out
}

/// Subtracts from each row and band the median over the columns, the track's own among them as placebo tracks are.
fn subtract_median_across(stack: &Stack<'_>, sums: &mut [f64], bands: usize) {
    let columns = stack.columns();
    sums.par_chunks_mut(columns * bands).for_each_init(Vec::new, |values, line| {
        for b in 0..bands {
            values.clear();
            values.extend((0..columns).map(|c| line[c * bands + b]).filter(|v| v.is_finite()));
            if values.len() >= LEAST_COLUMNS {
                let centre = median(values);
                (0..columns).for_each(|c| line[c * bands + b] -= centre);
            }
        }
    });
}

/// Statistic of every window before it is normalised, (row, column); NaN where its sum is not known.
fn statistics(stack: &Stack<'_>, white: &Array3<f64>) -> Array2<f64> {
    let (rows, columns, bands) = white.dim();
    let lobes = VETO_PX.map(|d| (d, stack.side_lobe(d)));
    let white = white.as_standard_layout();
    let cells = white.as_slice().unwrap_or(&[]);
    Array2::from_shape_fn((rows, columns), |(row, c)| {
        let at = |column: usize| &cells[(row * columns + column) * bands..][..bands];
        let near = lobes
            .iter()
            .filter_map(|&(d, lobe)| Some((at(c.checked_add_signed(d).filter(|&n| n < columns)?), lobe)));
        vetoed(at(c), near, stack.veto_weight())
    })
}

/// The soft veto q² / √(q² + w f²) of a whitened sum by those beside it: q is its length, f that of the farthest from what a train in
/// its column shows there, a side lobe of the filter. Edges of fields are wide, trains are not.
pub(super) fn vetoed<'a>(own: &[f64], beside: impl Iterator<Item = (&'a [f64], f64)>, weight: f64) -> f64 {
    let square = own.iter().map(|v| v * v).sum::<f64>();
    let odd =
        |(near, lobe): (&[f64], f64)| near.iter().zip(own).map(|(n, o)| (n - lobe * o).powi(2)).sum::<f64>();
    let strange = beside.map(odd).filter(|v| v.is_finite()).fold(0.0, f64::max);
    square / (square + weight * strange).sqrt()
}

/// Events of a column: the best window, then the best that does not overlap it, and so on (greedy).
pub(super) fn events(stack: &Stack<'_>, scans: &[Scan], column: usize) -> Vec<Event> {
    let mut candidates: Vec<(f64, usize, usize)> = Vec::new();
    for scan in scans {
        let line = scan.statistic.column(column);
        for (row, &statistic) in line.iter().enumerate() {
            if statistic >= EVENT_FLOOR {
                candidates.push((statistic, row, scan.cells));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut taken = vec![false; stack.rows()];
    let mut events = Vec::new();
    for (statistic, row, cells) in candidates {
        if taken[row..row + cells].iter().any(|&t| t) {
            continue;
        }
        taken[row..row + cells].fill(true);
        events.push(Event { rows: row..row + cells, statistic });
    }
    events
}

/// The strongest window of the track that lies within `rows`.
pub(super) fn strongest_within(scans: &[Scan], rows: &Range<usize>) -> Option<Event> {
    let windows = scans.iter().flat_map(|scan| {
        let starts = rows.start..(rows.end + 1).saturating_sub(scan.cells).max(rows.start);
        let middle = scan.statistic.ncols() / 2;
        starts.map(move |row| Event { rows: row..row + scan.cells, statistic: scan.statistic[(row, middle)] })
    });
    let strong = windows.filter(|event| event.statistic >= EVENT_FLOOR);
    strong.max_by(|a, b| a.statistic.total_cmp(&b.statistic))
}

//! How long a train would have to be to be found: the detection limit that makes "nothing seen" evidence.
//!
//! Trains of a cargo are put into the run's own placebo tracks, at the level of the whitened residuals: their cells are
//! clipped and summed like any other, over the real noise, clutter and neighbours of this pair of scenes. The limit is the
//! shortest length of which nine out of ten places would pass the threshold.

use super::params::Cargo;
use super::radar;
use super::residual::Residuals;
use super::scan::{Scan, VETO_PX, vetoed};
use super::stack::Stack;
use crate::stats::median;
use ndarray::s;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Share of a cargo's contrast over ballast for which the limit is told. Reflectances of grey paint (0.2–0.4), of ballast
/// (0.1–0.2) and of dirt on both span more than a quarter of what lies between them; the weaker wagons of a kind are promised too.
const CONTRAST_SHARE: f64 = 0.75;
/// Share of the length of a train that wagon bodies cover.
const BODY_FRACTION: f64 = 13.0 / 14.0;
/// Places tried for each track and cargo at most.
const PLACES_MAX: usize = 200;
/// Fewest places on the track's own ground; with fewer the ground of all tracks is taken.
const PLACES_MIN: usize = 40;

/// Shortest train of a cargo that would be found with 90 % probability on this track and date.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionLimit {
    /// Name of the cargo.
    pub cargo: String,
    /// Length in metres; `None` when no train of this cargo would be found reliably.
    pub length_m: Option<f64>,
}

/// Detection limits of the track at `rows`, for a `threshold` of the scan statistic.
pub(super) fn limits(
    stack: &Stack<'_>,
    residuals: &Residuals,
    scans: &[Scan],
    rows: &Range<usize>,
    (threshold, cargoes): (f64, &[Cargo]),
) -> Vec<DetectionLimit> {
    let observed = rows.clone().filter(|&row| residuals.white[(row, stack.half, 0)].is_finite()).count();
    let gain: Vec<f64> = (0..stack.bands)
        .map(|b| median(&mut rows.clone().map(|row| residuals.gain[(row, b)]).collect::<Vec<_>>()))
        .collect();
    let (places, ground) = places(stack, scans, rows);
    cargoes
        .iter()
        .map(|cargo| {
            let train = Train::new(stack, residuals, (&gain, cargo), (&places, &ground));
            let cells = if observed > 0 { train.limit(scans, &places, threshold) } else { None };
            // What is longer than the track, or than what was seen of it, is not found there.
            let length_m = cells.filter(|&n| n < rows.len() && n <= observed);
            DetectionLimit { cargo: cargo.name.clone(), length_m: length_m.map(|n| n as f64 * stack.step_m) }
        })
        .collect()
}

/// Where trains are put: the middle of a train, and the rows of the track that must hold it.
struct Place {
    row: usize,
    column: usize,
    track: Range<usize>,
}

/// Cells of placebo tracks, spread evenly over the ground of the track, and the rows that hold them all.
fn places(stack: &Stack<'_>, scans: &[Scan], rows: &Range<usize>) -> (Vec<Place>, Range<usize>) {
    let Some(shortest) = scans.first() else { return (Vec::new(), rows.clone()) };
    let columns = stack.placebo_columns();
    let usable = |track: &Range<usize>| -> Vec<Place> {
        let cells = columns.iter().flat_map(|&column| track.clone().map(move |row| (row, column)));
        cells
            .filter(|&(row, c)| {
                shortest.statistic[(row.saturating_sub(shortest.cells / 2).max(track.start), c)].is_finite()
            })
            .map(|(row, column)| Place { row, column, track: track.clone() })
            .collect()
    };
    let own = usable(rows);
    let (all, ground) = if own.len() >= PLACES_MIN {
        (own, rows.clone())
    } else {
        (stack.ranges.iter().flat_map(usable).collect(), 0..stack.rows())
    };
    let step = all.len().div_ceil(PLACES_MAX).max(1);
    (all.into_iter().step_by(step).collect(), ground)
}

/// What a train adds to a column of its soft veto.
struct Beside {
    column: usize,
    side_lobe: f64,
    added: Added,
}

/// What a train of one cargo adds to the residuals.
struct Train {
    /// By placebo column: what it adds there, and beside it.
    added: BTreeMap<usize, (Added, Vec<Beside>)>,
    bands: usize,
    veto_weight: f64,
}

impl Train {
    fn new(
        stack: &Stack<'_>,
        residuals: &Residuals,
        (gain, cargo): (&[f64], &Cargo),
        (places, ground): (&[Place], &Range<usize>),
    ) -> Self {
        let bands = stack.bands;
        let profile = &stack.profile;
        // pixel contrast = cover × (cargo − ballast); filter output = response × pixel contrast
        let white = |response: f64| {
            let change: Vec<f64> = (0..bands)
                .map(|b| {
                    let contrast = cargo.contrast.get(b).copied().unwrap_or(0.0);
                    let signal = match stack.looks {
                        Some(looks) => {
                            radar::expected(stack.scenes() - 1, looks, contrast) * response / profile.response
                        }
                        None => CONTRAST_SHARE * contrast * profile.cover * BODY_FRACTION * response,
                    };
                    signal * gain[b]
                })
                .collect();
            let mut white = vec![0.0; bands];
            residuals.whitener.apply(&change, &mut white);
            white
        };
        let own = white(profile.response);
        let beside = VETO_PX
            .map(|d| (d, stack.side_lobe(d)))
            .map(|(d, lobe)| (d, lobe, white(profile.response * lobe)));
        let to = |column: usize| {
            let near = beside.iter().filter_map(|(d, side_lobe, mu)| {
                let column = column.checked_add_signed(*d).filter(|&c| c < stack.columns())?;
                let added = Added::new(residuals, column, ground, mu);
                Some(Beside { column, side_lobe: *side_lobe, added })
            });
            (Added::new(residuals, column, ground, &own), near.collect())
        };
        let columns: BTreeSet<usize> = places.iter().map(|p| p.column).collect();
        Self {
            added: columns.into_iter().map(|c| (c, to(c))).collect(),
            bands,
            veto_weight: stack.veto_weight(),
        }
    }

    /// Fewest rows found in nine out of ten places, by bisection: what is found of one length is taken to be found of longer ones.
    fn limit(&self, scans: &[Scan], places: &[Place], threshold: f64) -> Option<usize> {
        let (mut low, mut high) = (scans.first()?.cells, scans.last()?.cells);
        let longest = places.iter().map(|p| p.track.len()).max()?;
        high = high.min(longest.max(low));
        let is_found = |cells: usize| {
            let tried = places.iter().filter_map(|place| self.is_found(scans, place, cells, threshold));
            let (found, all) = tried.fold((0, 0), |(found, all), f| (found + usize::from(f), all + 1));
            all > 0 && 10 * found >= 9 * all
        };
        if !is_found(high) {
            return None;
        }
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_found(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    }

    /// Whether a window over a train of `cells` rows about the place passes; `None` where no train or window fits into the track.
    fn is_found(&self, scans: &[Scan], place: &Place, cells: usize, threshold: f64) -> Option<bool> {
        let (column, track, bands) = (place.column, &place.track, self.bands);
        let (added, beside) = self.added.get(&column)?;
        // Half of the length to either side, moved where the track ends.
        let about = |cells: usize| {
            let last = track.end.checked_sub(cells).filter(|&last| last >= track.start)?;
            let first = place.row.saturating_sub(cells / 2).clamp(track.start, last);
            Some(first..first + cells)
        };
        let train = about(cells)?;
        let mut change = vec![0.0; bands];
        let mut sums = vec![0.0; bands * (1 + beside.len())];
        let mut statistic = |scan: &Scan| {
            let window = about(scan.cells)?;
            let start = window.start;
            let inside = train.start.max(start)..train.end.min(window.end);
            let columns = std::iter::once((column, added)).chain(beside.iter().map(|b| (b.column, &b.added)));
            for (sum, (c, added)) in sums.chunks_exact_mut(bands).zip(columns) {
                change.iter_mut().zip(added.over(&inside, bands)).for_each(|(to, v)| *to = v);
                scan.whitener.apply(&change, sum);
                sum.iter_mut()
                    .zip(scan.white.slice(s![start, c, ..]))
                    .for_each(|(sum, before)| *sum += before);
            }
            let (own, near) = sums.split_at(bands);
            let near = near.chunks_exact(bands).zip(beside).map(|(near, b)| (near, b.side_lobe));
            Some(vetoed(own, near, self.veto_weight) / scan.typical).filter(|s| s.is_finite())
        };
        // From the windows nearest in length, of which one is likely to pass.
        let (shorter, longer) = scans.split_at(scans.partition_point(|scan| scan.cells <= cells));
        let mut statistics = shorter.iter().rev().chain(longer).filter_map(&mut statistic).peekable();
        statistics.peek()?;
        Some(statistics.any(|statistic| statistic >= threshold))
    }
}

/// Running sum over rows of clip(u + μ) − u in one column, (row, band) flat, one row more than its ground.
struct Added {
    first_row: usize,
    sums: Vec<f64>,
}

impl Added {
    fn new(residuals: &Residuals, column: usize, ground: &Range<usize>, mu: &[f64]) -> Self {
        let bands = mu.len();
        let mut total = vec![0.0; bands];
        let mut sums = total.clone();
        for row in ground.clone() {
            let cell = residuals.white.slice(s![row, column, ..]);
            if cell.iter().all(|v| v.is_finite()) {
                let sum: Vec<f64> = cell.iter().zip(mu).map(|(u, m)| u + m).collect();
                let length = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
                let shrink = (residuals.clip / length.max(1e-12)).min(1.0);
                (0..bands).for_each(|b| total[b] += sum[b] * shrink - cell[b]);
            }
            sums.extend_from_slice(&total);
        }
        Self { first_row: ground.start, sums }
    }

    /// What is added over `rows`, by band.
    fn over(&self, rows: &Range<usize>, bands: usize) -> impl Iterator<Item = f64> {
        let at = |row: usize| &self.sums[(row - self.first_row) * bands..][..bands];
        at(rows.end).iter().zip(at(rows.start)).map(|(end, start)| end - start)
    }
}

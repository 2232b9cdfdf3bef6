//! All tracks of a scene laid end to end, and what the filter sees at one of their cells.

use super::profile::{Profile, REACH_PX};
use super::{DetectParams, Error, TrackStrips};
use crate::corridor::{Strip, StripGeometry, TrackPoint};
use ndarray::{Array2, Axis};
use std::f64::consts::TAU;
use std::ops::Range;

/// Farthest column from the track, px.
const FARTHEST_PX: usize = 16;
/// Nearest column that counts as beside the track, px.
pub(super) const BESIDE_PX: usize = 4;
/// Placebo columns, px from the track to either side; three pixels apart they hardly share pixels.
const PLACEBO_PX: [usize; 4] = [5, 8, 11, 14];
/// Fewest clear cells on the tracks.
const NEEDED_CELLS: usize = 30;

/// The strips of a run in one frame: rows of all tracks end to end, columns one pixel apart.
pub(super) struct Stack<'a> {
    /// Rows of each track.
    pub(super) ranges: Vec<Range<usize>>,
    /// Where the track runs, per row.
    places: Vec<Place>,
    /// Per track: the target, then the baselines, newest first.
    pub(super) strips: Vec<Vec<&'a Strip>>,
    /// Whether every cell of a row is clear, (scene, row).
    whole: Vec<Vec<bool>>,
    /// Column lies on another rail or a road, (row, column).
    pub(super) excluded: Array2<bool>,
    /// Cells by which the bed lies right of the rail, per row.
    pub(super) aside: Vec<isize>,
    pub(super) profile: Profile,
    pub(super) bands: usize,
    pub(super) step_m: f64,
    /// Columns to either side of the track.
    pub(super) half: usize,
    pub(super) cells_per_px: usize,
    pub(super) middle: usize,
    /// Looks of the scenes where strips hold radar power.
    pub(super) looks: Option<f64>,
}

/// Which scene is tested against which: indices into the stack.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) tested: usize,
    pub(super) others: Vec<usize>,
}

/// A row of a track on a grid along the map's axes.
struct Place {
    /// Coordinate along the axis that the track crosses, px.
    across_px: f64,
    /// What it grows by for each pixel to the right of the track.
    right: f64,
}

impl Place {
    fn new(point: TrackPoint, geometry: StripGeometry) -> Self {
        let ((x, y), (right_x, right_y)) = (point.xy, (point.along.1, -point.along.0));
        let (across_m, right) = if right_y.abs() > right_x.abs() { (y, right_y) } else { (x, right_x) };
        Self { across_px: across_m / geometry.along_step_m, right }
    }
}

/// What a strip shows at a cell of a column.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Output of the filter.
    pub(super) filtered: f64,
    /// Mean of the flanks.
    pub(super) flank: f64,
    /// Half of right less left flank.
    pub(super) tilt: f64,
    /// Value in the middle.
    pub(super) centre: f64,
}

impl<'a> Stack<'a> {
    /// Lays the tracks end to end and checks that their strips agree.
    pub(super) fn new(tracks: &'a [TrackStrips<'a>], params: &DetectParams) -> Result<Self, Error> {
        let first = tracks.first().ok_or(Error::NoTrack)?;
        let geometry = first.target.geometry;
        let cells_per_px = ((geometry.along_step_m / geometry.across_step_m).round() as usize).max(1);
        let middle = geometry.half_across();
        let half_width_px = middle / cells_per_px;
        if half_width_px < 12 {
            return Err(Error::Narrow { half_width_px });
        }
        let half = FARTHEST_PX.min(half_width_px - REACH_PX);
        let bands = first.target.values.dim().0;
        let dates = first.baselines.len().min(params.baseline_count_max);
        let (mut ranges, mut strips, mut row) = (Vec::new(), Vec::new(), 0);
        let mut places = Vec::new();
        for (i, track) in tracks.iter().enumerate() {
            check(i, track, first)?;
            let n = track.target.values.dim().1;
            ranges.push(row..row + n);
            places.extend(
                (0..n).map(|s| Place::new(track.track.at(s as f64 * geometry.along_step_m), geometry)),
            );
            strips.push(std::iter::once(&track.target).chain(track.baselines.iter().take(dates)).collect());
            row += n;
        }
        if let Some(cargo) = params.cargoes.iter().find(|c| c.contrast.len() != bands) {
            return Err(Error::Cargo {
                name: cargo.name.clone(),
                found: cargo.contrast.len(),
                expected: bands,
            });
        }
        let whole = |scene: usize| {
            let valid = strips.iter().flat_map(|strips: &Vec<&Strip>| strips[scene].valid.rows());
            valid.map(|row| row.iter().all(|&valid| valid)).collect()
        };
        let whole = (0..=dates).map(whole).collect();
        let profile = Profile::new(cells_per_px, geometry.along_step_m);
        let step_m = geometry.along_step_m;
        let mut stack = Self {
            ranges,
            places,
            strips,
            whole,
            excluded: Array2::from_elem((row, 2 * half + 1), false),
            aside: vec![0; row],
            profile,
            bands,
            step_m,
            half,
            cells_per_px,
            middle,
            looks: params.looks,
        };
        stack.exclude(tracks);
        let usable = stack.observed(half).iter().filter(|&&o| o).count();
        if usable < NEEDED_CELLS {
            return Err(Error::TooFewCells { usable, needed: NEEDED_CELLS });
        }
        Ok(stack)
    }

    /// Moves every row's columns by so many cells to the right, at most [`Self::reach_cells`].
    pub(super) fn move_aside(&mut self, tracks: &[TrackStrips<'_>], aside: Vec<isize>) {
        self.aside = aside;
        self.exclude(tracks);
    }

    /// Farthest that columns can be moved aside, cells.
    pub(super) fn reach_cells(&self) -> isize {
        (self.middle - (self.half + REACH_PX) * self.cells_per_px) as isize
    }

    fn exclude(&mut self, tracks: &[TrackStrips<'_>]) {
        let reach = self.cells_per_px as isize;
        for (track, range) in tracks.iter().zip(&self.ranges) {
            for (s, row) in range.clone().enumerate() {
                for c in 0..=2 * self.half {
                    let cell = (self.middle + c * self.cells_per_px - self.half * self.cells_per_px) as isize;
                    let near = cell + self.aside[row] - reach..=cell + self.aside[row] + reach;
                    self.excluded[(row, c)] = near.into_iter().any(|t| track.exclusion[(s, t as usize)]);
                }
            }
        }
    }

    /// Number of scenes, the target among them.
    pub(super) fn scenes(&self) -> usize {
        self.strips[0].len()
    }

    /// Rows of all tracks.
    pub(super) fn rows(&self) -> usize {
        self.excluded.nrows()
    }

    /// Columns, the track's own in the middle.
    pub(super) fn columns(&self) -> usize {
        2 * self.half + 1
    }

    /// Sine and cosine of the place of every row's cell in a column between the pixels of a grid along the map's axes: in y
    /// where the track runs along x, in x where it runs along y.
    pub(super) fn phases(&self, column: usize) -> Vec<[f64; 2]> {
        let offset_px = column as f64 - self.half as f64;
        let of = |(place, &aside): (&Place, &isize)| {
            let right_px = offset_px + aside as f64 / self.cells_per_px as f64;
            let (sin, cos) = (TAU * (place.across_px + right_px * place.right)).sin_cos();
            [sin, cos]
        };
        self.places.iter().zip(&self.aside).map(of).collect()
    }

    /// What a train shows `px` beside it, over what it shows in its own column: the filter is negative there, the weights of radar
    /// end before.
    pub(super) fn side_lobe(&self, px: isize) -> f64 {
        if self.looks.is_some() { 0.0 } else { self.profile.response_at(px as f64) / self.profile.response }
    }

    /// Weight of the soft veto. On real optical scenes 1 finds more trains at fewer false alarms than 0.3, and 2.5 no more; on radar 1 loses
    /// strong trains, which glint beside their track.
    pub(super) fn veto_weight(&self) -> f64 {
        if self.looks.is_some() { 0.3 } else { 1.0 }
    }

    /// Whether a column lies beside the track, not on it.
    pub(super) fn is_beside(&self, column: usize) -> bool {
        column.abs_diff(self.half) >= BESIDE_PX
    }

    /// The placebo columns.
    pub(super) fn placebo_columns(&self) -> Vec<usize> {
        let near = PLACEBO_PX.iter().filter(|&&p| p + 2 <= self.half);
        near.flat_map(|&p| [self.half - p, self.half + p]).collect()
    }

    /// What scene `scene` shows in band `band` at every row, in cells right of the track.
    pub(super) fn seen(&self, scene: usize, band: usize, cells_right: isize) -> Vec<Option<Seen>> {
        self.of_every_row(scene, band, cells_right, |values| {
            let profile = &self.profile;
            let [filtered, left, right] = products(values, [&profile.weights, &profile.left, &profile.right]);
            let n = profile.flank_count;
            let centre = f64::from(values[values.len() / 2]);
            let (flank, tilt) = ((left + right) / (2.0 * n), (right - left) / (2.0 * n));
            filtered.is_finite().then_some(Seen { filtered, flank, tilt, centre })
        })
    }

    /// Output of the filter alone, as [`Self::seen`].
    pub(super) fn filtered(&self, scene: usize, band: usize, cells_right: isize) -> Vec<Option<f64>> {
        self.of_every_row(scene, band, cells_right, |values| {
            let [filtered] = products(values, [&self.profile.weights]);
            filtered.is_finite().then_some(filtered)
        })
    }

    /// Something of the cells in reach of the filter at every row; `None` where one of them is not clear.
    fn of_every_row<T>(
        &self,
        scene: usize,
        band: usize,
        cells_right: isize,
        of: impl Fn(&[f32]) -> Option<T>,
    ) -> Vec<Option<T>> {
        let t0 = self.middle as isize + cells_right - (REACH_PX * self.cells_per_px) as isize;
        let width = self.profile.weights.len();
        let mut out = Vec::with_capacity(self.rows());
        for (strips, range) in self.strips.iter().zip(&self.ranges) {
            let strip = strips[scene];
            let values = strip.values.index_axis(Axis(0), band);
            let (values, valid) = (values.as_standard_layout(), strip.valid.as_standard_layout());
            let cells = values.ncols();
            let lines = values.as_slice().unwrap_or(&[]).chunks_exact(cells);
            let lines = lines.zip(valid.as_slice().unwrap_or(&[]).chunks_exact(cells));
            let rows = self.aside[range.clone()].iter().zip(&self.whole[scene][range.clone()]);
            out.extend(lines.zip(rows).map(|((values, valid), (aside, &whole))| {
                let reach = (t0 + aside) as usize..(t0 + aside) as usize + width;
                let clear = whole || valid[reach.clone()].iter().all(|&valid| valid);
                if clear { of(&values[reach]) } else { None }
            }));
        }
        out
    }

    /// [`Self::seen`] at a column.
    pub(super) fn seen_in_column(&self, scene: usize, band: usize, column: usize) -> Vec<Option<Seen>> {
        self.seen(scene, band, (column as isize - self.half as isize) * self.cells_per_px as isize)
    }

    /// Rows on which the target and at least one baseline are clear in `column`.
    pub(super) fn observed(&self, column: usize) -> Vec<bool> {
        let mut any = vec![false; self.rows()];
        for scene in 1..self.scenes() {
            for (a, seen) in any.iter_mut().zip(self.seen_in_column(scene, 0, column)) {
                *a |= seen.is_some();
            }
        }
        let target = self.seen_in_column(0, 0, column);
        any.iter().zip(target).map(|(&a, t)| a && t.is_some()).collect()
    }
}

/// Sums of the products with some weights, four cells at a time.
fn products<const N: usize>(values: &[f32], weights: [&[f64]; N]) -> [f64; N] {
    let (fours, rest) = values.as_chunks::<4>();
    let mut sums = [[0.0; 4]; N];
    for (k, four) in fours.iter().enumerate() {
        for (sums, weights) in sums.iter_mut().zip(weights) {
            let weights = &weights[4 * k..][..4];
            sums.iter_mut().zip(four.iter().zip(weights)).for_each(|(sum, (&v, w))| *sum += f64::from(v) * w);
        }
    }
    std::array::from_fn(|i| {
        let last = rest.iter().zip(&weights[i][4 * fours.len()..]).map(|(&v, w)| f64::from(v) * w);
        last.fold(sums[i].iter().sum(), |sum, v| sum + v)
    })
}

/// Whether the strips of a track agree with each other and with the first track.
fn check(i: usize, track: &TrackStrips<'_>, first: &TrackStrips<'_>) -> Result<(), Error> {
    let (bands, dates) = (first.target.values.dim().0, first.baselines.len());
    let shape = track.target.values.dim();
    let strips =
        || std::iter::once(("target", &track.target)).chain(track.baselines.iter().map(|b| ("baseline", b)));
    let expected = (bands, shape.1, track.target.geometry.across_count());
    if track.baselines.is_empty() {
        return Err(Error::NoBaseline { track: i });
    }
    if track.baselines.len() != dates {
        return Err(Error::Dates { track: i, found: track.baselines.len(), expected: dates });
    }
    let wrong = |what, found| Err(Error::Shape { track: i, what, found, expected });
    if strips().any(|(_, strip)| strip.geometry != first.target.geometry) {
        return Err(Error::Geometry { track: i });
    }
    for (what, strip) in strips() {
        if strip.values.dim() != expected || strip.valid.dim() != (expected.1, expected.2) {
            return wrong(what, strip.values.dim());
        }
    }
    if track.exclusion.dim() != (expected.1, expected.2) {
        return wrong("exclusion", (bands, track.exclusion.nrows(), track.exclusion.ncols()));
    }
    Ok(())
}

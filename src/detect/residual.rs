//! What a scene shows beyond what the same place usually looks like: regression, local noise, whitening.
//!
//! For each band and column by itself the filtered test scene is regressed along the line on its own
//! flanks and on the other scenes (robustly, so that trains do not teach the fit). Season, haze,
//! illumination and gain are absorbed by the coefficients; what is left is change.

use super::radar::{self, Evidence};
use super::stack::{Role, Seen, Stack};
use super::standing::{StandingOut, contrast_ratios, mean_of};
use crate::stats::{
    RegressionRule, RobustFit, Whitener, biweight, median, robust_line, trimmed_covariance, tukey_regression,
};
use ndarray::{Array1, Array2, Array3, Axis, s};
use rayon::prelude::*;

/// Ridge, rounds and cutoff of the regression.
///
/// A ridge of ρ leaves about ρ of what the slopes explain in the residuals. Along a bed that is twenty times the noise above its
/// field, this stays the same over a whole field and adds up as a train does: over 80 cells to 20 ρ √80 of the noise's own sum.
/// Half a thousandth keeps it below a tenth; with 0.02 still ground with one baseline gave five times the false alarms asked.
const RULE: RegressionRule = RegressionRule { ridge_ratio: 5e-4, rounds: 8, cutoff_sigma: 4.7 };
/// Columns whose spread is the local noise, px from the track.
const NOISE_PX: std::ops::RangeInclusive<usize> = 4..=12;
/// Clear rows from which on every date and the other bands get a slope of their own, and how many of them each slope takes at least.
const RICH_ROWS: usize = 250;
const ROWS_PER_SLOPE: usize = 7;
/// Rows over which the local noise is averaged.
const NOISE_ROWS: usize = 9;

/// Fewest clear rows that tell how much a column varies.
const SPREAD_ROWS: usize = 100;
/// The most that a quiet column is raised by: nearly constant ones stay so.
const RAISED_MOST: f64 = 2.0;

/// Fewest columns whose median tells what a change wider than a train shows at a row: the track's seven and five beside it.
pub(super) const LEAST_COLUMNS: usize = 12;

/// Index of the target in the stack; 1 is the newest baseline.
const TARGET: usize = 0;

/// Whitened residuals of one role.
pub(super) struct Residuals {
    /// (row, column, band), whitened and clipped; NaN where unobserved.
    pub(super) white: Array3<f64>,
    /// (row, −1, 0 and 1 px from the track, band), whitened, quiet columns raised, not clipped: how strong the strongest are.
    pub(super) bare: Array3<f64>,
    /// The same of the placebo columns.
    pub(super) bare_placebos: Array3<f64>,
    /// Factor of the local noise and of a quiet bed in the track's column, (row, band).
    pub(super) gain: Array2<f64>,
    /// The whitening, bands → bands.
    pub(super) whitener: Whitener,
    /// Length to which a whitened vector is clipped.
    pub(super) clip: f64,
}

impl Residuals {
    /// From [`regressed`]; `None` when the ground beside the tracks does not vary.
    pub(super) fn new(stack: &Stack<'_>, mut r: Array3<f64>) -> Option<Self> {
        let bands = stack.bands;
        let mut gain = equalise(stack, &mut r);
        let samples: Vec<f64> =
            beside(stack).flat_map(|(row, c)| (0..bands).map(move |b| (row, c, b))).map(|at| r[at]).collect();
        let whitener = Whitener::new(&trimmed_covariance(&samples, bands, 0.9, 5)?)?;
        let clip = if bands == 1 { 8.0 } else { 3.0 };
        whiten(&mut r, &whitener);
        gain *= raise_quiet(stack, &mut r);
        let bare = r.slice(s![.., stack.half - 1..=stack.half + 1, ..]).to_owned();
        let bare_placebos = r.select(Axis(1), &stack.placebo_columns());
        clip_lengths(&mut r, clip);
        Some(Self { white: r, bare, bare_placebos, gain, whitener, clip })
    }
}

/// What the regression of each role leaves over, (row, column, band); NaN where unobserved.
pub(super) fn regressed(stack: &Stack<'_>, roles: &[Role]) -> Vec<Array3<f64>> {
    // Two slopes for each date, three for each other band, four for the scene and its swing between pixels each.
    let slopes = 2 * (stack.scenes() - 1) + 3 * (stack.bands - 1) + 8;
    let clear = stack.observed(stack.half).into_iter().filter(|&seen| seen).count();
    let rich = clear >= RICH_ROWS.max(ROWS_PER_SLOPE * slopes);
    let ratios: Vec<Vec<[f64; 2]>> = roles.iter().map(|role| contrast_ratios(stack, role)).collect();
    let columns: Vec<Vec<Array2<f64>>> = (0..stack.columns())
        .into_par_iter()
        .map(|column| fit_column(stack, (roles, &ratios), column, rich))
        .collect();
    let dim = (stack.rows(), stack.columns(), stack.bands);
    let of =
        |role: usize| Array3::from_shape_fn(dim, |(row, column, band)| columns[column][role][(band, row)]);
    (0..roles.len()).into_par_iter().map(of).collect()
}

/// Cells beside the track that no other rail or road disturbs.
pub(super) fn beside<'s>(stack: &'s Stack<'_>) -> impl Iterator<Item = (usize, usize)> + 's {
    (0..stack.rows()).flat_map(move |row| {
        (0..stack.columns())
            .filter(move |&c| stack.is_beside(c) && !stack.excluded[(row, c)])
            .map(move |c| (row, c))
    })
}

/// Residual evidence of power in one column and band, rows of all tracks together; NaN where unobserved.
fn fit_power(evidence: &Evidence) -> Array1<f64> {
    let Evidence { on_track, beside } = evidence;
    residuals(tukey_regression(&[beside], on_track, None, RULE), on_track.len())
}

/// Residuals of one column, (band, row) for each role, rows of all tracks together.
fn fit_column(
    stack: &Stack<'_>,
    (roles, ratios): (&[Role], &[Vec<[f64; 2]>]),
    column: usize,
    rich: bool,
) -> Vec<Array2<f64>> {
    let mut fits: Vec<Array2<f64>> = if let Some(looks) = stack.looks {
        let power = |role: &Role, band| fit_power(&radar::evidence(stack, role, looks, column, band));
        roles.iter().map(|role| by_band(stack.bands, stack.rows(), |band| power(role, band))).collect()
    } else {
        let seen = Array2::from_shape_fn((stack.scenes(), stack.bands), |(scene, band)| {
            stack.seen_in_column(scene, band, column)
        });
        let phases = rich.then(|| stack.phases(column));
        let fit = |(role, ratios): (&Role, &Vec<[f64; 2]>)| {
            fit_bands(&seen, (role, ratios), stack.profile.response, phases.as_deref())
        };
        roles.iter().zip(ratios).map(fit).collect()
    };
    let target = stack.seen_in_column(TARGET, 0, column);
    for (_, fit) in roles.iter().zip(&mut fits).filter(|(role, _)| role.tested != TARGET) {
        // Ground that the target hides does not tell that a train departed.
        for mut residual in fit.rows_mut() {
            residual.iter_mut().zip(&target).for_each(|(r, t)| *r = t.map_or(f64::NAN, |_| *r));
        }
    }
    fits
}

/// Residuals of one role, (band, row), from what a column shows, (scene, band), and [`Stack::phases`] if it is rich in clear rows.
fn fit_bands(
    seen: &Array2<Vec<Option<Seen>>>,
    (role, ratios): (&Role, &[[f64; 2]]),
    response: f64,
    phases: Option<&[[f64; 2]]>,
) -> Array2<f64> {
    let in_band = |band: usize| {
        let others = role.others.iter().map(|&scene| &seen[(scene, band)][..]).collect();
        Column::new(&seen[(role.tested, band)], others, ratios[band], response)
    };
    let columns: Vec<Column<'_>> = (0..seen.ncols()).map(in_band).collect();
    let first = unchanged(&columns);
    let rows = columns.first().map_or(0, |column| column.filtered.len());
    by_band(columns.len(), rows, |band| fit_band(&columns, band, &first, phases))
}

/// One column's values, (band, row), from those of each band.
fn by_band(bands: usize, rows: usize, of: impl Fn(usize) -> Array1<f64>) -> Array2<f64> {
    let mut all = Array2::from_elem((bands, rows), f64::NAN);
    all.rows_mut().into_iter().enumerate().for_each(|(band, mut row)| row.assign(&of(band)));
    all
}

/// What a regression leaves over; NaN for all rows where there is none.
fn residuals(fit: Option<RobustFit>, rows: usize) -> Array1<f64> {
    fit.map_or_else(|| Array1::from_elem(rows, f64::NAN), |fit| fit.residuals.into())
}

/// What one band shows in one column, by row; NaN where it is not clear.
struct Column<'a> {
    /// Filter output and flank of the scene under test.
    filtered: Vec<f64>,
    flank: Vec<f64>,
    /// Tilt of the scene under test, tilt and middle of the newest of the others that is clear.
    own: [Vec<f64>; 3],
    /// Mean filter output and flank of the others that are clear.
    usual: [Vec<f64>; 2],
    /// What stood out on most of the others and is taken from all filter outputs.
    standing: Vec<f64>,
    /// The least and the most that the scene under test may show of that, over what the others show.
    ratios: [f64; 2],
    /// The others, newest first.
    others: Vec<&'a [Option<Seen>]>,
}

impl<'a> Column<'a> {
    /// `ratios` are those of [`contrast_ratios`]; `response` is the filter's to a train of unit contrast in its middle.
    fn new(
        tested: &[Option<Seen>],
        others: Vec<&'a [Option<Seen>]>,
        ratios: [f64; 2],
        response: f64,
    ) -> Self {
        let of_tested = |of: fn(Seen) -> f64| tested.iter().map(|s| s.map_or(f64::NAN, of)).collect();
        let newest = |of: fn(Seen) -> f64| {
            let newest = |row: usize| others.iter().find_map(|o| o[row]);
            (0..tested.len()).map(|row| newest(row).map_or(f64::NAN, of)).collect()
        };
        let (mut usual, flank): (Vec<f64>, Vec<f64>) =
            (0..tested.len()).map(|row| mean_of(&others, row)).unzip();
        let standing =
            StandingOut::new(&usual, &others).map_or_else(|| vec![0.0; usual.len()], |out| out.standing());
        let mut filtered: Vec<f64> = of_tested(|s| s.filtered);
        usual.iter_mut().zip(&standing).for_each(|(v, standing)| *v -= standing);
        filtered.iter_mut().zip(&standing).for_each(|(v, standing)| *v -= standing);
        let mut centre: Vec<f64> = newest(|s| s.centre);
        centre.iter_mut().zip(&standing).for_each(|(v, standing)| *v -= standing / response);
        Self {
            filtered,
            flank: of_tested(|s| s.flank),
            own: [of_tested(|s| s.tilt), newest(|s| s.tilt), centre],
            usual: [usual, flank],
            standing,
            ratios,
            others,
        }
    }

    /// Filter output and flank of one of the others; where it is clouded it gives way to the mean of the clear ones.
    fn date(&self, date: usize) -> [Vec<f64>; 2] {
        let seen = |row: usize| self.others[date][row];
        let rows = 0..self.standing.len();
        let [usual, flank] = &self.usual;
        let filtered = |row: usize| seen(row).map_or(usual[row], |s| s.filtered - self.standing[row]);
        let flank = |row: usize| seen(row).map_or(flank[row], |s| s.flank);
        [rows.clone().map(filtered).collect(), rows.map(flank).collect()]
    }
}

/// Weights of the rows in the first fit: how near the tested scene lies to its robust line on what is usual, in the band in which
/// it lies farthest off.
///
/// The trains of one band are outliers among the covariates of the others, where only this tells.
fn unchanged(columns: &[Column<'_>]) -> Vec<f64> {
    let rows = columns.first().map_or(0, |column| column.filtered.len());
    let mut weights = vec![1.0_f64; rows];
    for column in columns {
        let pairs = column.usual[0].iter().zip(&column.filtered);
        let clear = pairs.enumerate().filter(|(_, (x, y))| x.is_finite() && y.is_finite());
        let (rows, (x, y)): (Vec<usize>, (Vec<f64>, Vec<f64>)) =
            clear.map(|(row, (x, y))| (row, (*x, *y))).unzip();
        let Some(line) = robust_line(&x, &y) else { continue };
        let cutoff = RULE.cutoff_sigma * line.sigma;
        if cutoff > 0.0 {
            for (row, (x, y)) in rows.into_iter().zip(x.into_iter().zip(y)) {
                weights[row] = weights[row].min(biweight((y - line.at(x)) / cutoff));
            }
        }
    }
    weights
}

/// Residual of one band, rows of all tracks together; `first` are the weights of the rows in the first fit.
///
/// What the filter gives on a bed moves with the field beside it on that date, so each date comes with its flank.
/// Few rows cannot carry many slopes: without `phases` (given if the track is rich in clear rows) one slope for the mean of all
/// dates, and the own band alone.
///
/// A line as thin as a bed is not sampled well enough to be interpolated: what a pixel grid shows of it swings with the place of the
/// line between the pixels, and a grid that is shifted shows another swing. A frequency f of the line's cross-section, along its
/// normal n, is taken for f n − k, with k one cycle a pixel along the axis that n is nearest to, so the error is a sum of sine
/// and cosine of the place along this axis. Shifts between dates change their factors alone. The bed's contrast sets the amplitude: a
/// constant less the field's brightness, its flank.
fn fit_band(columns: &[Column<'_>], band: usize, first: &[f64], phases: Option<&[[f64; 2]]>) -> Array1<f64> {
    let column = &columns[band];
    let (mut dates, mut sampled): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    let mut x: Vec<&[f64]> = vec![&column.flank];
    x.extend(column.own.iter().map(Vec::as_slice));
    if let Some(phases) = phases {
        dates.extend((0..column.others.len()).flat_map(|date| column.date(date)));
        let on_flank = |k: usize| column.usual[1].iter().zip(phases).map(|(f, phase)| f * phase[k]).collect();
        sampled.extend([0, 1].map(|k| phases.iter().map(|phase| phase[k]).collect()));
        sampled.extend([0, 1].map(on_flank));
        x.extend(dates.iter().map(Vec::as_slice));
        // The other bands tell how the ground changed: their flanks today, their usual signal and flanks.
        for (_, other) in columns.iter().enumerate().filter(|(b, _)| *b != band) {
            x.extend([&other.flank, &other.usual[0], &other.usual[1]].map(Vec::as_slice));
        }
        x.extend(sampled.iter().map(Vec::as_slice));
    } else {
        x.extend(column.usual.iter().map(Vec::as_slice));
    }
    let mut left =
        residuals(tukey_regression(&x, &column.filtered, Some(first), RULE), column.filtered.len());
    for (left, standing) in left.iter_mut().zip(&column.standing).filter(|(_, standing)| **standing != 0.0) {
        // What the contrast of the dates explains of a thing that stands still.
        let [a, b] = column.ratios.map(|ratio| (ratio - 1.0) * standing);
        *left -= left.clamp(a.min(b), a.max(b));
    }
    left
}

/// Subtracts the median across and divides by the local noise; gives its factor, one for all columns of a row, (row, band).
fn equalise(stack: &Stack<'_>, r: &mut Array3<f64>) -> Array2<f64> {
    let (rows, columns, bands) = r.dim();
    let mut noise = Array2::from_elem((rows, bands), f64::NAN);
    for row in 0..rows {
        for b in 0..bands {
            // The track's own columns are among them: placebo tracks have a part in this median as well, and of two that are treated
            // alike one must not vary less. A train is too narrow to move it.
            let mut values: Vec<f64> = (0..columns)
                .filter(|&c| !stack.is_beside(c) || !stack.excluded[(row, c)])
                .map(|c| r[(row, c, b)])
                .filter(|v| v.is_finite())
                .collect();
            if values.len() < LEAST_COLUMNS {
                continue;
            }
            let centre = median(&mut values);
            for c in 0..columns {
                r[(row, c, b)] -= centre;
            }
            let mut sizes: Vec<f64> = (0..columns)
                .filter(|&c| NOISE_PX.contains(&c.abs_diff(stack.half)) && !stack.excluded[(row, c)])
                .map(|c| r[(row, c, b)].abs())
                .filter(|v| v.is_finite())
                .collect();
            noise[(row, b)] = median(&mut sizes);
        }
    }
    let mut gain = Array2::from_elem((rows, bands), 1.0);
    for b in 0..bands {
        let mut sizes: Vec<f64> = beside(stack).map(|(row, c)| r[(row, c, b)].abs()).collect();
        sizes.retain(|v| v.is_finite());
        let global = median(&mut sizes);
        for range in &stack.ranges {
            for row in range.clone() {
                let from = row.saturating_sub(NOISE_ROWS / 2).max(range.start);
                let near = (from..(row + NOISE_ROWS / 2 + 1).min(range.end)).map(|i| noise[(i, b)]);
                let (sum, count) =
                    near.filter(|v| v.is_finite()).fold((0.0, 0u32), |a, v| (a.0 + v, a.1 + 1));
                let local = if count == 0 { global } else { sum / f64::from(count) };
                // r ← r g / √(½g² + ½l²)
                let factor = global / (0.5 * global * global + 0.5 * local * local).sqrt();
                gain[(row, b)] = if factor.is_finite() { factor } else { 1.0 };
                for c in 0..columns {
                    r[(row, c, b)] *= gain[(row, b)];
                }
            }
        }
    }
    gain
}

/// Brings columns that vary less than is usual beside the track up to that; gives the factor of the track's.
///
/// A bed is often quieter than the fields beside it, and a train on it stands out more than one like it would from them. Trains
/// make a column louder, so louder ones stay as they are.
fn raise_quiet(stack: &Stack<'_>, white: &mut Array3<f64>) -> f64 {
    let spread = |column: usize| {
        let own = |row: &usize| !stack.is_beside(column) || !stack.excluded[(*row, column)];
        let length = |row: usize| white.slice(s![row, column, ..]).iter().map(|u| u * u).sum::<f64>().sqrt();
        let mut lengths: Vec<f64> =
            (0..stack.rows()).filter(own).map(length).filter(|v| v.is_finite()).collect();
        if lengths.len() < SPREAD_ROWS { f64::NAN } else { median(&mut lengths) }
    };
    let spreads: Vec<f64> = (0..stack.columns()).map(spread).collect();
    let beside = spreads.iter().enumerate().filter(|(c, v)| stack.is_beside(*c) && v.is_finite());
    let usual = median(&mut beside.map(|(_, v)| *v).collect::<Vec<_>>());
    let factor = |column: usize| {
        let ratio = usual / spreads[column];
        if ratio.is_nan() { 1.0 } else { ratio.clamp(1.0, RAISED_MOST) }
    };
    for (column, mut cells) in white.axis_iter_mut(Axis(1)).enumerate() {
        cells *= factor(column);
    }
    factor(stack.half)
}

/// Whitens every cell.
pub(super) fn whiten(r: &mut Array3<f64>, whitener: &Whitener) {
    let (mut from, mut to) = (vec![0.0; whitener.dim()], vec![0.0; whitener.dim()]);
    for mut cell in r.lanes_mut(Axis(2)) {
        from.iter_mut().zip(&cell).for_each(|(f, v)| *f = *v);
        whitener.apply(&from, &mut to);
        cell.iter_mut().zip(&to).for_each(|(v, t)| *v = *t);
    }
}

/// Clips the length of every cell, so that one bright roof is not a train.
fn clip_lengths(white: &mut Array3<f64>, clip: f64) {
    for mut cell in white.lanes_mut(Axis(2)) {
        let length = cell.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > clip {
            cell.mapv_inplace(|v| v * clip / length);
        }
    }
}

//! Change over a whole scene, window by window: what is common to the scene is estimated on windows spread over it,
//! then every window is judged alone.
//!
//! Estimated once: gain and offset of each band, the clip of the trend, the variates of IR-MAD (Nielsen 2007,
//! 10.1109/TIP.2006.888195), the scene's level and spread, and the null of the objects. There is no ground outside, so the
//! null is the empirical one (Efron 2004, 10.1198/016214504000000089): the tail that the bulk of the births foretells.
//! It holds where few of the births are changes; more of them make the threshold higher. Degenerate windows are the
//! errors of the statistic.

use super::births::{Birth, births, is_wide};
use super::changed::component;
use super::expected::line_of;
use super::level::{divide_by_level, spread, typical, unexplained};
use super::null::{Null, Nulls};
use super::pieces::Piece;
use super::trend::Clip;
use super::variates::Variates;
use super::{ChangeMap, ChangeParams, Error, ObjectParams, irmad};
use crate::grid::Window;
use ndarray::{Array2, Array3, ArrayView3, Axis, Zip, s};
use rayon::prelude::*;

/// Ground around the core in which the births of its pixels are told, px.
const BIRTH_REACH_PX: usize = 8;

/// What judges a window of a pair of scenes.
#[derive(Debug, Clone)]
pub struct AreaModel {
    /// Gain and offset of each band, target on baseline.
    lines: Vec<(f64, f64)>,
    clips: Vec<Option<Clip>>,
    variates: Variates,
    /// Median of the statistic, and of the contrast of each band the spread.
    level: f64,
    sigma: Vec<f64>,
    nulls: Nulls,
    /// Lowest level of a narrow object and, not below it, of a wide one, in multiples of the local level.
    thresholds: [f64; 2],
    count_min: usize,
    count_wide: usize,
    pixel_m: f64,
    trend_reach_px: usize,
    cell_px: usize,
    tolerance_px: f32,
}

/// Values of the baseline and of the target in one window, `(band, row, col)`, NaN where no ground is seen.
pub type Sample = (Array3<f32>, Array3<f32>);

/// A window judged.
#[derive(Debug)]
pub struct AreaBlock {
    /// The statistic of its core `(row, col)`, NaN where one of the scenes shows no ground.
    pub statistic: Array2<f32>,
    /// Changed ground in the core, in pixels of the scene.
    pub(super) pieces: Vec<Piece>,
}

impl AreaModel {
    /// Estimates from windows `(baseline, target)`, each `(band, row, col)` with NaN where no ground is seen.
    ///
    /// # Errors
    /// [`enum@Error`] for too few pixels, and constant, collinear or identical bands.
    pub fn estimate(
        windows: &[Sample],
        pixel_m: f64,
        change: &ChangeParams,
        objects: &ObjectParams,
    ) -> Result<Self, Error> {
        let bands = windows.first().map_or(0, |w| w.1.shape()[0]);
        let lines = (0..bands).map(|b| line(windows, b, change)).collect::<Result<Vec<_>, _>>()?;
        let mut models: Vec<(Array3<f32>, Array3<f32>)> =
            windows.par_iter().map(|(b, t)| expectation(&b.view(), &t.view(), &lines)).collect();
        let of_band = |models: &[(Array3<f32>, Array3<f32>)], b: usize| -> Vec<f32> {
            models
                .iter()
                .flat_map(|m| m.1.index_axis(Axis(0), b).iter().copied().collect::<Vec<_>>())
                .collect()
        };
        let reach = change.trend_reach_px;
        let clip = |b: usize| if reach > 0 { Clip::of(of_band(&models, b).iter()) } else { None };
        let clips: Vec<Option<Clip>> = (0..bands).map(clip).collect();
        models.par_iter_mut().for_each(|(e, c)| absorb(e, c, &clips, reach));
        let pairs: Vec<[&Array3<f32>; 2]> = models.iter().zip(windows).map(|(m, w)| [&m.0, &w.1]).collect();
        let variates = irmad::fit(&pairs, change)?;
        let statistics: Vec<Array2<f32>> = pairs.par_iter().map(|pair| variates.statistic(pair)).collect();
        let (count_min, count_wide) = objects.counts_px(pixel_m * pixel_m);
        let mut model = Self {
            level: typical(statistics.iter().flatten()),
            sigma: (0..bands).map(|b| spread(of_band(&models, b).iter())).collect(),
            lines,
            clips,
            variates,
            nulls: Nulls::new(&[], 1.0, Null::new),
            thresholds: [f64::INFINITY; 2],
            count_min,
            count_wide,
            pixel_m,
            trend_reach_px: reach,
            cell_px: objects.cell_px.max(8),
            tolerance_px: objects.shift_tolerance_px.clamp(0.0, 1.0),
        };
        let found: Vec<(Vec<Birth>, usize)> =
            statistics.into_par_iter().map(|statistic| model.background(statistic)).collect();
        let seen: usize = found.iter().map(|f| f.1).sum();
        let born: Vec<Birth> = found.into_iter().flat_map(|f| f.0).collect();
        model.nulls = Nulls::new(&born, seen as f64 * pixel_m * pixel_m / 1e6, Null::of_bulk);
        model.thresholds =
            [false, true].map(|is_wide| model.nulls.threshold(is_wide, objects.rate_per_km2()));
        Ok(model)
    }

    /// Ground that a core needs around it, px.
    #[must_use]
    pub fn margin_px(&self) -> usize {
        self.cell_px + self.trend_reach_px + 1
    }

    /// Cores must start at multiples of this, px.
    #[must_use]
    pub fn cell_px(&self) -> usize {
        self.cell_px
    }

    /// Levels at which a narrow and a wide object stand out enough, in multiples of the local level.
    #[must_use]
    pub fn thresholds(&self) -> [f64; 2] {
        self.thresholds
    }

    /// Judges the `core` of a window of both scenes, `(band, row, col)`, whose first pixel is `first` of the scene.
    ///
    /// The window should reach [`Self::margin_px`] beyond the core or to the scene's edge.
    #[must_use]
    pub fn block(
        &self,
        (baseline, target): (&ArrayView3<'_, f32>, &ArrayView3<'_, f32>),
        first: (usize, usize),
        core: Window,
    ) -> AreaBlock {
        let (mut expected, mut contrast) = expectation(baseline, target, &self.lines);
        absorb(&mut expected, &mut contrast, &self.clips, self.trend_reach_px);
        let target = target.to_owned();
        let statistic = self.variates.statistic(&[&expected, &target]);
        // Cells of the level start at a multiple of their side from the scene's first pixel.
        let top = core.row.saturating_sub(self.cell_px) - first.0;
        let left = core.col.saturating_sub(self.cell_px) - first.1;
        let (height, width) = statistic.dim();
        let ends = (
            (core.row + core.height + self.cell_px - first.0).min(height),
            (core.col + core.width + self.cell_px - first.1).min(width),
        );
        let mut excess = Array2::from_elem((height, width), f32::NAN);
        let mut levelled = statistic.slice(s![top..ends.0, left..ends.1]).to_owned();
        divide_by_level(&mut levelled, self.cell_px, self.level);
        excess.slice_mut(s![top..ends.0, left..ends.1]).assign(&levelled);
        let at = (core.row - first.0, core.col - first.1);
        let map = ChangeMap { statistic, kind: super::Kind::IrMad, expected, contrast };
        let pieces = self.pieces(&map, &target, &excess, (at, first, core));
        let statistic = map.statistic.slice(s![at.0..at.0 + core.height, at.1..at.1 + core.width]).to_owned();
        AreaBlock { statistic, pieces }
    }

    /// Connected pixels of the core at or above the threshold, with the births among them.
    fn pieces(
        &self,
        map: &ChangeMap,
        target: &Array3<f32>,
        excess: &Array2<f32>,
        (at, first, core): ((usize, usize), (usize, usize), Window),
    ) -> Vec<Piece> {
        let (height, width) = excess.dim();
        let threshold = self.thresholds[0] as f32;
        let near = (at.0.saturating_sub(BIRTH_REACH_PX), at.1.saturating_sub(BIRTH_REACH_PX));
        let far = (
            (at.0 + core.height + BIRTH_REACH_PX).min(height),
            (at.1 + core.width + BIRTH_REACH_PX).min(width),
        );
        let part = s![near.0..far.0, near.1..far.1];
        let hot = excess.mapv(|v| v >= threshold);
        let mut kept = Array2::<f32>::zeros((far.0 - near.0, far.1 - near.1));
        for ((r, c), v) in kept.indexed_iter_mut().filter(|((r, c), _)| hot[[r + near.0, c + near.1]]) {
            let place = (r + near.0, c + near.1);
            *v = excess[place] * unexplained(target, &map.expected, &self.sigma, place, self.tolerance_px);
        }
        let inside = |(r, c): (usize, usize)| {
            (at.0..at.0 + core.height).contains(&r) && (at.1..at.1 + core.width).contains(&c)
        };
        let in_window = |(r, c): (usize, usize)| (r + near.0, c + near.1);
        let wide = |place| is_wide(excess, in_window(place), self.count_wide);
        let born: Vec<(Birth, f64)> = births(&kept, &hot.slice(part).to_owned(), self.count_min, wide)
            .into_iter()
            .map(|birth| Birth { place: in_window(birth.place), ..birth })
            .filter(|b| inside(b.place) && b.level >= self.thresholds[usize::from(b.is_wide)])
            .map(|birth| (birth, self.nulls.per_km2(&birth)))
            .collect();
        let mut left = hot.clone();
        let mut pieces = Vec::new();
        for row in at.0..at.0 + core.height {
            for col in at.1..at.1 + core.width {
                if left[[row, col]] {
                    let pixels = component(&mut left, (row, col), inside);
                    let piece = Piece::new(map, (&hot, &self.sigma), &pixels, (first, core));
                    pieces.push(piece.with_births(&born, first));
                }
            }
        }
        pieces.retain(|p| p.clearest.is_some() || !p.edge.is_empty());
        pieces
    }

    /// All births of a window, and how many pixels it shows. What a shift could explain stays among them: it
    /// outnumbers the changes by far, and without it they would be their own null.
    fn background(&self, mut statistic: Array2<f32>) -> (Vec<Birth>, usize) {
        let seen = statistic.iter().filter(|v| v.is_finite()).count();
        divide_by_level(&mut statistic, self.cell_px, self.level);
        let region = statistic.mapv(f32::is_finite);
        (
            births(&statistic, &region, self.count_min, |place| is_wide(&statistic, place, self.count_wide)),
            seen,
        )
    }

    /// Ground of a pixel, m².
    pub(super) fn pixel_m2(&self) -> f64 {
        self.pixel_m * self.pixel_m
    }
}

/// Gain and offset of one band over evenly spaced rows of all windows.
fn line(windows: &[Sample], band: usize, params: &ChangeParams) -> Result<(f64, f64), Error> {
    let pixels: usize = windows.iter().map(|w| w.1.shape()[1] * w.1.shape()[2]).sum();
    let step = pixels.div_ceil(params.pixels_max.max(1)).max(1);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (baseline, target) in windows {
        for row in (0..target.shape()[1]).step_by(step) {
            let lines = baseline.slice(s![band, row, ..]).into_iter().zip(target.slice(s![band, row, ..]));
            for (a, b) in lines.filter(|(a, b)| a.is_finite() && b.is_finite()) {
                x.push(f64::from(*a));
                y.push(f64::from(*b));
            }
        }
    }
    line_of(&x, &y, (step, band), params)
}

/// The target as the baseline predicts it, and the target less that; NaN where either scene shows no ground.
fn expectation(
    baseline: &ArrayView3<'_, f32>,
    target: &ArrayView3<'_, f32>,
    lines: &[(f64, f64)],
) -> (Array3<f32>, Array3<f32>) {
    let (mut expected, mut contrast) = (baseline.to_owned(), target.to_owned());
    for (b, (gain, offset)) in lines.iter().enumerate() {
        let (gain, offset) = (*gain as f32, *offset as f32);
        Zip::from(expected.index_axis_mut(Axis(0), b)).and(contrast.index_axis_mut(Axis(0), b)).for_each(
            |e, c| {
                *e = gain * *e + offset;
                *c -= *e;
                if !c.is_finite() {
                    *e = f32::NAN;
                }
            },
        );
    }
    (expected, contrast)
}

/// Moves the trend of every band from the contrast to the expectation.
fn absorb(expected: &mut Array3<f32>, contrast: &mut Array3<f32>, clips: &[Option<Clip>], reach_px: usize) {
    for ((clip, e), c) in clips.iter().zip(expected.outer_iter_mut()).zip(contrast.outer_iter_mut()) {
        if let Some(clip) = clip {
            clip.absorb(e, c, reach_px);
        }
    }
}

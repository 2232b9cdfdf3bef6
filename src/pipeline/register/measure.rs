//! The shift measured: probes find it to a pixel, tie points all over the overlap say how it changes.

use super::RegisterRequest;
use super::afloat::FloatBands;
use super::clouds::CloudBands;
use super::held::Held;
use super::look::{Frame, Overlaid, look};
use super::pair::Pair;
use crate::coreg::{self, FieldRegistration, Matched, Matches, Registration, Search, TiePoint};
use crate::grid::Window;
use crate::pipeline::{Error, Event, SceneSource, Sink};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Side and count along each axis of the probes that find the shift to a pixel: few ones, larger ones, then many small
/// ones that fit between clouds.
const PROBES: [(usize, usize); 3] = [(320, 3), (512, 3), (256, 8)];
/// Side of the window that confirms a probe, px.
const CONFIRM_PX: usize = 128;
/// Probes within this distance agree, px: a field may vary so much.
const PROBE_AGREEMENT_PX: f64 = 3.0;
/// How far the shift of a tie point may lie from the probes', px.
const RADIUS_PX: usize = 3;
/// About this many tie points are laid out, at most.
const TIE_POINTS_MAX: f64 = 4000.0;
/// Fewest windows side by side; where fewer fit they overlap.
const TOUCHING_MIN: usize = 16;
/// Pixels of one strip of tie points, at most about: what a thread holds.
const STRIP_PIXELS: usize = 4_000_000;
/// Pixels around a window that are read with it: enough for the search and the smoothing.
const MARGIN_PX: usize = 24;
/// Probes that each band is tried on.
const BAND_PROBES: usize = 4;
/// What a model may leave of a shift that changes from place to place before smaller windows are tried, px: half of what looks like a
/// train along an edge.
const LARGEST_STRUCTURE_PX: f64 = 0.1;

/// A field of shifts with what it was measured on.
pub(in crate::pipeline) struct Measured {
    pub(in crate::pipeline) registration: FieldRegistration,
    /// All windows with a sharp partner, those that do not agree too.
    pub(in crate::pipeline) matched: Vec<TiePoint>,
    /// Indices of the bands it was measured on.
    pub(in crate::pipeline) bands: (usize, usize),
    pub(in crate::pipeline) window_px: usize,
    pub(in crate::pipeline) spacing_px: usize,
}

pub(in crate::pipeline) fn measure(
    pair: &Pair,
    request: &RegisterRequest,
    source: &dyn SceneSource,
    sink: &dyn Sink,
) -> Result<Measured, Error> {
    let indices =
        |pick: fn(&(usize, usize)) -> usize| pair.candidates.iter().map(pick).collect::<BTreeSet<_>>();
    let bands = [indices(|c| c.0), indices(|c| c.1)].map(|b| b.into_iter().collect::<Vec<_>>());
    let [ours, theirs] = bands;
    let held = Held::new(source, [(&pair.reference, ours), (&pair.moving, theirs)])?;
    let mut run = Measuring { pair, request, source: &held, sink, afloat: None, clouds: None };
    run.step("probe", 1)?;
    let (side, count) = PROBES[0];
    let probes = frames(pair.overlap, side, count);
    run.afloat = if_any(&probes, FloatBands::of(pair), |bands, frame| bands.show_any(pair, &held, frame))?;
    run.all().or_else(|error| {
        let bands = CloudBands::of(pair).filter(|_| may_be_clouds(&error));
        run.clouds = if_any(&probes, bands, |bands, frame| bands.show_any(pair, &held, frame))?;
        let error = if run.clouds.is_some() {
            match run.all() {
                Ok(measured) => return Ok(measured),
                Err(error) => error,
            }
        } else {
            error
        };
        Err(run.explained(error)?)
    })
}

/// The bands if any of the frames shows what is looked for in them.
fn if_any<B>(
    frames: &[Frame],
    bands: Option<B>,
    shows: impl Fn(&B, Frame) -> Result<bool, Error>,
) -> Result<Option<B>, Error> {
    let Some(bands) = bands else { return Ok(None) };
    for &frame in frames {
        if shows(&bands, frame)? {
            return Ok(Some(bands));
        }
    }
    Ok(None)
}

/// Whether the pair is at fault in a way that clouds explain, and not a file, a parameter or the user who stopped. A scene without
/// texture gains none when a part of it is hidden.
fn may_be_clouds(error: &Error) -> bool {
    let Error::Coreg(error) = error else { return false };
    !matches!(error, coreg::Error::Parameter { .. } | coreg::Error::NoTexture)
}

impl Measured {
    /// Whether the form leaves structure that more, smaller windows would show: those that were taken touch each other.
    fn leaves_structure(&self) -> bool {
        self.registration.structure_px > LARGEST_STRUCTURE_PX && self.spacing_px <= self.window_px
    }

    /// Whether this one leaves less structure than another, and knows the shift better.
    fn describes_more_than(&self, other: &Self) -> bool {
        let (a, b) = (&self.registration, &other.registration);
        a.structure_px < b.structure_px && a.field_rmse_px < b.field_rmse_px
    }
}

impl Measuring<'_> {
    /// Probes, tie points and the field fitted to them.
    fn all(&self) -> Result<Measured, Error> {
        let (pair, request) = (self.pair, self.request);
        let probed = self.probe()?;
        let bands = self.best_band(&probed)?;
        self.step("match", 2)?;
        let largest_px = request
            .coreg
            .window_px
            .unwrap_or(coreg::FIELD_WINDOW_PX)
            .min(pair.overlap.height)
            .min(pair.overlap.width);
        let measured = coreg::by_smaller_windows(
            largest_px,
            |window_px| self.by_windows(probed.shift, bands, window_px),
            Measured::leaves_structure,
            Measured::describes_more_than,
        )??;
        self.step("fit", 3)?;
        Ok(measured)
    }

    /// Tie points of windows of one size and the field fitted to them; the inner error refuses the pair.
    fn by_windows(
        &self,
        shift: (f64, f64),
        bands: (usize, usize),
        window_px: usize,
    ) -> Result<Result<Measured, coreg::Error>, Error> {
        let (pair, request) = (self.pair, self.request);
        let spacing_px = request.spacing_px.unwrap_or_else(|| usual_spacing_px(pair.overlap, window_px));
        let Tried { matched, seen_count, count } = self.tie_points(shift, bands, window_px, spacing_px)?;
        let share = window_px as f64 / spacing_px as f64;
        let (overlap, clear_percent) = (share * share, 100.0 * seen_count as f64 / count.max(1) as f64);
        let area = pair.overlap;
        let matches = Matches { points: &matched, seen_count, clear_percent, overlap, window_px, area };
        let registration = coreg::field(matches, request.model, &request.coreg);
        Ok(registration.map(|registration| Measured { registration, matched, bands, window_px, spacing_px }))
    }

    /// The error, or that the scenes are turned where the middle of their overlap says so.
    fn explained(&self, error: Error) -> Result<Error, Error> {
        let Error::Coreg(error) = error else { return Ok(error) };
        let (side, largest_px) = (PROBES[2].0, self.request.coreg.largest_shift_px);
        let Some(frame) = frames(self.pair.overlap, side, 1).first().copied() else {
            return Ok(error.into());
        };
        let Some(bands) = self.pair.candidates.first() else { return Ok(error.into()) };
        let seen = self.look(frame, (0, 0), *bands)?;
        Ok(coreg::explained(error, seen.reference.side(), seen.moving.side(), largest_px).into())
    }
}

struct Measuring<'a> {
    pair: &'a Pair,
    request: &'a RegisterRequest,
    source: &'a dyn SceneSource,
    sink: &'a dyn Sink,
    /// Bands in which clouds over water can be seen, where there are any.
    afloat: Option<FloatBands>,
    /// Bands in which clouds over land can be seen, where the pair is refused without.
    clouds: Option<CloudBands>,
}

/// What a grid of windows gave.
struct Tried {
    /// Tie points.
    matched: Vec<TiePoint>,
    /// Windows in which both scenes show ground.
    seen_count: usize,
    /// All windows.
    count: usize,
}

/// The shift to a pixel or so, and the places where it was seen.
struct Probed {
    shift: (f64, f64),
    places: Vec<(f64, f64)>,
    bands: (usize, usize),
}

impl Measuring<'_> {
    fn step(&self, stage: &'static str, done: usize) -> Result<(), Error> {
        if self.sink.interrupted() {
            return Err(Error::Interrupted);
        }
        self.sink.event(&Event { stage, what: self.pair.moving.id.clone(), done, total: 3 });
        Ok(())
    }

    /// Both scenes in a frame as they are matched: without what floats, and by their edges where the bands differ.
    fn look(&self, frame: Frame, start: (isize, isize), bands: (usize, usize)) -> Result<Overlaid, Error> {
        let mut seen = look(self.pair, self.source, frame, start, bands)?;
        if let Some(float) = self.afloat {
            let [ours, theirs] = float.look(self.pair, self.source, frame, start)?;
            seen.hide(|r, c| ours.drifts(&theirs, r, c));
        }
        if let Some(clouds) = &self.clouds {
            let hidden = clouds.look(self.pair, self.source, frame, start)?;
            seen.hide(|r, c| hidden[(r, c)]);
        }
        Ok(if self.pair.differ(bands) { seen.edges() } else { seen })
    }

    /// Tries the probes, and the bands, until some probes agree.
    fn probe(&self) -> Result<Probed, Error> {
        let mut trouble = coreg::Error::NoCommonGround { percent: 0.0 };
        for (side, count) in PROBES {
            for &bands in self.pair.candidates.iter().take(3) {
                let frames = frames(self.pair.overlap, side, count);
                let tried: Vec<Result<TiePoint, coreg::Error>> =
                    frames.par_iter().map(|f| self.probe_at(*f, bands)).collect::<Result<_, Error>>()?;
                let few = frames.len() < 4;
                let found: Vec<TiePoint> = tried.iter().filter_map(|t| t.as_ref().ok().copied()).collect();
                let group = coreg::largest_group(&found, PROBE_AGREEMENT_PX);
                if group.len() >= if few { 1 } else { 2 } {
                    let shift = coreg::median_shift_px(&group);
                    let places = group.iter().map(|p| (p.row, p.col)).collect();
                    return Ok(Probed { shift, places, bands });
                }
                trouble = reason(tried, trouble);
            }
        }
        Err(trouble.into())
    }

    /// Phase correlation of one frame, confirmed by matching the window in its middle, or where that does not match by
    /// windows all over the frame that agree.
    fn probe_at(&self, frame: Frame, bands: (usize, usize)) -> Result<Result<TiePoint, coreg::Error>, Error> {
        let params = &self.request.coreg;
        let seen = self.look(frame, (0, 0), bands)?;
        let (reference, moving) = (seen.reference.side(), seen.moving.side());
        let common = reference.ok.iter().zip(moving.ok).filter(|(a, b)| **a && **b).count();
        let percent = 100.0 * common as f64 / reference.ok.len().max(1) as f64;
        if percent < 10.0 {
            return Ok(Err(coreg::Error::NoCommonGround { percent }));
        }
        let (start, _) = match coreg::coarse_shift(reference, moving, params.largest_shift_px) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let (height, width) = frame.shape;
        let side = CONFIRM_PX.min(height / 2).min(width / 2);
        let place = ((height - side) / 2, (width - side) / 2, side);
        let search = Search { start, radius_px: 2 };
        match coreg::match_window(reference, moving, place, search, params) {
            Matched::Point(p) => Ok(Ok(on_grid(p, frame, seen.base))),
            Matched::Unseen | Matched::Unmatched => {
                let agreed = coreg::near(reference, moving, search, params);
                Ok(agreed.map(|found| on_grid(surest(&found), frame, seen.base)))
            }
        }
    }

    /// The pair of bands whose windows at the probes know the shift best: Σ 1/σ² is greatest.
    fn best_band(&self, probed: &Probed) -> Result<(usize, usize), Error> {
        if self.pair.candidates.len() < 2 {
            return Ok(probed.bands);
        }
        let side = CONFIRM_PX;
        let half = (side / 2) as isize;
        let start = (probed.shift.0.round() as isize, probed.shift.1.round() as isize);
        let places = &probed.places[..probed.places.len().min(BAND_PROBES)];
        let information = |bands: (usize, usize)| -> Result<f64, Error> {
            let at = |&(row, col): &(f64, f64)| -> Result<f64, Error> {
                let first = |middle: f64| middle as isize - half - MARGIN_PX as isize;
                let shape = (side + 2 * MARGIN_PX, side + 2 * MARGIN_PX);
                let frame = Frame { row: first(row), col: first(col), shape };
                let seen = self.look(frame, start, bands)?;
                let from = (probed.shift.0 - seen.base.0, probed.shift.1 - seen.base.1);
                let search = Search { start: from, radius_px: 2 };
                let place = (MARGIN_PX, MARGIN_PX, side);
                let params = &self.request.coreg;
                let sides = (seen.reference.side(), seen.moving.side());
                let found = coreg::match_window(sides.0, sides.1, place, search, params);
                let Matched::Point(point) = found else { return Ok(0.0) };
                Ok(1.0 / point.sigma_px.max(1e-3).powi(2))
            };
            places.iter().map(at).sum()
        };
        let candidates = &self.pair.candidates;
        let known = candidates.par_iter().map(|b| information(*b)).collect::<Result<Vec<f64>, Error>>()?;
        let best = candidates.iter().zip(known).reduce(|a, b| if b.1 > a.1 { b } else { a });
        Ok(best.filter(|b| b.1 > 0.0).map_or(probed.bands, |b| *b.0))
    }

    /// Tie points on a grid over the overlap, strip by strip, and in how many windows ground is seen.
    fn tie_points(
        &self,
        shift: (f64, f64),
        bands: (usize, usize),
        side: usize,
        spacing: usize,
    ) -> Result<Tried, Error> {
        let overlap = self.pair.overlap;
        let starts = |first: usize, n: usize| -> Vec<usize> {
            let room = n - side;
            (0..=room / spacing).map(|k| first + (room % spacing) / 2 + k * spacing).collect()
        };
        let rows = starts(overlap.row, overlap.height);
        let cols = starts(overlap.col, overlap.width);
        let per_strip = (STRIP_PIXELS / overlap.width.max(1) / spacing).max(1);
        let strips: Vec<&[usize]> = rows.chunks(per_strip).collect();
        let found: Vec<(Vec<TiePoint>, usize)> = strips
            .par_iter()
            .map(|strip| self.strip(strip, &cols, shift, bands, side))
            .collect::<Result<_, Error>>()?;
        let seen_count = found.iter().map(|f| f.1).sum();
        let matched = found.into_iter().flat_map(|f| f.0).collect();
        Ok(Tried { matched, seen_count, count: rows.len() * cols.len() })
    }

    fn strip(
        &self,
        rows: &[usize],
        cols: &[usize],
        shift: (f64, f64),
        bands: (usize, usize),
        side: usize,
    ) -> Result<(Vec<TiePoint>, usize), Error> {
        if self.sink.interrupted() {
            return Err(Error::Interrupted);
        }
        let (Some(top), Some(bottom), Some(left), Some(right)) =
            (rows.first(), rows.last(), cols.first(), cols.last())
        else {
            return Ok((Vec::new(), 0));
        };
        let margin = MARGIN_PX as isize;
        let shape = (bottom - top + side + 2 * MARGIN_PX, right - left + side + 2 * MARGIN_PX);
        let frame = Frame { row: *top as isize - margin, col: *left as isize - margin, shape };
        let start = (shift.0.round() as isize, shift.1.round() as isize);
        let seen = self.look(frame, start, bands)?;
        let search = Search { start: (shift.0 - seen.base.0, shift.1 - seen.base.1), radius_px: RADIUS_PX };
        let places: Vec<(usize, usize)> =
            rows.iter().flat_map(|r| cols.iter().map(move |c| (*r, *c))).collect();
        let places: Vec<(usize, usize)> = places
            .iter()
            .map(|(r, c)| ((*r as isize - frame.row) as usize, (*c as isize - frame.col) as usize))
            .collect();
        let sides = (seen.reference.side(), seen.moving.side());
        let tried = coreg::match_windows(sides.0, sides.1, (&places, side), search, &self.request.coreg);
        let count = tried.iter().filter(|t| **t != Matched::Unseen).count();
        let points = tried.into_iter().filter_map(|t| match t {
            Matched::Point(p) => Some(on_grid(p, frame, seen.base)),
            Matched::Unseen | Matched::Unmatched => None,
        });
        Ok((points.collect(), count))
    }
}

/// The shift that tie points agree about, at the place of the one that knows it best.
fn surest(found: &Registration) -> TiePoint {
    let agreed = TiePoint {
        row: 0.0,
        col: 0.0,
        shift_row_px: found.shift_row_px,
        shift_col_px: found.shift_col_px,
        sigma_px: found.standard_error_px,
        correlation: 0.0,
        inner: None,
    };
    let best = found.tie_points.iter().min_by(|a, b| a.sigma_px.total_cmp(&b.sigma_px));
    best.map_or(agreed, |best| TiePoint { row: best.row, col: best.col, ..agreed })
}

/// A tie point of a frame on the reference's grid.
fn on_grid(p: TiePoint, frame: Frame, base: (f64, f64)) -> TiePoint {
    TiePoint {
        row: p.row + frame.row as f64,
        col: p.col + frame.col as f64,
        shift_row_px: p.shift_row_px + base.0,
        shift_col_px: p.shift_col_px + base.1,
        ..p
    }
}

/// Distance of tie points: windows that touch, farther apart in large scenes, overlapping by half where few would fit.
fn usual_spacing_px(overlap: Window, window_px: usize) -> usize {
    let apart = (overlap.pixel_count() as f64 / TIE_POINTS_MAX).sqrt().ceil() as usize;
    let touching = (overlap.height / window_px.max(1)) * (overlap.width / window_px.max(1));
    apart.max(if touching < TOUCHING_MIN { window_px / 2 } else { window_px })
}

/// Frames of at most `side` px, at most `count` along each axis, spread over the overlap.
fn frames(overlap: Window, side: usize, count: usize) -> Vec<Frame> {
    let shape = (side.min(overlap.height), side.min(overlap.width));
    let starts = |first: usize, n: usize, side: usize| -> Vec<isize> {
        // Half of a frame of new ground each.
        let count = (1 + 2 * (n - side) / side.max(1)).min(count);
        (0..count)
            .map(|k| {
                (first + if count == 1 { (n - side) / 2 } else { k * (n - side) / (count - 1) }) as isize
            })
            .collect()
    };
    let rows = starts(overlap.row, overlap.height, shape.0);
    let cols = starts(overlap.col, overlap.width, shape.1);
    rows.iter().flat_map(|&row| cols.iter().map(move |&col| Frame { row, col, shape })).collect()
}

/// The most telling reason why probes failed: a want of agreement before a want of texture before a want of ground.
fn reason(tried: Vec<Result<TiePoint, coreg::Error>>, before: coreg::Error) -> coreg::Error {
    let rank = |e: &coreg::Error| match e {
        coreg::Error::NoCommonGround { .. } => 0,
        coreg::Error::NoTexture => 1,
        _ => 2,
    };
    tried.into_iter().filter_map(Result::err).fold(before, |a, b| if rank(&b) > rank(&a) { b } else { a })
}

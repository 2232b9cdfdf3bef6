//! From scans of both roles to detections with their certainty, and what to say about every track.

use super::interval::intervals;
use super::likeness::Likeness;
use super::limit::limits;
use super::null::{Null, distinct, null};
use super::params::Cargo;
use super::radar;
use super::refine::{Search, ends, mean, offset_px, track_of};
use super::residual::{Residuals, beside, regressed};
use super::scan::{Event, Scan, events, scan, strongest_within, window_cells};
use super::shown::{OnTrack, ShownOn};
use super::stack::{Role, Stack};
use super::{Candidate, Change, DetectOutput, DetectParams, Error, NullSummary, TrackDetection, TrackResult};
use crate::scene::Appearance;
use crate::stats::{benjamini_hochberg, median};
use ndarray::Array3;
use rayon::prelude::*;
use std::cell::LazyCell;
use std::ops::Range;

/// Everything one role gives.
struct Pass {
    residuals: Residuals,
    scans: Vec<Scan>,
    null: Null,
    /// Events on the track.
    events: Vec<Event>,
}

/// What the roles give, and how many different events a rate of one of each amounts to.
struct Passes {
    of: Vec<Pass>,
    distinct: f64,
}

impl Passes {
    fn new(of: Vec<Pass>) -> Self {
        let distinct = distinct(&of.iter().map(|pass| &pass.null).collect::<Vec<_>>());
        Self { of, distinct }
    }

    /// Expected false alarms per 100 km of all roles at the statistic of one.
    fn rate(&self, pass: &Pass, statistic: f64) -> f64 {
        (self.distinct * pass.null.tail.rate(statistic)).max(1e-300)
    }
}

/// An event of a pass with its certainty, before its details.
#[derive(Clone)]
struct Found {
    pass: usize,
    rows: Range<usize>,
    score: f64,
    p_value: f64,
    q_value: f64,
}

/// Detections, track results and null of a stack.
pub(super) fn verdict(stack: &Stack<'_>, params: &DetectParams) -> Result<DetectOutput, Error> {
    let dates = stack.scenes() - 1;
    // The target against the baselines, and the newest baseline against the target and the older ones.
    let roles = [
        Role { tested: 0, others: (1..=dates).collect() },
        Role { tested: 1, others: std::iter::once(0).chain(2..=dates).collect() },
    ];
    let windows = window_cells(stack, params.min_length_m, params.max_window_m);
    if windows.is_empty() {
        let longest = stack.ranges.iter().map(Range::len).max().unwrap_or(0);
        let longest_m = longest.saturating_sub(1) as f64 * stack.step_m;
        return Err(Error::ShortTracks { longest_m, min_length_m: params.min_length_m });
    }
    if beside(stack).next().is_none() {
        return Err(Error::NoPlacebo);
    }
    let mut passes = regressed(stack, &roles)
        .into_par_iter()
        .map(|regressed| pass(stack, regressed, &windows))
        .collect::<Vec<_>>()
        .into_iter();
    // The second role only adds: a newest baseline under cloud costs nothing else.
    let first = passes.next().ok_or(Error::NoVariation)??;
    let passes = Passes::new(std::iter::once(first).chain(passes.flatten()).collect());
    Ok(DetectOutput {
        detections: detections(stack, &passes, params),
        tracks: track_results(stack, &passes, params),
        null: summary(&passes, params),
        rails_step_m: None,
    })
}

/// Everything that one role gives after its regression.
fn pass(stack: &Stack<'_>, regressed: Array3<f64>, windows: &[usize]) -> Result<Pass, Error> {
    let residuals = Residuals::new(stack, regressed).ok_or(Error::NoVariation)?;
    let scans: Vec<Scan> = windows.par_iter().filter_map(|&cells| scan(stack, &residuals, cells)).collect();
    if scans.is_empty() {
        return Err(Error::NoVariation);
    }
    let null = null(stack, &scans)?;
    let events = events(stack, &scans, stack.half);
    Ok(Pass { residuals, scans, null, events })
}

/// What passes the asked rate, surest first, each stretch of track once.
fn detections(stack: &Stack<'_>, passes: &Passes, params: &DetectParams) -> Vec<TrackDetection> {
    let all = events_of(passes);
    let min_rows = (params.min_length_m / stack.step_m).round() as usize;
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut detections = Vec::new();
    let mut waiting = merge(significant(all.clone(), params));
    let on_track = LazyCell::new(|| OnTrack::new(stack));
    while !waiting.is_empty() {
        let found = waiting.remove(0);
        let Some(free) = free_around(stack, &taken, &found.rows) else { continue };
        let event = found.rows.start.max(free.start)..found.rows.end.min(free.end);
        if event.len() < min_rows {
            continue;
        }
        let search = Search { event, free, min_rows };
        let (rows, detection) = describe((stack, &on_track), passes, &found, &search);
        waiting.extend(left_over(passes, &all, &found, &rows));
        waiting = significant(waiting, params);
        taken.push(rows);
        detections.push(detection);
    }
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    detections
}

/// Events of all passes with their certainty.
fn events_of(passes: &Passes) -> Vec<Found> {
    let of = |(i, pass): (usize, &Pass)| {
        pass.events.iter().map(|event| certainty(passes, i, event.clone())).collect::<Vec<_>>()
    };
    let mut found: Vec<Found> = passes.of.iter().enumerate().flat_map(of).collect();
    let q_values = benjamini_hochberg(&found.iter().map(|f| f.p_value).collect::<Vec<_>>());
    found.iter_mut().zip(q_values).for_each(|(f, q)| f.q_value = q);
    found
}

/// An event with its score and p-value; its q-value depends on the others.
fn certainty(passes: &Passes, index: usize, event: Event) -> Found {
    let pass = &passes.of[index];
    Found {
        pass: index,
        score: -passes.rate(pass, event.statistic).log10(),
        p_value: (pass.null.tail.rate(event.statistic) / pass.null.tail.rate(f64::MIN)).min(1.0),
        q_value: 1.0,
        rows: event.rows,
    }
}

/// Those whose expected false alarms do not exceed the asked rate, surest first.
fn significant(mut found: Vec<Found>, params: &DetectParams) -> Vec<Found> {
    let least = -params.false_alarms.get().log10();
    found.retain(|f| f.score >= least);
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rows.start.cmp(&b.rows.start)));
    found
}

/// The strongest windows of an event before and after the `rows` that its train turned out to hold: a window around two trains
/// can be stronger than either, and becomes one of them when its ends are found.
///
/// So a false alarm may bring a second one from the rest of its window; the null does not know of it, because placebo tracks are not
/// searched a second time.
fn left_over(passes: &Passes, all: &[Found], found: &Found, rows: &Range<usize>) -> Vec<Found> {
    let event = &found.rows;
    let rests = [event.start..rows.start.min(event.end), rows.end.max(event.start)..event.end];
    let best = |rest: Range<usize>| {
        let event = strongest_within(&passes.of[found.pass].scans, &rest)?;
        let mut found = certainty(passes, found.pass, event);
        let weaker = all.iter().filter(|f| f.p_value >= found.p_value);
        found.q_value = weaker.map(|f| f.q_value).fold(1.0, f64::min);
        Some(found)
    };
    rests.into_iter().filter_map(best).collect()
}

/// Keeps of overlapping events of different roles the surer one.
fn merge(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for f in found {
        if !kept.iter().any(|k| k.rows.start < f.rows.end && f.rows.start < k.rows.end) {
            kept.push(f);
        }
    }
    kept
}

/// Rows around an event that no surer train holds; `None` where one holds its middle: the event is a part of it.
fn free_around(stack: &Stack<'_>, taken: &[Range<usize>], event: &Range<usize>) -> Option<Range<usize>> {
    let middle = usize::midpoint(event.start, event.end);
    let mut free = track_of(stack, event.start);
    for train in taken {
        if train.contains(&middle) {
            return None;
        }
        if train.end <= middle {
            free.start = free.start.max(train.end);
        } else {
            free.end = free.end.min(train.start);
        }
    }
    Some(free)
}

/// The rows of a train and all that is said of it.
fn describe(
    (stack, on_track): (&Stack<'_>, &OnTrack),
    passes: &Passes,
    found: &Found,
    search: &Search,
) -> (Range<usize>, TrackDetection) {
    let pass = &passes.of[found.pass];
    let rows = ends(&pass.residuals, &pass.scans, search);
    let known = intervals(stack, &pass.residuals, &pass.scans, &rows, search.min_rows);
    let shown_on = ShownOn::new(stack, on_track, &rows);
    let contrast = match stack.looks {
        Some(_) => radar::contrast_db(stack, &track_of(stack, rows.start), &rows, &shown_on.sides(stack)),
        None => contrast(stack, on_track, &rows, shown_on),
    };
    let change = shown_on.change();
    // A departed train's own contrast is the change with its sign turned.
    let sign = if change == Change::Appeared { 1.0 } else { -1.0 };
    let appearance = Appearance::of(&contrast.iter().map(|c| sign * c).collect::<Vec<_>>());
    let track = track_of(stack, rows.start);
    let track_index = stack.ranges.iter().position(|r| r.start == track.start).unwrap_or(0);
    let at = |row: usize| ((row - track.start) as f64 - 0.5) * stack.step_m;
    let last_m = (track.len() - 1) as f64 * stack.step_m;
    let detection = TrackDetection {
        track_index,
        chainage_start_m: at(rows.start).max(0.0),
        chainage_end_m: at(rows.end).min(last_m),
        start_interval_m: known.start,
        end_interval_m: known.end,
        length_interval_m: known.length,
        offset_m: offset_px(&pass.residuals, &rows) * stack.step_m
            + stack.aside[usize::midpoint(rows.start, rows.end)] as f64 * stack.step_m
                / stack.cells_per_px as f64,
        change,
        shown_on,
        score: found.score,
        p_value: found.p_value,
        q_value: found.q_value,
        contrast,
        appearance,
    };
    (rows, detection)
}

/// Change per band of the pixels on the track: mean filtered output after the change less that before it
/// ([`ShownOn::sides`]), over the filter's response to a blurred train of unit pixel contrast, less the same beside the stretch.
fn contrast(stack: &Stack<'_>, on_track: &OnTrack, rows: &Range<usize>, shown_on: ShownOn) -> Vec<f64> {
    let [after, before] = shown_on.sides(stack);
    let track = track_of(stack, rows.start);
    (0..stack.bands)
        .map(|band| {
            let level = |side: &[usize], row: usize| {
                let clear =
                    side.iter().map(|&scene| on_track.filtered[scene][band][row]).filter(|v| v.is_finite());
                median(&mut clear.collect::<Vec<_>>())
            };
            let difference = |row: usize| level(&after, row) - level(&before, row);
            let mut usual: Vec<f64> = track
                .clone()
                .filter(|row| !rows.contains(row))
                .map(difference)
                .filter(|v| v.is_finite())
                .collect();
            let usual = if usual.len() < 8 { 0.0 } else { median(&mut usual) };
            mean(rows.clone().map(|row| difference(row) - usual)) / stack.profile.response
        })
        .collect()
}

fn track_results(stack: &Stack<'_>, passes: &Passes, params: &DetectParams) -> Vec<TrackResult> {
    let mut best = vec![f64::NAN; stack.rows()];
    for pass in &passes.of {
        for scan in &pass.scans {
            for (start, &statistic) in scan.statistic.column(stack.half).iter().enumerate() {
                if statistic.is_finite() {
                    let score = -passes.rate(pass, statistic).log10();
                    best[start..start + scan.cells].iter_mut().for_each(|b| *b = score.max(*b));
                }
            }
        }
    }
    let observed = stack.observed(stack.half);
    let usual = match stack.looks {
        Some(_) => Cargo::radar(stack.bands),
        None => Cargo::usual(&vec![""; stack.bands]),
    };
    let cargoes = if params.cargoes.is_empty() { &usual } else { &params.cargoes };
    let first = &passes.of[0];
    let threshold = first.null.tail.score_at(params.false_alarms.get() / passes.distinct);
    let result = |(track_index, rows): (usize, &Range<usize>)| TrackResult {
        track_index,
        length_m: (rows.len() - 1) as f64 * stack.step_m,
        observed_m: (rows.clone().filter(|&row| observed[row]).count() as f64 * stack.step_m)
            .min((rows.len() - 1) as f64 * stack.step_m),
        profile: rows.clone().map(|row| if observed[row] { best[row] as f32 } else { f32::NAN }).collect(),
        candidates: candidates(stack, passes, rows),
        likeness: Likeness::new(stack, &first.residuals, rows),
        detection_limits: limits(stack, &first.residuals, &first.scans, rows, (threshold, cargoes)),
    };
    stack.ranges.par_iter().enumerate().map(result).collect()
}

/// Events of the target on the track with these rows.
fn candidates(stack: &Stack<'_>, passes: &Passes, rows: &Range<usize>) -> Vec<Candidate> {
    let at = |row: usize| (row as f64 - rows.start as f64 - 0.5) * stack.step_m;
    let last_m = (rows.len() - 1) as f64 * stack.step_m;
    let of = |event: &Event| Candidate {
        chainage_start_m: at(event.rows.start).max(0.0),
        chainage_end_m: at(event.rows.end).min(last_m),
        score: -passes.rate(&passes.of[0], event.statistic).log10(),
    };
    passes.of[0].events.iter().filter(|e| rows.contains(&e.rows.start)).map(of).collect()
}

fn summary(passes: &Passes, params: &DetectParams) -> NullSummary {
    let null = &passes.of[0].null;
    let asked = params.false_alarms.get();
    let own = asked / passes.distinct;
    NullSummary {
        placebo_track_count: null.placebo_count,
        placebo_length_m: null.placebo_length_m,
        false_alarms_per_100km_asked: asked,
        threshold_score: -asked.log10(),
        threshold_statistic: null.tail.score_at(own),
        median_statistic: null.quantiles.0,
        high_statistic: null.quantiles.1,
        placebo_event_count: null.tail.count(),
        extrapolated: null.tail.extrapolates_at(own),
    }
}

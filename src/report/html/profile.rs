//! The score along a track as an inline SVG: threshold, detections, gaps and the detection limit to scale.

use super::super::axis::{Tick, decimals, multiples, step_above};
use super::super::{DetectionCard, TrackCard, text};
use serde::Serialize;
use std::fmt::Write as _;

const LEFT: f64 = 46.0;
/// Room for half of the last label.
const RIGHT: f64 = 24.0;
const WIDTH: f64 = 1000.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 170.0;
/// Points drawn at most; the largest value of each group survives.
const POINT_COUNT: usize = 1200;
/// Room below the lowest score and above the highest, as a share of what lies between them.
const MARGIN_FRACTION: f64 = 0.06;
/// Least such room, so that equal scores have a scale.
const LEAST_MARGIN: f64 = 0.1;

#[derive(Debug, Serialize)]
pub(super) struct Chart {
    track_id: String,
    name: String,
    coverage: String,
    line: String,
    threshold_y: f64,
    threshold: f64,
    gaps: Vec<Span>,
    spans: Vec<Span>,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    limits: Vec<Limit>,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Span {
    x: f64,
    width: f64,
    number: usize,
    change: String,
    title: String,
}

#[derive(Debug, Serialize)]
struct Limit {
    y: f64,
    width: f64,
    label: String,
}

/// The charts of all tracks that have a profile, on one scale.
pub(super) fn charts(tracks: &[TrackCard], detections: &[DetectionCard]) -> Vec<Chart> {
    let scores = tracks.iter().flat_map(|track| {
        let p = &track.profile;
        let seen = p.score.iter().flatten().map(|v| f64::from(*v));
        seen.chain((!p.score.is_empty()).then_some(p.threshold))
    });
    let (low, high) = scores
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let margin = (MARGIN_FRACTION * (high - low)).max(LEAST_MARGIN);
    tracks.iter().filter_map(|track| chart(track, detections, (low - margin, high + margin))).collect()
}

/// The chart of a track over a range of scores; `None` for a track without a profile.
fn chart(track: &TrackCard, detections: &[DetectionCard], (low, high): (f64, f64)) -> Option<Chart> {
    let p = &track.profile;
    let end_m = p.start_m + p.step_m * p.score.len() as f64;
    let usable = p.step_m > 0.0 && end_m > p.start_m && end_m.is_finite() && high > low;
    if !usable {
        return None;
    }
    let x = |s: f64| LEFT + (s - p.start_m) / (end_m - p.start_m) * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| BOTTOM - (v.clamp(low, high) - low) / (high - low) * (BOTTOM - TOP);
    let on_track = detections.iter().filter(|d| d.track_id.as_ref() == Some(&track.track_id));
    let spans = on_track.filter_map(|d| {
        let (a, b) = (x(d.chainage_start_m?), x(d.chainage_end_m?));
        let (a, b) = (a.min(b), a.max(b));
        let title = format!("{}, {}", text::headline(d), text::certainty(d));
        Some(Span { x: a, width: (b - a).max(3.0), number: d.number, change: d.change.clone(), title })
    });
    let limits: Vec<Limit> = track
        .detection_limit_m
        .iter()
        .filter_map(|(cargo, limit)| limit.filter(|v| v.is_finite()).map(|v| (cargo, v)))
        .enumerate()
        .map(|(k, (cargo, limit))| Limit {
            y: BOTTOM + 60.0 + 22.0 * k as f64,
            width: (x(p.start_m + limit) - LEFT).max(2.0),
            label: format!("{cargo}, {limit:.0} m"),
        })
        .collect();
    Some(Chart {
        track_id: track.track_id.clone(),
        name: track.name.clone().unwrap_or_default(),
        coverage: format!(
            "{} of {} judged",
            text::distance(track.observed_m),
            text::distance(track.length_m)
        ),
        line: line(track, x, y),
        threshold_y: y(p.threshold),
        threshold: p.threshold,
        gaps: gaps(track, x),
        spans: spans.collect(),
        x_ticks: steps(p.start_m / 1000.0, end_m / 1000.0, 8.0)
            .into_iter()
            .map(|(km, label)| Tick { at: x(km * 1000.0), label: format!("{label} km") })
            .collect(),
        y_ticks: steps(low, high, 4.0).into_iter().map(|(v, label)| Tick { at: y(v), label }).collect(),
        height: BOTTOM + 40.0 + 22.0 * limits.len() as f64 + if limits.is_empty() { 0.0 } else { 16.0 },
        limits,
    })
}

fn line(track: &TrackCard, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let p = &track.profile;
    let group = p.score.len().div_ceil(POINT_COUNT).max(1);
    let mut path = String::new();
    let mut pen_down = false;
    for (k, values) in p.score.chunks(group).enumerate() {
        let highest = values.iter().flatten().copied().filter(|v| v.is_finite()).reduce(f32::max);
        if let Some(v) = highest {
            let s = p.start_m + p.step_m * (k * group) as f64;
            let _ = write!(path, "{}{:.1} {:.1}", if pen_down { " L" } else { " M" }, x(s), y(f64::from(v)));
        }
        pen_down = highest.is_some();
    }
    path
}

fn gaps(track: &TrackCard, x: impl Fn(f64) -> f64) -> Vec<Span> {
    let p = &track.profile;
    let mut gaps = Vec::new();
    let mut start = None;
    for (k, value) in p.score.iter().copied().chain([Some(0.0)]).enumerate() {
        let s = p.start_m + p.step_m * k as f64;
        match (value, start) {
            (None, None) => start = Some(s),
            (Some(_), Some(from)) => {
                let title = format!("not observed, km {:.2} to {:.2}", from / 1000.0, s / 1000.0);
                gaps.push(Span {
                    x: x(from),
                    width: x(s) - x(from),
                    number: 0,
                    change: String::new(),
                    title,
                });
                start = None;
            }
            _ => {}
        }
    }
    gaps
}

/// About `count` round values between two ends with their labels.
fn steps(from: f64, to: f64, count: f64) -> Vec<(f64, String)> {
    let step = step_above((to - from) / count);
    let digits = decimals(step);
    multiples(from, to, step, 20).into_iter().map(|v| (v, format!("{v:.digits$}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Profile;

    #[test]
    fn gaps_break_the_line_and_the_peak_survives_decimation() {
        let mut score = vec![Some(1.0f32); 5000];
        score[2345] = Some(9.0);
        score[4000..4100].fill(None);
        let profile = Profile { start_m: 0.0, step_m: 10.0, score, threshold: 4.0 };
        let track = TrackCard { profile, ..TrackCard::default() };
        let charts = charts(&[track, TrackCard::default()], &[]);
        let [chart] = &charts[..] else { panic!("a track without a profile has no chart") };
        assert_eq!(chart.gaps.len(), 1);
        assert_eq!(chart.line.matches('M').count(), 2);
        let y: Vec<f64> = chart.line.split(' ').filter_map(|v| v.parse().ok()).collect();
        assert!(y.iter().copied().fold(f64::MAX, f64::min) < chart.threshold_y);
    }

    #[test]
    fn scores_below_one_a_100_km_have_room() {
        // Scores are logarithms: most of a line, and the threshold for more than one false alarm, are negative.
        let profile =
            Profile { start_m: 0.0, step_m: 10.0, score: vec![Some(-2.5), Some(-0.5)], threshold: -0.3 };
        let track = TrackCard { profile, ..TrackCard::default() };
        let charts = charts(&[track], &[]);
        let y: Vec<f64> = charts[0].line.split(' ').filter_map(|v| v.parse().ok()).collect();
        assert!(charts[0].threshold_y > TOP && charts[0].threshold_y < y[1] && y[1] < y[0] && y[0] < BOTTOM);
    }
}

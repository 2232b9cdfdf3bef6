//! Precision, recall, false alarms, calibration and localisation over many cases.

use super::case::Matched;
use super::curve::{CurvePoint, curve, recall_at_rate};
use super::matching::Span;
use super::motion::{MotionScore, motion};
use super::{Case, Found, Known};
use crate::simulate::{Change, Kind};
use crate::stats::{binomial_interval, logistic, poisson_interval, quantile};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rates at which recall and calibration are given, per 100 km.
pub const RATES_PER_100KM: [f64; 3] = [2.0, 10.0, 50.0];
/// p-values at which the reliability curve is given.
const P_VALUES: [f64; 9] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0];
/// Shortest and longest length that a detection limit may have, as multiples of the known lengths.
const LIMIT_REACH: (f64, f64) = (0.5, 1.5);

/// Recall at one rate of false alarms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecallAt {
    /// False alarms per 100 km of observed track.
    pub false_alarms_per_100km: f64,
    /// Share of the known trains found, 0…1, when the score is lowered until the rate is really reached; NaN of none.
    pub recall: f64,
    /// Whether the runs reported detections weak enough to reach the rate; else the recall is a lower bound.
    pub is_reached: bool,
    /// Share found at the score that the runs themselves give to the rate; `None` above the smallest rate asked for.
    pub recall_at_asked: Option<f64>,
}

/// Asked against measured false alarms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Asked false alarms per 100 km.
    pub asked_per_100km: f64,
    /// Measured ones.
    pub measured_per_100km: f64,
    /// Exact 95 % interval of the measured rate.
    pub interval_per_100km: [f64; 2],
}

/// False alarms with a p-value of at most `p_value`, expected and seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// The p-value.
    pub p_value: f64,
    /// False alarms expected at or below it.
    pub expected_count: f64,
    /// False alarms seen.
    pub measured_count: usize,
    /// Exact 95 % interval of the mean of what was seen.
    pub interval_count: [f64; 2],
}

/// Recall of a class of trains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Known trains.
    pub known_count: usize,
    /// Of them found.
    pub hit_count: usize,
    /// Their share, 0…1; NaN of none.
    pub recall: f64,
    /// Exact 95 % interval of the share.
    pub interval: [f64; 2],
    /// Length found with 90 % probability, metres, by a logistic curve over the logarithm of the length; `None` where
    /// the known lengths do not show it.
    pub detection_limit_m: Option<f64>,
}

/// Distance of found ends from known ends over all hits, metres; NaN without hits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndErrors {
    /// Median over both ends.
    pub median_m: f64,
    /// 90 % quantile over both ends.
    pub high_m: f64,
    /// Median of the first end alone, in the direction of the truth.
    pub first_median_m: f64,
    /// Median of the last end alone.
    pub last_median_m: f64,
}

/// Whether the true length lies in the reported range, which aims at 90 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LengthKept {
    /// Hits with a reported interval.
    pub told_count: usize,
    /// Of them those whose true length lies in it.
    pub hit_count: usize,
    /// Their share, 0…1; NaN of none.
    pub fraction: f64,
}

/// Cargo off the track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OffTrack {
    /// Known piles and containers.
    pub known_count: usize,
    /// Of them found.
    pub hit_count: usize,
    /// Detections of cargo that are nothing known.
    pub false_alarm_count: usize,
}

/// What the cases say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Cases.
    pub case_count: usize,
    /// Observed track, km.
    pub observed_km: f64,
    /// Known trains that changed and were in sight.
    pub all: Class,
    /// Known trains that were out of sight and are not counted.
    pub unseen_count: usize,
    /// Detections of trains.
    pub found_count: usize,
    /// Detections that are nothing known.
    pub false_alarm_count: usize,
    /// Hits among the detections; NaN without detections.
    pub precision: f64,
    /// Smallest rate that the runs were asked for, per 100 km: up to it every run reports its detections.
    pub asked_per_100km: f64,
    /// Asked against measured, at 2, 10 and 50 as far as all runs were asked for them, and at `asked_per_100km`.
    pub calibration: Vec<Calibration>,
    /// Expected against seen false alarms by p-value.
    pub reliability: Vec<Reliability>,
    /// Recall at fixed rates.
    pub recall_at: Vec<RecallAt>,
    /// Recall by cargo.
    pub by_cargo: BTreeMap<String, Class>,
    /// Recall by length, metres.
    pub by_length: BTreeMap<String, Class>,
    /// Trains at least as long as the limit that their run reported for their cargo and track: 0.9 should be found.
    pub beyond_told_limit: Class,
    /// Localisation along the track.
    pub end_errors: EndErrors,
    /// Coverage of the reported lengths.
    pub length_kept: LengthKept,
    /// Share of the hits for which the other date was named.
    pub wrong_change_fraction: f64,
    /// Cargo off the track.
    pub off_track: OffTrack,
    /// Recall over false alarms.
    pub curve: Vec<CurvePoint>,
    /// How well motion was reported, where the truth knows of any.
    pub motion: Option<MotionScore>,
}

/// Scores all cases together. Trains that stand in all scenes are no change: a detection there is a false alarm.
#[must_use]
pub fn evaluate(cases: &[Case]) -> Evaluation {
    let matched: Vec<Matched<'_>> =
        cases.iter().flat_map(|case| changed(case, Kind::Train).map(|k| matched(case, k))).collect();
    let (seen, unseen): (Vec<_>, Vec<_>) = matched.into_iter().partition(|m| m.known.is_seen);
    let alarms: Vec<&Found> = cases.iter().flat_map(|case| false_alarms(case, Kind::Train)).collect();
    let found_count = cases.iter().flat_map(|c| &c.found).filter(|f| f.kind == Kind::Train).count();
    let observed_km = cases.iter().map(|c| c.observed_m).sum::<f64>() / 1000.0;
    let asked = cases.iter().map(|c| c.asked_per_100km).reduce(f64::min).unwrap_or(f64::NAN);
    let hits: Vec<Option<f64>> = seen.iter().map(|m| m.best.map(|b| b.0.score)).collect();
    let alarm_scores: Vec<f64> = alarms.iter().map(|f| f.score).collect();
    let curve = curve(&hits, &alarm_scores, observed_km);
    let wrong = |m: &&Matched<'_>| m.best.is_some_and(|b| b.0.change != m.known.change);
    let all = class(&seen.iter().collect::<Vec<_>>());
    Evaluation {
        case_count: cases.len(),
        observed_km,
        unseen_count: unseen.len(),
        found_count,
        false_alarm_count: alarms.len(),
        precision: 1.0 - alarms.len() as f64 / found_count as f64,
        asked_per_100km: asked,
        calibration: calibration(&alarm_scores, observed_km, asked),
        reliability: reliability(cases, &alarms),
        motion: motion(&seen),
        recall_at: recall_at(&curve, &hits, asked),
        by_cargo: by(&seen, |k| k.cargo.clone()),
        by_length: by(&seen, |k| length_class(k.axis.length_m())),
        beyond_told_limit: class(&seen.iter().filter(|m| is_beyond_limit(m.known)).collect::<Vec<_>>()),
        end_errors: end_errors(&seen),
        length_kept: length_kept(&seen),
        wrong_change_fraction: seen.iter().filter(wrong).count() as f64 / all.hit_count as f64,
        off_track: off_track(cases),
        curve,
        all,
    }
}

fn changed(case: &Case, kind: Kind) -> impl Iterator<Item = &Known> {
    case.known.iter().filter(move |k| k.kind == kind && k.change != Change::Standing)
}

fn matched<'a>(case: &'a Case, known: &'a Known) -> Matched<'a> {
    let found = case.found.iter().filter(|f| f.kind == known.kind);
    let hits = found.filter_map(|f| known.axis.hit(&f.corners).map(|span| (f, span)));
    Matched { known, best: hits.max_by(|a, b| a.0.score.total_cmp(&b.0.score)) }
}

fn false_alarms(case: &Case, kind: Kind) -> impl Iterator<Item = &Found> {
    let is_known = move |f: &Found| changed(case, kind).any(|k| k.axis.hit(&f.corners).is_some());
    case.found.iter().filter(move |f| f.kind == kind && !is_known(f))
}

fn off_track(cases: &[Case]) -> OffTrack {
    let all: Vec<_> =
        cases.iter().flat_map(|case| changed(case, Kind::Cargo).map(|k| matched(case, k))).collect();
    OffTrack {
        known_count: all.len(),
        hit_count: all.iter().filter(|m| m.best.is_some()).count(),
        false_alarm_count: cases.iter().map(|case| false_alarms(case, Kind::Cargo).count()).sum(),
    }
}

fn calibration(alarm_scores: &[f64], observed_km: f64, asked: f64) -> Vec<Calibration> {
    let mut rates: Vec<f64> = RATES_PER_100KM.into_iter().filter(|&r| r < asked).collect();
    rates.push(asked);
    let per_100km = |count: f64| 100.0 * count / observed_km;
    rates
        .into_iter()
        .map(|rate| {
            // score = −log₁₀ λ
            let count = alarm_scores.iter().filter(|&&s| s >= -rate.log10() - 1e-9).count();
            Calibration {
                asked_per_100km: rate,
                measured_per_100km: per_100km(count as f64),
                interval_per_100km: poisson_interval(count).map(per_100km),
            }
        })
        .collect()
}

/// λ = λ₀ p, so the events that a run expects at p = 1 follow from any of its detections.
fn reliability(cases: &[Case], alarms: &[&Found]) -> Vec<Reliability> {
    let events: f64 = cases
        .iter()
        .map(|case| {
            let mut all: Vec<f64> = (case.found.iter())
                .filter(|f| f.kind == Kind::Train && f.p_value > 0.0 && f.p_value < 1.0)
                .map(|f| 10f64.powf(-f.score) / f.p_value)
                .collect();
            let per_100km = quantile(&mut all, 0.5);
            if per_100km.is_finite() { per_100km * case.observed_m / 1e5 } else { 0.0 }
        })
        .sum();
    // Weaker detections than the asked rate are not reported.
    let told = alarms.iter().map(|f| f.p_value).fold(0.0, f64::max);
    P_VALUES
        .into_iter()
        .filter(|&p| p <= told)
        .map(|p_value| {
            let measured_count = alarms.iter().filter(|f| f.p_value <= p_value).count();
            Reliability {
                p_value,
                expected_count: events * p_value,
                measured_count,
                interval_count: poisson_interval(measured_count),
            }
        })
        .collect()
}

fn recall_at(curve: &[CurvePoint], hits: &[Option<f64>], asked: f64) -> Vec<RecallAt> {
    RATES_PER_100KM
        .into_iter()
        .map(|rate| {
            let (recall, is_reached) = recall_at_rate(curve, rate, hits.len());
            let above = hits.iter().filter(|h| h.is_some_and(|s| s >= -rate.log10() - 1e-9)).count();
            RecallAt {
                false_alarms_per_100km: rate,
                recall,
                is_reached,
                recall_at_asked: (rate <= asked + 1e-9).then(|| above as f64 / hits.len() as f64),
            }
        })
        .collect()
}

fn class(members: &[&Matched<'_>]) -> Class {
    let hit_count = members.iter().filter(|m| m.best.is_some()).count();
    let points: Vec<(f64, bool)> =
        members.iter().map(|m| (m.known.axis.length_m().ln(), m.best.is_some())).collect();
    let mut lengths: Vec<f64> = members.iter().map(|m| m.known.axis.length_m()).collect();
    let reach = (LIMIT_REACH.0 * quantile(&mut lengths, 0.0), LIMIT_REACH.1 * quantile(&mut lengths, 1.0));
    let limit = logistic(&points).and_then(|fit| fit.x_at(0.9)).map(f64::exp);
    Class {
        known_count: members.len(),
        hit_count,
        recall: hit_count as f64 / members.len() as f64,
        interval: binomial_interval(hit_count, members.len()),
        detection_limit_m: limit.filter(|&l| l >= reach.0 && l <= reach.1),
    }
}

fn by(seen: &[Matched<'_>], name: impl Fn(&Known) -> String) -> BTreeMap<String, Class> {
    let mut groups: BTreeMap<String, Vec<&Matched<'_>>> = BTreeMap::new();
    for m in seen {
        groups.entry(name(m.known)).or_default().push(m);
    }
    groups.into_iter().map(|(name, members)| (name, class(&members))).collect()
}

fn length_class(length_m: f64) -> String {
    match length_m {
        l if l < 150.0 => "000-150",
        l if l < 250.0 => "150-250",
        l if l < 400.0 => "250-400",
        _ => "400-",
    }
    .to_owned()
}

fn is_beyond_limit(known: &Known) -> bool {
    known.limit_m.is_some_and(|limit| known.axis.length_m() >= limit)
}

fn end_errors(seen: &[Matched<'_>]) -> EndErrors {
    let hits: Vec<(&Known, Span)> = seen.iter().filter_map(|m| m.best.map(|b| (m.known, b.1))).collect();
    let mut first: Vec<f64> = hits.iter().map(|(_, s)| s.low_m.abs()).collect();
    let mut last: Vec<f64> = hits.iter().map(|(k, s)| (s.high_m - k.axis.length_m()).abs()).collect();
    let mut both: Vec<f64> = first.iter().chain(&last).copied().collect();
    EndErrors {
        median_m: quantile(&mut both, 0.5),
        high_m: quantile(&mut both, 0.9),
        first_median_m: quantile(&mut first, 0.5),
        last_median_m: quantile(&mut last, 0.5),
    }
}

fn length_kept(seen: &[Matched<'_>]) -> LengthKept {
    let told = |m: &Matched<'_>| Some((m.known.axis.length_m(), m.best?.0.length_interval_m?));
    let inside: Vec<bool> =
        seen.iter().filter_map(told).map(|(length, (low, high))| low <= length && length <= high).collect();
    let hit_count = inside.iter().filter(|i| **i).count();
    LengthKept { told_count: inside.len(), hit_count, fraction: hit_count as f64 / inside.len() as f64 }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;

//! Precision, recall and localisation over many cases.

use super::{Case, Found, Known};
use crate::stats::median;
use serde::Serialize;
use std::collections::BTreeMap;

/// Overlap that makes a hit, as a share of the shorter of the two.
const LEAST_OVERLAP_FRACTION: f64 = 0.3;
/// Largest distance of the two axes, metres.
const LARGEST_OFFSET_M: f64 = 30.0;
/// Rates at which recall is told, per 100 km.
const RATES_PER_100KM: [f64; 3] = [2.0, 10.0, 50.0];

/// Recall at one rate of false alarms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecallAt {
    /// False alarms per 100 km of observed track.
    pub false_alarms_per_100km: f64,
    /// Share of the known trains that were found, 0…1.
    pub recall: f64,
}

/// What the cases say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Cases.
    pub case_count: usize,
    /// Observed track, km.
    pub observed_km: f64,
    /// Known trains.
    pub known_count: usize,
    /// Detections of trains.
    pub found_count: usize,
    /// Known trains that were found.
    pub hit_count: usize,
    /// Detections that are nothing known.
    pub false_alarm_count: usize,
    /// Hits among the detections; 1 without detections.
    pub precision: f64,
    /// Known trains found at the runs' own thresholds.
    pub recall: f64,
    /// Mean rate that the runs were asked for, per 100 km.
    pub asked_per_100km: f64,
    /// Rate that was measured, per 100 km.
    pub measured_per_100km: f64,
    /// Exact 95 % interval of the measured rate (Garwood 1936).
    pub measured_interval_per_100km: [f64; 2],
    /// Recall at fixed rates, lowering the score over all cases.
    pub recall_at: Vec<RecallAt>,
    /// Recall by cargo.
    pub recall_by_cargo: BTreeMap<String, f64>,
    /// Recall by length class, metres.
    pub recall_by_length: BTreeMap<String, f64>,
    /// Median distance of a found end from the known end, metres; NaN without hits.
    pub median_end_error_m: f64,
}

/// A known train with the surest detection of it.
struct Matched<'a> {
    known: &'a Known,
    best: Option<&'a Found>,
}

/// Scores all cases together.
#[must_use]
pub fn evaluate(cases: &[Case]) -> Evaluation {
    let mut matched = Vec::new();
    let mut false_scores = Vec::new();
    let mut found_count = 0;
    let mut end_errors_m = Vec::new();
    for case in cases {
        found_count += case.found.len();
        for known in &case.known {
            let hits = case.found.iter().filter(|f| is_hit(known, f));
            let best = hits.max_by(|a, b| a.score.total_cmp(&b.score));
            if let Some(found) = best {
                let (low, high) = span_m(known, found);
                end_errors_m.extend([low.abs(), (high - length_m(known)).abs()]);
            }
            matched.push(Matched { known, best });
        }
        false_scores
            .extend(case.found.iter().filter(|f| !case.known.iter().any(|k| is_hit(k, f))).map(|f| f.score));
    }
    false_scores.sort_by(|a, b| b.total_cmp(a));
    let observed_km = cases.iter().map(|c| c.observed_m).sum::<f64>() / 1000.0;
    let hit_count = matched.iter().filter(|m| m.best.is_some()).count();
    let per_100km = |count: f64| 100.0 * count / observed_km;
    let asked = cases.iter().map(|c| c.asked_per_100km).sum::<f64>() / cases.len().max(1) as f64;
    Evaluation {
        case_count: cases.len(),
        observed_km,
        known_count: matched.len(),
        found_count,
        hit_count,
        false_alarm_count: false_scores.len(),
        precision: if found_count == 0 { 1.0 } else { 1.0 - false_scores.len() as f64 / found_count as f64 },
        recall: hit_count as f64 / matched.len().max(1) as f64,
        asked_per_100km: asked,
        measured_per_100km: per_100km(false_scores.len() as f64),
        measured_interval_per_100km: poisson_interval(false_scores.len()).map(per_100km),
        recall_at: RATES_PER_100KM
            .iter()
            .map(|&rate| recall_at(rate, observed_km, &false_scores, &matched))
            .collect(),
        recall_by_cargo: recall_by(&matched, |k| k.cargo.clone()),
        recall_by_length: recall_by(&matched, |k| length_class(length_m(k))),
        median_end_error_m: median(&mut end_errors_m),
    }
}

/// Exact 95 % interval of a Poisson mean of which `count` was seen, by the chi-square quantiles of Garwood 1936.
fn poisson_interval(count: usize) -> [f64; 2] {
    use statrs::distribution::{ContinuousCDF, Gamma};
    let quantile =
        |shape: usize, q: f64| Gamma::new(shape as f64, 1.0).map_or(f64::NAN, |g| g.inverse_cdf(q));
    let low = if count == 0 { 0.0 } else { quantile(count, 0.025) };
    [low, quantile(count + 1, 0.975)]
}

fn recall_at(rate: f64, observed_km: f64, false_scores: &[f64], matched: &[Matched<'_>]) -> RecallAt {
    // The allowed number of false alarms are those above the threshold; it sits at the first one too many.
    let allowed = (rate * observed_km / 100.0).floor() as usize;
    let threshold = false_scores.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    let above = matched.iter().filter(|m| m.best.is_some_and(|f| f.score > threshold)).count();
    RecallAt { false_alarms_per_100km: rate, recall: above as f64 / matched.len().max(1) as f64 }
}

fn recall_by(matched: &[Matched<'_>], class: impl Fn(&Known) -> String) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for m in matched {
        let count = counts.entry(class(m.known)).or_default();
        count.0 += usize::from(m.best.is_some());
        count.1 += 1;
    }
    counts.into_iter().map(|(name, (hits, all))| (name, hits as f64 / all as f64)).collect()
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

fn length_m(known: &Known) -> f64 {
    let [a, b] = known.ends;
    (b.0 - a.0).hypot(b.1 - a.1)
}

/// First and last point of a detection along the axis of the truth, metres from its first end.
fn span_m(known: &Known, found: &Found) -> (f64, f64) {
    let along = found.corners.iter().map(|&p| local(known, p).0);
    along.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)))
}

/// Metres along and across the axis of the truth.
fn local(known: &Known, p: (f64, f64)) -> (f64, f64) {
    let [a, b] = known.ends;
    let length = length_m(known).max(1e-6);
    let u = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    let d = (p.0 - a.0, p.1 - a.1);
    (d.0 * u.0 + d.1 * u.1, d.0 * u.1 - d.1 * u.0)
}

fn is_hit(known: &Known, found: &Found) -> bool {
    if found.corners.is_empty() {
        return false;
    }
    let (low, high) = span_m(known, found);
    let length = length_m(known);
    let overlap = high.min(length) - low.max(0.0);
    let across: f64 =
        found.corners.iter().map(|&p| local(known, p).1).sum::<f64>() / found.corners.len() as f64;
    overlap >= LEAST_OVERLAP_FRACTION * length.min(high - low) && across.abs() <= LARGEST_OFFSET_M
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(low: f64, high: f64, score: f64) -> Found {
        Found { corners: vec![(low, -5.0), (high, -5.0), (high, 5.0), (low, 5.0)], score, p_value: 0.01 }
    }

    fn case(found: Vec<Found>) -> Case {
        let known = Known {
            ends: [(0.0, 0.0), (200.0, 0.0)],
            cargo: "coal".to_owned(),
            change: "appeared".to_owned(),
        };
        Case { found, known: vec![known], observed_m: 50_000.0, asked_per_100km: 2.0 }
    }

    #[test]
    fn a_detection_on_the_train_is_a_hit_and_one_elsewhere_a_false_alarm() {
        let e = evaluate(&[case(vec![found(10.0, 190.0, 3.0), found(900.0, 1000.0, 2.0)])]);
        assert_eq!((e.hit_count, e.false_alarm_count), (1, 1));
        assert!((e.measured_per_100km - 2.0).abs() < 1e-12);
        assert!((e.median_end_error_m - 10.0).abs() < 1e-9);
    }

    #[test]
    fn recall_at_a_rate_counts_only_what_scores_above_the_false_alarms() {
        let e =
            evaluate(&[case(vec![found(10.0, 190.0, 1.0), found(900.0, 1000.0, 2.0), found(2e3, 3e3, 1.5)])]);
        assert!(e.recall_at[0].recall < 1e-9, "one false alarm is allowed, two score higher");
        assert!(e.recall_at[1].recall > 1.0 - 1e-9);
    }
}

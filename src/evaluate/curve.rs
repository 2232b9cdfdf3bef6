//! Recall over false alarms, the score lowered step by step.

use serde::Serialize;

/// One step of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Everything that scores at least this is reported.
    pub score: f64,
    /// False alarms per 100 km of observed track.
    pub false_alarms_per_100km: f64,
    /// Share of the known trains found, 0…1.
    pub recall: f64,
}

/// The curve from the surest score down: a point for each false alarm and one at the lowest score of all.
///
/// `hits` holds the surest score of each known train, `None` where it was missed.
pub(super) fn curve(hits: &[Option<f64>], alarm_scores: &[f64], observed_km: f64) -> Vec<CurvePoint> {
    let sorted = |mut v: Vec<f64>| {
        v.sort_by(|a, b| b.total_cmp(a));
        v
    };
    let alarms = sorted(alarm_scores.to_vec());
    let found = sorted(hits.iter().filter_map(|h| *h).collect());
    let point = |score: f64| CurvePoint {
        score,
        false_alarms_per_100km: 100.0 * alarms.partition_point(|&a| a >= score) as f64 / observed_km,
        recall: found.partition_point(|&h| h >= score) as f64 / hits.len() as f64,
    };
    let mut points = Vec::new();
    // Just above an alarm are the hits that cost no alarm more.
    for &alarm in &alarms {
        let above = found.partition_point(|&h| h > alarm);
        if above > 0 && points.last().is_none_or(|p: &CurvePoint| p.score > found[above - 1]) {
            points.push(point(found[above - 1]));
        }
        if points.last().is_none_or(|p| p.score > alarm) {
            points.push(point(alarm));
        }
    }
    if let Some(&lowest) = found.last()
        && points.last().is_none_or(|p| p.score > lowest)
    {
        points.push(point(lowest));
    }
    points
}

/// The highest recall of `known_count` trains whose false alarms stay within `rate`, NaN of none, and whether the curve
/// goes on beyond the rate.
pub(super) fn recall_at_rate(curve: &[CurvePoint], rate: f64, known_count: usize) -> (f64, bool) {
    let within = curve.iter().take_while(|p| p.false_alarms_per_100km <= rate + 1e-9);
    let none = if known_count > 0 { 0.0 } else { f64::NAN };
    let recall = within.last().map_or(none, |p| p.recall);
    (recall, curve.last().is_some_and(|p| p.false_alarms_per_100km > rate || p.recall >= 1.0))
}

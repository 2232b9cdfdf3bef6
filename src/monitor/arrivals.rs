//! Since the trains of earlier dates are known, a train can depart only if it came.

use crate::detect::{Change, DetectOutput, ShownOn};
use crate::scene::Appearance;

/// Distinguishes a train that departed from one that arrived where the pixels leave it open.
///
/// A dark train on bright ballast may look like the track beside it, as if a bright one had gone. Its stretch stands out
/// in the target itself against all earlier dates, so whatever departed would have stood on all of them; where the
/// site has been watched for longer than those dates, that train would be known. One that only the newest date shows did depart.
pub(super) fn arrivals(output: &mut DetectOutput, known_score: f64) {
    for d in &mut output.detections {
        let place = (d.chainage_start_m, d.chainage_end_m);
        let stands_out = |c: &crate::detect::Candidate| {
            c.score >= known_score && is_at((c.chainage_start_m, c.chainage_end_m), place)
        };
        let in_target = output.tracks.get(d.track_index).is_some_and(|t| t.candidates.iter().any(stands_out));
        let arrived = match d.shown_on {
            ShownOn::AllBaselines => Some(ShownOn::Target),
            ShownOn::OlderBaselines => Some(ShownOn::TargetAndNewest),
            _ => None,
        };
        if let Some(shown_on) = arrived.filter(|_| in_target) {
            (d.change, d.shown_on) = (Change::Appeared, shown_on);
            d.appearance = match d.appearance {
                Appearance::Bright => Appearance::Dark,
                Appearance::Dark => Appearance::Bright,
                Appearance::Coloured => Appearance::Coloured,
            };
        }
    }
}

/// Length that two stretches share, metres; below zero the gap between them.
fn shared_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    a.1.min(b.1) - a.0.max(b.0)
}

/// Whether one stretch is at the place of another: they share half of the shorter.
fn is_at(a: (f64, f64), b: (f64, f64)) -> bool {
    shared_m(a, b) >= 0.5 * (a.1 - a.0).min(b.1 - b.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Candidate, Likeness, NullSummary, TrackDetection, TrackResult};

    /// 200 cells of 10 m, all clear, with candidates and detections at (start, end, score).
    fn output(candidates: &[(f64, f64, f64)], detections: &[(f64, f64, Change)]) -> DetectOutput {
        let candidate =
            |c: &(f64, f64, f64)| Candidate { chainage_start_m: c.0, chainage_end_m: c.1, score: c.2 };
        let detection = |d: &(f64, f64, Change)| TrackDetection {
            track_index: 0,
            chainage_start_m: d.0,
            chainage_end_m: d.1,
            start_interval_m: (d.0, d.0),
            end_interval_m: (d.1, d.1),
            length_interval_m: (d.1 - d.0, d.1 - d.0),
            offset_m: 0.0,
            change: d.2,
            shown_on: ShownOn::Target,
            score: 1.0,
            p_value: 0.0,
            q_value: 0.0,
            contrast: vec![-0.02],
            appearance: Appearance::Bright,
        };
        DetectOutput {
            detections: detections.iter().map(detection).collect(),
            tracks: vec![TrackResult {
                track_index: 0,
                length_m: 2000.0,
                observed_m: 2000.0,
                profile: vec![0.0; 201],
                detection_limits: Vec::new(),
                candidates: candidates.iter().map(candidate).collect(),
                likeness: Likeness::none(),
            }],
            rails_step_m: None,
            null: NullSummary {
                placebo_track_count: 8,
                placebo_length_m: 16_000.0,
                false_alarms_per_100km_asked: 2.0,
                threshold_score: -0.3,
                threshold_statistic: 3.0,
                median_statistic: 1.0,
                high_statistic: 2.0,
                placebo_event_count: 50,
                extrapolated: false,
            },
        }
    }

    #[test]
    fn what_stands_out_in_the_target_alone_has_arrived() {
        let told = |candidates: &[(f64, f64, f64)], shown_on: ShownOn| {
            let mut output = output(candidates, &[(300.0, 500.0, Change::Departed)]);
            output.detections[0].shown_on = shown_on;
            arrivals(&mut output, -1.0);
            (output.detections[0].change, output.detections[0].appearance)
        };
        let departed = (Change::Departed, Appearance::Bright);
        assert_eq!(told(&[(280.0, 520.0, 1.0)], ShownOn::AllBaselines), (Change::Appeared, Appearance::Dark));
        assert_eq!(told(&[(280.0, 520.0, -1.5)], ShownOn::AllBaselines), departed);
        assert_eq!(told(&[(900.0, 1100.0, 1.0)], ShownOn::AllBaselines), departed);
        assert_eq!(
            told(&[(280.0, 520.0, 1.0)], ShownOn::Newest),
            departed,
            "it stood on the newest date alone"
        );
    }
}

//! One train, one detection: a yard's tracks lie closer than a train's blurred profile is wide.
//!
//! The matched filter reaches ±3 px, so a train also shows on the tracks beside its own, there with its sign turned in
//! the side lobes. Of detections that run side by side on different tracks only the surest stays; farther off, where the filter still
//! reaches, a weaker one goes that shows the opposite of it. What this costs: two trains next to each other
//! are told as one, which 10 m pixels could not tell apart anyway.

use super::TrackDetection;
use crate::corridor::Track;

/// Axes this close are one train, metres: two pixels, the first side lobe.
const BESIDE_M: f64 = 20.0;
/// Farthest that a side lobe shows, metres.
const LOBE_M: f64 = 35.0;
/// Share of the weaker one's length that must lie beside the surer one.
const SHARED_FRACTION: f64 = 0.5;
/// Spacing of the points at which axes are compared, metres.
const STEP_M: f64 = 10.0;

/// Drops every detection that lies beside a surer one; `detections` come surest first and stay so.
pub(super) fn without_side_lobes(detections: Vec<TrackDetection>, tracks: &[&Track]) -> Vec<TrackDetection> {
    let mut kept: Vec<(TrackDetection, Vec<(f64, f64)>)> = Vec::new();
    for detection in detections {
        let axis = axis(&detection, tracks[detection.track_index]);
        let beside = |(surer, surer_axis): &(TrackDetection, Vec<(f64, f64)>)| {
            let reach_m = if is_opposite(surer, &detection) { LOBE_M } else { BESIDE_M };
            let near = |p: &&(f64, f64)| surer_axis.iter().any(|q| (p.0 - q.0).hypot(p.1 - q.1) <= reach_m);
            surer.track_index != detection.track_index
                && axis.iter().filter(near).count() as f64 > SHARED_FRACTION * axis.len() as f64
        };
        if !kept.iter().any(beside) {
            kept.push((detection, axis));
        }
    }
    kept.into_iter().map(|(detection, _)| detection).collect()
}

/// Whether one is brighter where the other is darker, in most of what they show.
fn is_opposite(a: &TrackDetection, b: &TrackDetection) -> bool {
    a.contrast.iter().zip(&b.contrast).map(|(a, b)| a * b).sum::<f64>() < 0.0
}

/// Points along the middle of a detection, map metres.
fn axis(detection: &TrackDetection, track: &Track) -> Vec<(f64, f64)> {
    let length_m = detection.chainage_end_m - detection.chainage_start_m;
    let steps = (length_m / STEP_M).ceil().max(1.0) as usize;
    let at = |i: usize| track.at(detection.chainage_start_m + length_m * i as f64 / steps as f64);
    (0..=steps).map(|i| at(i).at_offset(detection.offset_m)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Change, ShownOn};
    use super::*;
    use crate::scene::Appearance;

    fn detection(track_index: usize, start_m: f64, end_m: f64, score: f64) -> TrackDetection {
        TrackDetection {
            track_index,
            chainage_start_m: start_m,
            chainage_end_m: end_m,
            start_interval_m: (start_m, start_m),
            end_interval_m: (end_m, end_m),
            length_interval_m: (end_m - start_m, end_m - start_m),
            offset_m: 0.0,
            change: Change::Appeared,
            shown_on: ShownOn::Target,
            score,
            p_value: 0.001,
            q_value: 0.01,
            contrast: vec![0.02],
            appearance: Appearance::Bright,
        }
    }

    #[test]
    fn a_train_is_told_once_in_a_yard_but_twice_on_tracks_apart() {
        let line = |y: f64| Track::new(format!("{y}"), None, vec![(0.0, y), (2000.0, y)]).unwrap();
        let (main, beside, far) = (line(0.0), line(5.0), line(60.0));
        let found = vec![
            detection(0, 500.0, 800.0, 3.0),
            detection(1, 480.0, 790.0, 2.0),
            detection(2, 500.0, 800.0, 1.0),
            detection(1, 1200.0, 1400.0, 0.5),
        ];
        let kept = without_side_lobes(found, &[&main, &beside, &far]);
        let places: Vec<usize> = kept.iter().map(|d| d.track_index).collect();
        assert_eq!(places, [0, 2, 1]);
    }

    #[test]
    fn a_side_lobe_goes_farther_off_and_what_touches_on_one_track_stays() {
        let line = |y: f64| Track::new(format!("{y}"), None, vec![(0.0, y), (2000.0, y)]).unwrap();
        let (main, beside) = (line(0.0), line(30.0));
        let dark = |mut d: TrackDetection| {
            d.contrast = vec![-0.01];
            d
        };
        let kept = |second| {
            without_side_lobes(vec![detection(0, 500.0, 800.0, 3.0), second], &[&main, &beside]).len()
        };
        assert_eq!(kept(detection(1, 500.0, 800.0, 2.0)), 2);
        assert_eq!(kept(dark(detection(1, 500.0, 800.0, 2.0))), 1);
        assert_eq!(kept(detection(0, 800.0, 840.0, 2.0)), 2);
    }
}

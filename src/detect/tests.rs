//! Trains on noise: found where they are, told as what they are, and nothing else.

use super::*;
use crate::corridor::{StripGeometry, sample_strip};
use crate::grid::{Affine, Crs, Grid, Mapping};
use crate::raster::{Raster, Validity};
use crate::units::FalseAlarmRate;
use ndarray::Array3;

/// Uniform noise −0.5…0.5 that depends on nothing but its arguments.
fn noise(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

fn line(length_m: f64) -> Track {
    Track::new("a".into(), None, vec![(0.0, 0.0), (length_m, 0.0)]).unwrap()
}

/// Ground that all dates share, noise of its own date, a train of contrast 0.05 in the rows given.
fn strip(track: &Track, date: u64, gain: f64, train: std::ops::Range<usize>) -> Strip {
    let geometry = StripGeometry::for_pixel_m(10.0);
    let (ns, nt) = (geometry.along_count(track.length_m()), geometry.across_count());
    let values = Array3::from_shape_fn((2, ns, nt), |(b, s, t)| {
        let place = (b * 1_000_000 + s * 100 + t) as u64;
        let offset_px = (t as f64 - 40.0) / 2.0;
        let profile = (-offset_px * offset_px / (2.0 * 0.55 * 0.55)).exp();
        let contrast = if train.contains(&s) { 0.05 } else { 0.0 };
        let ground = 0.15 + 0.04 * noise(place) + contrast * profile;
        (gain * ground + 0.02 * noise(place + date * 10_000_000)) as f32
    });
    Strip { values, valid: Array2::from_elem((ns, nt), true), geometry }
}

fn run(
    length_m: f64,
    target: std::ops::Range<usize>,
    newest: std::ops::Range<usize>,
    baselines: u64,
) -> Result<DetectOutput, Error> {
    let track = line(length_m);
    let dates = (0..baselines).map(|d| {
        let train = if d == 0 { newest.clone() } else { 0..0 };
        strip(&track, d + 2, 0.9, train)
    });
    let baselines = dates.collect();
    let target = strip(&track, 1, 1.2, target);
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    detect(&[TrackStrips { track: &track, target, baselines, exclusion }], &DetectParams::default())
}

#[test]
fn a_train_is_found_where_it_stands() {
    let output = run(6000.0, 200..240, 0..0, 1).unwrap();
    let best = &output.detections[0];
    assert!((best.chainage_start_m - 1995.0).abs() < 25.0 && (best.chainage_end_m - 2395.0).abs() < 25.0);
    assert!(best.change == Change::Appeared && best.appearance == Appearance::Bright);
    assert!(best.contrast.iter().all(|c| (c - 0.06).abs() < 0.015), "{:?}", best.contrast);
    assert!(best.offset_m.abs() < 4.0 && best.q_value < 0.1);
    assert_eq!(output.tracks[0].profile.len(), 601);
    let rest = output.detections.iter().filter(|d| d.chainage_end_m < 1900.0).count();
    assert!(rest <= 1, "{:?}", output.detections);
}

#[test]
fn the_blur_of_a_strong_train_does_not_lengthen_it() {
    let track = line(6000.0);
    let mut target = strip(&track, 1, 1.0, 0..0);
    for ((_, s, t), v) in target.values.indexed_iter_mut() {
        let offset_px = (t as f64 - 40.0) / 2.0;
        // 40 cells, and what the blur leaves on the two beyond each end.
        let along = match s {
            198 | 241 => 0.02,
            199 | 240 => 0.2,
            200 | 239 => 0.8,
            201..=238 => 1.0,
            _ => 0.0,
        };
        *v += (0.8 * along * (-offset_px * offset_px / (2.0 * 0.55 * 0.55)).exp()) as f32;
    }
    let baselines = vec![strip(&track, 2, 1.0, 0..0)];
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let output = detect(&[input], &DetectParams::default()).unwrap();
    let best = &output.detections[0];
    assert_eq!((best.chainage_start_m, best.chainage_end_m), (1995.0, 2395.0), "{best:?}");
    let (low, high) = best.length_interval_m;
    assert!(low > 370.0 && high < 430.0, "{best:?}");
}

#[test]
fn a_train_stands_out_more_from_a_quiet_bed() {
    let track = line(6000.0);
    let score = |noise_on_bed: f64| {
        let of = |date: u64, train: std::ops::Range<usize>| {
            let mut quiet = strip(&track, 1, 1.0, 0..0);
            for ((b, s, t), v) in quiet.values.indexed_iter_mut() {
                let offset_px = (t as f64 - 40.0) / 2.0;
                let size = if offset_px.abs() < 4.0 { noise_on_bed } else { 1.0 };
                let place = (b * 1_000_000 + s * 100 + t) as u64 + date * 10_000_000;
                let train = if train.contains(&s) { 0.02 } else { 0.0 };
                let profile = (-offset_px * offset_px / (2.0 * 0.55 * 0.55)).exp();
                *v += (0.02 * size * noise(place) + train * profile) as f32;
            }
            quiet
        };
        let (target, baselines) = (of(7, 200..240), vec![of(8, 0..0)]);
        let exclusion = Array2::from_elem(target.valid.dim(), false);
        let input = TrackStrips { track: &track, target, baselines, exclusion };
        let false_alarms = FalseAlarmRate::per_100km(1000.0).unwrap();
        let params = DetectParams { false_alarms, ..DetectParams::default() };
        detect(&[input], &params).unwrap().detections[0].score
    };
    assert!(score(0.7) > score(1.0) + 0.5, "{} {}", score(0.7), score(1.0));
}

#[test]
fn trains_on_a_fifth_of_a_still_line_leave_the_rest_of_it_alone() {
    let track = line(6000.0);
    let trains = [50..90, 200..230, 350..380, 480..500];
    let of = |date: u64, trains: &[std::ops::Range<usize>]| {
        let mut strip = strip(&track, 1, 0.5, 0..0);
        for ((b, s, t), v) in strip.values.indexed_iter_mut() {
            let offset_px = (t as f64 - 40.0) / 2.0;
            let profile = (-offset_px * offset_px / (2.0 * 0.55 * 0.55)).exp();
            // Stronger in one band than in the other.
            let train =
                if trains.iter().any(|train| train.contains(&s)) { 0.06 / (1 + b) as f64 } else { 0.0 };
            let place = (b * 1_000_000 + s * 100 + t) as u64 + date * 10_000_000;
            *v += (train * profile + 0.002 * noise(place)) as f32;
        }
        strip
    };
    let (target, baselines) = (of(7, &trains), vec![of(8, &[])]);
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let false_alarms = FalseAlarmRate::per_100km(10.0).unwrap();
    let params = DetectParams { false_alarms, ..DetectParams::default() };
    let found = detect(&[input], &params).unwrap().detections;
    let on_a_train = |d: &TrackDetection| {
        let middle = (0.5 * (d.chainage_start_m + d.chainage_end_m) / 10.0) as usize;
        trains.iter().any(|train| train.contains(&middle))
    };
    let (true_ones, rest): (Vec<_>, Vec<_>) = found.iter().partition(|d| on_a_train(d));
    assert!(true_ones.len() == 4 && rest.len() <= 2, "{found:#?}");
}

#[test]
fn a_bed_between_the_pixels_of_a_shifted_grid_is_no_train() {
    // Nearly along the rows, so that the place between them changes slowly.
    let track = Track::new("a".into(), None, vec![(400.0, -400.0), (12_400.0, -700.0)]).unwrap();
    let affine = Affine::from_gdal([-5.0, 10.0, 0.0, 5.0, 0.0, -10.0]).unwrap();
    let crs = Crs { wkt: String::new(), epsg: Some(32652) };
    let grid = Grid { crs, affine, shape: (110, 1280) };
    let strip = |date: u64, shift: (f64, f64)| {
        let values = Array3::from_shape_fn((2, 110, 1280), |(b, row, col)| {
            let (x, y) = grid.xy(row as f64 + shift.0, col as f64 + shift.1);
            // Px from the bed's middle line, which is blurred by 0.55 px.
            let across_px = (y + 400.0 + (x - 400.0) * 0.025) / 10.0;
            let field = 0.1 + 0.02 * (x / 300.0).sin() * (y / 200.0).cos();
            let bed = (0.25 - field) * 0.3 * (-across_px * across_px / (2.0 * 0.55 * 0.55)).exp();
            let place = (b * 1_000_000 + row * 1280 + col) as u64 + date * 10_000_000;
            (field + bed + 0.003 * noise(place)) as f32
        });
        let validity = Array2::from_elem((110, 1280), Validity::empty());
        let raster = Raster { values, validity, grid: grid.clone() };
        let back = (-shift.0, -shift.1);
        sample_strip(
            &raster,
            (0, 0),
            &Mapping::Affine(affine),
            back,
            &track,
            StripGeometry::for_pixel_m(10.0),
        )
    };
    let (target, baselines) = (strip(1, (0.38, -0.27)), vec![strip(2, (0.0, 0.0))]);
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let false_alarms = FalseAlarmRate::per_100km(50.0).unwrap();
    let params = DetectParams { false_alarms, ..DetectParams::default() };
    let found = detect(&[input], &params).unwrap().detections;
    // Six are asked for on these 12 km.
    assert!(found.len() <= 12, "{}: {found:#?}", found.len());
}

#[test]
fn two_trains_that_one_window_takes_in_are_two() {
    let track = line(6000.0);
    let empty = strip(&track, 1, 1.0, 0..0).values;
    let mut target = strip(&track, 1, 1.0, 224..236);
    // The first is three times as strong.
    target.values += &(3.0 * (strip(&track, 1, 1.0, 200..212).values - empty));
    let baselines = vec![strip(&track, 2, 1.0, 0..0)];
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let found = detect(&[input], &DetectParams::default()).unwrap().detections;
    for middle_m in [2055.0, 2295.0] {
        let on = |d: &&TrackDetection| d.chainage_start_m < middle_m && d.chainage_end_m > middle_m;
        let best = found.iter().find(on).unwrap();
        assert!(best.chainage_end_m - best.chainage_start_m < 150.0, "{found:#?}");
    }
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn a_departure_is_told_from_an_arrival() {
    for baselines in [1, 3] {
        let output = run(6000.0, 0..0, 300..340, baselines).unwrap();
        let best = &output.detections[0];
        assert!(best.change == Change::Departed && (best.chainage_start_m - 2995.0).abs() < 25.0);
        assert!(best.contrast.iter().all(|c| (c + 0.06).abs() < 0.02), "{:?}", best.contrast);
        assert_eq!((best.appearance, best.shown_on == ShownOn::Newest), (Appearance::Bright, baselines > 1));
    }
}

#[test]
fn a_train_that_stood_on_all_dates_leaves_with_its_whole_contrast() {
    let track = line(6000.0);
    let target = strip(&track, 1, 1.2, 0..0);
    let baselines: Vec<Strip> = (2..5).map(|date| strip(&track, date, 0.9, 300..340)).collect();
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let output = detect(&[input], &DetectParams::default()).unwrap();
    let best = &output.detections[0];
    assert!(best.change == Change::Departed && best.shown_on == ShownOn::AllBaselines, "{best:?}");
    assert!(best.contrast.iter().all(|c| (c + 0.06).abs() < 0.02), "{:?}", best.contrast);
    assert_eq!(best.appearance, Appearance::Bright);
}

#[test]
fn a_train_that_came_before_the_newest_baseline_and_stands_still_has_not_departed() {
    let track = line(6000.0);
    for seed in 1..8 {
        let target = strip(&track, seed, 1.2, 300..340);
        let baselines: Vec<Strip> = (1..5)
            .map(|date| strip(&track, seed + 10 * date, 1.0, if date == 1 { 300..340 } else { 0..0 }))
            .collect();
        let exclusion = Array2::from_elem(target.valid.dim(), false);
        let input = TrackStrips { track: &track, target, baselines, exclusion };
        let mut found = detect(&[input], &DetectParams::default()).unwrap().detections;
        found.retain(|d| d.chainage_start_m < 3400.0 && d.chainage_end_m > 3000.0);
        for found in found {
            assert_eq!(found.change, Change::Appeared);
            assert!(found.contrast.iter().all(|c| (c - 0.06).abs() < 0.03), "{:?}", found.contrast);
        }
    }
}

#[test]
fn a_train_that_left_before_the_newest_baseline_is_told_as_such() {
    let track = line(6000.0);
    for (left, dates) in [(1, 5), (1, 8), (2, 8)] {
        for seed in 1..8 {
            let target = strip(&track, seed, 1.2, 0..0);
            let train = |date: u64| if date > left { 300..340 } else { 0..0 };
            let baselines =
                (1..=dates).map(|date| strip(&track, seed + 10 * date, 1.0, train(date))).collect();
            let exclusion = Array2::from_elem(target.valid.dim(), false);
            let input = TrackStrips { track: &track, target, baselines, exclusion };
            let mut found = detect(&[input], &DetectParams::default()).unwrap().detections;
            found.retain(|d| d.chainage_start_m < 3400.0 && d.chainage_end_m > 3000.0);
            for found in found {
                assert_eq!((found.change, found.shown_on), (Change::Departed, ShownOn::OlderBaselines));
                assert!(found.contrast.iter().all(|c| (c + 0.06).abs() < 0.03), "{:?}", found.contrast);
            }
        }
    }
}

#[test]
fn a_train_that_stands_still_under_another_contrast_is_no_news() {
    let track = line(6000.0);
    let dated = |date: u64, gain: f64, train: std::ops::Range<usize>| {
        let mut date = strip(&track, date, gain, train);
        for ((_, s, t), v) in date.values.indexed_iter_mut() {
            // Hedges beside the track, 6, 8, 11 and 14 px off, and the train three times as strong as usual.
            let hedge = [52, 56, 62, 68].iter().any(|c| t.abs_diff(*c) < 2 || t.abs_diff(80 - c) < 2);
            *v += if hedge && s % 40 < 4 { 0.15 * gain as f32 } else { 0.0 };
        }
        date
    };
    for (target_gain, baseline_gain) in [(1.0, 1.0), (1.0, 0.7), (0.7, 1.0)] {
        let empty = dated(1, target_gain, 0..0).values;
        let strong = |date: u64, gain: f64| {
            let mut with = dated(date, gain, 300..340);
            let without = dated(date, gain, 0..0).values;
            with.values += &(2.0 * (&with.values - &without));
            with
        };
        let exclusion = Array2::from_elem(strip(&track, 1, 1.0, 0..0).valid.dim(), false);
        let found = |target: Strip| {
            let baselines = (2..5).map(|date| strong(date, baseline_gain)).collect();
            let input = TrackStrips { track: &track, target, baselines, exclusion: exclusion.clone() };
            let mut found = detect(&[input], &DetectParams::default()).unwrap().detections;
            found.retain(|d| d.chainage_start_m < 3400.0 && d.chainage_end_m > 3000.0);
            found
        };
        let still = found(strong(1, target_gain));
        assert!(still.is_empty(), "{target_gain} {baseline_gain}: {still:#?}");
        let gone = found(Strip { values: empty, ..dated(1, target_gain, 0..0) });
        assert_eq!(gone.first().map(|d| d.change), Some(Change::Departed));
    }
}

#[test]
fn a_neighbouring_rail_changes_nothing_for_the_track() {
    let track = line(6000.0);
    let target = strip(&track, 1, 1.0, 200..220);
    let baseline = strip(&track, 2, 1.0, 0..0);
    let open = Array2::from_elem(target.valid.dim(), false);
    let geometry = target.geometry;
    let mut beside = open.clone();
    for ((_, t), excluded) in beside.indexed_iter_mut() {
        let offset_m = (t as f64 - geometry.half_across() as f64) * geometry.across_step_m;
        *excluded = (offset_m - 5.0).abs() <= 20.0;
    }
    let of = |exclusion| {
        let input = TrackStrips {
            track: &track,
            target: target.clone(),
            baselines: vec![baseline.clone()],
            exclusion,
        };
        detect(&[input], &DetectParams::default()).unwrap()
    };
    assert_eq!(of(open).detections, of(beside).detections);
}

#[test]
fn a_brighter_cargo_is_seen_no_later() {
    let track = line(6000.0);
    let target = strip(&track, 1, 1.0, 0..0);
    let baselines = vec![strip(&track, 2, 1.0, 0..0)];
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let cargo = |contrast: f64| Cargo { name: contrast.to_string(), contrast: vec![contrast; 2] };
    let params = DetectParams { cargoes: [0.1, 0.2, 0.5, 1.0].map(cargo).into(), ..DetectParams::default() };
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let output = detect(&[input], &params).unwrap();
    let limits: Vec<Option<f64>> =
        output.tracks[0].detection_limits.iter().map(|limit| limit.length_m).collect();
    let lengths: Vec<f64> = limits.iter().map(|l| l.unwrap_or(f64::INFINITY)).collect();
    assert!(lengths.is_sorted_by(|a, b| a >= b) && lengths[3].is_finite(), "{limits:?}");
}

#[test]
fn a_refusal_says_what_is_wrong() {
    let track = line(600.0);
    let input = |exclusion: bool| TrackStrips {
        track: &track,
        target: strip(&track, 1, 1.0, 0..0),
        baselines: vec![strip(&track, 2, 1.0, 0..0)],
        exclusion: Array2::from_elem(strip(&track, 1, 1.0, 0..0).valid.dim(), exclusion),
    };
    let long = DetectParams { min_length_m: 700.0, ..DetectParams::default() };
    let error = detect(&[input(false)], &long).unwrap_err();
    assert_eq!(error, Error::ShortTracks { longest_m: 600.0, min_length_m: 700.0 });
    assert_eq!(detect(&[input(true)], &DetectParams::default()), Err(Error::NoPlacebo));
    let cargoes = vec![Cargo { name: "coal".into(), contrast: vec![0.1] }];
    let error = detect(&[input(false)], &DetectParams { cargoes, ..DetectParams::default() }).unwrap_err();
    assert!(matches!(error, Error::Cargo { found: 1, expected: 2, .. }));
}

#[test]
fn a_short_track_and_clouds_do_not_fail() {
    assert!(run(600.0, 20..40, 0..0, 1).is_ok());
    let track = line(600.0);
    let mut target = strip(&track, 1, 1.0, 0..0);
    target.valid.fill(false);
    let baselines = vec![strip(&track, 2, 1.0, 0..0)];
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = TrackStrips { track: &track, target, baselines, exclusion };
    let error = detect(&[input], &DetectParams::default()).unwrap_err();
    assert!(matches!(error, Error::TooFewCells { .. }));
    assert_eq!(detect(&[], &DetectParams::default()), Err(Error::NoTrack));
}

#[test]
fn a_higher_rate_gives_no_fewer_detections() {
    let track = line(8000.0);
    let target = strip(&track, 1, 1.0, 100..110);
    let baselines = vec![strip(&track, 2, 1.0, 0..0)];
    let exclusion = Array2::from_elem(target.valid.dim(), false);
    let input = [TrackStrips { track: &track, target, baselines, exclusion }];
    let count = |rate: f64| {
        let false_alarms = FalseAlarmRate::per_100km(rate).unwrap();
        let params = DetectParams { false_alarms, ..DetectParams::default() };
        detect(&input, &params).unwrap().detections.len()
    };
    assert!(count(0.5) <= count(5.0) && count(5.0) <= count(200.0));
}

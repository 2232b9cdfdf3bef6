//! Laws of the simulator: the seed decides all, cover is conserved, the shift moves everything.

use super::*;
use crate::corridor::Track;
use crate::grid::{Affine, Crs, Grid};
use crate::scene::BALLAST;
use ndarray::{Array3, s};

fn grid(shape: (usize, usize)) -> Grid {
    let affine = Affine::from_gdal([500_000.0, 10.0, 0.0, 4_700_000.0, 0.0, -10.0]).unwrap();
    Grid { crs: Crs { epsg: Some(32652), wkt: String::new() }, affine, shape }
}

fn track() -> Track {
    let vertices = vec![(500_100.0, 4_699_100.0), (500_900.0, 4_699_420.0), (501_500.0, 4_699_500.0)];
    Track::new("main".into(), None, vertices).unwrap()
}

fn quiet() -> ImplantParams {
    ImplantParams {
        date_gain_sigma: 0.0,
        bed_jitter_sigma: 0.0,
        bed_texture: 0.0,
        bed_width_m: 0.0,
        cargoes: vec![Cargo::White],
        appeared_count: 1,
        departed_count: 1,
        standing_count: 0,
        ..ImplantParams::default()
    }
}

fn run(params: &ImplantParams, shift_px: (f64, f64), role: Role) -> (Array3<f32>, Vec<Implant>) {
    let grid = grid((120, 180));
    let mut values = Array3::from_elem((2, 120, 180), 0.1);
    let bands = [SpectralBand::B02, SpectralBand::B08];
    let view = DateView { values: values.view_mut(), grid: &grid, bands: &bands, shift_px, role };
    let truth = implant(&mut [view], &[track()], params).unwrap();
    (values, truth)
}

#[test]
fn a_train_changes_the_scene_by_its_area_and_only_where_it_stands() {
    for (role, change) in [(Role::Target, Change::Appeared), (Role::Baseline, Change::Departed)] {
        let (values, truth) = run(&quiet(), (0.0, 0.0), role);
        let train = truth.iter().find(|t| t.change == change).unwrap();
        let length_m = train.chainage_end_m - train.chainage_start_m;
        // Each wagon is 12.8 m of body on a 14 m pitch; a wagon's tone is within 12 %.
        let covered_px = length_m * 3.0 / 100.0 * 12.8 / 14.0;
        let change_sum: f64 = values.iter().map(|&v| f64::from(v) - 0.1).sum();
        let expected = covered_px * (train.contrast[0] + 0.105 - 0.1 + train.contrast[3] + 0.150 - 0.1);
        assert!((change_sum / expected - 1.0).abs() < 0.05, "{change_sum} {expected}");
        for ((_, r, c), &v) in values.indexed_iter() {
            let (x, y) = grid((120, 180)).xy(r as f64, c as f64);
            let near = train.footprint.iter().any(|p| (p.0 - x).hypot(p.1 - y) < 45.0);
            assert!(near || (v - 0.1).abs() < 1e-6);
        }
    }
}

#[test]
fn the_shift_moves_the_implants_and_leads_back() {
    let (still, _) = run(&quiet(), (0.0, 0.0), Role::Target);
    let (moved, _) = run(&quiet(), (2.0, -3.0), Role::Target);
    // moved(row, col) + shift = still
    let a = moved.slice(s![.., ..118, 3..]);
    let b = still.slice(s![.., 2.., ..177]);
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn the_seed_decides_everything() {
    let params = SimulateParams { target_cloud_fraction: 0.2, ..SimulateParams::default() };
    let grid = grid((60, 90));
    let once = scene_pair(&params, &[track()], &grid).unwrap();
    assert_eq!(once, scene_pair(&params, &[track()], &grid).unwrap());
    let other = scene_pair(&SimulateParams { seed: 2, ..params }, &[track()], &grid).unwrap();
    assert_ne!(once.scenes[0].values, other.scenes[0].values);
    let cloudy = once.scenes[1].clouds.iter().filter(|&&c| c).count() as f64 / 5400.0;
    assert!((cloudy - 0.2).abs() < 0.06, "{cloudy}");
    assert!(once.scenes.iter().all(|s| s.values.iter().all(|v| v.is_finite() && *v > -0.02 && *v < 0.9)));
}

#[test]
fn haze_takes_contrast_and_gives_blue_light() {
    let clear = SimulateParams { target_cloud_fraction: 0.0, noise_sigma: 0.0, ..SimulateParams::default() };
    let hazy = SimulateParams { target_haze_opacity: 0.3, ..clear.clone() };
    let target = |params: &SimulateParams| {
        let made = scene_pair(params, &[track()], &grid((60, 90))).unwrap();
        made.scenes[1].values.clone()
    };
    let (clear, hazy) = (target(&clear), target(&hazy));
    let spread = |values: &Array3<f32>, band| values.index_axis(ndarray::Axis(0), band).std(0.0);
    let mean = |values: &Array3<f32>, band| values.index_axis(ndarray::Axis(0), band).mean().unwrap();
    assert!(spread(&hazy, 3) < 0.9 * spread(&clear, 3));
    assert!(mean(&hazy, 0) - mean(&clear, 0) > mean(&hazy, 2) - mean(&clear, 2));
}

#[test]
fn bad_parameters_and_no_tracks_are_told() {
    let grid = grid((10, 10));
    let one = SimulateParams { datetimes: vec![], ..SimulateParams::default() };
    assert_eq!(scene_pair(&one, &[track()], &grid), Err(Error::Dates { count: 0 }));
    assert_eq!(scene_pair(&SimulateParams::default(), &[], &grid), Err(Error::NoTracks));
    let mut backward = SimulateParams::default();
    backward.datetimes.reverse();
    let told = scene_pair(&backward, &[track()], &grid).unwrap_err().to_string();
    assert!(told.contains("2022-11-06T02:33:01Z is not after 2022-11-16T02:33:01Z"), "{told}");
    let wide = ImplantParams { train_width_m: 100.0, ..ImplantParams::default() };
    assert!(matches!(wide.check(), Err(Error::Parameter { name: "trains.train_width_m", .. })));
}

#[test]
fn the_sample_configuration_is_valid() {
    let text = include_str!("../../samples/tumangang_khasan_simulate.toml");
    let params: SimulateParams = toml::from_str(text).unwrap();
    assert_eq!(params.check(), Ok(()));
    assert!(toml::from_str::<SimulateParams>("sead = 1").is_err());
}

/// Centre of what differs from 0.1 in a band, chainage in metres along a straight east-west track.
fn centre_x(values: &Array3<f32>, band: usize) -> f64 {
    let weighted = values.index_axis(ndarray::Axis(0), band);
    let (mut sum, mut total) = (0.0, 0.0);
    for ((_, c), &v) in weighted.indexed_iter() {
        let w = f64::from(v) - 0.1;
        sum += w * 10.0 * c as f64;
        total += w;
    }
    sum / total
}

#[test]
fn bands_see_a_moving_train_one_after_another() {
    let grid = grid((60, 200));
    let line =
        Track::new("a".into(), None, vec![(500_100.0, 4_699_700.0), (501_900.0, 4_699_700.0)]).unwrap();
    for (reversed, sign) in [(false, 1.0), (true, -1.0)] {
        let params = ImplantParams {
            appeared_count: 0,
            departed_count: 0,
            moving_count: 1,
            bands_reversed: reversed,
            ..quiet()
        };
        let mut values = Array3::from_elem((4, 60, 200), 0.1);
        let view = DateView {
            values: values.view_mut(),
            grid: &grid,
            bands: &SpectralBand::ALL,
            shift_px: (0.0, 0.0),
            role: Role::Target,
        };
        let truth = implant(&mut [view], std::slice::from_ref(&line), &params).unwrap();
        let velocity = truth[0].velocity_m_s.unwrap();
        assert!((8.0..=30.0).contains(&velocity.abs()));
        for (band, delay_s) in [(1, 0.527), (2, 1.005), (3, 0.264)] {
            let way_m = centre_x(&values, band) - centre_x(&values, 0);
            assert!((way_m - sign * velocity * delay_s).abs() < 1.0, "{band} {way_m} {velocity}");
        }
    }
}

#[test]
fn a_shadow_takes_its_share_of_the_light_and_falls_on_one_side() {
    let params = ImplantParams { departed_count: 0, height_m: 4.0, ..quiet() };
    let lit = run(&params, (0.0, 0.0), Role::Target).0;
    let sun = Some(Sun { azimuth_deg: 160.0, elevation_deg: 30.0 });
    let (shaded, truth) = run(&ImplantParams { sun, ..params }, (0.0, 0.0), Role::Target);
    let lost: f64 =
        lit.slice(s![0, .., ..]).iter().zip(shaded.slice(s![0, .., ..])).map(|(a, b)| f64::from(a - b)).sum();
    // The part of h cot e across the track, over the length of the bodies; in blue 0.38 of the light is lost.
    let (length_m, azimuth) = (truth[0].chainage_end_m - truth[0].chainage_start_m, 160f64.to_radians());
    let along = track().at(0.5 * (truth[0].chainage_start_m + truth[0].chainage_end_m)).along;
    let across_m = 4.0 / 30f64.to_radians().tan() * (azimuth.sin() * along.1 - azimuth.cos() * along.0).abs();
    let expected = length_m * across_m / 100.0 * 0.38 * 0.1;
    assert!((lost / expected - 1.0).abs() < 0.15, "{lost} {expected}");
    assert!(lit.iter().zip(&shaded).all(|(a, b)| b <= a));
}

#[test]
fn yards_lie_beside_the_longest_track() {
    let params = SimulateParams { yard_track_count: 3, yard_length_m: 400.0, ..SimulateParams::default() };
    let yard = yard_tracks(&params, &[track()]);
    assert_eq!(yard.len(), 3);
    let middle = track().at(track().length_m() / 2.0);
    for (track, offset_m) in yard.iter().zip([5.0, -5.0, 10.0]) {
        let there = middle.at_offset(offset_m);
        let away =
            track.vertices().iter().map(|v| (v.0 - there.0).hypot(v.1 - there.1)).fold(f64::MAX, f64::min);
        assert!(away < 0.5 && (track.length_m() - 400.0).abs() < 25.0, "{away} {}", track.length_m());
    }
}

/// Trains on a straight track of `length_m`, with the values of the target they were put into.
fn on_straight(length_m: f64, params: &ImplantParams) -> (Array3<f32>, Vec<Implant>) {
    let columns = (length_m / 10.0) as usize + 20;
    let grid = grid((20, columns));
    let ends = vec![(500_100.0, 4_699_900.0), (500_100.0 + length_m, 4_699_900.0)];
    let line = Track::new("a".into(), None, ends).unwrap();
    let mut values = Array3::from_elem((4, 20, columns), 0.1);
    let view = DateView {
        values: values.view_mut(),
        grid: &grid,
        bands: &SpectralBand::ALL,
        shift_px: (0.0, 0.0),
        role: Role::Target,
    };
    let truth = implant(&mut [view], &[line], params).unwrap();
    (values, truth)
}

#[test]
fn mixed_trains_keep_to_their_length_their_track_and_off_each_other() {
    for seed in 0..40 {
        let params = ImplantParams {
            seed,
            appeared_count: 6,
            departed_count: 3,
            wagon_lengths_m: vec![11.0, 12.0, 19.0],
            cargoes: vec![Cargo::Mixed],
            min_length_m: 400.0,
            max_length_m: 400.0,
            ..quiet()
        };
        let mut truth = on_straight(4000.0, &params).1;
        assert!(truth.len() >= 5, "{}", truth.len());
        truth.sort_by(|a, b| a.chainage_start_m.total_cmp(&b.chainage_start_m));
        for train in &truth {
            let length_m = train.chainage_end_m - train.chainage_start_m;
            // Half a wagon more or less, and the gap behind the last body.
            assert!((length_m + params.gap_m - 400.0).abs() <= 9.5 + 1e-9, "{length_m}");
            assert!(train.chainage_start_m >= 10.0 && train.chainage_end_m <= 4000.0);
        }
        for pair in truth.windows(2) {
            assert!(pair[1].chainage_start_m - pair[0].chainage_end_m > 15.0, "{pair:?}");
        }
    }
}

#[test]
fn every_band_sees_a_moving_train_whole() {
    for seed in 0..20 {
        let params = ImplantParams {
            seed,
            appeared_count: 0,
            departed_count: 0,
            moving_count: 1,
            speed_m_s: (60.0, 60.0),
            min_length_m: 200.0,
            max_length_m: 200.0,
            bands_reversed: seed % 2 == 0,
            ..quiet()
        };
        // Little longer than train and ways: the train stands near an end of the track or the other.
        let (values, truth) = on_straight(380.0, &params);
        assert_eq!(truth.len(), 1);
        let band = |b: usize| values.index_axis(ndarray::Axis(0), b);
        let added = |b: usize| {
            band(b).iter().map(|&v| f64::from(v) - 0.1).sum::<f64>()
                / (truth[0].contrast[b] + BALLAST[b] - 0.1)
        };
        let highest = |b: usize| band(b).iter().fold(0.0, |m: f32, &v| m.max(v));
        for b in 1..4 {
            assert!((added(b) / added(0) - 1.0).abs() < 0.02, "band {b}: {} {}", added(b), added(0));
            assert!(highest(b) < 1.3 * highest(0), "nothing piles up: {} {}", highest(b), highest(0));
        }
    }
}

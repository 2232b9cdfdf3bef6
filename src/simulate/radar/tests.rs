//! Laws of radar scenes: looks, texture, contrast, layover, seed.

use super::*;
use crate::grid::{Affine, Crs};
use crate::sar::equivalent_looks;
use ndarray::{Array2, Axis, s};

fn grid(shape: (usize, usize)) -> Grid {
    let affine = Affine::from_gdal([500_000.0, 10.0, 0.0, 4_700_000.0, 0.0, -10.0]).unwrap();
    Grid { crs: Crs { epsg: Some(32652), wkt: String::new() }, affine, shape }
}

/// Straight east along the middle of row 60.
fn track() -> Track {
    Track::new("main".into(), None, vec![(500_105.0, 4_699_395.0), (501_505.0, 4_699_395.0)]).unwrap()
}

fn even() -> ScattererParams {
    ScattererParams {
        appeared_count: 1,
        departed_count: 0,
        standing_count: 0,
        contrasts_db: vec![5.0],
        wagon_sigma_db: 0.0,
        height_m: 0.0,
        min_length_m: 800.0,
        max_length_m: 800.0,
        ..ScattererParams::default()
    }
}

fn implanted(params: &ScattererParams) -> (Array3<f32>, Vec<RadarTrain>) {
    let grid = grid((120, 180));
    let mut values = Array3::from_elem((1, 120, 180), 0.1);
    values[(0, 0, 0)] = 0.0;
    let mut view = [RadarView { values: values.view_mut(), grid: &grid, role: Role::Target }];
    let truth = implant_radar(&mut view, &[track()], params).unwrap();
    (values, truth)
}

#[test]
fn speckle_has_the_looks_that_were_asked_for() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (looks, sigma) in [(1.0, 0.0), (1.0, 0.55), (2.0, 0.8), (4.4, 0.55), (4.4, 0.8), (20.0, 0.55)] {
        let mut power = Array3::from_elem((1, 400, 400), 0.2);
        speckle::sense(&mut power, looks, sigma, &mut rng);
        let (mean, spread) = (power.mean().unwrap(), power.std(0.0));
        let found = f64::from(mean / spread).powi(2);
        assert!((found / looks - 1.0).abs() < 0.03, "{looks} looks: {found}");
        assert!((mean / 0.2 - 1.0).abs() < 0.02);
        let ok = Array2::from_elem((400, 400), true);
        let told = equivalent_looks(&power.index_axis(Axis(0), 0), &ok.view()).unwrap();
        let allowed = if looks < 4.0 { 0.15 } else { 0.1 };
        assert!((told / looks - 1.0).abs() < allowed, "{looks} looks blurred by {sigma} px: {told}");
    }
}

#[test]
fn k_clutter_has_the_variance_of_texture_and_speckle() {
    // var / mean² = (1 + 1/ν)(1 + 1/n) − 1
    let affine = grid((400, 400)).affine;
    for (order, looks, sigma) in [(4.0, 4.0, 0.0), (4.0, 4.4, 0.55), (10.0, 1.0, 0.55), (2.0, 20.0, 0.8)] {
        let mut power = Array3::from_elem((1, 400, 400), 0.2);
        ground::roughen(&mut power, &affine, &Texture::new(order, looks, sigma, 5));
        let once = power.clone();
        ground::roughen(&mut power, &affine, &Texture::new(0.0, looks, sigma, 5));
        assert_eq!(once, power);
        speckle::sense(&mut power, looks, sigma, &mut ChaCha8Rng::seed_from_u64(1));
        let found = f64::from(power.std(0.0) / power.mean().unwrap()).powi(2);
        let expected = (1.0 + 1.0 / order) * (1.0 + 1.0 / looks) - 1.0;
        assert!((found / expected - 1.0).abs() < 0.05, "{order} {looks} {sigma}: {found} {expected}");
    }
}

#[test]
fn a_train_stands_as_high_over_the_ground_as_it_was_asked_to() {
    let (values, truth) = implanted(&ScattererParams { looks: 1000.0, ..even() });
    assert!(values[(0, 0, 0)].abs() < 1e-9, "no data stays no data");
    let (first, last) = (truth[0].chainage_start_m / 10.0, truth[0].chainage_end_m / 10.0);
    let middle = s![0, 60, (13 + first as usize)..(8 + last as usize)];
    // A track in the middle of a row: its points all fall in that row, so that the peak is that of the blur alone.
    let sigma = even().psf_sigma_px;
    let kernel = super::super::draw::kernel_energy(0.0)
        / (-3..=3).map(|k| (-0.5 * (f64::from(k) / sigma).powi(2)).exp()).sum::<f64>();
    let width = (std::f64::consts::TAU * (sigma * sigma + 1.0 / 12.0)).sqrt();
    let expected = 0.1 * (1.0 + (10f64.powf(0.5) - 1.0) * width * kernel);
    let found = f64::from(values.slice(middle).mean().unwrap());
    assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    // The sum of what was added does not depend on where pixels lie: q per metre of train.
    let added: f64 = values.iter().map(|&v| f64::from(v) - 0.1).sum::<f64>() + 0.1;
    let q = 0.1 * (10f64.powf(0.5) - 1.0) * width * 80.0;
    assert!((added / q - 1.0).abs() < 0.04, "{added} {q}");
    assert_eq!(truth[0].cargo, "wagons +5 dB");
}

#[test]
fn layover_moves_wagons_towards_the_satellite() {
    let centre = |params: &ScattererParams| {
        let (values, _) = implanted(params);
        let added = values.mapv(|v| f64::from(v).max(0.1) - 0.1);
        let sum: f64 = added.sum();
        added.indexed_iter().map(|((_, r, _), v)| r as f64 * v).sum::<f64>() / sum
    };
    let flat = ScattererParams { looks: 1000.0, ..even() };
    // Looking south: the satellite is in the north, 20 m at 45° are two rows up.
    let high =
        ScattererParams { height_m: 20.0, incidence_deg: 45.0, look_azimuth_deg: 180.0, ..flat.clone() };
    assert!((centre(&flat) - centre(&high) - 2.0).abs() < 0.02);
}

#[test]
fn the_seed_decides_everything_and_trains_stand_in_their_scenes() {
    let params = RadarParams::default();
    let small = grid((120, 180));
    let once = radar_stack(&params, &[track()], &small).unwrap();
    assert_eq!(once, radar_stack(&params, &[track()], &small).unwrap());
    assert_ne!(once, radar_stack(&RadarParams { seed: 2, ..params.clone() }, &[track()], &small).unwrap());
    assert_eq!(once.scenes.len(), 9);
    assert!(once.scenes.iter().all(|s| s.values.iter().all(|v| v.is_finite() && *v > 0.0)));
    assert_eq!(radar_stack(&params, &[], &small), Err(Error::NoTracks));
    let none = RadarParams { datetimes: Vec::new(), ..params };
    assert_eq!(radar_stack(&none, &[track()], &small), Err(Error::Dates { count: 0 }));
    let odd = ScattererParams { looks: 0.2, ..even() };
    assert!(matches!(odd.check(), Err(Error::Parameter { name: "trains.looks", .. })));
}

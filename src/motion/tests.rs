//! Known velocities come back within their reported errors; what stands is said to stand.

use super::*;
use crate::corridor::StripGeometry;
use ndarray::{Array2, Array3, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const DELAYS: [Option<f64>; 4] = [Some(0.0), Some(0.527), Some(1.005), Some(0.264)];

/// Rows of a 3 m wide body from 2000 m to 2000 m + length that moves at `v`, on ground that both dates share.
fn strips(v: f64, length_m: f64, contrast: f64, seed: u64) -> (Strip, Strip) {
    let geometry = StripGeometry::for_pixel_m(10.0);
    let (ns, nt) = (500, geometry.across_count());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || rng.sample::<f64, _>(StandardNormal);
    let ground = Array3::from_shape_fn((4, ns, nt), |_| 0.15 + 0.02 * normal());
    let mut make = |contrast: f64| {
        let values = Array3::from_shape_fn((4, ns, nt), |(b, s, t)| {
            let (a, z) = (2000.0 + v * DELAYS[b].unwrap(), 2000.0 + length_m + v * DELAYS[b].unwrap());
            let s_m = s as f64 * 10.0;
            let risen = |at: f64| 1.0 / (1.0 + (-1.702 * (s_m - at) / 6.0).exp());
            let across = (-0.5 * ((t as f64 - 40.0) / 2.0 / 0.6).powi(2)).exp();
            (ground[(b, s, t)] + contrast * across * (risen(a) - risen(z)) + 0.004 * normal()) as f32
        });
        Strip { values, valid: Array2::from_elem((ns, nt), true), geometry }
    };
    (make(contrast), make(0.0))
}

fn seen(v: f64, length_m: f64) -> Seen {
    // A detector gives the ends to 10 m or so, at the mean time of the bands.
    Seen { start_m: 2008.0 + 0.45 * v, end_m: 1995.0 + length_m + 0.45 * v, offset_m: 0.0 }
}

#[test]
fn velocities_come_back_within_their_errors() {
    let mut beyond = 0;
    let mut count = 0;
    for v in [-30.0, -12.0, 0.0, 8.0, 20.0, 35.0] {
        for seed in 0..5 {
            let (scene, background) = strips(v, 300.0, 0.05, seed);
            let found = motion(&scene, &background, &DELAYS, seen(v, 300.0)).unwrap();
            let error = found.velocity_m_s - v;
            assert!(error.abs() < 3.5 * found.sigma_m_s && found.sigma_m_s < 3.5, "{v} {found:?}");
            beyond += usize::from(error.abs() > 2.0 * found.sigma_m_s);
            count += 1;
            assert_eq!(found.is_moving, v.abs() > 1.0, "{v} {found:?}");
            // The ends given are 8 m and 5 m off; half of the error of the speed comes to them.
            assert!((found.chainage_m.0 - 2008.0).abs() < 3.0, "{v} {found:?}");
            assert!((found.chainage_m.1 - 2295.0).abs() < 3.0, "{v} {found:?}");
        }
    }
    assert!(beyond * 10 <= count, "{beyond} of {count} beyond two standard errors");
}

#[test]
fn one_instant_or_no_train_gives_no_speed() {
    let (scene, background) = strips(20.0, 300.0, 0.05, 1);
    let single = [Some(0.0), None, None, None];
    assert_eq!(motion(&scene, &background, &single, seen(20.0, 300.0)), None);
    assert_eq!(motion(&background, &background, &DELAYS, seen(0.0, 300.0)), None);
    let (faint, background) = strips(20.0, 300.0, 0.0, 2);
    assert_eq!(motion(&faint, &background, &DELAYS, seen(0.0, 300.0)), None);
}

#[test]
fn a_cloud_over_the_ends_is_no_train_that_stands() {
    for seed in 0..4 {
        let (mut scene, background) = strips(20.0, 300.0, 0.05, seed);
        scene.valid.slice_mut(s![195..206, ..]).fill(false);
        let one_end = motion(&scene, &background, &DELAYS, seen(20.0, 300.0));
        assert!(one_end.is_none_or(|m| m.is_moving), "{one_end:?}");
        scene.valid.slice_mut(s![225..236, ..]).fill(false);
        assert_eq!(motion(&scene, &background, &DELAYS, seen(20.0, 300.0)), None);
    }
}

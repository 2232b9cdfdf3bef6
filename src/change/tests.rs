//! Laws of the statistic and of the objects; the labelled benchmark where real data is at hand.

use super::*;
use crate::scene::Appearance;
use ndarray::s;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::path::PathBuf;

fn noise(rng: &mut ChaCha8Rng) -> f32 {
    let v: f64 = StandardNormal.sample(rng);
    v as f32
}

/// Ground of three bands with texture, and `count` noisy pictures of it.
fn pictures(side: usize, count: usize, seed: u64) -> Vec<Array3<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ground = Array3::from_shape_fn((3, side, side), |_| 0.15 + 0.02 * noise(&mut rng));
    for mut layer in ground.outer_iter_mut() {
        let rough = layer.to_owned();
        for ((r, c), v) in layer.indexed_iter_mut() {
            let part = rough
                .slice(s![r.saturating_sub(2)..(r + 3).min(side), c.saturating_sub(2)..(c + 3).min(side)]);
            *v = 0.15 + 4.0 * (part.mean().unwrap() - 0.15);
        }
    }
    (0..count).map(|_| ground.mapv(|v| v + 0.004 * noise(&mut rng))).collect()
}

fn everything(side: usize) -> Array2<bool> {
    Array2::from_elem((side, side), true)
}

#[test]
fn statistic_ignores_gain_and_offset_of_every_band() {
    for count in [2, 6] {
        let mut p = pictures(64, count, 1);
        let params = ChangeParams::default();
        let one = statistic(&p[0], &p[1..], &everything(64), &params).unwrap();
        for (k, picture) in p.iter_mut().enumerate() {
            for (b, mut layer) in picture.outer_iter_mut().enumerate() {
                layer.mapv_inplace(|v| (0.6 + 0.3 * (k + b) as f32) * v + 0.05 * b as f32);
            }
        }
        let two = statistic(&p[0], &p[1..], &everything(64), &params).unwrap();
        assert_eq!(one.kind, if count == 2 { Kind::IrMad } else { Kind::RobustZ });
        let worst = (&one.statistic - &two.statistic).fold(0f32, |a, v| a.max(v.abs()));
        assert!(worst < 0.02, "{worst}");
    }
}

#[test]
fn a_baseline_under_clouds_takes_no_statistic_away() {
    let params = ChangeParams::default();
    for count in [3, 5] {
        let mut p = pictures(64, count, 4);
        // Twenty pixels of the second baseline are clear.
        p[2].slice_mut(s![.., 1.., ..]).fill(f32::NAN);
        p[2].slice_mut(s![.., 0, 20..]).fill(f32::NAN);
        let with = statistic(&p[0], &p[1..], &everything(64), &params).unwrap();
        let clouded = p.remove(2);
        assert_eq!(with, statistic(&p[0], &p[1..], &everything(64), &params).unwrap());
        let alone = statistic(&p[0], &[clouded], &everything(64), &params);
        assert_eq!(alone, Err(Error::TooFewPixels { count: 20, minimum: 200 }));
    }
}

#[test]
fn invalid_pixels_are_nan_and_degenerate_scenes_say_why() {
    let mut p = pictures(40, 2, 2);
    let params = ChangeParams::default();
    p[0][[1, 3, 4]] = f32::NAN;
    let mut ok = everything(40);
    ok[[7, 7]] = false;
    let map = statistic(&p[0], &p[1..], &ok, &params).unwrap();
    assert!(map.statistic[[3, 4]].is_nan() && map.statistic[[7, 7]].is_nan());
    assert_eq!(map.statistic.iter().filter(|v| v.is_nan()).count(), 2);
    assert_eq!(statistic(&p[0], &[], &ok, &params), Err(Error::NoBaseline));
    let flat = Array3::from_elem((3, 40, 40), 0.3);
    assert_eq!(statistic(&p[0], &[flat], &ok, &params).unwrap_err(), Error::Constant { band: 0 });
    assert_eq!(statistic(&p[1], &p[1..], &ok, &params).unwrap_err(), Error::Identical);
    ok.fill(false);
    assert!(matches!(statistic(&p[0], &p[1..], &ok, &params), Err(Error::TooFewPixels { .. })));
}

#[test]
fn false_objects_in_noise_come_at_about_the_asked_rate() {
    // 2.25 km² of mask and as much background at 10 m; 4 false objects per km² asked: 9 expected a trial. What
    // the shift tolerance takes away comes on top, so it is off here, and on may only lower the number.
    let plain =
        ObjectParams { false_objects_per_km2: Some(4.0), shift_tolerance_px: 0.0, ..ObjectParams::default() };
    let tolerant = ObjectParams { shift_tolerance_px: 1.0, ..plain.clone() };
    let side = 212;
    let mask = Array2::from_shape_fn((side, side), |(_, c)| c < side / 2);
    let (mut found, mut left, mut asked) = (0, 0, 0.0);
    for seed in 0..6 {
        let p = pictures(side, 2, 100 + seed);
        let map = statistic(&p[0], &p[1..], &everything(side), &ChangeParams::default()).unwrap();
        found += objects(&map, &mask, 10.0, &plain).unwrap().len();
        left += objects(&map, &mask, 10.0, &tolerant).unwrap().len();
        asked += 4.0 * (side * side / 2) as f64 * 1e-4;
    }
    // Both the count and the null are Poisson: variance 2 · asked.
    let reach = 4.0 * (2.0 * asked).sqrt();
    assert!((f64::from(found as u32) - asked).abs() < reach, "{found} for {asked}");
    assert!(f64::from(left as u32) < asked + reach, "{left} for {asked}");
}

#[test]
fn a_new_object_is_found_where_it_is_and_a_shifted_edge_is_not() {
    let side = 160;
    let mut p = pictures(side, 2, 5);
    for picture in &mut p {
        picture.slice_mut(s![.., .., 80..]).mapv_inplace(|v| v + 0.2);
    }
    // The edge moves by one pixel, and cargo of 5 × 3 pixels comes.
    p[0].slice_mut(s![.., .., 80]).mapv_inplace(|v| v - 0.2);
    p[0].slice_mut(s![.., 50..55, 40..43]).mapv_inplace(|v| v + 0.1);
    let map = statistic(&p[0], &p[1..], &everything(side), &ChangeParams::default()).unwrap();
    let mask = Array2::from_shape_fn((side, side), |(_, c)| (30..130).contains(&c));
    let found = objects(&map, &mask, 10.0, &ObjectParams::default()).unwrap();
    assert_eq!(
        found.len(),
        1,
        "{:?}",
        found.iter().map(|o| (&o.changed.outline, o.changed.level_ratio)).collect::<Vec<_>>()
    );
    let (object, cargo) = (&found[0], &found[0].changed);
    assert_eq!((cargo.appearance, cargo.direction), (Appearance::Bright, Direction::Appeared));
    assert!(cargo.contrast.iter().all(|c| (c - 0.1).abs() < 0.03), "{:?}", cargo.contrast);
    assert!(object.pixels.contains(&(52, 41)) && object.pixels.len() <= 20);
    assert!(object.p_value < 0.05 && cargo.expected_false_alarms < 0.05);
}

#[test]
fn departed_cargo_is_told_from_new_cargo_in_a_stack_with_holes() {
    let side = 120;
    let mut p = pictures(side, 7, 9);
    for picture in &mut p[1..] {
        picture.slice_mut(s![.., 30..34, 60..65]).mapv_inplace(|v| v - 0.1);
    }
    p[0].slice_mut(s![0, 80..84, 60..65]).mapv_inplace(|v| v + 0.1);
    p[3].slice_mut(s![.., 20..50, ..]).fill(f32::NAN);
    let map = statistic(&p[0], &p[1..], &everything(side), &ChangeParams::default()).unwrap();
    assert!(map.statistic.iter().all(|v| v.is_finite()));
    let mask = Array2::from_shape_fn((side, side), |(_, c)| (50..80).contains(&c));
    let mut found = objects(&map, &mask, 10.0, &ObjectParams::default()).unwrap();
    found.sort_by_key(|o| o.pixels[0]);
    let looks: Vec<_> = found.iter().map(|o| (o.changed.appearance, o.changed.direction)).collect();
    assert_eq!(
        looks,
        [(Appearance::Bright, Direction::Departed), (Appearance::Coloured, Direction::Appeared)]
    );
}

#[expect(clippy::disallowed_methods, reason = "the place of the real data is not the library's business")]
fn real(path: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let root = std::env::var_os("RAILWATCH_REAL_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    Some(root.join(path)).filter(|p| p.exists())
}

/// Share of pairs of a changed and an unchanged pixel that the statistic puts in the right order.
fn auc(statistic: &Array2<f32>, changed: &Array2<bool>, unchanged: &Array2<bool>) -> f64 {
    let pick = |which: &Array2<bool>| -> Vec<f32> {
        statistic.iter().zip(which).filter(|(_, w)| **w).map(|(v, _)| *v).collect()
    };
    let (positive, mut negative) = (pick(changed), pick(unchanged));
    negative.sort_by(f32::total_cmp);
    let below: usize = positive.iter().map(|p| negative.partition_point(|n| n < p)).sum();
    below as f64 / (positive.len() * negative.len()) as f64
}

#[test]
fn labelled_landsat_pair_is_ranked_with_auc_of_099() {
    let Some(folder) = real("landsat_taizhou_labelled") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let picture = |name: &str| {
        Array3::from_shape_vec((6, 400, 400), read(name).iter().map(|v| f32::from(*v)).collect()).unwrap()
    };
    // 8-bit BMP: 1078 bytes of head, rows from the bottom up.
    let label = |name: &str| {
        let bytes = read(name);
        Array2::from_shape_fn((400, 400), |(r, c)| bytes[1078 + (399 - r) * 400 + c] != 0)
    };
    let (before, after) = (picture("2000TM"), picture("2003TM"));
    let (changed, unchanged) = (label("change.bmp"), label("unchanged.bmp"));
    // Whole districts change here; with the trend taken out the ranking is a little worse.
    for (trend_reach_px, least) in [(0, 0.99), (5, 0.9)] {
        let params = ChangeParams { trend_reach_px, ..ChangeParams::default() };
        let map = statistic(&after, std::slice::from_ref(&before), &everything(400), &params).unwrap();
        let reached = auc(&map.statistic, &changed, &unchanged);
        assert!(reached >= least, "AUC {reached} with a trend reach of {trend_reach_px} px");
    }
}

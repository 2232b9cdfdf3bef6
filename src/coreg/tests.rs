//! Laws of the registration: known shifts come back, and what cannot be registered is refused.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const SIDE: usize = 256;

fn normals(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(&mut *rng)).collect()
}

/// Soft spots at random places, known at every fraction of a pixel, seen from `(row, col)` px further on.
fn texture(seed: u64, (row, col): (f64, f64)) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut scene = Array2::from_elem((SIDE, SIDE), 0.2f32);
    let spread = SIDE as f64 / 3.0;
    for spot in normals(&mut rng, 9000).chunks_exact(3) {
        let centre = |v: f64| SIDE as f64 / 2.0 + spread * v;
        let (r0, c0) = (centre(spot[0]) - row, centre(spot[1]) - col);
        for r in (r0 - 8.0).max(0.0) as usize..(r0 + 9.0).clamp(0.0, SIDE as f64) as usize {
            for c in (c0 - 8.0).max(0.0) as usize..(c0 + 9.0).clamp(0.0, SIDE as f64) as usize {
                let distance = (r as f64 - r0).powi(2) + (c as f64 - c0).powi(2);
                scene[(r, c)] += (0.05 * spot[2] * (-distance / 4.5).exp()) as f32;
            }
        }
    }
    scene
}

fn noise(seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((SIDE, SIDE), || {
        let v: f64 = StandardNormal.sample(&mut rng);
        (0.2 + 0.02 * v) as f32
    })
}

fn registered(reference: &Array2<f32>, moving: &Array2<f32>) -> Result<Registration, Error> {
    let ok = Array2::from_elem((SIDE, SIDE), true);
    let prepared = |values| Prepared::new(Side { values, ok: ok.view() });
    register(&prepared(reference.view()), &prepared(moving.view()), &CoregParams::default())
}

#[test]
fn known_shifts_are_recovered_within_a_fiftieth_of_a_pixel() {
    let reference = texture(3, (0.0, 0.0));
    for (row, col) in [(0.0, 0.0), (0.5, -0.25), (-3.37, 2.81), (12.1, 7.7)] {
        let moving = texture(3, (row, col)).mapv(|v| 0.8 * v + 0.05);
        let found = registered(&reference, &moving).unwrap();
        let error = (found.shift_row_px - row).hypot(found.shift_col_px - col);
        assert!(error < 0.02, "({row}, {col}): off by {error} px");
    }
}

#[test]
fn noise_against_noise_is_refused() {
    for seed in 0..4 {
        let result = registered(&noise(2 * seed), &noise(2 * seed + 1));
        assert!(result.is_err(), "seed {seed}: {result:?}");
    }
}

#[test]
fn a_pattern_that_repeats_itself_is_refused() {
    let tile = noise(7);
    let pattern = Array2::from_shape_fn((SIDE, SIDE), |(r, c)| tile[(r % 12, c % 12)]);
    let moved = Array2::from_shape_fn((SIDE, SIDE), |(r, c)| tile[((r + 3) % 12, c % 12)]);
    let own = |seed| noise(seed).mapv(|v| 0.2 * (v - 0.2));
    let result = registered(&(&pattern + &own(8)), &(&moved + &own(9)));
    assert!(matches!(result, Err(Error::Ambiguous { .. })), "{result:?}");
}

#[test]
fn a_constant_scene_is_refused() {
    let flat = Array2::from_elem((SIDE, SIDE), 0.2f32);
    for (reference, moving) in [(&flat, &flat), (&texture(3, (0.0, 0.0)), &flat)] {
        let result = registered(reference, moving);
        assert!(result.is_err(), "{result:?}");
    }
}

/// Noise of its own on both sides must not draw the shift to whole or half pixels (a slope of the interpolation kernel in
/// place of [`matching`]'s differences is off by 0.05 px and more here).
#[test]
fn noise_does_not_pull_the_shift() {
    let noisy = |scene: Array2<f32>, seed| scene + noise(seed);
    let reference = noisy(texture(3, (0.0, 0.0)), 20);
    for (i, (row, col)) in [(0.1, -0.2), (0.37, -0.62), (-7.3, 11.85)].into_iter().enumerate() {
        let moving = noisy(texture(3, (row, col)), 21 + i as u64);
        let found = registered(&reference, &moving).unwrap();
        let error = (found.shift_row_px - row).hypot(found.shift_col_px - col);
        assert!(error < 0.03, "({row}, {col}): off by {error} px, known to {}", found.uncertainty_px);
    }
}

#[test]
fn different_places_are_refused() {
    for seed in 0..4 {
        let result = registered(&texture(30 + seed, (0.0, 0.0)), &texture(40 + seed, (0.0, 0.0)));
        assert!(result.is_err(), "seed {seed}: {result:?}");
    }
}

#[test]
fn texture_in_one_direction_only_is_refused() {
    let stripes = Array2::from_shape_fn((SIDE, SIDE), |(_, c)| (c as f32 * 0.9).sin());
    assert!(registered(&stripes, &stripes).is_err());
}

#[test]
fn masked_pixels_do_not_count() {
    let (reference, mut moving) = (texture(3, (0.0, 0.0)), texture(3, (0.4, -0.3)));
    let all = Array2::from_elem((SIDE, SIDE), true);
    let seen = Array2::from_shape_fn((SIDE, SIDE), |(_, c)| c < 140);
    moving.zip_mut_with(&seen, |v, &seen| *v = if seen { *v } else { f32::NAN });
    let (a, b) =
        (Side { values: reference.view(), ok: all.view() }, Side { values: moving.view(), ok: seen.view() });
    let found = register(&Prepared::new(a), &Prepared::new(b), &CoregParams::default()).unwrap();
    assert!((found.shift_row_px - 0.4).hypot(found.shift_col_px + 0.3) < 0.02, "{found:?}");
}

/// Usable pixels between round clouds of a share of the scene.
fn between_clouds(seed: u64, share: f64) -> Array2<bool> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ok = Array2::from_elem((SIDE, SIDE), true);
    let mut at = || rng.random::<f64>() * SIDE as f64;
    while (ok.iter().filter(|ok| !**ok).count() as f64) < share * ok.len() as f64 {
        let (r0, c0, radius) = (at(), at(), 8.0 + at() / 12.0);
        ok.indexed_iter_mut().for_each(|((r, c), ok)| *ok &= (r as f64 - r0).hypot(c as f64 - c0) > radius);
    }
    ok
}

/// `moving` seen between clouds.
fn registered_between(
    reference: &Array2<f32>,
    moving: &Array2<f32>,
    ok: &Array2<bool>,
) -> Result<Registration, Error> {
    let all = Array2::from_elem((SIDE, SIDE), true);
    let (a, b) =
        (Side { values: reference.view(), ok: all.view() }, Side { values: moving.view(), ok: ok.view() });
    register(&Prepared::new(a), &Prepared::new(b), &CoregParams::default())
}

#[test]
fn windows_that_fit_between_clouds_find_the_shift_where_large_ones_do_not() {
    let (reference, moving) = (texture(3, (0.0, 0.0)), texture(3, (1.4, -0.6)));
    for seed in 0..4 {
        for share in [0.4, 0.6] {
            let found = registered_between(&reference, &moving, &between_clouds(seed, share)).unwrap();
            let error = (found.shift_row_px - 1.4).hypot(found.shift_col_px + 0.6);
            assert!(error < 3.0 * found.uncertainty_px + 0.02, "{seed} {share}: off by {error}, {found:?}");
        }
    }
}

/// Small windows hold little to go by: what does not belong together must not match in them by chance.
#[test]
fn different_places_between_clouds_are_refused_and_the_clouds_are_named() {
    for seed in 0..12 {
        let share = [0.3, 0.5, 0.7, 0.85][seed as usize % 4];
        let ok = between_clouds(100 + seed, share);
        let pairs = [
            (texture(30 + seed, (0.0, 0.0)), texture(50 + seed, (0.0, 0.0))),
            (noise(2 * seed), noise(2 * seed + 1)),
        ];
        for (a, b) in pairs {
            let result = registered_between(&a, &b, &ok);
            assert!(result.is_err(), "{seed}: {result:?}");
            if share > 0.6 {
                let told = result.unwrap_err().to_string();
                assert!(told.contains("of the overlap is hidden"), "{told}");
            }
        }
    }
}

#[test]
fn values_that_are_no_numbers_do_not_count_even_where_they_are_called_usable() {
    let (mut reference, mut moving) = (texture(3, (0.0, 0.0)), texture(3, (0.4, -0.3)));
    for k in 0..40 {
        reference[(5 * k + 7, (37 * k) % SIDE)] = f32::NAN;
        moving[((53 * k) % SIDE, 6 * k)] = f32::INFINITY;
    }
    let found = registered(&reference, &moving).unwrap();
    assert!((found.shift_row_px - 0.4).hypot(found.shift_col_px + 0.3) < 0.02, "{found:?}");
}

#[test]
fn arrays_too_small_to_match_are_refused() {
    for shape in [(0, 0), (1, 1), (1, 4000), (3000, 1), (5, 300)] {
        let values = Array2::from_shape_fn(shape, |(r, c)| ((r * 31 + c * 17) % 23) as f32);
        let ok = Array2::from_elem(shape, true);
        let side = Side { values: values.view(), ok: ok.view() };
        let other = values.mapv(|v| (v * 7.0) % 11.0);
        let moving = Side { values: other.view(), ok: ok.view() };
        let (a, b) = (Prepared::new(side), Prepared::new(moving));
        assert!(register(&a, &b, &CoregParams::default()).is_err(), "{shape:?}");
        // It may find what it likes, but must come back.
        let _ = coarse_shift(side, moving, 50.0);
    }
}

#[test]
fn windows_that_reach_out_are_unseen_and_shapes_must_agree() {
    let scene = texture(3, (0.0, 0.0));
    let ok = Array2::from_elem((SIDE, SIDE), true);
    let side = Side { values: scene.view(), ok: ok.view() };
    let search = Search { start: (0.0, 0.0), radius_px: 2 };
    let params = CoregParams::default();
    for place in [(SIDE - 63, 0), (0, SIDE), (SIDE + 5, 3)] {
        assert_eq!(match_window(side, side, (place.0, place.1, 64), search, &params), Matched::Unseen);
        assert_eq!(match_windows(side, side, (&[place, place], 64), search, &params), [Matched::Unseen; 2]);
        assert_eq!(match_windows(side, side, (&[place; 40], 64), search, &params), [Matched::Unseen; 40]);
    }
    let narrow = Side { values: scene.slice(ndarray::s![.., 1..]), ok: ok.slice(ndarray::s![.., 1..]) };
    assert!(matches!(coarse_shift(side, narrow, 50.0), Err(Error::Shape { .. })));
}

/// Tie points `apart` px from each other, with the shift `of` a place and noise of `noise_px`.
fn laid_out(count: usize, apart: f64, noise_px: f64, of: impl Fn(f64, f64) -> (f64, f64)) -> Vec<TiePoint> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise = normals(&mut rng, 2 * count * count);
    let point = |k: usize| {
        let (row, col) = ((0.5 + (k / count) as f64) * apart, (0.5 + (k % count) as f64) * apart);
        let (r, c) = of(row, col);
        TiePoint {
            row,
            col,
            shift_row_px: r + noise_px * noise[2 * k],
            shift_col_px: c + noise_px * noise[2 * k + 1],
            sigma_px: 0.5 * noise_px,
            correlation: 0.9,
            inner: None,
        }
    };
    (0..count * count).map(point).collect()
}

#[test]
fn what_a_model_leaves_over_is_known_from_noise_and_counted() {
    let area = crate::grid::Window { row: 0, col: 0, height: 384, width: 384 };
    let fitted = |points: &[TiePoint], asked: Option<Model>| {
        let matches = Matches {
            points,
            seen_count: points.len(),
            clear_percent: 100.0,
            overlap: 1.0,
            window_px: 64,
            area,
        };
        field(matches, asked, &CoregParams { largest_uncertainty_px: 1.0, ..CoregParams::default() })
    };
    // 36 points carry a plane and no surface.
    let wave = laid_out(6, 64.0, 0.03, |r, c| {
        (0.6 * (c * std::f64::consts::TAU / 384.0).sin(), 0.4 * (r * std::f64::consts::TAU / 384.0).cos())
    });
    let found = fitted(&wave, None).unwrap();
    assert_ne!(found.field.model(), Model::Field);
    let left = |p: &TiePoint| {
        let (r, c) = found.field.shift_px(p.row, p.col);
        (p.shift_row_px - r).powi(2) + (p.shift_col_px - c).powi(2)
    };
    let error_px = (wave.iter().map(left).sum::<f64>() / wave.len() as f64).sqrt();
    assert!(found.structure_px > 0.8 * error_px, "{} of {error_px}", found.structure_px);
    assert!(found.field_rmse_px > 0.8 * error_px, "{} of {error_px}", found.field_rmse_px);
    // A step is alike along its edge alone.
    let step = laid_out(6, 64.0, 0.03, |_, c| (if c > 192.0 { 0.5 } else { -0.5 }, 0.0));
    let found = fitted(&step, Some(Model::Affine)).unwrap();
    assert!(found.structure_px > 0.8 * found.residual_rmse_px, "{found:?}");
    // Noise alone has no structure, however large.
    for noise_px in [0.03, 0.3] {
        let flat = laid_out(6, 64.0, noise_px, |_, _| (0.4, -0.2));
        assert!(fitted(&flat, None).unwrap().structure_px < 1e-9);
    }
    let refused = fitted(&wave, Some(Model::Field)).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("at least 40") && told.contains("--window-px"), "{told}");
    assert!(refused.asks_for_smaller_windows());
}

/// Points of a small overlap in the corner of a large reference are as good as those of a scene of that size.
#[test]
fn a_field_does_not_depend_on_where_its_area_lies() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let noise = normals(&mut rng, 2 * 144);
    let at = |first: (usize, usize), asked: Option<Model>| {
        let point = |k: usize| {
            let (r, c) = ((k / 12 * 40) as f64 + 30.0, (k % 12 * 40) as f64 + 30.0);
            TiePoint {
                row: first.0 as f64 + r,
                col: first.1 as f64 + c,
                shift_row_px: 0.8 * (r / 90.0).sin() + 0.01 * noise[2 * k],
                shift_col_px: 0.8 * (c / 90.0).cos() + 0.01 * noise[2 * k + 1],
                sigma_px: 0.01,
                correlation: 0.9,
                inner: None,
            }
        };
        let points: Vec<TiePoint> = (0..144).map(point).collect();
        let area = crate::grid::Window { row: first.0, col: first.1, height: 500, width: 500 };
        let matches = Matches {
            points: &points,
            seen_count: 144,
            clear_percent: 100.0,
            overlap: 1.0,
            window_px: 64,
            area,
        };
        field(
            matches,
            asked,
            &CoregParams { largest_rmse_px: 3.0, largest_uncertainty_px: 1.0, ..CoregParams::default() },
        )
        .unwrap()
    };
    for asked in [None, Some(Model::Translation), Some(Model::Affine), Some(Model::Field)] {
        let (here, far) = (at((0, 0), asked), at((10_400, 9_000), asked));
        assert_eq!(here.field.model(), far.field.model());
        for (r, c) in [(30.0, 30.0), (250.0, 310.0), (470.0, 90.0)] {
            let (a, b) = (here.field.shift_px(r, c), far.field.shift_px(10_400.0 + r, 9_000.0 + c));
            assert!((a.0 - b.0).hypot(a.1 - b.1) < 1e-6, "{asked:?}: {a:?} {b:?}");
        }
    }
    assert_eq!(at((10_400, 9_000), None).field.model(), Model::Field);
}

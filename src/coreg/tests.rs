//! Laws of the registration: known shifts come back, and what cannot be registered is refused.

use super::*;
use ndarray::Array2;
use rand::SeedableRng;
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
    let side = |values| Side { values, ok: ok.view() };
    register(side(reference.view()), side(moving.view()), &CoregParams::default())
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
    let found = register(a, b, &CoregParams::default()).unwrap();
    assert!((found.shift_row_px - 0.4).hypot(found.shift_col_px + 0.3) < 0.02, "{found:?}");
}

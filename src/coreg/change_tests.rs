//! Laws of the registration where the ground changes with light, snow and band: a shift that is called good is as good as told.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 256;
/// Fine pixels in a pixel.
const FINE: usize = 4;
/// Fine pixels around the scene.
const PAD: usize = 48;
const MARGIN: usize = 2 * PAD + SIDE * FINE;
/// Shift of all moving scenes, fine pixels.
const MOVED: (usize, usize) = (3, 2);

/// How a scene is seen.
#[derive(Clone, Copy)]
struct Light {
    /// Length of a house's shadow towards the north, fine pixels.
    shadow: usize,
    /// Share of the fields and roofs under snow.
    snow: f64,
    /// Near infrared in place of red.
    infrared: bool,
}

const SUMMER: Light = Light { shadow: 3, snow: 0.0, infrared: true };

/// Fields, woods and houses with their shadows, on fine pixels.
fn village(seed: u64, light: Light) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = move |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
    let mut ground = Array2::from_elem((MARGIN, MARGIN), 0.1_f32);
    let mut shade = Array2::from_elem((MARGIN, MARGIN), 1.0_f32);
    let paint = |to: &mut Array2<f32>, (r, c): (f64, f64), (h, w): (f64, f64), value: f32| {
        let end = |v: f64| v.clamp(0.0, MARGIN as f64) as usize;
        to.slice_mut(ndarray::s![end(r)..end(r + h), end(c)..end(c + w)]).fill(value);
    };
    let extent = MARGIN as f64;
    for _ in 0..700 {
        let (place, size, tone) =
            ((at(-80.0, extent), at(-80.0, extent)), (at(30.0, 120.0), at(30.0, 120.0)), at(0.0, 1.0));
        let (wood, snowy) = (at(0.0, 1.0) < 0.25, at(0.0, 1.0) < light.snow);
        let value = match (wood, snowy, light.infrared) {
            (true, _, true) => 0.2,
            (true, _, false) => 0.03,
            (false, true, _) => 0.7,
            (false, false, true) => 0.45 - 0.22 * tone,
            (false, false, false) => 0.04 + 0.12 * tone,
        };
        paint(&mut ground, place, size, value as f32);
    }
    for _ in 0..900 {
        let ((r, c), (h, w)) = ((at(0.0, extent), at(0.0, extent)), (at(6.0, 24.0), at(6.0, 24.0)));
        let (tone, tall, snowy) = (at(0.0, 1.0), at(0.5, 1.5), at(0.0, 1.0) < light.snow);
        let length = light.shadow as f64 * tall;
        paint(&mut shade, (r - length, c), (length + h, w), 0.3);
        paint(&mut shade, (r, c), (h, w), 1.0);
        paint(&mut ground, (r, c), (h, w), if snowy { 0.65 } else { 0.15 + 0.2 * tone as f32 });
    }
    ground * shade
}

/// What a sensor sees of it, moved by whole fine pixels, with noise.
fn sensed(fine: &Array2<f32>, moved: (usize, usize), seed: u64) -> Array2<f32> {
    let smooth = filter::gaussian(fine, 0.55 * FINE as f64);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_fn((SIDE, SIDE), |(r, c)| {
        let (r, c) = (PAD + r * FINE + moved.0, PAD + c * FINE + moved.1);
        let part = smooth.slice(ndarray::s![r..r + FINE, c..c + FINE]);
        part.sum() / (FINE * FINE) as f32 + 0.006 * (rng.random::<f32>() - 0.5)
    })
}

fn pair(seed: u64, first: Light, second: Light) -> [Array2<f32>; 2] {
    [sensed(&village(seed, first), (0, 0), 1), sensed(&village(seed, second), MOVED, 2)]
}

fn registered([reference, moving]: &[Array2<f32>; 2]) -> Result<Registration, Error> {
    let ok = Array2::from_elem((SIDE, SIDE), true);
    let prepared = |values| Prepared::new(Side { values, ok: ok.view() });
    register(&prepared(reference.view()), &prepared(moving.view()), &CoregParams::default())
}

/// How far off the shift is, px.
fn off_px(found: &Registration) -> f64 {
    let (row, col) = (MOVED.0 as f64 / FINE as f64, MOVED.1 as f64 / FINE as f64);
    (found.shift_row_px - row).hypot(found.shift_col_px - col)
}

#[test]
fn like_light_is_registered_to_a_hundredth_and_told_so() {
    for seed in 1..4 {
        let found = registered(&pair(seed, SUMMER, SUMMER)).unwrap();
        assert!(
            off_px(&found) < 0.01 && found.uncertainty_px < 0.02,
            "{seed}: off {} {found:?}",
            off_px(&found)
        );
    }
}

/// Longer shadows and snow move edges the same way all over the scene.
#[test]
fn shadows_and_snow_are_told_or_refused() {
    let mut good = 0;
    for seed in 1..4 {
        for (shadow, snow) in [(6, 0.0), (12, 0.0), (12, 0.5), (24, 0.5), (12, 1.0), (24, 1.0)] {
            let light = Light { shadow, snow, infrared: true };
            if let Ok(found) = registered(&pair(seed, SUMMER, light)) {
                let off = off_px(&found);
                let told = found.uncertainty_px;
                assert!(
                    off < 3.0 * told + 0.01,
                    "{seed}, shadows {shadow}, snow {snow}: off by {off}, told {told}"
                );
                good += 1;
            }
        }
    }
    assert!(good >= 6, "only {good} of 18 pairs register");
}

/// The edges of both scenes, matched.
fn by_edges([reference, moving]: &[Array2<f32>; 2]) -> Result<Registration, Error> {
    let all = Array2::from_elem((SIDE, SIDE), true);
    let edged = |values: &Array2<f32>| edges(Side { values: values.view(), ok: all.view() });
    let ((a, a_ok), (b, b_ok)) = (edged(reference), edged(moving));
    let (a, b) = (Side { values: a.view(), ok: a_ok.view() }, Side { values: b.view(), ok: b_ok.view() });
    register(&Prepared::new(a), &Prepared::new(b), &CoregParams::default())
}

#[test]
fn edges_register_what_two_bands_see_or_refuse_it() {
    for seed in 1..4 {
        let [red, infrared] = pair(seed, Light { infrared: false, ..SUMMER }, SUMMER);
        if let Ok(found) = by_edges(&[red, infrared.clone()]) {
            let (off, told) = (off_px(&found), found.uncertainty_px);
            assert!(off < 3.0 * told + 0.01, "{seed}: off by {off}, told {told}");
        }
        // Inverted contrast is the same edges.
        let other = sensed(&village(seed, SUMMER), (0, 0), 3).mapv(|v| 1.0 - v);
        let found = by_edges(&[other, infrared]).unwrap();
        assert!(off_px(&found) < 0.02, "{seed}: off by {}", off_px(&found));
    }
}

#[test]
fn turned_scenes_are_told_as_such() {
    let fine = filter::gaussian(&village(5, SUMMER), 0.55 * FINE as f64);
    let reference = sensed(&fine, (0, 0), 1);
    let middle = (PAD + SIDE * FINE / 2) as f64;
    for degrees in [1.0_f64, -2.0, 3.0] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let turned = Array2::from_shape_fn((MARGIN, MARGIN), |(r, c)| {
            let (y, x) = (r as f64 - middle, c as f64 - middle);
            let at = |v: f64| v.round().clamp(0.0, MARGIN as f64 - 1.0) as usize;
            fine[(at(middle + cos * y - sin * x), at(middle + sin * y + cos * x))]
        });
        match registered(&[reference.clone(), sensed(&turned, (0, 0), 2)]) {
            Err(Error::Turned { degrees: told }) => {
                assert!((told + degrees).abs() < 0.3, "{degrees} degrees: told {told}");
            }
            other => assert!(degrees.abs() < 1.5, "{degrees} degrees: {other:?}"),
        }
    }
}

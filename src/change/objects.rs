//! Objects of change inside a mask, held against the objects of the background.

use super::changed::{Changed, Sums, component};
use super::level::excess;
use super::null::{Null, births};
use super::{ChangeMap, Error, ObjectParams};
use ndarray::{Array2, Zip, s};
use serde::{Deserialize, Serialize};

/// How an object looks against the ground before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// Brighter in most bands.
    Bright,
    /// Darker in most bands.
    Dark,
    /// The bands differ more from each other than all from before.
    Coloured,
}

/// Whether an object came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The place differs more from its surroundings than before.
    Appeared,
    /// The place differs less from its surroundings than before.
    Departed,
}

/// A connected change inside the mask.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeObject {
    /// Where it is and how it looks; false objects are expected in the whole mask.
    pub changed: Changed,
    /// Its pixels `(row, col)`, sorted.
    pub pixels: Vec<(usize, usize)>,
    /// Probability of an object at least as strong anywhere in the mask without a change.
    pub p_value: f64,
}

/// Objects inside `mask` `(row, col)`, the surest first.
///
/// The false objects are counted outside the mask (or inside, where too little lies outside, which makes the
/// threshold higher, not lower), with the same rule.
///
/// # Errors
/// [`enum@Error`] when the mask has another shape, a parameter is out of range or nothing is valid.
pub fn objects(
    map: &ChangeMap,
    mask: &Array2<bool>,
    pixel_size_m: f64,
    params: &ObjectParams,
) -> Result<Vec<ChangeObject>, Error> {
    check(map, mask, pixel_size_m, params)?;
    let pixel_km2 = pixel_size_m * pixel_size_m / 1e6;
    let count_min = (params.area_min_m2 / (pixel_size_m * pixel_size_m) - 1e-9).ceil().max(1.0) as usize;
    let finite = map.statistic.mapv(f32::is_finite);
    let inside = mask & &finite;
    let covered = count(&inside);
    if covered == 0 {
        return Ok(Vec::new());
    }
    let excess = excess(map, params);
    let mut background = dilated(mask, params.guard_px).mapv(|m| !m) & &finite;
    if count(&background) < params.background_pixels_min.max(1) {
        background.clone_from(&inside);
    }
    let levels = births(&excess.unshifted, &background, count_min).into_iter().map(|(_, l)| l).collect();
    let null = Null::new(levels, count(&background) as f64 * pixel_km2);
    let threshold = null.threshold(params.false_objects_per_km2);
    let mut free = Zip::from(&inside)
        .and(&excess.plain)
        .map_collect(|inside, plain| *inside && f64::from(*plain) >= threshold);
    let mut found = Vec::new();
    for (seed, level) in births(&excess.unshifted, &inside, count_min) {
        if level < threshold {
            break;
        }
        if !free[seed] {
            continue;
        }
        let mut pixels = component(&mut free, seed, |_| true);
        pixels.sort_unstable();
        let expected = null.per_km2(level) * covered as f64 * pixel_km2;
        let sums = Sums::of(map, &excess.sigma, &pixels, |place| pixels.binary_search(place).is_err());
        found.push(ChangeObject {
            changed: sums.changed(&pixels, pixel_size_m * pixel_size_m, (level, expected)),
            pixels,
            // P(at least one) of a Poisson number of false objects.
            p_value: -(-expected).exp_m1(),
        });
    }
    Ok(found)
}

fn check(
    map: &ChangeMap,
    mask: &Array2<bool>,
    pixel_size_m: f64,
    params: &ObjectParams,
) -> Result<(), Error> {
    if mask.shape() != map.statistic.shape() {
        return Err(Error::Shape {
            what: "the mask",
            found: mask.shape().to_vec(),
            wanted: map.statistic.shape().to_vec(),
        });
    }
    let positive = [
        ("pixel_size_m", pixel_size_m),
        ("false_objects_per_km2", params.false_objects_per_km2),
        ("area_min_m2", params.area_min_m2),
    ];
    match positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
        Some((name, value)) => Err(Error::Parameter { name, allowed: "finite and above 0", value }),
        None => Ok(()),
    }
}

fn count(region: &Array2<bool>) -> usize {
    region.iter().filter(|v| **v).count()
}

/// The region grown by `reach` pixels in rows and columns.
fn dilated(region: &Array2<bool>, reach: usize) -> Array2<bool> {
    let (height, width) = region.dim();
    let along = Array2::from_shape_fn((height, width), |(r, c)| {
        region.slice(s![r, c.saturating_sub(reach)..(c + reach + 1).min(width)]).iter().any(|v| *v)
    });
    Array2::from_shape_fn((height, width), |(r, c)| {
        along.slice(s![r.saturating_sub(reach)..(r + reach + 1).min(height), c]).iter().any(|v| *v)
    })
}

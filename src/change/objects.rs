//! Objects of change inside a mask, held against the objects of the background.

use super::level::{Excess, excess};
use super::null::{Null, births};
use super::outline::outline;
use super::{ChangeMap, Error, ObjectParams};
use crate::stats::median;
use ndarray::{Array2, Array3, s};
use serde::{Deserialize, Serialize};

/// Width of the ring around an object that shows its surroundings, px.
const RING_PX: usize = 3;

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
    /// Its pixels `(row, col)`, sorted.
    pub pixels: Vec<(usize, usize)>,
    /// Closed outer ring in continuous `(row, col)` (pixel centres at whole numbers), counterclockwise on a
    /// north-up map.
    pub outline: Vec<(f64, f64)>,
    /// Area of the pixels, m².
    pub area_m2: f64,
    /// Mean of the change statistic over the pixels.
    pub statistic_mean: f64,
    /// Level at which the object stands out, in multiples of the statistic's local level.
    pub level_ratio: f64,
    /// Mean of target minus expectation of each band, in units of the target.
    pub contrast: Vec<f64>,
    /// How it looks.
    pub appearance: Appearance,
    /// Whether it came or went.
    pub direction: Direction,
    /// Probability of an object at least as strong anywhere in the mask without a change.
    pub p_value: f64,
    /// Expected number of false objects at least as strong in the whole mask.
    pub expected_false_alarms: f64,
    /// Share of false ones among the objects at least as strong.
    pub q_value: f64,
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
    let mut taken = Array2::from_elem(inside.raw_dim(), false);
    let mut found = Vec::new();
    for (seed, level) in births(&excess.unshifted, &inside, count_min) {
        if level < threshold {
            break;
        }
        if taken[seed] {
            continue;
        }
        let grows = |place: (usize, usize)| inside[place] && f64::from(excess.plain[place]) >= threshold;
        let pixels = component(seed, &mut taken, grows);
        let expected = null.per_km2(level) * covered as f64 * pixel_km2;
        found.push(describe(map, &excess, pixels, level).into_object(pixel_size_m, expected));
    }
    let shares = q_values(&found.iter().map(|o: &ChangeObject| o.expected_false_alarms).collect::<Vec<_>>());
    for (object, q_value) in found.iter_mut().zip(shares) {
        object.q_value = q_value;
    }
    Ok(found)
}

/// Smallest share of false objects at which each would be kept, from the numbers of false ones expected at least as strong,
/// the surest object first (Benjamini and Hochberg 1995, 10.1111/j.2517-6161.1995.tb02031.x).
pub(super) fn q_values(expected: &[f64]) -> Vec<f64> {
    // q_k = min over j ≥ k of E[false at or above ℓ_j] / j
    let mut least = 1.0_f64;
    let mut shares: Vec<f64> = expected
        .iter()
        .enumerate()
        .rev()
        .map(|(k, e)| {
            least = least.min(e / (k + 1) as f64);
            least
        })
        .collect();
    shares.reverse();
    shares
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
    if !(pixel_size_m.is_finite() && pixel_size_m > 0.0) {
        let (name, allowed) = ("pixel_size_m", "finite and above 0");
        return Err(Error::Parameter { name, allowed, value: pixel_size_m });
    }
    params.check()
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

/// The 4-connected pixels around a seed for which `grows` holds; marks them as taken.
fn component(
    seed: (usize, usize),
    taken: &mut Array2<bool>,
    grows: impl Fn((usize, usize)) -> bool,
) -> Vec<(usize, usize)> {
    let (height, width) = taken.dim();
    let mut pixels = Vec::new();
    let mut open = vec![seed];
    taken[seed] = true;
    while let Some((row, col)) = open.pop() {
        pixels.push((row, col));
        let neighbours =
            [(row.wrapping_sub(1), col), (row, col.wrapping_sub(1)), (row, col + 1), (row + 1, col)];
        for place in neighbours {
            if place.0 < height && place.1 < width && !taken[place] && grows(place) {
                taken[place] = true;
                open.push(place);
            }
        }
    }
    pixels.sort_unstable();
    pixels
}

/// What an object looks like, before its significance is known.
struct Description {
    pixels: Vec<(usize, usize)>,
    statistic_mean: f64,
    level_ratio: f64,
    contrast: Vec<f64>,
    appearance: Appearance,
    direction: Direction,
}

impl Description {
    fn into_object(self, pixel_size_m: f64, expected_false_alarms: f64) -> ChangeObject {
        ChangeObject {
            outline: outline(&self.pixels),
            area_m2: self.pixels.len() as f64 * pixel_size_m * pixel_size_m,
            pixels: self.pixels,
            statistic_mean: self.statistic_mean,
            level_ratio: self.level_ratio,
            contrast: self.contrast,
            appearance: self.appearance,
            direction: self.direction,
            // P(at least one) of a Poisson number of false objects.
            p_value: -(-expected_false_alarms).exp_m1(),
            expected_false_alarms,
            q_value: 1.0,
        }
    }
}

fn describe(map: &ChangeMap, excess: &Excess, pixels: Vec<(usize, usize)>, level_ratio: f64) -> Description {
    let mean = |values: &Array3<f32>, band: usize| {
        pixels.iter().map(|&(r, c)| f64::from(values[[band, r, c]])).sum::<f64>() / pixels.len() as f64
    };
    let statistic_mean =
        pixels.iter().map(|&p| f64::from(map.statistic[p])).sum::<f64>() / pixels.len() as f64;
    let bands = map.contrast.shape()[0];
    let contrast: Vec<f64> = (0..bands).map(|b| mean(&map.contrast, b)).collect();
    let ring = ring(map, &pixels);
    let [mut before, mut after] = [0.0; 2];
    for (band, change) in contrast.iter().enumerate() {
        let at = |values: &Array3<f32>| {
            median(&mut ring.iter().map(|&(r, c)| f64::from(values[[band, r, c]])).collect::<Vec<_>>())
        };
        let old = mean(&map.expected, band) - at(&map.expected);
        let new = old + change - at(&map.contrast);
        before += (old / excess.sigma[band]).powi(2);
        after += (new / excess.sigma[band]).powi(2);
    }
    // An object without surroundings counts as appeared: NaN compares false.
    let direction = if after < before { Direction::Departed } else { Direction::Appeared };
    Description {
        appearance: appearance(&contrast),
        pixels,
        statistic_mean,
        level_ratio,
        contrast,
        direction,
    }
}

/// Valid pixels around an object that do not belong to it.
fn ring(map: &ChangeMap, pixels: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (height, width) = map.statistic.dim();
    let mut around: Vec<(usize, usize)> = pixels
        .iter()
        .flat_map(|&(r, c)| {
            (r.saturating_sub(RING_PX)..(r + RING_PX + 1).min(height)).flat_map(move |row| {
                (c.saturating_sub(RING_PX)..(c + RING_PX + 1).min(width)).map(move |col| (row, col))
            })
        })
        .filter(|place| map.statistic[*place].is_finite() && pixels.binary_search(place).is_err())
        .collect();
    around.sort_unstable();
    around.dedup();
    around
}

pub(super) fn appearance(contrast: &[f64]) -> Appearance {
    let count = contrast.len() as f64;
    let grey = contrast.iter().sum::<f64>() / count;
    let colour = (contrast.iter().map(|v| (v - grey).powi(2)).sum::<f64>() / count).sqrt();
    if colour > grey.abs() {
        Appearance::Coloured
    } else if grey >= 0.0 {
        Appearance::Bright
    } else {
        Appearance::Dark
    }
}

#[cfg(test)]
mod tests {
    use super::q_values;

    #[test]
    fn a_weaker_object_with_more_company_lifts_the_stronger_ones() {
        let found = q_values(&[0.02, 0.5, 0.3, 9.0]);
        for (q, wanted) in found.iter().zip([0.02, 0.1, 0.1, 1.0]) {
            assert!((q - wanted).abs() < 1e-12, "{found:?}");
        }
        assert!(q_values(&[]).is_empty());
    }
}

//! Objects of change inside a mask, held against the objects of the background.

use super::births::{births, is_wide};
use super::changed::{Changed, Sums, component};
use super::level::excess;
use super::null::{Null, Nulls};
use super::{ChangeMap, Error, ObjectParams};
use ndarray::{Array2, Zip, s};
use serde::{Deserialize, Serialize};

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
    let (count_min, count_wide) = params.counts_px(pixel_size_m * pixel_size_m);
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
    let born = |region: &Array2<bool>| {
        births(&excess.unshifted, region, count_min, |place| is_wide(&excess.plain, place, count_wide))
    };
    let nulls = Nulls::new(&born(&background), count(&background) as f64 * pixel_km2, Null::new);
    let threshold = |is_wide: bool| nulls.threshold(is_wide, params.rate_per_km2());
    let mut free = Zip::from(&inside)
        .and(&excess.plain)
        .map_collect(|inside, plain| *inside && f64::from(*plain) >= threshold(false));
    let mut found = Vec::new();
    // A component is told by the birth that chance makes least often, as in area runs.
    let mut births = born(&inside);
    births.sort_by(|a, b| nulls.per_km2(a).total_cmp(&nulls.per_km2(b)));
    for birth in births {
        if birth.level < threshold(birth.is_wide) || !free[birth.place] {
            continue;
        }
        let mut pixels = component(&mut free, birth.place, |_| true);
        pixels.sort_unstable();
        let expected = nulls.per_km2(&birth) * covered as f64 * pixel_km2;
        let sums = Sums::of(map, &excess.sigma, &pixels, |place| pixels.binary_search(place).is_err());
        found.push(ChangeObject {
            changed: sums.changed(&pixels, pixel_size_m * pixel_size_m, (birth.level, expected)),
            pixels,
            // P(at least one) of a Poisson number of false objects.
            p_value: -(-expected).exp_m1(),
            q_value: 1.0,
        });
    }
    found.sort_by(|a, b| a.changed.expected_false_alarms.total_cmp(&b.changed.expected_false_alarms));
    let shares =
        q_values(&found.iter().map(|o: &ChangeObject| o.changed.expected_false_alarms).collect::<Vec<_>>());
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

//! Strips and pixels as bytes: 16-bit steps of each band's own range, little-endian.
//!
//! Layout: three `u32` (bands, rows, cols), per band an `f32` step, then `i16` values `(band, row, col)`, then a byte a
//! cell `(row, col)`. A value is `stored × step`. The step is a 32 000th of the band's largest absolute value, finer than
//! the 1e-4 in which products store reflectance wherever that is below 3.2. Radar is stored in decibels, in steps of
//! 0.002 dB, because its power spans five orders of magnitude.

use super::Error;
use crate::corridor::{Strip, StripGeometry};
use crate::raster::Validity;
use crate::units::{db_to_power, power_to_db};
use ndarray::{Array2, Array3, ArrayView3, Axis};

/// Steps to either side of zero.
const STEPS: f32 = 32_000.0;

/// Least power that is distinguished, −50 dB.
const LEAST_POWER: f64 = 1e-5;

/// Steps of decibels, the same for all bands.
const STEP_DB: f32 = 0.002;

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::monitor) enum Scale {
    /// The values.
    Linear,
    /// Ten times the logarithm of the values.
    Decibel,
}

impl Scale {
    /// The scale of radar, or of reflectance.
    pub(in crate::monitor) fn of_radar(is_radar: bool) -> Self {
        if is_radar { Self::Decibel } else { Self::Linear }
    }

    pub(in crate::monitor) fn stored(self, v: f32) -> f32 {
        match self {
            Self::Decibel if v.is_finite() => power_to_db(f64::from(v).max(LEAST_POWER)) as f32,
            _ => v,
        }
    }

    fn value(self, stored: f32) -> f32 {
        match self {
            Self::Linear => stored,
            Self::Decibel => db_to_power(f64::from(stored)) as f32,
        }
    }
}

/// Bytes of `values` `(band, row, col)` with a byte a cell.
fn encode(values: &ArrayView3<'_, f32>, cells: impl Iterator<Item = u8>, scale: Scale) -> Vec<u8> {
    let scaled = values.mapv(|v| scale.stored(v));
    let values = &scaled.view();
    let (bands, rows, cols) = values.dim();
    let mut bytes = Vec::with_capacity(12 + 4 * bands + rows * cols * (2 * bands + 1));
    for n in [bands, rows, cols] {
        bytes.extend((n as u32).to_le_bytes());
    }
    let steps: Vec<f32> = values
        .axis_iter(Axis(0))
        .map(|band| match scale {
            Scale::Decibel => STEP_DB,
            Scale::Linear => {
                band.iter().filter(|v| v.is_finite()).fold(1e-6f32, |m, v| m.max(v.abs())) / STEPS
            }
        })
        .collect();
    bytes.extend(steps.iter().flat_map(|s| s.to_le_bytes()));
    for (band, step) in values.axis_iter(Axis(0)).zip(&steps) {
        for v in &band {
            let stored = if v.is_finite() { (v / step).round() as i16 } else { 0 };
            bytes.extend(stored.to_le_bytes());
        }
    }
    bytes.extend(cells);
    bytes
}

/// What [`encode`] wrote.
fn decode(bytes: &[u8], what: &'static str, scale: Scale) -> Result<(Array3<f32>, Array2<u8>), Error> {
    let broken = || Error::Stored { what, reason: "it has another length than its head says".to_owned() };
    let head = |i: usize| {
        let four: [u8; 4] = bytes.get(4 * i..4 * i + 4)?.try_into().ok()?;
        Some(four)
    };
    let count = |i: usize| head(i).map(|b| u32::from_le_bytes(b) as usize).ok_or_else(broken);
    let (bands, rows, cols) = (count(0)?, count(1)?, count(2)?);
    let cells = rows.checked_mul(cols).ok_or_else(broken)?;
    let start = 12 + 4 * bands;
    let end = cells.checked_mul(2 * bands).and_then(|n| n.checked_add(start)).ok_or_else(broken)?;
    if end.checked_add(cells) != Some(bytes.len()) {
        return Err(broken());
    }
    let mut values = Vec::with_capacity(bands * cells);
    for b in 0..bands {
        let step = head(3 + b).map(f32::from_le_bytes).ok_or_else(broken)?;
        let stored = bytes[start + 2 * b * cells..start + 2 * (b + 1) * cells].chunks_exact(2);
        values.extend(stored.map(|two| scale.value(f32::from(i16::from_le_bytes([two[0], two[1]])) * step)));
    }
    let values = Array3::from_shape_vec((bands, rows, cols), values).map_err(|e| stored(what, &e))?;
    let cells = Array2::from_shape_vec((rows, cols), bytes[end..].to_vec()).map_err(|e| stored(what, &e))?;
    Ok((values, cells))
}

fn stored(what: &'static str, reason: &dyn std::fmt::Display) -> Error {
    Error::Stored { what, reason: reason.to_string() }
}

/// Bytes of a strip.
pub(super) fn of_strip(strip: &Strip, scale: Scale) -> Vec<u8> {
    encode(&strip.values.view(), strip.valid.iter().map(|v| u8::from(*v)), scale)
}

/// A strip of its bytes; cells that are not valid are NaN.
pub(super) fn to_strip(bytes: &[u8], geometry: StripGeometry, scale: Scale) -> Result<Strip, Error> {
    let (mut values, cells) = decode(bytes, "a strip", scale)?;
    let valid = cells.mapv(|c| c != 0);
    for mut band in values.axis_iter_mut(Axis(0)) {
        ndarray::Zip::from(&mut band).and(&valid).for_each(|v, ok| {
            if !ok {
                *v = f32::NAN;
            }
        });
    }
    Ok(Strip { values, valid, geometry })
}

/// A strip as it comes back from the state: so that a scene gives the same result on the day it is read and later.
pub(in crate::monitor) fn stored_strip(strip: &Strip, scale: Scale) -> Result<Strip, Error> {
    to_strip(&of_strip(strip, scale), strip.geometry, scale)
}

/// Bytes of a raster's values and validity.
pub(super) fn of_pixels(values: &ArrayView3<'_, f32>, validity: &Array2<Validity>, scale: Scale) -> Vec<u8> {
    encode(values, validity.iter().map(Validity::bits), scale)
}

/// What [`of_pixels`] wrote.
pub(super) fn to_pixels(bytes: &[u8], scale: Scale) -> Result<(Array3<f32>, Array2<Validity>), Error> {
    let (values, cells) = decode(bytes, "the reference's pixels", scale)?;
    Ok((values, cells.mapv(Validity::from_bits_truncate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_head_whose_size_overflows_is_refused() {
        // 2 · rows · cols fits into 64 bits, with another byte a cell it does not.
        let bytes: Vec<u8> =
            [1, 2_500_000_000_u32, 2_500_000_000].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert!(to_pixels(&bytes, Scale::Linear).is_err());
    }

    proptest! {
        #[test]
        fn strips_come_back_within_a_step(values in proptest::collection::vec(-2.0f32..2.0, 12), hole in 0usize..6) {
            let geometry = StripGeometry::for_pixel_m(10.0);
            let mut valid = Array2::from_elem((2, 3), true);
            valid[(hole / 3, hole % 3)] = false;
            let values = Array3::from_shape_vec((2, 2, 3), values).unwrap();
            let strip = Strip { values, valid, geometry };
            let back = to_strip(&of_strip(&strip, Scale::Linear), geometry, Scale::Linear).unwrap();
            prop_assert_eq!(&back.valid, &strip.valid);
            for ((b, s, t), v) in back.values.indexed_iter() {
                let near = (v - strip.values[(b, s, t)]).abs() <= 2.0 / STEPS;
                let kept = if strip.valid[(s, t)] { near } else { v.is_nan() };
                prop_assert!(kept);
            }
            // What was read back is stored as the same bytes: nothing drifts.
            let once = of_strip(&back, Scale::Linear);
            prop_assert_eq!(&of_strip(&to_strip(&once, geometry, Scale::Linear).unwrap(), Scale::Linear), &once);
        }

        #[test]
        fn radar_comes_back_within_a_step_of_decibels(db in proptest::collection::vec(-49.0f64..30.0, 6)) {
            let geometry = StripGeometry::for_pixel_m(10.0);
            let power = db.iter().map(|db| db_to_power(*db) as f32).collect();
            let values = Array3::from_shape_vec((1, 2, 3), power).unwrap();
            let strip = Strip { values, valid: Array2::from_elem((2, 3), true), geometry };
            let back = stored_strip(&strip, Scale::Decibel).unwrap();
            for (v, db) in back.values.iter().zip(&db) {
                prop_assert!((power_to_db(f64::from(*v)) - db).abs() < 0.0011);
            }
            prop_assert_eq!(&stored_strip(&back, Scale::Decibel).unwrap().values, &back.values);
        }

        #[test]
        fn broken_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let whole = to_pixels(&bytes, Scale::Linear).is_ok_and(|(values, _)| !values.is_empty());
            prop_assert!(!whole || bytes.len() >= 15);
        }
    }
}

//! How stored numbers become reflectance, and whether two scenes agree about it.
//!
//! From processing baseline 04.00 on Sentinel-2 stores reflectance · 10⁴ + 1000. The sensing date is no
//! test, for old dates were processed again, so the rule comes from the product's own documents and is
//! then checked on pixels ([`verify_offset`]).

use super::{Error, names, sample};
use crate::scene::{PICTURE_SCALE, REFLECTANCE_SCALE, Scaling};
use crate::stats::median;
use gdal::Dataset;
use gdal::Metadata;
use gdal::raster::GdalDataType;

/// Stored units that baseline 04.00 added.
pub(super) const OFFSET_DN: f64 = -1000.0;
/// First baseline with the offset.
const FIRST_BASELINE_WITH_OFFSET: f64 = 4.0;
/// How far, in stored units, a difference may lie from 1000 and still be taken for the offset.
const OFFSET_TOLERANCE_DN: f64 = 350.0;
/// Corrected dark values below this are no reflectance, stored units: shadows and water come out as −0.02 at the lowest, and without
/// what is taken off they lie near −0.1.
const IMPOSSIBLY_DARK_DN: f64 = -300.0;

/// Share of a sampled window that is enough for a median.
const ENOUGH: f64 = 0.25;
/// Largest median of a scene in per cent; as ten thousandths it would be 0.007, darker than any land.
const PER_CENT_MAX: f64 = 70.0;

/// What the dark ends of two scenes say about their offsets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OffsetCheck {
    /// Nothing speaks against the offsets in use.
    Agrees,
    /// The scenes differ by about 1000 stored units: one of the offsets is probably wrong.
    Disagrees {
        /// Corrected dark value of the first minus that of the second, stored units.
        difference_dn: f64,
    },
    /// Under the offsets in use dark pixels would reflect less than nothing: the numbers do not have what is taken off.
    BelowZero {
        /// Reflectance of the dark pixels of the first and of the second scene; `None` where it is possible.
        reflectances: [Option<f64>; 2],
    },
}

/// Compares low percentiles (say the 2nd) of two scenes, one value a shared band in stored units
/// before the offset, under the offsets that `scalings` would apply.
///
/// Haze and snow raise the dark end of one band more than another; a wrong offset raises all alike,
/// so the bands must agree about the difference. A scene whose dark end is far below zero is told whatever the other
/// shows. Scenes in other units than 1e-4 always agree.
#[must_use]
pub fn verify_offset(low_a: &[f64], low_b: &[f64], scalings: [&Scaling; 2]) -> OffsetCheck {
    let [a, b] = scalings;
    if (a.scale - REFLECTANCE_SCALE).abs() > 1e-9 || (b.scale - REFLECTANCE_SCALE).abs() > 1e-9 {
        return OffsetCheck::Agrees;
    }
    let dark = |low: &[f64], offset: f64| {
        let mut corrected: Vec<f64> = low.iter().filter(|v| v.is_finite()).map(|v| v + offset).collect();
        let dark = median(&mut corrected);
        (dark < IMPOSSIBLY_DARK_DN).then_some(dark * REFLECTANCE_SCALE)
    };
    let reflectances = [dark(low_a, a.offset), dark(low_b, b.offset)];
    if reflectances.iter().any(Option::is_some) {
        return OffsetCheck::BelowZero { reflectances };
    }
    let mut differences: Vec<f64> = low_a
        .iter()
        .zip(low_b)
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(x, y)| (x + a.offset) - (y + b.offset))
        .collect();
    if differences.is_empty() {
        return OffsetCheck::Agrees;
    }
    let spread = differences.iter().copied().fold(f64::MIN, f64::max)
        - differences.iter().copied().fold(f64::MAX, f64::min);
    let difference_dn = median(&mut differences);
    let alike = (difference_dn.abs() + OFFSET_DN).abs() < OFFSET_TOLERANCE_DN && spread < OFFSET_TOLERANCE_DN;
    if alike { OffsetCheck::Disagrees { difference_dn } } else { OffsetCheck::Agrees }
}

/// Offset of a processing baseline, stored units.
pub(super) fn offset_of_baseline(baseline: f64) -> f64 {
    if baseline >= FIRST_BASELINE_WITH_OFFSET { OFFSET_DN } else { 0.0 }
}

/// Scaling of a plain raster from its own metadata, its product name, else from its type and values.
pub(super) fn of_raster(dataset: &Dataset, path: &str, first_band: usize) -> Result<Scaling, Error> {
    let band = dataset.rasterband(first_band).map_err(|e| Error::read(path, e))?;
    let (scale, offset) = (band.scale().unwrap_or(1.0), band.offset().unwrap_or(0.0));
    if scale.is_finite() && scale > 0.0 && (scale.to_bits() != 1.0_f64.to_bits() || offset != 0.0) {
        let rule = format!("scale {scale} and offset {offset} of the file's band metadata");
        return Ok(Scaling { offset: offset / scale, scale, rule });
    }
    let (scale, why) = match band.band_type() {
        GdalDataType::UInt8 => (PICTURE_SCALE, "8-bit numbers: 1/255, which is no reflectance".to_owned()),
        kind if kind.is_integer() => (REFLECTANCE_SCALE, format!("{} numbers: 1e-4", kind.name())),
        _ => {
            let level = sampled_median(dataset, path, first_band)?;
            if level.abs() <= 2.0 || !level.is_finite() {
                return Ok(Scaling {
                    offset: 0.0,
                    scale: 1.0,
                    rule: "floating point numbers up to about 1: taken as they are".to_owned(),
                });
            }
            if level.abs() <= PER_CENT_MAX {
                let rule = format!("floating point numbers about {level:.0}: per cent");
                return Ok(Scaling { offset: 0.0, scale: 0.01, rule });
            }
            (REFLECTANCE_SCALE, format!("floating point numbers about {level:.0}: 1e-4"))
        }
    };
    let (offset, rule) = offset_of_metadata(dataset, path);
    Ok(Scaling { offset, scale, rule: format!("{why}; {rule}") })
}

/// Offset by the file's tags or product name, stored units, and the rule in words.
fn offset_of_metadata(dataset: &Dataset, path: &str) -> (f64, String) {
    let tag = |keys: &[&str]| keys.iter().find_map(|k| dataset.metadata_item(k, ""));
    if let Some(v) = tag(&["BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"]).and_then(|t| t.trim().parse::<f64>().ok()) {
        return (v, format!("offset {v} of the file's tag"));
    }
    let tagged = tag(&["PROCESSING_BASELINE", "processing_baseline", "s2:processing_baseline"])
        .and_then(|t| t.trim().parse::<f64>().ok());
    let applied = tag(&["BOA_OFFSET_APPLIED", "earthsearch:boa_offset_applied"])
        .is_some_and(|t| matches!(t.to_ascii_lowercase().as_str(), "1" | "true" | "yes"));
    if applied {
        return (0.0, "offset already applied, by the file's tag".to_owned());
    }
    let named = path.rsplit('/').find_map(names::baseline_of_name);
    match (tagged, named) {
        (Some(b), _) => (offset_of_baseline(b), format!("processing baseline {b:05.2} of the file's tag")),
        (_, Some(b)) => (offset_of_baseline(b), format!("processing baseline {b:05.2} of the name")),
        _ => (0.0, "processing baseline unknown: offset 0".to_owned()),
    }
}

/// Median of the smallest overview, else of small windows until enough numbers are found; the file is
/// never read as a whole.
fn sampled_median(dataset: &Dataset, path: &str, band_index: usize) -> Result<f64, Error> {
    let failed = |e: gdal::errors::GdalError| Error::read(path, e);
    let band = dataset.rasterband(band_index).map_err(failed)?;
    let no_data = band.no_data_value();
    let levels = band.overview_count().unwrap_or(0);
    let source = if levels > 0 { band.overview(levels as usize - 1).map_err(failed)? } else { band };
    let mut sample = sample::numbers(&source, path, no_data, ENOUGH)?;
    Ok(if sample.is_empty() { f64::NAN } else { median(&mut sample) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(offset: f64) -> Scaling {
        Scaling { offset, scale: REFLECTANCE_SCALE, rule: String::new() }
    }

    #[test]
    fn offsets_are_checked_on_dark_pixels() {
        let (old, new) = ([310.0, 420.0, 250.0], [1290.0, 1400.0, 1270.0]);
        let right = verify_offset(&old, &new, [&scaling(0.0), &scaling(-1000.0)]);
        assert_eq!(right, OffsetCheck::Agrees);
        let forgotten = verify_offset(&old, &new, [&scaling(0.0), &scaling(0.0)]);
        assert!(matches!(forgotten, OffsetCheck::Disagrees { difference_dn } if difference_dn < -900.0));
        let twice = verify_offset(&old, &old, [&scaling(0.0), &scaling(-1000.0)]);
        assert!(
            matches!(twice, OffsetCheck::BelowZero { reflectances: [None, Some(r)] } if (r + 0.069).abs() < 1e-9)
        );
        let both_twice = verify_offset(&old, &old, [&scaling(-1000.0), &scaling(-1000.0)]);
        assert!(matches!(both_twice, OffsetCheck::BelowZero { reflectances: [Some(_), Some(_)] }));
        let haze = verify_offset(&old, &[1900.0, 1500.0, 900.0], [&scaling(0.0), &scaling(0.0)]);
        assert_eq!(haze, OffsetCheck::Agrees);
        assert_eq!(verify_offset(&[], &[], [&scaling(0.0), &scaling(0.0)]), OffsetCheck::Agrees);
    }
}

//! Linear power or decibels: what is said, verified on the values.

use super::super::{Error, library, sample};
use crate::scene::{Source, Storage};
use gdal::raster::GdalDataType;

/// At and below this, nothing was recorded whatever the unit.
const FILL: f64 = -9000.0;
/// Fewest numbers for a verdict.
const NEEDED: usize = 16;

/// What the numbers themselves look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resembles {
    Linear,
    Decibel,
    Amplitude,
    Neither,
    TooFew,
}

/// How power is stored in a band, and the words for the provenance.
///
/// # Errors
/// [`Error::Metadata`] when what is said and what the values show contradict each other.
pub(super) fn storage(source: &Source, said_db: Option<bool>) -> Result<(Storage, String), Error> {
    let path = source.gdal_path.as_str();
    let dataset = library::open_raster(path)?;
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let unsigned = matches!(band.band_type(), GdalDataType::UInt16 | GdalDataType::UInt32);
    // All windows: their numbers are held against each other.
    let mut sample = sample::numbers(&band, path, band.no_data_value(), f64::INFINITY)?;
    sample.retain(|v| *v > FILL);
    let bad = |reason: String| Error::Metadata { path: path.to_owned(), reason };
    match (resembles(&sample, unsigned), said_db) {
        (Resembles::Decibel, Some(false)) => Err(bad(
            "it is said to hold linear power, but its numbers are decibels; correct the name or tag".to_owned(),
        )),
        (Resembles::Linear | Resembles::Amplitude, Some(true)) => Err(bad(
            "it is said to hold decibels, but its numbers are linear power; correct the name or tag, or convert it".to_owned(),
        )),
        (Resembles::Neither, _) => {
            let (low, high) = sample.iter().fold((f64::MAX, f64::MIN), |b, &v| (b.0.min(v), b.1.max(v)));
            Err(bad(format!(
                "its numbers ({low:.3} to {high:.3}) are neither linear power nor decibels of backscatter; give a \
                 calibrated product"
            )))
        }
        (Resembles::Decibel, stated) => Ok((Storage::Decibel, rule("decibels", stated))),
        (Resembles::Linear, stated) => Ok((Storage::Linear, rule("linear power", stated))),
        (Resembles::Amplitude, _) => {
            Ok((Storage::Amplitude, "digital numbers, squared; not calibrated".to_owned()))
        }
        (Resembles::TooFew, Some(true)) => Ok((Storage::Decibel, "decibels by name or tag, not verified: no data".to_owned())),
        (Resembles::TooFew, _) => {
            Ok((Storage::Linear, "taken as linear power; the sampled windows hold no data".to_owned()))
        }
    }
}

fn rule(what: &str, stated: Option<bool>) -> String {
    match stated {
        Some(_) => format!("{what} by name or tag, verified on the values"),
        None => format!("{what} by the values alone"),
    }
}

/// Backscatter of land lies between −30 and +10 dB: as decibels it is mostly negative and rarely between 0 and 0.5,
/// as power it is never clearly negative and mostly below 1.
fn resembles(sample: &[f64], unsigned: bool) -> Resembles {
    if sample.len() < NEEDED {
        return Resembles::TooFew;
    }
    let share =
        |test: &dyn Fn(f64) -> bool| sample.iter().filter(|v| test(**v)).count() as f64 / sample.len() as f64;
    if unsigned {
        return Resembles::Amplitude;
    }
    let negative = share(&|v| v < -0.05);
    if negative > 0.5 && share(&|v| (-70.0..=40.0).contains(&v)) > 0.99 {
        Resembles::Decibel
    } else if negative < 0.01 && share(&|v| v < 10.0) > 0.95 {
        Resembles::Linear
    } else {
        Resembles::Neither
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_power_are_told_apart_by_their_values() {
        let land_db: Vec<f64> = (0..100).map(|i| -22.0 + 0.25 * f64::from(i)).collect();
        let land: Vec<f64> = land_db.iter().map(|v| 10f64.powf(v / 10.0)).collect();
        assert_eq!(resembles(&land_db, false), Resembles::Decibel);
        assert_eq!(resembles(&land, false), Resembles::Linear);
        // Noise removal leaves small negative power.
        let mut denoised = land;
        denoised.extend([-0.002, -0.001]);
        assert_eq!(resembles(&denoised, false), Resembles::Linear);
        let reflectance: Vec<f64> = (0..100).map(|i| 300.0 + 20.0 * f64::from(i)).collect();
        assert_eq!(resembles(&reflectance, false), Resembles::Neither);
        assert_eq!(resembles(&reflectance, true), Resembles::Amplitude);
        assert_eq!(resembles(&[0.1; 3], false), Resembles::TooFew);
    }
}

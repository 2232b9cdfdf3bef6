//! What makes two radar scenes comparable, and how their stored numbers become power.
//!
//! Reference: Sentinel-1 Product Specification, issue 3.9, ESA 2021.

use super::ElevationModel;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Time of day within which two passes over one place belong to the same relative orbit, seconds. Neighbouring
/// orbits of Sentinel-1 see a place about eight minutes apart.
const SAME_PASS_S: i64 = 180;
/// Repeat of one satellite's ground track, days.
const REPEAT_DAYS: i64 = 12;
const DAY_S: i64 = 86_400;
/// Orbits in one repeat.
const ORBITS_PER_REPEAT: i64 = 175;
/// Last orbit of Sentinel-1C with products before it was moved in June 2026.
const S1C_LAST_BEFORE_MANOEUVRE: u32 = 8018;

/// Direction in which the satellite crosses the equator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// Northwards.
    Ascending,
    /// Southwards.
    Descending,
}

impl std::fmt::Display for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        })
    }
}

/// What the power is normalised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backscatter {
    /// Ground area.
    Sigma0,
    /// Area seen from the sensor, of the terrain (radiometric terrain correction) or of the ellipsoid.
    Gamma0,
    /// Not calibrated: squared digital numbers.
    Uncalibrated,
    /// Nothing states which.
    Unknown,
}

impl std::fmt::Display for Backscatter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sigma0 => "sigma0",
            Self::Gamma0 => "gamma0",
            Self::Uncalibrated => "uncalibrated power",
            Self::Unknown => "backscatter of unknown kind",
        })
    }
}

/// How power is stored in the files.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// Linear power on a map grid.
    Linear,
    /// Decibels on a map grid.
    Decibel,
    /// Digital numbers whose square is proportional to power, on a map grid.
    Amplitude,
    /// Digital numbers in ground range, laid on the map when they are read.
    GroundRange(Box<GroundRange>),
}

/// A ground-range image and where its pixels lie.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundRange {
    /// Rows (azimuth) and columns (range) of the image.
    pub shape: (usize, usize),
    /// Ground control points.
    pub points: Vec<ControlPoint>,
    /// Annotation files in the order of the bands; empty where there is none.
    pub annotations: Vec<Annotation>,
    /// The ground's height; between the points theirs where there is none.
    pub dem: Option<ElevationModel>,
}

/// One ground control point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlPoint {
    /// Image row of the pixel centre.
    pub row: f64,
    /// Image column of the pixel centre.
    pub col: f64,
    /// Longitude, degrees.
    pub lon_deg: f64,
    /// Latitude, degrees.
    pub lat_deg: f64,
    /// Height as the product states it, metres: above the sea in the products that were looked into.
    pub height_m: f64,
    /// Angle between the line of sight and the ellipsoid's vertical, degrees, where the product states it.
    pub incidence_deg: Option<f64>,
}

/// Where a band's calibration is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotation {
    /// Calibration vectors (XML).
    pub calibration: Option<String>,
    /// Thermal noise vectors (XML).
    pub noise: Option<String>,
}

/// The radar side of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Radar {
    /// Instrument mode: `IW`, `EW`, `SM`.
    pub mode: Option<String>,
    /// Direction of flight.
    pub pass: Option<Pass>,
    /// Relative orbit, 1…175.
    pub relative_orbit: Option<u16>,
    /// What the power is normalised by.
    pub backscatter: Backscatter,
    /// How it is stored.
    pub storage: Storage,
}

impl Radar {
    /// Why two acquisitions must not be compared, in words; `None` when they see the ground alike.
    ///
    /// Relative orbits decide. Where one is unknown the time of day does (an orbit repeats at the same second), and
    /// where only dates are known a distance of whole repeats of 12 days.
    #[must_use]
    pub fn unlike(&self, at: Option<Timestamp>, other: &Self, other_at: Option<Timestamp>) -> Option<String> {
        if let (Some(a), Some(b)) = (&self.mode, &other.mode)
            && a != b
        {
            return Some(format!("its mode is {a}, not {b}"));
        }
        if let (Some(a), Some(b)) = (self.pass, other.pass)
            && a != b
        {
            return Some(format!("its pass is {a}, not {b}"));
        }
        if self.backscatter != other.backscatter {
            return Some(format!("it holds {}, not {}", self.backscatter, other.backscatter));
        }
        match (self.relative_orbit, other.relative_orbit) {
            (Some(a), Some(b)) if a == b => None,
            (Some(a), Some(b)) => Some(format!("its relative orbit is {a}, not {b}")),
            _ => orbit_by_time(at, other_at),
        }
    }
}

/// [`Radar::unlike`] by the clock.
fn orbit_by_time(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<String> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some("its relative orbit and time are unknown".to_owned());
    };
    let (a, b) = (a.as_second(), b.as_second());
    let only_date = |t: i64| t.rem_euclid(DAY_S) == 0;
    if only_date(a) || only_date(b) {
        let days = (a.div_euclid(DAY_S) - b.div_euclid(DAY_S)).abs();
        return (days % REPEAT_DAYS != 0).then(|| {
            format!(
                "only its date is known and lies {days} days away, no multiple of the {REPEAT_DAYS} days after which an \
                 orbit repeats"
            )
        });
    }
    let apart_s = (a - b).rem_euclid(DAY_S);
    let apart_s = apart_s.min(DAY_S - apart_s);
    (apart_s > SAME_PASS_S).then(|| {
        format!("it passed {:.0} min off the time of day, on another relative orbit", apart_s as f64 / 60.0)
    })
}

/// The relative orbit of an absolute one; `None` for a satellite whose count is not known here.
///
/// (absolute − first) mod 175 + 1, with `first` 73 for Sentinel-1A, 27 for B, 42 for D, and for C 172 up to orbit 8018
/// and 99 after its manoeuvre of June 2026. A–C: Sentinel-1 SAR naming convention, `SentiWiki`
/// (<https://sentiwiki.copernicus.eu/web/s1-products>). D and the manoeuvre of C are not in it yet; they follow the
/// products, as `isce-framework/isce2` does (pull requests 28123 and 28130).
#[must_use]
pub fn relative_orbit(platform: &str, absolute: u32) -> Option<u16> {
    let first = match platform {
        "Sentinel-1A" => 73,
        "Sentinel-1B" => 27,
        "Sentinel-1C" if absolute <= S1C_LAST_BEFORE_MANOEUVRE => 172,
        "Sentinel-1C" => 99,
        "Sentinel-1D" => 42,
        _ => return None,
    };
    u16::try_from((i64::from(absolute) - first).rem_euclid(ORBITS_PER_REPEAT) + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn radar(relative_orbit: Option<u16>) -> Radar {
        Radar {
            mode: Some("IW".into()),
            pass: None,
            relative_orbit,
            backscatter: Backscatter::Gamma0,
            storage: Storage::Linear,
        }
    }

    fn at(text: &str) -> Option<Timestamp> {
        text.parse().ok()
    }

    #[test]
    fn only_like_passes_are_alike() {
        let (a, b) = (radar(Some(137)), radar(Some(64)));
        assert_eq!(a.unlike(None, &a, None), None);
        assert!(a.unlike(None, &b, None).unwrap().contains("relative orbit is 137, not 64"));
        let descending = Radar { pass: Some(Pass::Descending), ..a.clone() };
        let ascending = Radar { pass: Some(Pass::Ascending), ..a.clone() };
        assert!(ascending.unlike(None, &descending, None).unwrap().contains("ascending, not descending"));
        let sigma = Radar { backscatter: Backscatter::Sigma0, ..a.clone() };
        assert!(a.unlike(None, &sigma, None).unwrap().contains("gamma0, not sigma0"));
        let wide = Radar { mode: Some("EW".into()), ..a.clone() };
        assert!(wide.unlike(None, &a, None).is_some());
    }

    #[test]
    fn the_clock_tells_the_orbit_where_nothing_else_does() {
        let r = radar(None);
        let like = |a, b| r.unlike(at(a), &r, at(b)).is_none();
        assert!(like("2017-08-01T17:32:36Z", "2017-08-07T17:32:10Z"));
        assert!(!like("2017-08-01T17:32:36Z", "2017-08-06T17:40:43Z"));
        assert!(like("2017-08-01T23:59:50Z", "2017-08-14T00:00:20Z"));
        assert!(like("2023-04-03T00:00:00Z", "2023-04-15T00:00:00Z"));
        assert!(!like("2023-04-03T00:00:00Z", "2023-04-05T00:00:00Z"));
        assert!(r.unlike(None, &r, None).is_some());
    }

    #[test]
    fn relative_orbits_follow_the_products() {
        // Absolute orbits in names of products whose manifests or bursts state the relative one.
        for (platform, absolute, relative) in [
            ("Sentinel-1A", 4739, 117),
            ("Sentinel-1B", 30_148, 22),
            ("Sentinel-1C", 1681, 110),
            ("Sentinel-1C", 8018, 147),
            ("Sentinel-1C", 8019, 46),
            ("Sentinel-1D", 2389, 73),
        ] {
            assert_eq!(relative_orbit(platform, absolute), Some(relative), "{platform} {absolute}");
        }
        assert_eq!(relative_orbit("Sentinel-2A", 1), None);
    }
}

//! Where the sun stands, and the shadow that wagons throw.
//!
//! Position: Michalsky 1988, 10.1016/0038-092X(88)90045-X, the Astronomical Almanac's low-precision formulas, good to 0.01° before
//! refraction. Shadow: a box of height `h` on flat ground darkens what its base sweeps along the direction away from the sun.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Direction to the sun.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sun {
    /// Clockwise from north, degrees.
    pub azimuth_deg: f64,
    /// Above the horizon, degrees.
    pub elevation_deg: f64,
}

/// Where nothing is known of place and time: late autumn at 42° north, in the morning pass of Sentinel-2.
pub(super) const USUAL_SUN: Sun = Sun { azimuth_deg: 157.0, elevation_deg: 33.0 };
/// A lower sun throws shadows without end; nobody images then.
const LOWEST_DEG: f64 = 5.0;

impl Sun {
    /// The sun at a time over a place in degrees of longitude and latitude.
    #[must_use]
    pub fn at(time: Timestamp, (longitude_deg, latitude_deg): (f64, f64)) -> Self {
        // n = JD − 2451545.0, days since 2000-01-01T12:00Z.
        let n = (time.as_millisecond() as f64 / 1000.0 - 946_728_000.0) / 86_400.0;
        let mean_longitude_deg = 280.460 + 0.985_647_4 * n;
        let anomaly = (357.528 + 0.985_600_3 * n).to_radians();
        // λ = L + 1.915° sin g + 0.020° sin 2g
        let lambda =
            (mean_longitude_deg + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
        let obliquity = (23.439 - 4e-7 * n).to_radians();
        let ascension = (obliquity.cos() * lambda.sin()).atan2(lambda.cos());
        let declination = (obliquity.sin() * lambda.sin()).asin();
        // Greenwich mean sidereal time in degrees, then the hour angle.
        let sidereal_deg = 280.460_618_37 + 360.985_647_366_29 * n;
        let hour = (sidereal_deg + longitude_deg).to_radians() - ascension;
        let latitude = latitude_deg.to_radians();
        // sin e = sin δ sin φ + cos δ cos φ cos H
        let sine = declination.sin() * latitude.sin() + declination.cos() * latitude.cos() * hour.cos();
        let east = -declination.cos() * hour.sin();
        let north = declination.sin() * latitude.cos() - declination.cos() * latitude.sin() * hour.cos();
        Self {
            azimuth_deg: east.atan2(north).to_degrees().rem_euclid(360.0),
            elevation_deg: sine.clamp(-1.0, 1.0).asin().to_degrees(),
        }
    }

    /// Where the shadow of a point `height_m` above the ground falls, metres (east, north).
    pub(super) fn shadow_m(self, height_m: f64) -> (f64, f64) {
        // d = −h cot e (sin A, cos A)
        let reach_m = height_m / self.elevation_deg.max(LOWEST_DEG).to_radians().tan();
        let azimuth = self.azimuth_deg.to_radians();
        (-reach_m * azimuth.sin(), -reach_m * azimuth.cos())
    }
}

/// A rectangle in the track frame: chainages and offsets, metres.
pub(super) type Rectangle = ((f64, f64), (f64, f64));

/// Whether a box on `base` whose top throws its shadow by `d` (along, across) darkens the ground at `p` outside it.
pub(super) fn is_shaded(p: (f64, f64), base: Rectangle, d: (f64, f64)) -> bool {
    // Some k in 0…1 with p − k d in the base.
    let mut range = (0.0, 1.0);
    for (p, (low, high), d) in [(p.0, base.0, d.0), (p.1, base.1, d.1)] {
        if d.abs() < 1e-9 {
            if p < low || p > high {
                return false;
            }
            continue;
        }
        let (a, b) = ((p - high) / d, (p - low) / d);
        range = (f64::max(range.0, a.min(b)), f64::min(range.1, a.max(b)));
    }
    range.0 <= range.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_stands_where_sentinel_2_metadata_says() {
        // Mean angles and times of three real products over the middle of their tiles (azimuth, 90° − zenith); the
        // mean over a tile of 110 km and a sensing time of another corner differ by up to half a degree.
        for (time, place, azimuth, elevation) in [
            ("2022-04-13T15:08:08Z", (17.73, 79.66), 246.54, 13.47),
            ("2023-06-25T23:47:56Z", (179.77, 66.19), 174.71, 47.11),
            ("2018-01-01T10:54:35Z", (2.45, 42.85), 166.33, 22.96),
        ] {
            let sun = Sun::at(time.parse().unwrap(), place);
            assert!((sun.azimuth_deg - azimuth).abs() < 1.2, "{sun:?} {azimuth}");
            assert!((sun.elevation_deg - elevation).abs() < 0.6, "{sun:?} {elevation}");
        }
    }

    #[test]
    fn a_box_shades_what_lies_away_from_the_sun() {
        let south = Sun { azimuth_deg: 180.0, elevation_deg: 45.0 };
        let (east, north) = south.shadow_m(4.0);
        assert!(east.abs() < 1e-9 && (north - 4.0).abs() < 1e-9);
        let base = ((0.0, 10.0), (-1.5, 1.5));
        assert!(is_shaded((5.0, 5.0), base, (0.0, 4.0)) && !is_shaded((5.0, 6.0), base, (0.0, 4.0)));
        assert!(!is_shaded((5.0, -2.0), base, (0.0, 4.0)) && is_shaded((12.0, 3.0), base, (4.0, 4.0)));
    }
}

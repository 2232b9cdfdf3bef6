//! Motion of the trains found, where their scene shows it.

use super::origin::satellite_of;
use super::{Error, Plan};
use crate::detect::{ShownOn, TrackDetection, TrackStrips};
use crate::grid::Crs;
use crate::io;
use crate::motion::{self, Motion, Seen};
use crate::scene::{Scene, band_delay_s};
use crate::simulate;
use rayon::prelude::*;

/// The motion of each detection, `None` where it is unknown; `newest` is the scene of the first baseline strips.
pub(super) fn motions(
    plan: &Plan,
    tracks: &[TrackStrips<'_>],
    detections: &[TrackDetection],
    newest: &Scene,
) -> Vec<Option<Motion>> {
    let of = |d: &TrackDetection| {
        let strips = &tracks[d.track_index];
        let baseline = strips.baselines.first()?;
        let (shows, lacks, scene) = match d.shown_on {
            ShownOn::Target => (&strips.target, baseline, &plan.target.scene),
            ShownOn::Newest | ShownOn::AllBaselines => (baseline, &strips.target, newest),
            ShownOn::TargetAndNewest | ShownOn::OlderBaselines => return None,
        };
        if !sees_bands_in_turn(scene) {
            return None;
        }
        let delays: Vec<Option<f64>> = plan.bands.iter().map(|b| band_delay_s(&b.to_string())).collect();
        let seen = Seen { start_m: d.chainage_start_m, end_m: d.chainage_end_m, offset_m: d.offset_m };
        motion::motion(shows, lacks, &delays, seen)
    };
    detections.par_iter().map(of).collect()
}

/// Whether the delays of Sentinel-2 hold for a scene; a platform that is not stated is taken at the names of its bands.
fn sees_bands_in_turn(scene: &Scene) -> bool {
    let Some(platform) = satellite_of(scene.platform.as_deref()) else { return scene.radar.is_none() };
    let name = platform.to_lowercase().replace(['_', ' '], "-");
    name.starts_with("sentinel-2") || name.starts_with("s2") || name == simulate::PLATFORM
}

/// Degrees clockwise from true north of a motion along (positive) or against the direction `along` at `place`, map
/// coordinates of `crs`.
pub(super) fn heading_deg(
    crs: &Crs,
    place: (f64, f64),
    along: (f64, f64),
    velocity_m_s: f64,
) -> Result<f64, Error> {
    /// Square of the eccentricity of WGS 84.
    const E2: f64 = 0.006_694_379_990_14;
    const STEP_M: f64 = 100.0;
    let ahead = (place.0 + STEP_M * along.0, place.1 + STEP_M * along.1);
    let [(lon, lat), (lon_ahead, lat_ahead)] = io::to_wgs84(crs, &[place, ahead])?[..] else {
        return Ok(f64::NAN);
    };
    let middle = f64::midpoint(lat, lat_ahead).to_radians();
    // east / north = Δλ cos φ · N / (Δφ · M), N / M = (1 − e² sin² φ) / (1 − e²)
    let turn = (lon_ahead - lon + 540.0).rem_euclid(360.0) - 180.0;
    let east = turn * middle.cos() * (1.0 - E2 * middle.sin().powi(2)) / (1.0 - E2);
    let north = lat_ahead - lat;
    Ok((east * velocity_m_s).atan2(north * velocity_m_s).to_degrees().rem_euclid(360.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_from_true_north() {
        // Meridian convergence γ = atan(tan(λ − λ₀) sin φ) east of the central meridian of zone 33, 15° E.
        let crs = io::crs_from_epsg(32633).unwrap();
        let (lon, lat) = (17.8_f64, 52.5_f64);
        let place = io::from_wgs84(&crs, &[(lon, lat)]).unwrap()[0];
        let convergence = ((lon - 15.0).to_radians().tan() * lat.to_radians().sin()).atan().to_degrees();
        let heading = |along, v| heading_deg(&crs, place, along, v).unwrap();
        assert!((heading((0.0, 1.0), 10.0) - convergence).abs() < 0.01, "{}", heading((0.0, 1.0), 10.0));
        assert!((heading((1.0, 0.0), 10.0) - 90.0 - convergence).abs() < 0.01);
        assert!((heading((0.0, 1.0), -10.0) - 180.0 - convergence).abs() < 0.01);
    }
}

//! How far what is high on a radar image lies from its place: layover, by height over the tangent of the incidence angle.
//!
//! Sentinel-1 looks to the right of its flight. Its ground track runs along the heading α of a circular orbit of
//! inclination i at the latitude φ, turned by the Earth's rotation:
//!
//! ```text
//! sin α' = cos i / cos φ,  tan α = (sin α' − ωR cos φ / v) / cos α'      (ascending; descending: 180° − α)
//! ```

use crate::scene::{Pass, Radar, Storage};

/// Height of what may stand on a track, metres: a wagon, loaded to the gauge.
const WAGON_M: f64 = 4.0;
/// The steepest incidence angle of IW, degrees: where the product states none.
const STEEPEST_DEG: f64 = 30.0;
/// Inclination of the orbit, degrees (Sentinel-1 Product Specification).
const INCLINATION_DEG: f64 = 98.18;
/// Speed of the turning Earth at the equator over that of the satellite's ground track.
const ROTATION_RATIO: f64 = 0.068;

/// Where the top of a wagon may appear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layover {
    /// Distance from its place, metres.
    pub(super) size_m: f64,
    /// Direction towards the satellite, degrees clockwise from true north, where the pass is known.
    pub(super) toward_deg: Option<f64>,
}

impl Layover {
    /// Of a wagon at `place`, longitude and latitude in degrees.
    pub(super) fn of(radar: &Radar, place: (f64, f64)) -> Self {
        let incidence_deg = incidence_deg(radar, place).unwrap_or(STEEPEST_DEG);
        Self {
            size_m: WAGON_M / incidence_deg.to_radians().tan(),
            toward_deg: radar.pass.map(|pass| (heading_deg(pass, place.1) - 90.0).rem_euclid(360.0)),
        }
    }

    /// Along and across a track of a heading, metres; across is positive to the right.
    pub(super) fn on_track(self, track_heading_deg: f64) -> Option<(f64, f64)> {
        let (sin, cos) = (self.toward_deg? - track_heading_deg).to_radians().sin_cos();
        Some((self.size_m * cos, self.size_m * sin))
    }
}

/// The incidence angle of the control point nearest to a place.
fn incidence_deg(radar: &Radar, (lon, lat): (f64, f64)) -> Option<f64> {
    let Storage::GroundRange(ground) = &radar.storage else { return None };
    let apart = |p: &crate::scene::ControlPoint| {
        ((p.lon_deg - lon) * lat.to_radians().cos()).powi(2) + (p.lat_deg - lat).powi(2)
    };
    let nearest = ground.points.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
    nearest.and_then(|p| p.incidence_deg)
}

/// Heading of the satellite's ground track, degrees clockwise from true north.
fn heading_deg(pass: Pass, lat_deg: f64) -> f64 {
    let cos_lat = lat_deg.to_radians().cos();
    let east = (INCLINATION_DEG.to_radians().cos() / cos_lat.max(1e-9)).clamp(-1.0, 1.0);
    let north = (1.0 - east * east).sqrt();
    let ascending = (east - ROTATION_RATIO * cos_lat).atan2(north).to_degrees();
    match pass {
        Pass::Ascending => ascending,
        Pass::Descending => 180.0 - ascending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Backscatter;

    fn radar(pass: Option<Pass>) -> Radar {
        let (mode, relative_orbit) = (None, None);
        Radar { mode, pass, relative_orbit, backscatter: Backscatter::Gamma0, storage: Storage::Linear }
    }

    #[test]
    fn the_top_of_a_wagon_leans_towards_the_satellite() {
        let place = (9.0, 45.0);
        let ascending = Layover::of(&radar(Some(Pass::Ascending)), place);
        // 4 m · cot 30°
        assert!((ascending.size_m - 6.928).abs() < 0.01);
        // It looks to the east, so the satellite is in the west; descending the other way round.
        assert!((ascending.toward_deg.unwrap() - 256.0).abs() < 2.0, "{ascending:?}");
        let descending = Layover::of(&radar(Some(Pass::Descending)), place);
        assert!((descending.toward_deg.unwrap() - 104.0).abs() < 2.0, "{descending:?}");
        // A track to the north has the west on its left; one to the west leans ahead.
        let (along, across) = ascending.on_track(0.0).unwrap();
        assert!(across < -6.5 && along.abs() < 2.0, "{along} {across}");
        let (along, across) = ascending.on_track(256.0).unwrap();
        assert!(along > 6.9 && across.abs() < 0.3, "{along} {across}");
        assert_eq!(Layover::of(&radar(None), place).on_track(0.0), None);
    }

    #[test]
    fn flights_head_as_products_say() {
        // `platformHeading` of products, at the latitude of their middle.
        let products = [
            (Pass::Descending, 46.5, -165.66),
            (Pass::Descending, 41.7, -166.31),
            (Pass::Ascending, 49.7, -14.90),
        ];
        for (pass, lat, heading) in products {
            let off = (heading_deg(pass, lat) - heading + 180.0).rem_euclid(360.0) - 180.0;
            assert!(off.abs() < 0.5, "{lat}: {off}");
        }
    }
}

//! The ground's height, as the user names it: what `[radar]` of a configuration says.

use crate::units::OutOfRange;
use serde::{Deserialize, Serialize};

/// How radar is laid on the map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RadarPlacement {
    /// Heights of the ground, for images that are laid on the map by control points; without them those are used alone.
    pub dem: Option<ElevationModel>,
}

/// A raster of heights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElevationModel {
    /// Raster of heights in metres in its first band: anything GDAL reads, in any reference system.
    pub path: String,
    /// Height of its zero above the ellipsoid of WGS 84, −120…120 m: the geoid's height at the place where heights are
    /// above the sea, 0 where they are above the ellipsoid.
    pub zero_m: f64,
}

impl RadarPlacement {
    /// Refuses heights of the zero that no geoid has.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the value.
    pub fn check(&self) -> Result<(), OutOfRange> {
        match &self.dem {
            Some(dem) if !(-120.0..=120.0).contains(&dem.zero_m) => {
                let (quantity, allowed) = ("radar.dem.zero_m", "-120 to 120 m");
                Err(OutOfRange { quantity, allowed, value: dem.zero_m })
            }
            _ => Ok(()),
        }
    }
}

//! Parameters of the cloud and shadow test.

use crate::units::OutOfRange;
use serde::{Deserialize, Serialize};

/// How clouds and their shadows are found where the product's own classification is missing or wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskParams {
    /// Whether railwatch's own test runs beside the product's classification.
    pub own_test: bool,
    /// Clouds and shadows are grown by this much, metres (0…1000).
    pub dilate_m: f64,
    /// Side of the square over which brightness is averaged, metres (100…2000): smaller things are ground.
    pub blob_m: f64,
    /// Smooth brightening against the other scene that is a cloud, reflectance (0.01…0.5).
    pub brightening: f64,
    /// Texture against the other scene's below which a brightening is a veil and not a brighter ground (0.1…2).
    pub veiled_texture: f64,
    /// Smooth darkening near a cloud that is its shadow, as a share of the other scene's brightness (0.05…0.9).
    pub darkening: f64,
    /// Averaged brightness that is a cloud where the other scene is not as bright, reflectance (0.1…1).
    pub bright: f64,
    /// Farthest shadow from its cloud, metres (0…10000).
    pub shadow_reach_m: f64,
}

impl Default for MaskParams {
    fn default() -> Self {
        Self {
            own_test: true,
            dilate_m: 60.0,
            blob_m: 300.0,
            brightening: 0.035,
            veiled_texture: 0.8,
            darkening: 0.3,
            bright: 0.35,
            shadow_reach_m: 1500.0,
        }
    }
}

impl MaskParams {
    /// Refuses values outside their ranges.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first of them.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let ranges = [
            ("mask.dilate_m", "0 to 1000 m", self.dilate_m, 0.0..=1000.0),
            ("mask.blob_m", "100 to 2000 m", self.blob_m, 100.0..=2000.0),
            ("mask.brightening", "0.01 to 0.5", self.brightening, 0.01..=0.5),
            ("mask.veiled_texture", "0.1 to 2", self.veiled_texture, 0.1..=2.0),
            ("mask.darkening", "0.05 to 0.9", self.darkening, 0.05..=0.9),
            ("mask.bright", "0.1 to 1", self.bright, 0.1..=1.0),
            ("mask.shadow_reach_m", "0 to 10000 m", self.shadow_reach_m, 0.0..=10_000.0),
        ];
        match ranges.into_iter().find(|(.., value, range)| !range.contains(value)) {
            Some((quantity, allowed, value, _)) => Err(OutOfRange { quantity, allowed, value }),
            None => Ok(()),
        }
    }
}

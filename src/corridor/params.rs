//! How rail lines become tracks.

use crate::units::OutOfRange;
use serde::{Deserialize, Serialize};

/// How the rail network is split, merged and cleaned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackParams {
    /// Shortest track that is kept, metres, ≥ 0; shorter ones cannot hold a train to be seen.
    pub min_length_m: f64,
    /// Vertices this close are one node, and a line's end this close to another line is a switch; metres, > 0.
    pub snap_m: f64,
    /// Two lines this close over most of the shorter one are one track digitised twice; metres, ≥ 0.
    pub duplicate_m: f64,
    /// Share of a line that must be that close, 0…1.
    pub duplicate_fraction: f64,
    /// A chain of lines is cut where its direction turns by more, degrees, 0…180: no train takes such a corner.
    pub max_deflection_deg: f64,
}

impl Default for TrackParams {
    fn default() -> Self {
        Self {
            min_length_m: 60.0,
            snap_m: 0.5,
            duplicate_m: 3.0,
            duplicate_fraction: 0.8,
            max_deflection_deg: 60.0,
        }
    }
}

impl TrackParams {
    /// Refuses values outside their ranges.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first of them.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let (least, tiny, most) = (0.0, f64::MIN_POSITIVE, f64::MAX);
        let ranges = [
            ("tracks.min_length_m", "finite and at least 0", self.min_length_m, least..=most),
            ("tracks.snap_m", "finite and above 0", self.snap_m, tiny..=most),
            ("tracks.duplicate_m", "finite and at least 0", self.duplicate_m, least..=most),
            ("tracks.duplicate_fraction", "0 to 1", self.duplicate_fraction, least..=1.0),
            ("tracks.max_deflection_deg", "0 to 180", self.max_deflection_deg, least..=180.0),
        ];
        match ranges.into_iter().find(|(.., value, range)| !range.contains(value)) {
            Some((quantity, allowed, value, _)) => Err(OutOfRange { quantity, allowed, value }),
            None => Ok(()),
        }
    }
}

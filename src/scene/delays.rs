//! When each band of Sentinel-2 sees the same ground.
//!
//! The focal plane lets the bands pass over a place one after another. Delays after B02 are those of the mission's instrument
//! description (Sentinel-2 technical guide, inter-band temporal sampling); Binet et al. 2022, 10.5194/isprs-annals-V-1-2022-57-2022,
//! find them true to ±2 %. Odd and even detectors are mounted head to head, so one half of a scene sees the bands in the opposite order.

/// Seconds after B02 at which `band` sees the same place, on detectors that see B02 first; `None` for other bands.
#[must_use]
pub fn band_delay_s(band: &str) -> Option<f64> {
    let delay = match band {
        "B02" => 0.0,
        "B08" => 0.264,
        "B03" => 0.527,
        "B04" => 1.005,
        "B05" => 1.269,
        "B06" => 1.525,
        "B07" => 1.790,
        "B8A" => 2.055,
        _ => return None,
    };
    Some(delay)
}

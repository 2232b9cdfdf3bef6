//! Whether a train found was under way: the bands of one scene see it one after another.
//!
//! Band b sees a train `τ_b` seconds after B02, so a moving one lies `v τ_b` farther along in that band. Only its ends show it: what
//! lies between them is modulated by where the train falls in the pixels and by the ground beside it, and that stands still. So the
//! two ends are searched, each band with a contrast and each cell with a gain of its own, and the posterior of the velocity is given.
//! Idea after Fisser et al. 2022, 10.3390/rs14071595; delays by Binet et al. 2022, 10.5194/isprs-annals-V-1-2022-57-2022. It holds for
//! bands registered to each other and a body whose ends fall within the strip; a train of one band, or without ends, has no speed.
//!
//! Half of the detectors see the bands in the opposite order. Without the detector's footprint the sense of the motion is unknown
//! then; the place at the time of B02 is not: it is where B02 shows it.

mod fit;
mod signal;

use crate::corridor::Strip;

/// Speeds from which a train is searched, m/s either way.
const FASTEST_M_S: f64 = 60.0;
/// Error of one band's registration against another's along the track, metres: a tenth of a 10 m pixel.
const BAND_REGISTRATION_M: f64 = 1.0;
/// Standard errors from zero at which a train is under way: one in a hundred that stand is called so.
const MOVING_SIGMA: f64 = 2.6;
/// A speed less certain than this is not reported, m/s.
const WORST_SIGMA_M_S: f64 = 6.0;
/// A train is said to stand where this speed and all above, a slow freight train's, lie two standard errors away, m/s.
const SLOW_M_S: f64 = 8.0;

/// A train found, in the track frame, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// First chainage.
    pub start_m: f64,
    /// Last chainage.
    pub end_m: f64,
    /// Offset from the line.
    pub offset_m: f64,
}

/// What the bands say about the motion of a train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Velocity along increasing chainage if the detector saw B02 first, m/s; its opposite if it saw B02 last.
    pub velocity_m_s: f64,
    /// One standard error, m/s.
    pub sigma_m_s: f64,
    /// Whether the velocity differs from none.
    pub is_moving: bool,
    /// First and last chainage at the time of B02, metres.
    pub chainage_m: (f64, f64),
}

/// Measures the motion of what `scene` shows and `background` does not.
///
/// `delays_s` says for each band of the strips when it looks, seconds after B02. `None` where fewer than two
/// bands have different delays, the ends are not in sight, or neither motion nor rest is sure.
#[must_use]
pub fn motion(scene: &Strip, background: &Strip, delays_s: &[Option<f64>], seen: Seen) -> Option<Motion> {
    let bands: Vec<(f64, signal::Line)> = delays_s
        .iter()
        .enumerate()
        .filter_map(|(b, delay)| Some(((*delay)?, signal::line(scene, background, b, seen)?)))
        .collect();
    let mean_s = bands.iter().map(|b| b.0).sum::<f64>() / bands.len().max(1) as f64;
    let spread_s = bands.iter().map(|b| (b.0 - mean_s).powi(2)).sum::<f64>().sqrt();
    if spread_s < 0.1 {
        return None;
    }
    let best = fit::fit(&bands, scene.geometry.along_step_m, seen, FASTEST_M_S)?;
    // σ² = σ_fit² + σ_reg² / Σ (τ − τ̄)²
    let sigma_m_s = best.sigma_m_s.hypot(BAND_REGISTRATION_M / spread_s);
    let to_b02_m = -best.velocity_m_s * mean_s;
    let speed_m_s = best.velocity_m_s.abs();
    let is_moving = speed_m_s > MOVING_SIGMA * sigma_m_s;
    let stands = !is_moving && speed_m_s + 2.0 * sigma_m_s < SLOW_M_S;
    (stands || is_moving && sigma_m_s <= WORST_SIGMA_M_S).then_some(Motion {
        velocity_m_s: best.velocity_m_s,
        sigma_m_s,
        is_moving,
        // The ends found belong to the mean time of the bands.
        chainage_m: (seen.start_m + to_b02_m, seen.end_m + to_b02_m),
    })
}

#[cfg(test)]
mod tests;

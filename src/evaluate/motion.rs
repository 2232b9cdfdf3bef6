//! Speeds reported against speeds known, of trains that were found.

use super::case::Matched;
use crate::stats::quantile;
use serde::Serialize;

/// How well motion was reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MotionScore {
    /// Known moving trains that were found.
    pub moving_count: usize,
    /// Of them called moving.
    pub called_moving_count: usize,
    /// Of them without a word on motion.
    pub silent_count: usize,
    /// Found trains that appeared or departed and of which the truth knows no motion.
    pub still_count: usize,
    /// Of them called moving.
    pub wrongly_moving_count: usize,
    /// Median error of the reported speeds, m/s; NaN where none was.
    pub median_error_m_s: f64,
    /// 90 % of the errors are smaller, m/s; NaN where none was.
    pub high_error_m_s: f64,
    /// Share of the errors within two reported standard errors, 0…1; NaN of none.
    pub within_two_sigma: f64,
}

/// Scores the motion of the trains in sight; `None` where the truth knows of no motion.
pub(super) fn motion(seen: &[Matched<'_>]) -> Option<MotionScore> {
    let hits = || seen.iter().filter_map(|m| m.best.map(|b| (m.known, b.0)));
    let moving: Vec<_> = hits().filter(|(k, _)| k.speed_m_s.is_some()).collect();
    if seen.iter().all(|m| m.known.speed_m_s.is_none()) {
        return None;
    }
    let told =
        || moving.iter().filter_map(|(k, f)| Some(((k.speed_m_s? - f.speed_m_s?).abs(), f.speed_sigma_m_s?)));
    let mut errors: Vec<f64> = told().map(|e| e.0).collect();
    let within = told().filter(|(error, sigma)| *error <= 2.0 * sigma).count();
    let still: Vec<_> = hits().filter(|(k, _)| k.speed_m_s.is_none()).collect();
    Some(MotionScore {
        moving_count: moving.len(),
        called_moving_count: errors.len(),
        silent_count: moving.iter().filter(|(_, f)| f.speed_sigma_m_s.is_none()).count(),
        still_count: still.len(),
        wrongly_moving_count: still.iter().filter(|(_, f)| f.speed_m_s.is_some()).count(),
        within_two_sigma: within as f64 / errors.len() as f64,
        median_error_m_s: quantile(&mut errors, 0.5),
        high_error_m_s: quantile(&mut errors, 0.9),
    })
}

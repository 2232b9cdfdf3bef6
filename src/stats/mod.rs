//! Order statistics, robust spread and tails, robust lines, weighted covariance, canonical correlation.

mod canonical;
mod covariance;
mod line;
mod order;

pub use canonical::{Canonical, canonical_correlation};
pub use covariance::WeightedCovariance;
pub use line::{RobustLine, robust_line};
pub use order::{mad_sigma, median, quantile};

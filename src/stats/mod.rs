//! Order statistics, robust spread, robust fits and tails.

mod covariance;
mod fdr;
mod order;
mod regression;
mod tail;

pub use covariance::{Whitener, trimmed_covariance};
pub use fdr::benjamini_hochberg;
pub use order::{mad_sigma, median, quantile};
pub use regression::{RegressionRule, RobustFit, tukey_regression};
pub use tail::EventTail;

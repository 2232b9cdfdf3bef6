//! Order statistics, robust spread, robust fits, exact intervals, covariances, canonical correlation and tails.

mod canonical;
mod covariance;
mod fdr;
mod interval;
mod line;
mod logistic;
mod order;
mod regression;
mod tail;
mod vectors;
mod weighted_covariance;

pub use canonical::{Canonical, canonical_correlation};
pub use covariance::{Whitener, trimmed_covariance};
pub use fdr::benjamini_hochberg;
pub use interval::{binomial_interval, poisson_interval};
pub use line::{RobustLine, robust_line};
pub use logistic::{Logistic, logistic};
pub use order::{mad_sigma, median, quantile, sorted, weighted_median};
pub use regression::{RegressionRule, RobustFit, biweight, tukey_regression};
pub use tail::EventTail;
pub use vectors::Vectors;
pub use weighted_covariance::WeightedCovariance;

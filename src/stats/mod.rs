//! Order statistics, robust spread and tails.

mod order;

pub use order::{mad_sigma, median, quantile};

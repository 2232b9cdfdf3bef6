//! Statistics of speckled power: looks, tests for equal means, change over a stack.
//!
//! Multilooked power of homogeneous ground follows a gamma distribution whose shape is the number of looks, so its spread
//! is proportional to its mean and tests are about ratios. References stand in the files of each test.
//! Everything here is in linear power; the assumption of independent pixels is the caller's to correct.

mod gamma;
mod looks;
mod series;

pub use gamma::signed_root;
pub use looks::equivalent_looks;
pub use series::{omnibus_statistic, t_statistic};

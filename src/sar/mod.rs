//! Statistics of speckled power: looks, tests for equal means, change over a stack.
//!
//! Multilooked power of homogeneous ground follows a gamma distribution whose shape is the number of looks, so its spread
//! is proportional to its mean and tests are about ratios. References stand in the files of each test.
//! Everything here is in linear power; the assumption of independent pixels is the caller's to correct.

mod gamma;
mod looks;
mod series;

pub use gamma::{equal_means_p_value, signed_root};
pub use looks::equivalent_looks;
pub use series::{omnibus_statistic, t_statistic};

/// Largest distance of the distribution of p-values from the uniform one (Kolmogorov–Smirnov); sorts them.
#[cfg(test)]
fn distance_from_uniform(p: &mut [f64]) -> f64 {
    p.sort_by(f64::total_cmp);
    let count = p.len() as f64;
    p.iter().enumerate().map(|(i, v)| (v - (i as f64 + 0.5) / count).abs()).fold(0.0, f64::max)
}

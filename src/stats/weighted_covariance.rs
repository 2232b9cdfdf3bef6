//! Weighted mean and covariance, accumulated over many vectors and merged over blocks.
//!
//! Degenerate case: with a weight sum of zero the mean and the covariance are NaN.

use super::Vectors;
use nalgebra::DMatrix;

/// Weighted sums of vectors of one length and of their products.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCovariance {
    size: usize,
    weight: f64,
    /// Padded as [`Vectors`] are.
    sums: Vec<f64>,
    /// Lower triangle, row by row, padded.
    products: Vec<f64>,
}

impl WeightedCovariance {
    /// No samples yet, of vectors with `size` components.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let padded = Vectors::padded(size);
        Self { size, weight: 0.0, sums: vec![0.0; padded], products: vec![0.0; padded * padded] }
    }

    /// Adds vectors of this size, each with a weight of at least zero.
    pub fn add(&mut self, vectors: &Vectors, weights: &[f64]) {
        self.weight += weights.iter().sum::<f64>();
        vectors.add_sums(weights, &mut self.sums);
        vectors.add_products(weights, &mut self.products);
    }

    /// Adds the samples of another accumulator of the same size.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        self.weight += other.weight;
        self.sums.iter_mut().zip(&other.sums).for_each(|(a, b)| *a += b);
        self.products.iter_mut().zip(&other.products).for_each(|(a, b)| *a += b);
        self
    }

    /// Sum of the weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Weighted mean vector.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        self.sums[..self.size].iter().map(|s| s / self.weight).collect()
    }

    /// Weighted covariance matrix, divided by the weight sum.
    #[must_use]
    pub fn covariance(&self) -> DMatrix<f64> {
        let (mean, padded) = (self.mean(), Vectors::padded(self.size));
        // Σ_ij = E[a_i a_j] − μ_i μ_j
        DMatrix::from_fn(self.size, self.size, |i, j| {
            self.products[i.max(j) * padded + i.min(j)] / self.weight - mean[i] * mean[j]
        })
    }
}

//! Weighted mean and covariance, accumulated sample by sample and merged over blocks.
//!
//! Degenerate case: with a weight sum of zero the mean and the covariance are NaN.

use nalgebra::DMatrix;

/// Weighted sums of vectors of one length and of their products.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCovariance {
    size: usize,
    weight: f64,
    sums: Vec<f64>,
    /// Upper triangle, row by row.
    products: Vec<f64>,
}

impl WeightedCovariance {
    /// No samples yet, of vectors with `size` components.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, weight: 0.0, sums: vec![0.0; size], products: vec![0.0; size * (size + 1) / 2] }
    }

    /// Adds one vector with a weight of at least zero; components beyond the size are ignored.
    pub fn add(&mut self, vector: &[f64], weight: f64) {
        self.weight += weight;
        let vector = &vector[..self.size];
        let mut rest = self.products.as_mut_slice();
        for (i, (&a, sum)) in vector.iter().zip(&mut self.sums).enumerate() {
            let wa = weight * a;
            *sum += wa;
            let (line, below) = rest.split_at_mut(self.size - i);
            line.iter_mut().zip(&vector[i..]).for_each(|(product, b)| *product += wa * b);
            rest = below;
        }
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
        self.sums.iter().map(|s| s / self.weight).collect()
    }

    /// Weighted covariance matrix, divided by the weight sum.
    #[must_use]
    pub fn covariance(&self) -> DMatrix<f64> {
        let mean = self.mean();
        let mut matrix = DMatrix::zeros(self.size, self.size);
        let mut k = 0;
        for i in 0..self.size {
            for j in i..self.size {
                // Σ_ij = E[a_i a_j] − μ_i μ_j
                let value = self.products[k] / self.weight - mean[i] * mean[j];
                matrix[(i, j)] = value;
                matrix[(j, i)] = value;
                k += 1;
            }
        }
        matrix
    }
}

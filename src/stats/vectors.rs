//! Many short vectors side by side, and weighted sums of the products of their components.
//!
//! Components lie in fours, padded by zeros, so that the compiler makes vector instructions of the loops. Every sum runs in the
//! order of the vectors.

const FOUR: usize = 4;

/// Vectors of one length: the first four components of all, then the next four, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    count: usize,
    fours: Vec<[f64; FOUR]>,
}

impl Vectors {
    /// `count` vectors of `size` zeros.
    #[must_use]
    pub fn zeros(size: usize, count: usize) -> Self {
        Self { count, fours: vec![[0.0; FOUR]; size.div_ceil(FOUR) * count] }
    }

    /// Components of a vector with its padding.
    #[must_use]
    pub fn padded(size: usize) -> usize {
        size.next_multiple_of(FOUR)
    }

    /// Sets one component of a vector.
    pub fn set(&mut self, vector: usize, component: usize, value: f64) {
        self.fours[component / FOUR * self.count + vector][component % FOUR] = value;
    }

    /// All vectors, four components at a time.
    fn fours(&self) -> impl Iterator<Item = &[[f64; FOUR]]> {
        self.fours.chunks_exact(self.count.max(1))
    }

    /// Adds `Σ w x_i x_j` for i ≥ j to `sums` (i, j), row by row with [`Self::padded`] columns; what lies above the diagonal is
    /// left undefined.
    pub fn add_products(&self, weights: &[f64], sums: &mut [f64]) {
        let stride = self.fours().count() * FOUR;
        for (i, xs) in self.fours().enumerate() {
            for (j, ys) in self.fours().take(i + 1).enumerate() {
                let first = i * FOUR * stride + j * FOUR;
                let mut tile: [[f64; FOUR]; FOUR] =
                    std::array::from_fn(|r| std::array::from_fn(|c| sums[first + r * stride + c]));
                for ((x, y), &w) in xs.iter().zip(ys).zip(weights) {
                    for (line, x) in tile.iter_mut().zip(x) {
                        let wx = w * x;
                        line.iter_mut().zip(y).for_each(|(sum, y)| *sum += wx * y);
                    }
                }
                for (r, line) in tile.iter().enumerate() {
                    sums[first + r * stride..][..FOUR].copy_from_slice(line);
                }
            }
        }
    }

    /// Adds `Σ w x_i` to `sums` (i), [`Self::padded`] of them.
    pub fn add_sums(&self, weights: &[f64], sums: &mut [f64]) {
        for (xs, sums) in self.fours().zip(sums.as_chunks_mut::<FOUR>().0) {
            for (x, &w) in xs.iter().zip(weights) {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += w * x);
            }
        }
    }

    /// `Σ_i x_i f_i` of every vector into `out`.
    pub fn dot(&self, factors: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (xs, factors) in self.fours().zip(factors.chunks(FOUR)) {
            let mut four = [0.0; FOUR];
            four[..factors.len()].copy_from_slice(factors);
            for (out, x) in out.iter_mut().zip(xs) {
                *out = x.iter().zip(&four).fold(*out, |sum, (x, f)| sum + x * f);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        for size in [1, 3, 4, 9] {
            let value = |k: usize, i: usize| ((k * 7 + i * 3) % 5) as f64 - 1.0;
            let mut vectors = Vectors::zeros(size, 20);
            (0..20).for_each(|k| (0..size).for_each(|i| vectors.set(k, i, value(k, i))));
            let weights: Vec<f64> = (0..20).map(|k| f64::from(k % 3)).collect();
            let padded = Vectors::padded(size);
            let (mut products, mut sums) = (vec![1.0; padded * padded], vec![1.0; padded]);
            vectors.add_products(&weights, &mut products);
            vectors.add_sums(&weights, &mut sums);
            for i in 0..size {
                for j in 0..=i {
                    let sum: f64 = (0..20).map(|k| weights[k] * value(k, i) * value(k, j)).sum();
                    assert!((products[i * padded + j] - 1.0 - sum).abs() < 1e-12);
                }
                let sum: f64 = (0..20).map(|k| weights[k] * value(k, i)).sum();
                assert!((sums[i] - 1.0 - sum).abs() < 1e-12);
            }
            let factors: Vec<f64> = (0..size).map(|i| i as f64).collect();
            let mut dots = vec![7.0; 20];
            vectors.dot(&factors, &mut dots);
            let sum: f64 = (0..size).map(|i| value(3, i) * factors[i]).sum();
            assert!((dots[3] - sum).abs() < 1e-12);
        }
    }
}

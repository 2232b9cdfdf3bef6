//! Means and dilations over squares.

use crate::signal::{box_sum, square_sums};
use ndarray::{Array2, ArrayView2, Zip};

/// The squares of side 2·radius + 1 around all pixels, and how many pixels count in each.
pub(super) struct Squares<'a> {
    ok: &'a Array2<bool>,
    radius_px: usize,
    count: Array2<u32>,
}

impl<'a> Squares<'a> {
    /// Squares in which the `ok` pixels `(row, col)` count.
    pub(super) fn new(ok: &'a Array2<bool>, radius_px: usize) -> Self {
        Self { ok, radius_px, count: box_sum(&ok.mapv(u32::from), radius_px) }
    }

    /// Mean of the counting pixels of each square that are finite; NaN where there is none.
    pub(super) fn mean(&self, values: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut mean = Array2::from_elem(values.raw_dim(), f32::NAN);
        let mut finite = true;
        square_sums(
            values.dim(),
            self.radius_px,
            |row, line| {
                for ((kept, &v), &ok) in line.iter_mut().zip(values.row(row)).zip(self.ok.row(row)) {
                    *kept = if ok { f64::from(v) } else { 0.0 };
                    finite &= !ok || v.is_finite();
                }
            },
            |row, to, from| {
                for (((mean, &n), to), from) in
                    mean.row_mut(row).iter_mut().zip(self.count.row(row)).zip(to).zip(from)
                {
                    *mean = if n > 0 { ((to - from) / f64::from(n)) as f32 } else { f32::NAN };
                }
            },
        );
        if finite {
            return mean;
        }
        let usable = Zip::from(values).and(self.ok).map_collect(|v, &ok| ok && v.is_finite());
        Squares::new(&usable, self.radius_px).mean(values)
    }

    /// Correlation of two pictures over the counting pixels of each square; 0 where one of them is flat, NaN where nothing counts.
    pub(super) fn correlation(&self, a: &ArrayView2<'_, f32>, b: &ArrayView2<'_, f32>) -> Array2<f32> {
        let product = |a: &ArrayView2<'_, f32>, b: &ArrayView2<'_, f32>| self.mean(&(a * b).view());
        let (mean_a, mean_b) = (self.mean(a), self.mean(b));
        let covariance = product(a, b) - &mean_a * &mean_b;
        let variances = [(a, &mean_a), (b, &mean_b)].map(|(v, mean)| product(v, v) - mean * mean);
        Zip::from(&covariance).and(&variances[0]).and(&variances[1]).map_collect(|covariance, &a, &b| {
            if a <= 0.0 || b <= 0.0 { 0.0 } else { covariance / (a * b).sqrt() }
        })
    }

    /// Share of the pixels of each square that count, 0…1; what lies outside the picture is no pixel.
    pub(super) fn share(&self) -> Array2<f32> {
        let (rows, columns) = self.count.dim();
        let side = |i: usize, n: usize| (i + self.radius_px + 1).min(n) - i.saturating_sub(self.radius_px);
        Zip::indexed(&self.count).map_collect(|(row, column), &count| {
            (f64::from(count) / (side(row, rows) * side(column, columns)) as f64) as f32
        })
    }
}

/// Grown by `radius_px` in every direction (a square).
pub(super) fn dilated(mask: &Array2<bool>, radius_px: usize) -> Array2<bool> {
    // Most scenes have nothing to grow.
    if !mask.iter().any(|&m| m) {
        return mask.clone();
    }
    box_sum(&mask.mapv(u32::from), radius_px).mapv(|n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_the_pixels_of_each_square() {
        let values = Array2::from_shape_fn((9, 13), |(r, c)| ((r * 7 + c * 5) % 11) as f32);
        for radius_px in [1_usize, 2, 20] {
            for hole in [f32::NAN, 3.0] {
                let mut values = values.clone();
                values[(4, 6)] = hole;
                let ok = values.mapv(|v| v != 0.0);
                let squares = Squares::new(&ok, radius_px);
                let (mean, share) = (squares.mean(&values.view()), squares.share());
                for ((row, column), &mean) in mean.indexed_iter() {
                    let inside = |&((r, c), _): &((usize, usize), &f32)| {
                        r.abs_diff(row) <= radius_px && c.abs_diff(column) <= radius_px
                    };
                    let square: Vec<_> = values.indexed_iter().filter(inside).collect();
                    let counting = square.iter().filter(|(at, _)| ok[*at]).count();
                    assert!((share[(row, column)] - counting as f32 / square.len() as f32).abs() < 1e-6);
                    let seen: Vec<f32> =
                        square.iter().filter(|(at, v)| ok[*at] && v.is_finite()).map(|(_, v)| **v).collect();
                    let plain = seen.iter().sum::<f32>() / seen.len() as f32;
                    assert!((mean - plain).abs() < 1e-5 || seen.is_empty() && mean.is_nan());
                }
            }
        }
    }

    #[test]
    fn pictures_correlate_where_they_share_their_texture() {
        let texture =
            |seed: usize| Array2::from_shape_fn((30, 30), |(r, c)| ((r * seed + c * 5) % 11) as f32);
        let ok = Array2::from_shape_fn((30, 30), |(r, _)| r < 20);
        let squares = Squares::new(&ok, 4);
        let of = |a: &Array2<f32>, b: &Array2<f32>, row: usize| {
            squares.correlation(&a.view(), &b.view())[(row, 15)]
        };
        let (one, flat) = (texture(7), Array2::from_elem((30, 30), 0.5));
        assert!((of(&one, &(2.0 * &one + 1.0), 10) - 1.0).abs() < 1e-4);
        assert!(of(&one, &texture(3), 10).abs() < 0.4);
        assert!(of(&flat, &flat, 10) == 0.0 && of(&one, &one, 28).is_nan());
    }

    #[test]
    fn dilation_grows_by_the_radius_and_stops_at_the_edge() {
        let mask = Array2::from_shape_fn((12, 10), |at| at == (10, 4));
        let grown = dilated(&mask, 3);
        for ((r, c), &v) in grown.indexed_iter() {
            assert_eq!(v, r.abs_diff(10) <= 3 && c.abs_diff(4) <= 3, "{r} {c}");
        }
        assert!(!dilated(&Array2::from_elem((5, 5), false), 2).iter().any(|&v| v));
    }
}

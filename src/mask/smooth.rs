//! Means and dilations over squares, by running sums along both axes.

use ndarray::{Array2, ArrayView2, Axis, Zip};
use std::ops::{Add, AddAssign, Sub};

/// The squares of side 2·radius + 1 around all pixels, and how many pixels count in each.
pub(super) struct Squares<'a> {
    ok: &'a Array2<bool>,
    radius_px: usize,
    count: Array2<u32>,
}

impl<'a> Squares<'a> {
    /// Squares in which the `ok` pixels `(row, col)` count.
    pub(super) fn new(ok: &'a Array2<bool>, radius_px: usize) -> Self {
        Self { ok, radius_px, count: box_sum(ok.mapv(u32::from), radius_px) }
    }

    /// Mean of the counting pixels of each square that are finite; NaN where there is none.
    pub(super) fn mean(&self, values: &ArrayView2<'_, f32>) -> Array2<f32> {
        let usable = Zip::from(values).and(self.ok).map_collect(|v, &ok| ok && v.is_finite());
        if usable != *self.ok {
            return Squares::new(&usable, self.radius_px).mean(values);
        }
        let kept = Zip::from(values).and(self.ok).map_collect(|&v, &ok| if ok { f64::from(v) } else { 0.0 });
        let sum = box_sum(kept, self.radius_px);
        Zip::from(&sum)
            .and(&self.count)
            .map_collect(|&s, &n| if n > 0 { (s / f64::from(n)) as f32 } else { f32::NAN })
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
    box_sum(mask.mapv(u32::from), radius_px).mapv(|n| n > 0)
}

/// Each value's sum over the square around it.
fn box_sum<T>(mut values: Array2<T>, radius_px: usize) -> Array2<T>
where
    T: Copy + Default + Add<Output = T> + AddAssign + Sub<Output = T>,
{
    let (rows, columns) = values.dim();
    let mut prefix = vec![T::default(); columns + 1];
    for mut line in values.rows_mut() {
        let mut total = T::default();
        for (sum, &v) in prefix[1..].iter_mut().zip(&line) {
            total += v;
            *sum = total;
        }
        for (i, v) in line.iter_mut().enumerate() {
            *v = prefix[(i + radius_px + 1).min(columns)] - prefix[i.saturating_sub(radius_px)];
        }
    }
    // Down the columns whole rows are summed at a time, as they lie in memory; only the sums above rows in reach are kept.
    let kept = (2 * radius_px + 2).min(rows + 1);
    let mut above = Array2::<T>::default((kept, columns));
    let mut total = vec![T::default(); columns];
    let mut summed = 0;
    for row in 0..rows {
        let (last, first) = ((row + radius_px + 1).min(rows), row.saturating_sub(radius_px));
        while summed < last {
            total.iter_mut().zip(values.index_axis(Axis(0), summed)).for_each(|(t, &v)| *t += v);
            summed += 1;
            above.row_mut(summed % kept).iter_mut().zip(&total).for_each(|(a, &t)| *a = t);
        }
        Zip::from(values.row_mut(row))
            .and(above.row(last % kept))
            .and(above.row(first % kept))
            .for_each(|v, &l, &f| *v = l - f);
    }
    values
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
    fn dilation_grows_by_the_radius_and_stops_at_the_edge() {
        let mask = Array2::from_shape_fn((12, 10), |at| at == (10, 4));
        let grown = dilated(&mask, 3);
        for ((r, c), &v) in grown.indexed_iter() {
            assert_eq!(v, r.abs_diff(10) <= 3 && c.abs_diff(4) <= 3, "{r} {c}");
        }
        assert!(!dilated(&Array2::from_elem((5, 5), false), 2).iter().any(|&v| v));
    }
}

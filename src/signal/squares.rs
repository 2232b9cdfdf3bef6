//! Sums over the square around every pixel, by running sums along both axes.

use ndarray::{Array2, ArrayView1};
use std::ops::{Add, AddAssign, Sub};

/// Sums of an array of `shape` over the squares of side 2·radius + 1, cut at its edges, a row at a time: `line(row, values)` fills in
/// a row of values, in order; the sums of a row are the differences of the two rows that `take(row, to, from)` is given.
///
/// Whole rows are summed at a time, as they lie in memory, and only the sums above the rows in reach are kept.
pub fn square_sums<T>(
    (rows, columns): (usize, usize),
    radius_px: usize,
    mut line: impl FnMut(usize, &mut [T]),
    mut take: impl FnMut(usize, ArrayView1<'_, T>, ArrayView1<'_, T>),
) where
    T: Copy + Default + Add<Output = T> + AddAssign + Sub<Output = T>,
{
    let radius = radius_px.min(columns);
    let mut values = vec![T::default(); columns];
    // Sums up to a column; they stay the same beyond either edge.
    let mut prefix = vec![T::default(); columns + 1 + 2 * radius];
    let kept = (2 * radius_px + 2).min(rows + 1);
    let mut above = Array2::<T>::default((kept, columns));
    let mut total = vec![T::default(); columns];
    let mut summed = 0;
    for row in 0..rows {
        let (last, first) = ((row + radius_px + 1).min(rows), row.saturating_sub(radius_px));
        while summed < last {
            line(summed, &mut values);
            let mut sum = T::default();
            for (prefix, &v) in prefix[radius + 1..].iter_mut().zip(&values) {
                sum += v;
                *prefix = sum;
            }
            prefix[radius + 1 + columns..].fill(sum);
            for ((total, &to), &from) in total.iter_mut().zip(&prefix[2 * radius + 1..]).zip(&prefix) {
                *total += to - from;
            }
            summed += 1;
            above.row_mut(summed % kept).iter_mut().zip(&total).for_each(|(a, &t)| *a = t);
        }
        take(row, above.row(last % kept), above.row(first % kept));
    }
}

/// Each value's sum over the square of side 2·radius + 1 around it.
#[must_use]
pub fn box_sum<T>(values: &Array2<T>, radius_px: usize) -> Array2<T>
where
    T: Copy + Default + Add<Output = T> + AddAssign + Sub<Output = T>,
{
    let mut sums = Array2::default(values.raw_dim());
    square_sums(
        values.dim(),
        radius_px,
        |row, line| line.iter_mut().zip(values.row(row)).for_each(|(to, &v)| *to = v),
        |row, to, from| {
            for ((sum, &to), &from) in sums.row_mut(row).iter_mut().zip(to).zip(from) {
                *sum = to - from;
            }
        },
    );
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_squares() {
        for shape in [(9, 13), (1, 5), (7, 1), (0, 0)] {
            let values = Array2::from_shape_fn(shape, |(r, c)| (r * 7 + c * 5) as i64 % 11);
            for radius_px in [0_usize, 1, 2, 6, 20] {
                for ((row, column), &sum) in box_sum(&values, radius_px).indexed_iter() {
                    let inside = |&((r, c), _): &((usize, usize), &i64)| {
                        r.abs_diff(row) <= radius_px && c.abs_diff(column) <= radius_px
                    };
                    let plain: i64 = values.indexed_iter().filter(inside).map(|(_, v)| v).sum();
                    assert_eq!(sum, plain, "{shape:?} {radius_px} {row} {column}");
                }
            }
        }
    }
}

//! Medians across the line: what a change that is wider than a train shows beside it.

use super::stack::BESIDE_PX;

/// Fewest values of a median.
const LEAST: usize = 5;

/// For each of the `columns` the median of those `values` (column, value; NaN are left out) that lie at least
/// [`BESIDE_PX`] from it, 0 where fewer than five do; `None` where fewer than five are there at all.
///
/// The median over the columns beside the track would hold the values of every placebo track and none of the track's: less it, the
/// placebos vary less and the track more than before, by the same share each. So no column has a part in its own.
pub(super) fn medians_beside(
    columns: usize,
    values: impl Iterator<Item = (usize, f64)>,
) -> Option<Vec<f64>> {
    let mut sorted: Vec<(usize, f64)> = values.filter(|(_, v)| v.is_finite()).collect();
    if sorted.len() < LEAST {
        return None;
    }
    sorted.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let mut near: Vec<f64> = Vec::with_capacity(sorted.len());
    let mut median_beside = |column: usize| {
        near.clear();
        near.extend(sorted.iter().filter(|(c, _)| c.abs_diff(column) >= BESIDE_PX).map(|(_, v)| *v));
        let n = near.len();
        if n < LEAST { 0.0 } else { f64::midpoint(near[(n - 1) / 2], near[n / 2]) }
    };
    Some((0..columns).map(&mut median_beside).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::median;

    #[test]
    fn no_column_has_a_part_in_its_own_median() {
        let value = |c: usize| if c < 2 { f64::NAN } else { ((c * 37) % 23) as f64 };
        let beside = |c: usize| c.abs_diff(16) >= BESIDE_PX;
        let centres = medians_beside(33, (0..33).filter(|&c| beside(c)).map(|c| (c, value(c)))).unwrap();
        for (column, centre) in centres.into_iter().enumerate() {
            let mut others: Vec<f64> = (2..33)
                .filter(|&c| beside(c) && c.abs_diff(column) >= BESIDE_PX)
                .map(value)
                .collect();
            assert_eq!(centre.to_bits(), median(&mut others).to_bits(), "column {column}");
        }
    }

    #[test]
    fn few_values_have_no_median() {
        assert_eq!(medians_beside(9, (0..4).map(|c| (c, 1.0))), None);
        // All within reach of the middle one.
        assert_eq!(medians_beside(9, (2..7).map(|c| (c, 1.0))).unwrap()[4].to_bits(), 0.0_f64.to_bits());
    }
}

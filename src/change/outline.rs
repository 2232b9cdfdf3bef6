//! The rectilinear outline of a set of 4-connected pixels.
//!
//! The walk keeps the pixels on its left as seen on a north-up map, and crosses where two pixels touch at a
//! corner only; so the ring never touches itself. Holes are filled. Corners lie half a pixel off the centres.

/// Steps of the walk: south, east, north, west; the next is a left turn.
const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Closed outer ring of the pixels (sorted) in continuous `(row, col)`, counterclockwise on a north-up map; empty for
/// no pixels.
pub(super) fn outline(pixels: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let Some(&(row, col)) = pixels.first() else { return Vec::new() };
    let start = (row as i64, col as i64);
    let holds = |place: (i64, i64)| {
        let at = (usize::try_from(place.0), usize::try_from(place.1));
        matches!(at, (Ok(r), Ok(c)) if pixels.binary_search(&(r, c)).is_ok())
    };
    let mut ring = Vec::new();
    let (mut at, mut heading) = (start, 0);
    loop {
        ring.push((at.0 as f64 - 0.5, at.1 as f64 - 0.5));
        loop {
            at = (at.0 + STEPS[heading].0, at.1 + STEPS[heading].1);
            let (left, right) = ahead(at, heading);
            let turned = if holds(right) {
                (heading + 3) % 4
            } else if holds(left) {
                heading
            } else {
                (heading + 1) % 4
            };
            if turned != heading {
                heading = turned;
                break;
            }
        }
        if at == start {
            ring.push(ring[0]);
            return ring;
        }
    }
}

/// The pixels ahead on the left and on the right of a walker at corner `(row, col)` = upper left of that pixel.
fn ahead((row, col): (i64, i64), heading: usize) -> ((i64, i64), (i64, i64)) {
    match heading {
        0 => ((row, col), (row, col - 1)),
        1 => ((row - 1, col), (row, col)),
        2 => ((row - 1, col - 1), (row - 1, col)),
        _ => ((row, col - 1), (row - 1, col - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area(ring: &[(f64, f64)]) -> f64 {
        // x = col, y = −row: positive when counterclockwise on a north-up map.
        ring.windows(2).map(|w| w[1].1 * w[0].0 - w[0].1 * w[1].0).sum::<f64>() / 2.0
    }

    #[test]
    fn one_pixel_and_a_ring_with_a_hole() {
        assert_eq!(outline(&[(3, 5)]), [(2.5, 4.5), (3.5, 4.5), (3.5, 5.5), (2.5, 5.5), (2.5, 4.5)]);
        let frame: Vec<_> = (0..9).filter(|k| *k != 4).map(|k| (k / 3, k % 3)).collect();
        assert!((area(&outline(&frame)) - 9.0).abs() < 1e-12);
        assert!(outline(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn rings_are_simple_counterclockwise_and_hold_every_pixel(walk in prop::collection::vec(0usize..4, 1..60)) {
            let mut at = (40i64, 40i64);
            let mut pixels = vec![(40, 40)];
            for step in walk {
                at = (at.0 + STEPS[step].0, at.1 + STEPS[step].1);
                pixels.push((at.0 as usize, at.1 as usize));
            }
            pixels.sort_unstable();
            pixels.dedup();
            let ring = outline(&pixels);
            prop_assert!(area(&ring) >= pixels.len() as f64 - 1e-9);
            let mut corners: Vec<_> = ring[1..].iter().map(|(r, c)| ((2.0 * r) as i64, (2.0 * c) as i64)).collect();
            let count = corners.len();
            corners.sort_unstable();
            corners.dedup();
            prop_assert_eq!(corners.len(), count);
        }
    }
}

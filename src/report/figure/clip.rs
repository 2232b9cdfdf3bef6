//! Lines cut by convex outlines, so that the drawing needs no masks.
//!
//! Reference: Cyrus and Beck, Generalized two- and three-dimensional clipping, Computers & Graphics 3, 1978.

use super::super::Point;

/// The pieces of `line` inside the outline `frame` and outside every one of `holes`; all outlines convex.
pub(super) fn pieces(line: &[Point], frame: &[Point; 4], holes: &[[Point; 4]]) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for (&a, &b) in line.iter().zip(line.iter().skip(1)) {
        let Some(inside) = chord(a, b, frame) else { continue };
        let mut spans = vec![inside];
        for hole in holes {
            let Some((h0, h1)) = chord(a, b, hole) else { continue };
            let parts = |(t0, t1): (f64, f64)| [(t0, t1.min(h0)), (t0.max(h1), t1)];
            spans = spans.into_iter().flat_map(parts).filter(|(t0, t1)| t1 > t0).collect();
        }
        for (t0, t1) in spans {
            let at = |t: f64| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
            let goes_on = t0 <= 0.0 && pieces.last().and_then(|p| p.last()) == Some(&a);
            match pieces.last_mut().filter(|_| goes_on) {
                Some(piece) => piece.push(if t1 >= 1.0 { b } else { at(t1) }),
                None => pieces.push(vec![at(t0), if t1 >= 1.0 { b } else { at(t1) }]),
            }
        }
    }
    pieces
}

/// The part `(t0, t1)` of the segment from `a` to `b` inside a convex outline.
fn chord(a: Point, b: Point, outline: &[Point; 4]) -> Option<(f64, f64)> {
    let centre = [0, 1].map(|i| outline.iter().map(|p| p[i]).sum::<f64>() / 4.0);
    let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
    for (k, p) in outline.iter().enumerate() {
        let q = outline[(k + 1) % 4];
        let normal = [q[1] - p[1], p[0] - q[0]];
        let dot = |v: Point| normal[0] * (v[0] - p[0]) + normal[1] * (v[1] - p[1]);
        let side = dot(centre).signum();
        let (from, to) = (side * dot(a), side * dot(b));
        // The segment is inside this edge where from + t·(to − from) ≥ 0.
        match (from >= 0.0, to >= 0.0) {
            (false, false) => return None,
            (true, false) => t1 = t1.min(from / (from - to)),
            (false, true) => t0 = t0.max(from / (from - to)),
            (true, true) => {}
        }
    }
    (t1 > t0).then_some((t0, t1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [Point; 4] = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];

    #[test]
    fn a_line_is_cut_at_the_frame_and_around_holes() {
        let hole = [[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]];
        let cut = pieces(&[[-5.0, 5.0], [5.0, 5.0], [20.0, 5.0]], &FRAME, &[hole]);
        assert_eq!(cut, [vec![[0.0, 5.0], [4.0, 5.0]], vec![[6.0, 5.0], [10.0, 5.0]]]);
    }

    #[test]
    fn a_line_inside_stays_one_piece_and_one_outside_goes() {
        let line = [[1.0, 1.0], [5.0, 2.0], [9.0, 9.0]];
        assert_eq!(pieces(&line, &FRAME, &[]), [line.to_vec()]);
        assert!(pieces(&[[11.0, 0.0], [11.0, 10.0]], &FRAME, &[]).is_empty());
    }
}

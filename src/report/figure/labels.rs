//! Boxes around detections and labels that overlap neither boxes nor each other.
//!
//! The smallest box around an outline has a side along one of its hull's (Freeman and Shapira, Determining the minimum-area encasing
//! rectangle for an arbitrary closed curve, CACM 18(7), 1975); here the outline's own edges are tried.

use super::super::Point;
use serde::Serialize;

/// An upright rectangle on the page.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

impl Rect {
    pub(super) fn overlaps(&self, o: &Self, gap: f64) -> bool {
        self.x < o.x + o.w + gap
            && o.x < self.x + self.w + gap
            && self.y < o.y + o.h + gap
            && o.y < self.y + self.h + gap
    }

    pub(super) fn covers(&self, o: &Self) -> bool {
        o.x >= self.x && o.y >= self.y && o.x + o.w <= self.x + self.w && o.y + o.h <= self.y + self.h
    }

    pub(super) fn inset(&self, by: f64) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2.0 * by, h: self.h - 2.0 * by }
    }

    /// The point of the rectangle nearest to `p`.
    fn nearest(&self, p: Point) -> Point {
        [p[0].clamp(self.x, self.x + self.w), p[1].clamp(self.y, self.y + self.h)]
    }
}

/// Edges of an outline that are tried as the direction of its box, at most.
const EDGE_COUNT: usize = 64;

/// From one rectangle to the next along a leader.
const BEAD_STEP_PX: f64 = 8.0;

/// The smallest box around an outline, its longer side first, its corners in page coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Oriented {
    pub(super) corners: [Point; 4],
}

impl Oriented {
    /// The box around page points with `pad_px` to spare on every side; `None` without points.
    pub(super) fn around(points: &[Point], pad_px: f64) -> Option<Self> {
        let first = *points.first()?;
        let far = |from: Point| {
            points
                .iter()
                .copied()
                .max_by(|a, b| distance(*a, from).total_cmp(&distance(*b, from)))
                .unwrap_or(from)
        };
        let a = far(first);
        let every = points.len().div_ceil(EDGE_COUNT);
        let edges = points.iter().zip(points.iter().cycle().skip(1)).step_by(every).map(|(p, q)| (*p, *q));
        // A thin bent outline has its box along the line between its ends.
        let boxes = std::iter::once((a, far(a))).chain(edges).map(|(a, b)| along(points, a, b, pad_px));
        boxes.min_by(|p, q| p.area().total_cmp(&q.area()))
    }

    fn area(&self) -> f64 {
        let [a, b, _, d] = self.corners;
        distance(a, b) * distance(a, d)
    }

    pub(super) fn centre(&self) -> Point {
        let [a, _, c, _] = self.corners;
        [f64::midpoint(a[0], c[0]), f64::midpoint(a[1], c[1])]
    }

    /// Upright rectangles that cover the box closely, for overlap tests.
    pub(super) fn pieces(&self) -> Vec<Rect> {
        let [a, b, c, d] = self.corners;
        let count = (distance(a, b) / distance(a, d).max(8.0)).ceil().clamp(1.0, 60.0);
        let at = |p: Point, q: Point, f: f64| [p[0] + (q[0] - p[0]) * f, p[1] + (q[1] - p[1]) * f];
        (0..count as usize)
            .map(|k| {
                let (f, g) = (k as f64 / count, (k + 1) as f64 / count);
                let quad = [at(a, b, f), at(a, b, g), at(d, c, f), at(d, c, g)];
                let low = [0, 1].map(|i| quad.iter().map(|p| p[i]).fold(f64::MAX, f64::min));
                let high = [0, 1].map(|i| quad.iter().map(|p| p[i]).fold(f64::MIN, f64::max));
                Rect { x: low[0], y: low[1], w: high[0] - low[0], h: high[1] - low[1] }
            })
            .collect()
    }
}

/// The box around points with sides along and across the line from `a` to `b`.
fn along(points: &[Point], a: Point, b: Point, pad_px: f64) -> Oriented {
    let length = distance(a, b);
    let along = if length > 0.0 { [(b[0] - a[0]) / length, (b[1] - a[1]) / length] } else { [1.0, 0.0] };
    let range = |axis: Point| {
        let [low, high] = points
            .iter()
            .map(|p| p[0] * axis[0] + p[1] * axis[1])
            .fold([f64::MAX, f64::MIN], |r, v| [r[0].min(v), r[1].max(v)]);
        [low - pad_px, high + pad_px]
    };
    let turned = |axis: Point| [-axis[1], axis[0]];
    let size = |[low, high]: [f64; 2]| high - low;
    let along = if size(range(along)) < size(range(turned(along))) { turned(along) } else { along };
    let (across, s, t) = (turned(along), range(along), range(turned(along)));
    let corner = |s: f64, t: f64| [along[0] * s + across[0] * t, along[1] * s + across[1] * t];
    Oriented { corners: [corner(s[0], t[0]), corner(s[1], t[0]), corner(s[1], t[1]), corner(s[0], t[1])] }
}

/// A free place for a label of `size` near `target`, and its leader line `[from label, to box]`.
///
/// Tried outwards in rings of 16 directions, so the nearest free place wins whose line crosses none of the `plates`, which are taken
/// as well; else the nearest; `None` when the panel is full.
pub(super) fn place(
    size: [f64; 2],
    target: &Oriented,
    panel: &Rect,
    taken: &[Rect],
    plates: &[Rect],
) -> Option<(Rect, [Point; 2])> {
    let mut crossing = None;
    // What sticks out of the panel is labelled where it can be seen.
    let centre = panel.inset(6.0).nearest(target.centre());
    let inner = panel.inset(6.0);
    for ring in 0..26 {
        let gap = 10.0 + 12.0 * f64::from(ring);
        for turn in [0, 15, 1, 8, 14, 2, 9, 7, 12, 4, 13, 3, 11, 5, 10, 6] {
            let angle = f64::from(turn) * std::f64::consts::TAU / 16.0;
            let (sin, cos) = angle.sin_cos();
            let reach = target.corners.iter().map(|p| (p[0] - centre[0]) * cos + (p[1] - centre[1]) * sin);
            let reach =
                reach.fold(0.0, f64::max) + gap + size[0] / 2.0 * cos.abs() + size[1] / 2.0 * sin.abs();
            let rect = Rect {
                x: centre[0] + reach * cos - size[0] / 2.0,
                y: centre[1] + reach * sin - size[1] / 2.0,
                w: size[0],
                h: size[1],
            };
            if inner.covers(&rect) && !taken.iter().chain(plates).any(|t| rect.overlaps(t, 5.0)) {
                let leader = leader(&rect, target, panel);
                if !beads(leader).any(|bead| plates.iter().any(|plate| bead.overlaps(plate, 0.0))) {
                    return Some((rect, leader));
                }
                crossing = crossing.or(Some((rect, leader)));
            }
        }
    }
    crossing
}

/// Small rectangles along a leader, for later labels to leave it in sight.
pub(super) fn beads([from, to]: [Point; 2]) -> impl Iterator<Item = Rect> {
    let count = (distance(from, to) / BEAD_STEP_PX).ceil().max(1.0);
    let at = move |k: usize, i: usize| from[i] + (to[i] - from[i]) * k as f64 / count;
    (0..=count as usize).map(move |k| Rect { x: at(k, 0) - 1.0, y: at(k, 1) - 1.0, w: 2.0, h: 2.0 })
}

/// The shortest line from a label to the outline of a box.
fn leader(label: &Rect, target: &Oriented, panel: &Rect) -> [Point; 2] {
    let at = label.nearest(target.centre());
    let mut best = [at, at];
    let mut shortest = f64::MAX;
    for (k, a) in target.corners.iter().enumerate() {
        let b = target.corners[(k + 1) % 4];
        for step in 0..=16 {
            let f = f64::from(step) / 16.0;
            let p = [a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f];
            let q = label.nearest(p);
            let hidden = distance(panel.nearest(p), p) > 1.0;
            if distance(p, q) < shortest && !hidden {
                shortest = distance(p, q);
                best = [q, p];
            }
        }
    }
    best
}

fn distance(p: Point, q: Point) -> f64 {
    (p[0] - q[0]).hypot(p[1] - q[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_many_neighbours_stay_apart() {
        let panel = Rect { x: 0.0, y: 0.0, w: 700.0, h: 700.0 };
        let boxes: Vec<Oriented> = (0..8)
            .filter_map(|k| {
                let y = 200.0 + 35.0 * f64::from(k);
                Oriented::around(&[[250.0, y], [400.0, y + 40.0]], 8.0)
            })
            .collect();
        let mut taken: Vec<Rect> = boxes.iter().flat_map(Oriented::pieces).collect();
        let mut plates = Vec::new();
        for b in &boxes {
            let (rect, leader) = place([200.0, 44.0], b, &panel, &taken, &plates).unwrap();
            assert!(panel.covers(&rect) && !taken.iter().chain(&plates).any(|t| rect.overlaps(t, 0.0)));
            assert!(!beads(leader).any(|bead| plates.iter().any(|plate| bead.overlaps(plate, 0.0))));
            plates.push(rect);
            taken.extend(beads(leader));
        }
    }

    #[test]
    fn a_box_follows_its_outline() {
        let b = Oriented::around(&[[0.0, 0.0], [10.0, 10.0]], 0.0).unwrap();
        assert!((distance(b.corners[0], b.corners[1]) - 200f64.sqrt()).abs() < 1e-9);
        assert!(Oriented::around(&[], 1.0).is_none());
        // A turned rectangle is its own box: not one along its diagonal.
        let (sin, cos) = 0.6_f64.sin_cos();
        let turned = [[0.0, 0.0], [50.0, 0.0], [50.0, 30.0], [0.0, 30.0]]
            .map(|[x, y]| [cos * x - sin * y, sin * x + cos * y]);
        for start in 0..4 {
            let mut points = turned;
            points.rotate_left(start);
            let b = Oriented::around(&points, 0.0).unwrap();
            assert!(
                (b.area() - 1500.0).abs() < 1e-6
                    && (distance(b.corners[0], b.corners[1]) - 50.0).abs() < 1e-9
            );
        }
    }
}

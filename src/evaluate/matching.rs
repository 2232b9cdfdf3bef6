//! When a detection is a hit: both lie on one stretch of the truth's axis.

/// Overlap that makes a hit, as a share of the shorter of the two.
const LEAST_OVERLAP_FRACTION: f64 = 0.3;
/// Largest distance of the two axes, metres.
const LARGEST_OFFSET_M: f64 = 30.0;

/// The middle line of something known, local metres; the first and last piece reach beyond the ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    points: Vec<(f64, f64)>,
    chainages_m: Vec<f64>,
}

/// Where a detection lies along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "every length carries its unit")]
pub(super) struct Span {
    /// First chainage on the axis, metres; below 0 before its first end.
    pub(super) low_m: f64,
    /// Last chainage, metres.
    pub(super) high_m: f64,
    /// Mean distance across, metres.
    pub(super) across_m: f64,
}

impl Axis {
    /// The axis along `points`; `None` when fewer than two differ.
    #[must_use]
    pub fn new(mut points: Vec<(f64, f64)>) -> Option<Self> {
        points.dedup_by(|a, b| distance(*a, *b) < 1e-6);
        if points.len() < 2 {
            return None;
        }
        let mut chainages_m = vec![0.0];
        for pair in points.windows(2) {
            chainages_m.push(chainages_m[chainages_m.len() - 1] + distance(pair[0], pair[1]));
        }
        Some(Self { points, chainages_m })
    }

    /// Length, metres.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.chainages_m.last().copied().unwrap_or(0.0)
    }

    /// Points along the axis, about `step_m` apart, both ends among them.
    #[must_use]
    pub fn every(&self, step_m: f64) -> Vec<(f64, f64)> {
        let count = (self.length_m() / step_m).ceil().max(1.0) as usize;
        (0..=count).map(|k| self.at(self.length_m() * k as f64 / count as f64)).collect()
    }

    pub(super) fn at(&self, chainage_m: f64) -> (f64, f64) {
        let last = self.points.len() - 1;
        let i = self.chainages_m.partition_point(|&c| c <= chainage_m).clamp(1, last);
        let (c0, c1) = (self.chainages_m[i - 1], self.chainages_m[i]);
        let f = (chainage_m - c0) / (c1 - c0);
        let (p, q) = (self.points[i - 1], self.points[i]);
        (p.0 + f * (q.0 - p.0), p.1 + f * (q.1 - p.1))
    }

    /// Chainage and distance across (right positive) of the nearest point of the axis.
    fn project(&self, p: (f64, f64)) -> (f64, f64) {
        let last = self.points.len() - 2;
        let mut best = (f64::INFINITY, 0.0, 0.0);
        for (i, pair) in self.points.windows(2).enumerate() {
            let (a, b) = (pair[0], pair[1]);
            let length = distance(a, b);
            let u = ((b.0 - a.0) / length, (b.1 - a.1) / length);
            let d = (p.0 - a.0, p.1 - a.1);
            let low = if i == 0 { f64::NEG_INFINITY } else { 0.0 };
            let high = if i == last { f64::INFINITY } else { length };
            let s = (d.0 * u.0 + d.1 * u.1).clamp(low, high);
            let away = (d.0 - s * u.0).hypot(d.1 - s * u.1);
            if away < best.0 {
                let side = d.0 * u.1 - d.1 * u.0;
                best = (away, self.chainages_m[i] + s, away.copysign(side));
            }
        }
        (best.1, best.2)
    }

    /// Where an outline lies along the axis; `None` without corners.
    pub(super) fn span(&self, corners: &[(f64, f64)]) -> Option<Span> {
        if corners.is_empty() {
            return None;
        }
        let mut span = Span { low_m: f64::INFINITY, high_m: f64::NEG_INFINITY, across_m: 0.0 };
        for &corner in corners {
            let (s, t) = self.project(corner);
            span.low_m = span.low_m.min(s);
            span.high_m = span.high_m.max(s);
            span.across_m += t / corners.len() as f64;
        }
        Some(span)
    }

    /// Whether an outline is a hit on this axis.
    #[must_use]
    pub fn is_hit(&self, corners: &[(f64, f64)]) -> bool {
        self.hit(corners).is_some()
    }

    /// The span of an outline that is a hit on this axis.
    pub(super) fn hit(&self, corners: &[(f64, f64)]) -> Option<Span> {
        let span = self.span(corners)?;
        let overlap_m = span.high_m.min(self.length_m()) - span.low_m.max(0.0);
        let shorter_m = self.length_m().min(span.high_m - span.low_m);
        let hit = overlap_m > 0.0 && overlap_m >= LEAST_OVERLAP_FRACTION * shorter_m;
        (hit && span.across_m.abs() <= LARGEST_OFFSET_M).then_some(span)
    }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (b.0 - a.0).hypot(b.1 - a.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent() -> Axis {
        Axis::new(vec![(0.0, 0.0), (100.0, 0.0), (100.0, -100.0)]).unwrap()
    }

    #[test]
    fn a_bent_axis_is_followed_and_reaches_beyond_its_ends() {
        assert!((bent().length_m() - 200.0).abs() < 1e-9);
        let (s, t) = bent().project((97.0, -50.0));
        assert!((s - 150.0).abs() < 1e-9 && (t - 3.0).abs() < 1e-9, "the right of southward is west");
        assert!((bent().project((-40.0, 0.0)).0 + 40.0).abs() < 1e-9);
        assert!((bent().project((100.0, -130.0)).0 - 230.0).abs() < 1e-9);
        assert_eq!(bent().every(50.0).len(), 5);
    }

    #[test]
    fn overlap_and_distance_decide() {
        let square = |x: f64, y: f64| vec![(x, y), (x + 50.0, y), (x + 50.0, y + 10.0), (x, y + 10.0)];
        assert!(bent().hit(&square(20.0, -5.0)).is_some());
        assert!(bent().hit(&square(20.0, 40.0)).is_none(), "45 m beside");
        assert!(bent().hit(&square(-40.0, -5.0)).is_none(), "10 of 50 m");
        assert!(bent().hit(&[]).is_none());
    }
}

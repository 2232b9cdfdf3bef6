//! Boxes around points, and points along their edges.

/// A box with sides along the axes, in map coordinates `(x, y)` or in continuous pixel coordinates `(row, col)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least of both coordinates.
    pub min: (f64, f64),
    /// Greatest of both coordinates.
    pub max: (f64, f64),
}

impl Bounds {
    /// The smallest box around the finite ones of some points; where there are none, the one from +∞ to −∞, which holds nothing.
    ///
    /// ```
    /// use railwatch::grid::Bounds;
    /// let around = Bounds::around([(3.0, -1.0), (f64::NAN, 9.0), (1.0, 5.0)]);
    /// assert_eq!(around, Bounds { min: (1.0, -1.0), max: (3.0, 5.0) });
    /// ```
    #[must_use]
    pub fn around(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let nothing =
            Self { min: (f64::INFINITY, f64::INFINITY), max: (f64::NEG_INFINITY, f64::NEG_INFINITY) };
        let finite = points.into_iter().filter(|p| p.0.is_finite() && p.1.is_finite());
        finite.fold(nothing, |b, p| Self {
            min: (b.min.0.min(p.0), b.min.1.min(p.1)),
            max: (b.max.0.max(p.0), b.max.1.max(p.1)),
        })
    }

    /// Grown by `margin` on all sides.
    #[must_use]
    pub fn grown(self, margin: f64) -> Self {
        Self {
            min: (self.min.0 - margin, self.min.1 - margin),
            max: (self.max.0 + margin, self.max.1 + margin),
        }
    }

    /// Points along the edge, once around from `min`: the corners, and between them as many as make `per_side` steps of each side.
    pub fn edge(self, per_side: usize) -> impl Iterator<Item = (f64, f64)> {
        let (low, high) = (self.min, self.max);
        let corners = [low, (low.0, high.1), high, (high.0, low.1)];
        (0..4).flat_map(move |side| {
            let (a, b) = (corners[side], corners[(side + 1) % 4]);
            (0..per_side).map(move |k| {
                let f = k as f64 / per_side as f64;
                (a.0 + f * (b.0 - a.0), a.1 + f * (b.1 - a.1))
            })
        })
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}…{:.0}, y {:.0}…{:.0}", self.min.0, self.max.0, self.min.1, self.max.1)
    }
}

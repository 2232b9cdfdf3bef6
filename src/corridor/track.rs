//! A track: one rail line as a curve in map metres, addressed by chainage and offset.

/// One rail line between two switches, line ends or scene edges.
///
/// The curve is a polyline in the working CRS (metres). Chainage runs along it from its first
/// vertex; offset is measured across, positive to the right of increasing chainage.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Stable name: the same rails give the same id whatever else is in the file.
    pub id: String,
    /// Name of the line where the vector has one.
    pub name: Option<String>,
    vertices: Vec<(f64, f64)>,
    chainages_m: Vec<f64>,
}

/// A place on a track with the direction of increasing chainage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackPoint {
    /// Map coordinates, metres.
    pub xy: (f64, f64),
    /// Unit vector along increasing chainage.
    pub along: (f64, f64),
}

impl TrackPoint {
    /// The map point `offset_m` metres to the right.
    #[must_use]
    pub fn at_offset(&self, offset_m: f64) -> (f64, f64) {
        (self.xy.0 + self.along.1 * offset_m, self.xy.1 - self.along.0 * offset_m)
    }
}

impl Track {
    /// A track along `vertices`; repeated vertices are dropped. `None` when fewer than two remain.
    #[must_use]
    pub fn new(id: String, name: Option<String>, mut vertices: Vec<(f64, f64)>) -> Option<Self> {
        vertices.retain(|v| v.0.is_finite() && v.1.is_finite());
        vertices.dedup_by(|a, b| (a.0 - b.0).hypot(a.1 - b.1) < 1e-6);
        if vertices.len() < 2 {
            return None;
        }
        let mut chainages_m = Vec::with_capacity(vertices.len());
        let mut sum_m = 0.0;
        chainages_m.push(0.0);
        for pair in vertices.windows(2) {
            sum_m += (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
            chainages_m.push(sum_m);
        }
        Some(Self { id, name, vertices, chainages_m })
    }

    /// The same track so many map metres to the east and north.
    #[must_use]
    pub fn moved(&self, east_m: f64, north_m: f64) -> Self {
        let vertices = self.vertices.iter().map(|v| (v.0 + east_m, v.1 + north_m)).collect();
        Self { vertices, ..self.clone() }
    }

    /// Length of the curve, metres.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.chainages_m.last().copied().unwrap_or(0.0)
    }

    /// The polyline in map metres.
    #[must_use]
    pub fn vertices(&self) -> &[(f64, f64)] {
        &self.vertices
    }

    /// Place and direction at a chainage, clamped to the ends.
    ///
    /// The direction is that of the chord over ±15 m, so that the corners of a polyline do not make
    /// the strip fold at each vertex.
    #[must_use]
    pub fn at(&self, chainage_m: f64) -> TrackPoint {
        const HALF_CHORD_M: f64 = 15.0;
        let length = self.length_m();
        let s = chainage_m.clamp(0.0, length);
        let (a, b) =
            (self.position((s - HALF_CHORD_M).max(0.0)), self.position((s + HALF_CHORD_M).min(length)));
        let chord = (b.0 - a.0).hypot(b.1 - a.1).max(1e-9);
        TrackPoint { xy: self.position(s), along: ((b.0 - a.0) / chord, (b.1 - a.1) / chord) }
    }

    fn position(&self, s: f64) -> (f64, f64) {
        let i = self.chainages_m.partition_point(|&c| c <= s).clamp(1, self.vertices.len() - 1);
        let (c0, c1) = (self.chainages_m[i - 1], self.chainages_m[i]);
        let f = ((s - c0) / (c1 - c0)).clamp(0.0, 1.0);
        let (p, q) = (self.vertices[i - 1], self.vertices[i]);
        (p.0 + f * (q.0 - p.0), p.1 + f * (q.1 - p.1))
    }
}

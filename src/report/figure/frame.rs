//! From map coordinates to the page: extents, the frame of a panel, graticule and scale bar.

use super::super::axis::{Tick, decimals, multiples, step_below};
use super::super::{Error, Panel, Point};
use crate::grid::Affine;

/// A box in map coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub(super) x0: f64,
    pub(super) y0: f64,
    pub(super) x1: f64,
    pub(super) y1: f64,
}

impl Extent {
    /// The smallest box around the finite points; `None` without one.
    pub(super) fn around(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points.into_iter().filter(|p| p[0].is_finite() && p[1].is_finite()).fold(
            None,
            |e: Option<Self>, [x, y]| {
                let e = e.unwrap_or(Self { x0: x, y0: y, x1: x, y1: y });
                Some(Self { x0: e.x0.min(x), y0: e.y0.min(y), x1: e.x1.max(x), y1: e.y1.max(y) })
            },
        )
    }

    pub(super) fn of_panel(panel: &Panel) -> Result<Self, Error> {
        let affine = panel.affine()?;
        let (h, w) = (f64::from(panel.image.height()) - 0.5, f64::from(panel.image.width()) - 0.5);
        let corners = [(-0.5, -0.5), (-0.5, w), (h, w), (h, -0.5)].map(|(r, c)| affine.xy(r, c).into());
        Ok(Self::around(corners).unwrap_or(Self { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 }))
    }

    pub(super) fn width(&self) -> f64 {
        self.x1 - self.x0
    }

    pub(super) fn height(&self) -> f64 {
        self.y1 - self.y0
    }

    pub(super) fn centre(&self) -> Point {
        [f64::midpoint(self.x0, self.x1), f64::midpoint(self.y0, self.y1)]
    }

    pub(super) fn grown(&self, by: f64) -> Self {
        Self { x0: self.x0 - by, y0: self.y0 - by, x1: self.x1 + by, y1: self.y1 + by }
    }

    pub(super) fn contains(&self, p: Point) -> bool {
        (self.x0..=self.x1).contains(&p[0]) && (self.y0..=self.y1).contains(&p[1])
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        self.contains([other.x0, other.y0]) && self.contains([other.x1, other.y1])
    }

    /// The part inside `bounds`.
    pub(super) fn within(&self, bounds: &Self) -> Self {
        let (x, y) = (|x: f64| x.clamp(bounds.x0, bounds.x1), |y: f64| y.clamp(bounds.y0, bounds.y1));
        Self { x0: x(self.x0), y0: y(self.y0), x1: x(self.x1), y1: y(self.y1) }
    }

    /// The box of the given size about the same centre, moved into `bounds` and cut by them.
    pub(super) fn sized_within(&self, width: f64, height: f64, bounds: &Self) -> Self {
        let [cx, cy] = self.centre();
        let place = |centre: f64, size: f64, low: f64, high: f64| {
            let size = size.min(high - low);
            let start = (centre - size / 2.0).clamp(low, high - size);
            (start, start + size)
        };
        let (x0, x1) = place(cx, width, bounds.x0, bounds.x1);
        let (y0, y1) = place(cy, height, bounds.y0, bounds.y1);
        Self { x0, y0, x1, y1 }
    }

    /// Widened or heightened until height over width lies in `[low, high]`: inside `bounds` as far as they go.
    pub(super) fn with_aspect(&self, [low, high]: [f64; 2], bounds: &Self) -> Self {
        let (w, h) = (self.width(), self.height());
        let inside = self.sized_within(w.max(h / high), h.max(w * low), bounds);
        let (w, h) = (inside.width(), inside.height());
        // Scenes narrower than any readable panel get an empty border.
        let [cx, cy] = inside.centre();
        let (w, h) = (w.max(h / high) / 2.0, h.max(w * low) / 2.0);
        Self { x0: cx - w, y0: cy - h, x1: cx + w, y1: cy + h }
    }
}

/// Longitude and latitude over a panel, bilinear between its corners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geodetic {
    corners: [Point; 4],
    affine: Affine,
    size: [f64; 2],
}

impl Geodetic {
    pub(super) fn of_panel(panel: &Panel) -> Option<Self> {
        let size = [f64::from(panel.image.width()), f64::from(panel.image.height())];
        Some(Self { corners: panel.card.corners_lonlat?, affine: panel.affine().ok()?, size })
    }

    pub(super) fn lonlat(&self, [x, y]: Point) -> Point {
        let (row, col) = self.affine.row_col(x, y);
        let (u, v) = ((col + 0.5) / self.size[0], (row + 0.5) / self.size[1]);
        let [a, b, c, d] = self.corners;
        [0, 1].map(|k| (1.0 - v) * ((1.0 - u) * a[k] + u * b[k]) + v * ((1.0 - u) * d[k] + u * c[k]))
    }

    /// Metres between two map points on a sphere; good to 0.5 %, enough for a scale bar.
    fn distance_m(&self, p: Point, q: Point) -> f64 {
        let (p, q) = (self.lonlat(p).map(f64::to_radians), self.lonlat(q).map(f64::to_radians));
        let half = |d: f64| (d / 2.0).sin().powi(2);
        // a = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2), d = 2R asin √a
        let a = half(q[1] - p[1]) + p[1].cos() * q[1].cos() * half(q[0] - p[0]);
        2.0 * crate::units::EARTH_RADIUS_M * a.sqrt().asin()
    }
}

/// One panel's place on the page and the part of the map it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) extent: Extent,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    pub(super) fn page(&self, [x, y]: Point) -> Point {
        [self.x + (x - self.extent.x0) * self.scale_x(), self.y + (self.extent.y1 - y) * self.scale_y()]
    }

    pub(super) fn scale_x(&self) -> f64 {
        self.width / self.extent.width()
    }

    pub(super) fn scale_y(&self) -> f64 {
        self.height / self.extent.height()
    }

    /// Longitude marks along the bottom edge and latitude marks along the left edge.
    pub(super) fn graticule(&self, geodetic: &Geodetic) -> (Vec<Tick>, Vec<Tick>) {
        let e = self.extent;
        let corner = geodetic.lonlat([e.x0, e.y0]);
        let lon = [corner[0], geodetic.lonlat([e.x1, e.y0])[0]];
        let lat = [geodetic.lonlat([e.x0, e.y1])[1], corner[1]];
        (ticks(lon, self.x, self.width, ['E', 'W']), ticks(lat, self.y, self.height, ['N', 'S']))
    }

    /// Length in page px and label of a scale bar of a round number of metres.
    pub(super) fn scale_bar(&self, geodetic: Option<&Geodetic>) -> (f64, String) {
        let e = self.extent;
        let y = e.centre()[1];
        let across_m = geodetic.map_or(e.width(), |g| g.distance_m([e.x0, y], [e.x1, y]));
        let bar_m = step_below(across_m * 0.22);
        let label = if bar_m >= 1000.0 { format!("{} km", bar_m / 1000.0) } else { format!("{bar_m} m") };
        (bar_m / across_m * self.width, label)
    }
}

fn ticks([from, to]: [f64; 2], start: f64, length: f64, hemispheres: [char; 2]) -> Vec<Tick> {
    let span = (to - from).abs();
    if !(span.is_finite() && span > 1e-9 && span < 180.0) {
        return Vec::new();
    }
    let step = step_below(span / 2.2);
    let digits = decimals(step);
    multiples(from.min(to), from.max(to), step, 12)
        .into_iter()
        .map(|v| Tick {
            at: start + (v - from) / (to - from) * length,
            label: format!("{:.digits$}° {}", v.abs(), hemispheres[usize::from(v < 0.0)]),
        })
        .filter(|t| t.at > start + 40.0 && t.at < start + length - 40.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_take_the_asked_aspect_and_stay_inside_where_they_can() {
        let bounds = Extent { x0: 0.0, y0: 0.0, x1: 100.0, y1: 100.0 };
        let line = Extent { x0: 0.0, y0: 90.0, x1: 100.0, y1: 95.0 };
        let e = line.with_aspect([0.5, 0.8], &bounds);
        assert!(bounds.covers(&e) && (e.height() - 50.0).abs() < 1e-9);
        let thin = Extent { x0: 0.0, y0: 0.0, x1: 10.0, y1: 200.0 };
        let e = thin.with_aspect([0.8, 1.6], &thin);
        assert!((e.height() / e.width() - 1.6).abs() < 1e-9 && e.covers(&thin));
    }

    #[test]
    fn marks_are_round_degrees() {
        assert_eq!(ticks([13.5, 13.6], 0.0, 700.0, ['E', 'W'])[0].label, "13.52° E");
    }
}

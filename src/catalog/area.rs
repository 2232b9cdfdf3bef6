//! The ground that is asked for: the corridor's lines or a box, in longitude and latitude.

use super::Error;
use crate::units::METRES_PER_DEGREE;
use geo::{
    BoundingRect, Coord, Geometry, Intersects, LineString, MultiLineString, MultiPolygon, Point, Rect,
    Translate,
};

/// About the most points at which coverage is tested.
const MOST_POINTS: f64 = 10_000.0;

/// Ground in WGS 84 degrees; longitudes may run beyond ±180 where it crosses the antimeridian.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    shape: Geometry<f64>,
    bounds: Rect<f64>,
}

impl Area {
    /// A box `[west, south, east, north]` in degrees; west greater than east crosses the antimeridian.
    ///
    /// # Errors
    /// [`Error::Query`] for numbers that are no longitudes and latitudes, or south above north.
    pub fn of_bbox(bbox_deg: [f64; 4]) -> Result<Self, Error> {
        let [west, south, mut east, north] = bbox_deg;
        let inside = west.abs() <= 180.0 && east.abs() <= 180.0 && south.abs() <= 90.0 && north.abs() <= 90.0;
        if !inside || south > north {
            let reason = "give west,south,east,north in degrees, such as 130.5,42.3,130.8,42.6".to_owned();
            return Err(Error::Query { what: format!("box {bbox_deg:?}"), reason });
        }
        if west > east {
            east += 360.0;
        }
        let bounds = Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north });
        Ok(Self { shape: Geometry::Polygon(bounds.to_polygon()), bounds })
    }

    /// Lines of longitudes and latitudes in degrees.
    ///
    /// # Errors
    /// [`Error::Query`] when there is no point.
    pub fn of_lines(lines_deg: &[Vec<(f64, f64)>]) -> Result<Self, Error> {
        let first = lines_deg.iter().flatten().next().map_or(0.0, |p| p.0);
        // The shorter way round: all points within half a turn of the first.
        let near = |x: f64| x - 360.0 * ((x - first) / 360.0).round();
        let lines: Vec<LineString<f64>> =
            lines_deg.iter().map(|l| l.iter().map(|&(x, y)| (near(x), y)).collect()).collect();
        let shape = Geometry::MultiLineString(MultiLineString::new(lines));
        let bounds = shape.bounding_rect().ok_or_else(|| Error::Query {
            what: "area".to_owned(),
            reason: "the lines have no points; give rail lines or a box".to_owned(),
        })?;
        Ok(Self { shape, bounds })
    }

    /// `[west, south, east, north]` in degrees within ±180; west is greater than east across the antimeridian.
    #[must_use]
    pub fn bbox_deg(&self) -> [f64; 4] {
        let turn = |x: f64| if x.abs() > 180.0 { (x + 180.0).rem_euclid(360.0) - 180.0 } else { x };
        let (min, max) = (self.bounds.min(), self.bounds.max());
        [turn(min.x), min.y, turn(max.x), max.y]
    }

    /// Points along the lines, or in the box, about `step_m` metres apart and at most some ten thousand; degrees.
    #[must_use]
    pub fn points(&self, step_m: f64) -> Vec<Point<f64>> {
        let step = (step_m / METRES_PER_DEGREE).max(1e-6);
        if let Geometry::MultiLineString(lines) = &self.shape {
            let length: f64 = lines.0.iter().flat_map(LineString::lines).map(|l| l.dx().hypot(l.dy())).sum();
            let step = step.max(length / MOST_POINTS);
            return lines.0.iter().flat_map(|line| along(line, step)).collect();
        }
        let (min, size) = (self.bounds.min(), (self.bounds.width(), self.bounds.height()));
        let count = |length: f64| (length / step).ceil().clamp(1.0, MOST_POINTS.sqrt());
        let (nx, ny) = (count(size.0), count(size.1));
        let at = |i: usize, n: f64| (i as f64 + 0.5) / n;
        (0..ny as usize)
            .flat_map(|j| (0..nx as usize).map(move |i| (i, j)))
            .map(|(i, j)| Point::new(min.x + at(i, nx) * size.0, min.y + at(j, ny) * size.1))
            .collect()
    }

    /// Whether some of it lies on a footprint in degrees.
    #[must_use]
    pub fn meets(&self, footprint: &MultiPolygon<f64>) -> bool {
        [-360.0, 0.0, 360.0].into_iter().any(|turn| {
            footprint.0.iter().any(|part| {
                let moved = part.translate(turn, 0.0);
                moved.bounding_rect().is_some_and(|b| b.intersects(&self.bounds))
                    && moved.intersects(&self.shape)
            })
        })
    }
}

/// Points on a line, the first vertex included, `step` degrees apart.
fn along(line: &LineString<f64>, step: f64) -> Vec<Point<f64>> {
    let mut points: Vec<Point<f64>> = line.0.first().map(|c| Point::from(*c)).into_iter().collect();
    for piece in line.lines() {
        let count = (piece.dx().hypot(piece.dy()) / step).ceil().max(1.0);
        points.extend((1..=count as usize).map(|k| {
            let f = k as f64 / count;
            Point::new(piece.start.x + f * piece.dx(), piece.start.y + f * piece.dy())
        }));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(west: f64, south: f64, side: f64) -> MultiPolygon<f64> {
        let rect = Rect::new(Coord { x: west, y: south }, Coord { x: west + side, y: south + side });
        MultiPolygon::new(vec![rect.to_polygon()])
    }

    #[test]
    fn lines_meet_what_they_cross_and_not_their_box() {
        let area = Area::of_lines(&[vec![(0.0, 0.0), (1.0, 1.0)]]).unwrap();
        assert!(area.meets(&square(0.4, 0.4, 0.2)));
        assert!(!area.meets(&square(0.7, 0.1, 0.2)));
        assert!(Area::of_lines(&[]).is_err());
    }

    #[test]
    fn the_antimeridian_is_a_place_like_any_other() {
        for area in [
            Area::of_bbox([179.5, -17.0, -179.5, -16.0]).unwrap(),
            Area::of_lines(&[vec![(179.5, -17.0), (-179.5, -16.0)]]).unwrap(),
        ] {
            let bbox = area.bbox_deg();
            assert!((bbox[0] - 179.5).abs() < 1e-9 && (bbox[2] + 179.5).abs() < 1e-9, "{bbox:?}");
            assert!(area.meets(&square(179.6, -17.0, 0.3)) && area.meets(&square(-179.9, -16.6, 0.3)));
            assert!(!area.meets(&square(0.0, -17.0, 1.0)));
        }
        assert!(
            Area::of_bbox([0.0, 2.0, 1.0, 1.0]).is_err() && Area::of_bbox([0.0, 0.0, 200.0, 1.0]).is_err()
        );
    }
}

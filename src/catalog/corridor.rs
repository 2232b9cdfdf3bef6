//! The corridor on the grid of a scene: the window to read and the pixels near the rails.

use super::{Area, Error};
use crate::corridor::{Track, corridor_mask};
use crate::grid::{Grid, Window};
use crate::io;
use ndarray::Array2;

/// Longest piece of a line between two projected points, degrees.
const PIECE_DEG: f64 = 0.01;

/// Ground around rails, or a box, that is judged for clouds and fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Corridor {
    area: Area,
    /// Lines of longitudes and latitudes, degrees.
    lines_deg: Vec<Vec<(f64, f64)>>,
    /// Half width in which clouds count, metres; `None` = all of the box.
    buffer_m: Option<f64>,
    /// Ground that is fetched beyond, metres.
    margin_m: f64,
}

impl Corridor {
    /// The corridor of a rail vector: clouds count within `buffer_m` of the lines, `margin_m` around them is fetched.
    ///
    /// # Errors
    /// [`Error::Io`] for a vector that cannot be read, [`Error::Query`] for lengths outside 0…100 000 m.
    pub fn read(rails: &str, buffer_m: f64, margin_m: f64) -> Result<Self, Error> {
        let lines = io::read_lines(rails, &io::crs_from_epsg(4326)?)?;
        Self::of_lines(lines.into_iter().map(|l| l.vertices).collect(), buffer_m, margin_m)
    }

    /// The corridor of lines of longitudes and latitudes in degrees.
    ///
    /// # Errors
    /// [`Error::Query`] for lines without points, and for lengths outside 0…100 000 m.
    pub fn of_lines(lines_deg: Vec<Vec<(f64, f64)>>, buffer_m: f64, margin_m: f64) -> Result<Self, Error> {
        in_range("buffer_m", buffer_m)?;
        in_range("margin_m", margin_m)?;
        let area = Area::of_lines(&lines_deg)?;
        Ok(Self { area, lines_deg, buffer_m: Some(buffer_m), margin_m: margin_m.max(buffer_m) })
    }

    /// A box `[west, south, east, north]` in degrees, all of which counts.
    ///
    /// # Errors
    /// [`Error::Query`] for a box that is none, and for a margin outside 0…100 000 m.
    pub fn of_bbox(bbox_deg: [f64; 4], margin_m: f64) -> Result<Self, Error> {
        let area = Area::of_bbox(bbox_deg)?;
        in_range("margin_m", margin_m)?;
        let [west, south, mut east, north] = bbox_deg;
        if west > east {
            east += 360.0;
        }
        let ring = vec![(west, south), (east, south), (east, north), (west, north), (west, south)];
        Ok(Self { area, lines_deg: vec![ring], buffer_m: None, margin_m })
    }

    /// The ground that items must touch.
    #[must_use]
    pub fn area(&self) -> &Area {
        &self.area
    }

    /// Everything that decides which pixels are fetched, as text.
    pub(super) fn key(&self) -> String {
        format!("{:?} {:?} {}", self.lines_deg, self.buffer_m, self.margin_m)
    }

    /// The window of a grid around the corridor with its margin; `None` when it lies elsewhere.
    ///
    /// # Errors
    /// [`Error::Io`] when the grid's system has no place there.
    pub fn window(&self, grid: &Grid) -> Result<Option<Window>, Error> {
        let points: Vec<(f64, f64)> = self.projected(grid)?.into_iter().flatten().collect();
        let margin_px = self.margin_m / io::ground_pixel_m(grid)?.max(1e-6) + 2.0;
        Ok(grid.window_around(points, margin_px))
    }

    /// Which pixels of a grid are in the corridor, `(row, col)`: all of them for a box, or where the grid's unit is not
    /// the metre.
    pub(super) fn mask(&self, grid: &Grid) -> Result<Array2<bool>, Error> {
        let Some(buffer_m) = self.buffer_m.filter(|_| io::working_crs(grid).is_ok_and(|crs| crs == grid.crs))
        else {
            return Ok(Array2::from_elem(grid.shape, true));
        };
        let lines = self.projected(grid)?;
        let tracks: Vec<Track> =
            lines.into_iter().filter_map(|vertices| Track::new(String::new(), None, vertices)).collect();
        Ok(corridor_mask(grid, &tracks, buffer_m.max(grid.pixel_size())))
    }

    /// The lines in map coordinates of a grid, with nodes close enough that they stay straight.
    fn projected(&self, grid: &Grid) -> Result<Vec<Vec<(f64, f64)>>, Error> {
        let dense = self.lines_deg.iter().map(|line| {
            let mut nodes: Vec<(f64, f64)> = line.first().copied().into_iter().collect();
            for pair in line.windows(2) {
                let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                let pieces = (dx.hypot(dy) / PIECE_DEG).ceil().clamp(1.0, 10_000.0);
                nodes.extend((1..=pieces as usize).map(|k| {
                    let f = k as f64 / pieces;
                    (pair[0].0 + f * dx, pair[0].1 + f * dy)
                }));
            }
            nodes
        });
        dense.map(|nodes| io::from_wgs84(&grid.crs, &nodes).map_err(Error::from)).collect()
    }
}

fn in_range(what: &str, value: f64) -> Result<(), Error> {
    if (0.0..=100_000.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Query { what: what.to_owned(), reason: format!("{value} is outside 0…100000 metres") })
}

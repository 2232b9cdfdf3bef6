//! Where pixels lie: coordinate reference system, affine transform, shape, and parts of them.
//!
//! Arrays are always `(row, col)`, map coordinates always `(x, y)`. Pixel coordinates are
//! continuous with **pixel centres at whole numbers**: `(0.0, 0.0)` is the centre of the first pixel,
//! its corner is `(-0.5, -0.5)`. GDAL's corner convention exists only inside [`Affine`].

mod affine;
mod bounds;
mod crs;
mod mapping;
mod window;

pub use affine::{Affine, SingularAffine};
pub use bounds::Bounds;
pub use crs::Crs;
pub use mapping::{Lattice, Mapping};
pub use window::Window;

/// A georeferenced raster frame: CRS, affine transform and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Coordinate reference system of `(x, y)`.
    pub crs: Crs,
    /// Pixel to map transform.
    pub affine: Affine,
    /// Rows and columns.
    pub shape: (usize, usize),
}

impl Grid {
    /// Map coordinates of the pixel centre `(row, col)`; fractions allowed.
    #[must_use]
    pub fn xy(&self, row: f64, col: f64) -> (f64, f64) {
        self.affine.xy(row, col)
    }

    /// Continuous pixel coordinates of a map point; may lie outside the shape.
    #[must_use]
    pub fn row_col(&self, x: f64, y: f64) -> (f64, f64) {
        self.affine.row_col(x, y)
    }

    /// The whole grid as a window.
    #[must_use]
    pub fn window(&self) -> Window {
        Window { row: 0, col: 0, height: self.shape.0, width: self.shape.1 }
    }

    /// The grid of a window of this grid.
    #[must_use]
    pub fn sub_grid(&self, window: Window) -> Grid {
        Grid {
            crs: self.crs.clone(),
            affine: self.affine.shifted(window.row as f64, window.col as f64),
            shape: (window.height, window.width),
        }
    }

    /// Mean side of a pixel in units of the CRS: metres in projected systems, else degrees. For metres on the ground
    /// whatever the CRS there is [`crate::io::ground_pixel_m`].
    #[must_use]
    pub fn pixel_size(&self) -> f64 {
        self.affine.pixel_size()
    }

    /// The smallest window that holds every given map point plus `margin_px`, clipped to the grid;
    /// `None` when nothing of it lies inside.
    #[must_use]
    pub fn window_around<I>(&self, points: I, margin_px: f64) -> Option<Window>
    where
        I: IntoIterator<Item = (f64, f64)>,
    {
        Window::around(points.into_iter().map(|(x, y)| self.row_col(x, y)), margin_px, self.shape)
    }

    /// Map coordinates along the outer edge of the pixels, once around from the first pixel's corner, with `per_side` steps
    /// along each side so that it may bend in another CRS.
    pub fn edge(&self, per_side: usize) -> impl Iterator<Item = (f64, f64)> {
        let last = (self.shape.0 as f64 - 0.5, self.shape.1 as f64 - 0.5);
        Bounds { min: (-0.5, -0.5), max: last }.edge(per_side).map(|(row, col)| self.xy(row, col))
    }

    /// Map coordinates of the four outer corners, clockwise from the first pixel's.
    #[must_use]
    pub fn corners(&self) -> [(f64, f64); 4] {
        let (h, w) = (self.shape.0 as f64 - 0.5, self.shape.1 as f64 - 0.5);
        [self.xy(-0.5, -0.5), self.xy(-0.5, w), self.xy(h, w), self.xy(h, -0.5)]
    }
}

//! Affine transform between continuous pixel coordinates (centres at whole numbers) and the map.

use thiserror::Error;

/// A geotransform that maps all pixels onto a line or a point.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[error("the geotransform {0:?} has no inverse: the raster has no usable georeference")]
pub struct SingularAffine(pub [f64; 6]);

/// Pixel to map transform with its inverse kept beside it.
///
/// ```
/// use railwatch::grid::Affine;
/// let a = Affine::from_gdal([399_960.0, 10.0, 0.0, 4_700_040.0, 0.0, -10.0])?;
/// assert_eq!(a.xy(0.0, 0.0), (399_965.0, 4_700_035.0)); // the centre of the first pixel
/// assert_eq!(a.row_col(399_965.0, 4_700_035.0), (0.0, 0.0));
/// # Ok::<(), railwatch::grid::SingularAffine>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// GDAL's six coefficients, which speak of pixel corners.
    gdal: [f64; 6],
    inverse: [f64; 4],
}

impl Affine {
    /// From GDAL's geotransform `[x0, dx/dcol, dx/drow, y0, dy/dcol, dy/drow]` (corner convention).
    ///
    /// # Errors
    /// [`SingularAffine`] when the transform has no inverse or is not finite.
    pub fn from_gdal(g: [f64; 6]) -> Result<Self, SingularAffine> {
        let det = g[1] * g[5] - g[2] * g[4];
        if !det.is_finite() || det.abs() < 1e-300 || g.iter().any(|v| !v.is_finite()) {
            return Err(SingularAffine(g));
        }
        Ok(Self { gdal: g, inverse: [g[5] / det, -g[2] / det, -g[4] / det, g[1] / det] })
    }

    /// GDAL's geotransform (corner convention).
    #[must_use]
    pub fn to_gdal(self) -> [f64; 6] {
        self.gdal
    }

    /// Map coordinates of continuous pixel coordinates.
    #[must_use]
    pub fn xy(&self, row: f64, col: f64) -> (f64, f64) {
        let g = &self.gdal;
        let (c, r) = (col + 0.5, row + 0.5);
        (g[0] + g[1] * c + g[2] * r, g[3] + g[4] * c + g[5] * r)
    }

    /// Continuous pixel coordinates `(row, col)` of a map point.
    #[must_use]
    pub fn row_col(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.gdal[0], y - self.gdal[3]);
        let i = &self.inverse;
        (i[2] * dx + i[3] * dy - 0.5, i[0] * dx + i[1] * dy - 0.5)
    }

    /// The transform of the part that starts at pixel `(row, col)`.
    #[must_use]
    pub fn shifted(&self, row: f64, col: f64) -> Self {
        let g = self.gdal;
        let gdal = [g[0] + g[1] * col + g[2] * row, g[1], g[2], g[3] + g[4] * col + g[5] * row, g[4], g[5]];
        Self { gdal, inverse: self.inverse }
    }

    /// Square root of a pixel's area, in units of the CRS.
    #[must_use]
    pub fn pixel_size(&self) -> f64 {
        let g = &self.gdal;
        (g[1] * g[5] - g[2] * g[4]).abs().sqrt()
    }
}

//! A scene sampled along a track: the one interpolation between a pixel of the file and the statistic.

use super::Track;
use crate::grid::Mapping;
use crate::raster::Raster;
use crate::signal::cubic_at;
use ndarray::{Array2, Array3};

/// Where the cells of a strip lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StripGeometry {
    /// Cells along: one a scene pixel.
    pub along_step_m: f64,
    /// Cells across.
    pub across_step_m: f64,
    /// Cells lie at −half…+half across.
    pub half_width_m: f64,
}

impl StripGeometry {
    /// One pixel along, half a pixel across, ±20 px wide: the sampling of the detector.
    #[must_use]
    pub fn for_pixel_m(pixel_m: f64) -> Self {
        Self { along_step_m: pixel_m, across_step_m: pixel_m / 2.0, half_width_m: 20.0 * pixel_m }
    }

    /// Number of cells along a track of `length_m`.
    #[must_use]
    pub fn along_count(&self, length_m: f64) -> usize {
        (length_m / self.along_step_m).floor() as usize + 1
    }

    /// Number of cells across; always odd, the middle one is on the track.
    #[must_use]
    pub fn across_count(&self) -> usize {
        2 * self.half_across() + 1
    }

    /// Cells from the middle to either edge.
    #[must_use]
    pub fn half_across(&self) -> usize {
        (self.half_width_m / self.across_step_m).round() as usize
    }
}

/// One scene along one track.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Values `(band, s, t)`; NaN where the kernel touches a pixel that cannot be used.
    pub values: Array3<f32>,
    /// Whether a cell can be used, `(s, t)`.
    pub valid: Array2<bool>,
    /// Where the cells lie.
    pub geometry: StripGeometry,
}

/// Samples `raster` along `track` by cubic convolution (Keys 1981, a = −1/2).
///
/// `mapping` leads from the track's map metres to the scene's pixels, of which `raster` holds the window
/// that starts at `origin` (row, col). `shift_px` is added to the (row, col) of every sample: it carries
/// the registration, so that no pixel is ever resampled twice.
#[must_use]
pub fn sample_strip(
    raster: &Raster,
    origin: (usize, usize),
    mapping: &Mapping,
    shift_px: (f64, f64),
    track: &Track,
    geometry: StripGeometry,
) -> Strip {
    let (ns, nt) = (geometry.along_count(track.length_m()), geometry.across_count());
    let bands = raster.values.dim().0;
    let half = geometry.half_across() as f64;
    let mut values = Array3::from_elem((bands, ns, nt), f32::NAN);
    let mut valid = Array2::from_elem((ns, nt), false);
    let usable = raster.validity.mapv(crate::raster::Validity::shows_ground);
    for s in 0..ns {
        let point = track.at(s as f64 * geometry.along_step_m);
        for t in 0..nt {
            let (x, y) = point.at_offset((t as f64 - half) * geometry.across_step_m);
            let (row, col) = mapping.row_col(x, y);
            let (row, col) = (row + shift_px.0 - origin.0 as f64, col + shift_px.1 - origin.1 as f64);
            let mut cell = |b: usize, v: f32| values[(b, s, t)] = v;
            valid[(s, t)] = cubic_at(&raster.values, &usable, (row, col), &mut cell);
        }
    }
    Strip { values, valid, geometry }
}

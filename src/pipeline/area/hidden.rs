//! Where clouds or their shadows hide the ground in one of two scenes, told on a coarse look at both.
//!
//! Clouds are hundreds of metres wide: the test of [`mask::clouds`] runs on larger pixels, over the whole scene at once,
//! so that its typical differences are the scene's and memory is that of a few million pixels.

use super::Planned;
use crate::grid::Window;
use crate::mask::{self, MaskParams, MaskSummary};
use crate::pipeline::Error;
use crate::pipeline::gridded::onto_grid;
use crate::raster::Validity;
use crate::{grid::Grid, io};
use ndarray::{Array2, Array3};

/// Pixels of a coarse look, at most about.
const COARSE_PIXELS: usize = 4_500_000;

/// Hidden ground on a coarse grid of the reference.
pub(super) struct Hidden {
    flags: Array2<bool>,
    shape: (usize, usize),
}

impl Hidden {
    /// Looks at both scenes, the target moved by `shift_px` of the reference; what each shows comes with it, baseline first.
    pub(super) fn new(
        planned: &Planned,
        shift_px: (f64, f64),
        params: &MaskParams,
    ) -> Result<(Self, [MaskSummary; 2]), Error> {
        let (reference, moving) = (&planned.pair.reference, &planned.pair.moving);
        let shape = reference.grid.shape;
        let factor = |grid: &Grid| {
            (grid.window().pixel_count() as f64 / COARSE_PIXELS as f64).sqrt().ceil().max(1.0) as usize
        };
        // The bands that the test looks at.
        let kept: Vec<usize> = (0..planned.names.len())
            .filter(|k| {
                planned.names.len() < 4 || ["B02", "B04", "B08"].contains(&planned.names[*k].0.as_str())
            })
            .collect();
        let kept = if kept.is_empty() { vec![0] } else { kept };
        let names: Vec<_> = kept.iter().map(|k| planned.names[*k].clone()).collect();
        let of = |side: usize| -> Vec<usize> { kept.iter().map(|k| planned.bands[side][*k]).collect() };
        let (baseline, target) = rayon::join(
            || io::read_coarse(reference, &of(0), factor(&reference.grid)),
            || io::read_coarse(moving, &of(1), factor(&moving.grid)),
        );
        let mut baseline = baseline?;
        let ratio = baseline.grid.shape.0 as f64 / shape.0 as f64;
        let mut target = onto_grid(&target?, &baseline.grid, (shift_px.0 * ratio, shift_px.1 * ratio))?;
        // An edge is known to a pixel of the look.
        let pixel_m = planned.pair.pixel_m / ratio;
        let params = MaskParams {
            own_test: params.own_test && [reference, moving].iter().all(|s| s.scaling.is_reflectance()),
            dilate_m: params.dilate_m + pixel_m - planned.pair.pixel_m,
            ..params.clone()
        };
        let (baseline_flags, target_flags) = rayon::join(
            || mask::clouds(&baseline, &names, Some(&target), pixel_m, &params),
            || mask::clouds(&target, &names, Some(&baseline), pixel_m, &params),
        );
        (baseline.validity, target.validity) = (baseline_flags, target_flags);
        let hides = |v: &Validity| v.intersects(Validity::CLOUD | Validity::SHADOW);
        let flags = ndarray::Zip::from(&baseline.validity)
            .and(&target.validity)
            .map_collect(|a, b| hides(a) || hides(b));
        Ok((Self { flags, shape }, [mask::summary(&baseline), mask::summary(&target)]))
    }

    /// Makes hidden pixels of a window `(band, row, col)` of the reference NaN.
    pub(super) fn blank(&self, values: &mut Array3<f32>, window: Window) {
        let (rows, cols) = self.flags.dim();
        let (_, height, width) = values.dim();
        let col_of: Vec<usize> = (0..width).map(|c| (window.col + c) * cols / self.shape.1).collect();
        for r in 0..height {
            let line = self.flags.row((window.row + r) * rows / self.shape.0);
            for c in (0..width).filter(|c| line[col_of[*c]]) {
                values.slice_mut(ndarray::s![.., r, c]).fill(f32::NAN);
            }
        }
    }
}

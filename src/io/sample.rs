//! Numbers of a raster without reading it whole: from windows in the middle and at the quarters of both diagonals.

use super::Error;
use super::kind::is_common_no_data;
use gdal::raster::RasterBand;

/// Side of a window, pixels.
const SIDE_PX: usize = 128;

/// Stored numbers that hold data (not zero, not `no_data`, none that means it without a tag), until they would fill the share `enough` of a window.
pub(super) fn numbers(
    band: &RasterBand<'_>,
    path: &str,
    no_data: Option<f64>,
    enough: f64,
) -> Result<Vec<f64>, Error> {
    let (width, height) = band.size();
    let side = (width.min(SIDE_PX), height.min(SIDE_PX));
    let mut numbers = Vec::new();
    for (fx, fy) in [(0.5, 0.5), (0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
        let at = |length: usize, part: usize, f: f64| (((length - part) as f64) * f) as isize;
        let origin = (at(width, side.0, fx), at(height, side.1, fy));
        let read = band.read_as::<f64>(origin, side, side, None).map_err(|e| Error::read(path, e))?;
        let usable = |v: &f64| !is_common_no_data(*v) && *v != 0.0 && Some(*v) != no_data;
        numbers.extend(read.data().iter().copied().filter(usable));
        if numbers.len() as f64 > enough * (side.0 * side.1) as f64 {
            break;
        }
    }
    Ok(numbers)
}

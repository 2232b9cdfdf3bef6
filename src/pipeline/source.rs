//! Where pixels come from: files through GDAL, or what a step holds of them in memory.

use crate::grid::Window;
use crate::io;
use crate::raster::Raster;
use crate::scene::Scene;

/// Reads a window of a scene.
pub trait SceneSource: Sync {
    /// Values `(band, row, col)` of `bands` (indices into `scene.bands`) in `window` of the scene's grid.
    ///
    /// # Errors
    /// [`io::Error`] when the pixels cannot be read.
    fn read(&self, scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, io::Error>;
}

/// Reads through GDAL: local and remote files, by window.
#[derive(Debug, Clone, Copy, Default)]
pub struct GdalSource;

impl SceneSource for GdalSource {
    fn read(&self, scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, io::Error> {
        io::read_raster(scene, window, bands)
    }
}

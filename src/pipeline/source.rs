//! Where pixels come from: files through GDAL, or memory in tests.

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

/// Scenes held in memory, by scene id; an unknown id reads as all no-data.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    /// Whole scenes by id.
    pub scenes: std::collections::BTreeMap<String, Raster>,
}

impl SceneSource for MemorySource {
    fn read(&self, scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, io::Error> {
        use crate::raster::Validity;
        use ndarray::{Array2, Array3, Axis, s};
        let (h, w) = (window.height, window.width);
        let grid = scene.grid.sub_grid(window);
        let Some(whole) = self.scenes.get(&scene.id) else {
            let values = Array3::zeros((bands.len(), h, w));
            return Ok(Raster { values, validity: Array2::from_elem((h, w), Validity::NO_DATA), grid });
        };
        let (rows, cols) = (window.row..window.row + h, window.col..window.col + w);
        let part = whole.values.slice(s![.., rows.clone(), cols.clone()]);
        Ok(Raster {
            values: part.select(Axis(0), bands),
            validity: whole.validity.slice(s![rows, cols]).to_owned(),
            grid,
        })
    }
}

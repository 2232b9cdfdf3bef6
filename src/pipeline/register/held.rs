//! Small scenes read once and held: their windows are asked for many times, and blocks of a file are decoded whole each time.

use crate::grid::Window;
use crate::io;
use crate::pipeline::SceneSource;
use crate::raster::Raster;
use crate::scene::Scene;
use ndarray::{Axis, s};

/// Values (pixels times bands) of both scenes that are held at most, of 4 bytes each.
const VALUES_MAX: usize = 40_000_000;

/// A source that has whole scenes at hand.
pub(super) struct Held<'a> {
    inner: &'a dyn SceneSource,
    scenes: Vec<(String, Vec<usize>, Raster)>,
}

impl<'a> Held<'a> {
    /// Reads the bands of both scenes whole if they are small, else nothing.
    pub(super) fn new(
        inner: &'a dyn SceneSource,
        wanted: [(&Scene, Vec<usize>); 2],
    ) -> Result<Self, io::Error> {
        let size = |(scene, bands): &(&Scene, Vec<usize>)| scene.grid.window().pixel_count() * bands.len();
        if wanted.iter().map(size).sum::<usize>() > VALUES_MAX {
            return Ok(Self { inner, scenes: Vec::new() });
        }
        let [a, b] = wanted;
        let read = |(scene, bands): (&Scene, Vec<usize>)| {
            let raster = inner.read(scene, scene.grid.window(), &bands)?;
            Ok((scene.path.clone(), bands, raster))
        };
        let (a, b) = rayon::join(|| read(a), || read(b));
        Ok(Self { inner, scenes: vec![a?, b?] })
    }
}

impl SceneSource for Held<'_> {
    fn read(&self, scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, io::Error> {
        let at = |held: &[usize]| -> Option<Vec<usize>> {
            bands.iter().map(|b| held.iter().position(|h| h == b)).collect()
        };
        let found = self.scenes.iter().find(|s| s.0 == scene.path).and_then(|s| Some((at(&s.1)?, &s.2)));
        let Some((planes, whole)) = found else { return self.inner.read(scene, window, bands) };
        let part = s![window.row..window.row + window.height, window.col..window.col + window.width];
        let mut values = ndarray::Array3::zeros((planes.len(), window.height, window.width));
        for (mut to, plane) in values.axis_iter_mut(Axis(0)).zip(planes) {
            to.assign(&whole.values.index_axis(Axis(0), plane).slice(part));
        }
        let validity = whole.validity.slice(part).to_owned();
        Ok(Raster { values, validity, grid: scene.grid.sub_grid(window) })
    }
}

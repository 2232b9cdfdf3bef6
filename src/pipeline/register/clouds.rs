//! Clouds of scenes that tell none, seen by comparing the two: looked for where a pair is refused without it.

use super::look::{Frame, look};
use super::pair::Pair;
use crate::mask::{self, MaskParams};
use crate::pipeline::{Error, SceneSource};
use crate::raster::{Raster, Validity};
use crate::scene::BandName;
use ndarray::{Array2, Array3, Axis};

/// Bands in which clouds and their shadows are told, one of the visible ones being needed.
const BANDS: [&str; 4] = ["B02", "B03", "B04", "B08"];
/// Share of a probe under cloud from which they are looked for everywhere: all these bands are read then.
const LEAST_CLOUD_FRACTION: f64 = 0.05;

/// The bands of both scenes in which clouds are told.
#[derive(Debug, Clone)]
pub(super) struct CloudBands {
    names: Vec<BandName>,
    indices: Vec<(usize, usize)>,
}

impl CloudBands {
    /// `None` for radar, for numbers that are no reflectance, and without a visible band in both scenes.
    pub(super) fn of(pair: &Pair) -> Option<Self> {
        let scenes = [&pair.reference, &pair.moving];
        if scenes.iter().any(|s| s.radar.is_some() || !s.scaling.is_reflectance()) {
            return None;
        }
        let place = |wanted: &str| {
            let [a, b] = scenes.map(|s| s.bands.iter().position(|band| band.name.0 == wanted));
            Some((BandName(wanted.to_owned()), (a?, b?)))
        };
        let (names, indices): (Vec<_>, Vec<_>) = BANDS.into_iter().filter_map(place).unzip();
        let is_visible = names.first().is_some_and(|name| name.0 != BANDS[3]);
        is_visible.then_some(Self { names, indices })
    }

    /// Where clouds hide the ground of one scene or the other in a frame.
    pub(super) fn look(
        &self,
        pair: &Pair,
        source: &dyn SceneSource,
        frame: Frame,
        start: (isize, isize),
    ) -> Result<Array2<bool>, Error> {
        let shape = frame.shape;
        let empty = || Raster {
            values: Array3::zeros((self.indices.len(), shape.0, shape.1)),
            validity: Array2::from_elem(shape, Validity::empty()),
            grid: crate::grid::Grid { shape, ..pair.reference.grid.clone() },
        };
        let mut scenes = [empty(), empty()];
        for (k, bands) in self.indices.iter().enumerate() {
            let seen = look(pair, source, frame, start, *bands)?;
            for (scene, side) in scenes.iter_mut().zip([seen.reference.side(), seen.moving.side()]) {
                scene.values.index_axis_mut(Axis(0), k).assign(&side.values);
                scene.validity.zip_mut_with(&side.ok, |v, ok| {
                    if !ok {
                        *v |= Validity::NO_DATA;
                    }
                });
            }
        }
        let [a, b] = &scenes;
        let flagged = |scene: &Raster, other: &Raster| {
            mask::clouds(scene, &self.names, Some(other), pair.pixel_m, &MaskParams::default())
                .mapv(|v| v.contains(Validity::CLOUD))
        };
        let (mut hidden, theirs) = rayon::join(|| flagged(a, b), || flagged(b, a));
        hidden.zip_mut_with(&theirs, |ours, theirs| *ours |= theirs);
        Ok(hidden)
    }

    /// Whether a frame shows clouds.
    pub(super) fn show_any(
        &self,
        pair: &Pair,
        source: &dyn SceneSource,
        frame: Frame,
    ) -> Result<bool, Error> {
        let hidden = self.look(pair, source, frame, (0, 0))?;
        let count = hidden.iter().filter(|hidden| **hidden).count();
        Ok(count as f64 > LEAST_CLOUD_FRACTION * hidden.len() as f64)
    }
}

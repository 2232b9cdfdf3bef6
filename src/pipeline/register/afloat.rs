//! Clouds over open water in both scenes: they drift, and their texture must give no tie points.

use super::look::{Frame, look};
use super::pair::Pair;
use crate::mask::Afloat;
use crate::pipeline::stages::{INFRARED_BANDS, VISIBLE_BANDS};
use crate::pipeline::{Error, SceneSource};
use crate::scene::Scene;

/// Share of the probed blocks from which clouds over water are looked for everywhere: two more bands are read then.
const LEAST_CLOUD_FRACTION: f64 = 0.02;

/// The bands of both scenes in which clouds over water are told from land.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatBands {
    visible: (usize, usize),
    infrared: (usize, usize),
}

impl FloatBands {
    /// `None` where one of the scenes lacks a band, or has no reflectances.
    pub(super) fn of(pair: &Pair) -> Option<Self> {
        if [&pair.reference, &pair.moving].iter().any(|s| s.radar.is_some() || !s.scaling.is_reflectance()) {
            return None;
        }
        let one = |scene: &Scene, wanted: &[&str]| {
            wanted.iter().find_map(|name| scene.bands.iter().position(|b| b.name.0 == *name))
        };
        let both = |wanted: &[&str]| Some((one(&pair.reference, wanted)?, one(&pair.moving, wanted)?));
        Some(Self { visible: both(&VISIBLE_BANDS)?, infrared: both(&INFRARED_BANDS)? })
    }

    /// What floats in each of the scenes (reference, moving) in a frame.
    pub(super) fn look(
        self,
        pair: &Pair,
        source: &dyn SceneSource,
        frame: Frame,
        start: (isize, isize),
    ) -> Result<[Afloat; 2], Error> {
        let (visible, infrared) = (
            look(pair, source, frame, start, self.visible)?,
            look(pair, source, frame, start, self.infrared)?,
        );
        let pairs = [(&visible.reference, &infrared.reference), (&visible.moving, &infrared.moving)];
        Ok(pairs.map(|(v, i)| Afloat::new(&v.side().values, &i.side().values, &i.side().ok)))
    }

    /// Whether a frame shows clouds over water in both scenes.
    pub(super) fn show_any(self, pair: &Pair, source: &dyn SceneSource, frame: Frame) -> Result<bool, Error> {
        let both = self.look(pair, source, frame, (0, 0))?;
        Ok(both.iter().all(|a| a.cloud_fraction() >= LEAST_CLOUD_FRACTION))
    }
}

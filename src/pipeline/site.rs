//! A place that is looked at again and again: its geometry is fixed once, each scene's pixels are read once.
//!
//! [`Site::look`] reads a scene, masks and registers it against the site's reference and keeps its strips
//! alone; [`Site::detect`] compares strips, so that a scene never has to be read again as a baseline.

use super::findings::footprint;
use super::run::{LEAST_VALID_FRACTION, PLACEBO_CLEARANCE_M, nothing_visible};
use super::stages::{Masked, Ready, Target, clouds};
use super::{DetectConfig, Error, Plan, SceneSource, radar};
use crate::coreg::Registration;
use crate::corridor::{Strip, StripGeometry, Track, exclusions};
use crate::detect::{DetectOutput, TrackStrips};
use crate::io;
use crate::mask::{self, MaskSummary};
use crate::raster::Raster;
use crate::scene::Scene;
use ndarray::Array2;

/// Clear share of a window below which clouds, and not the scene, are taken for the reason why its shift cannot be measured: most
/// of the tie points fall on them.
const MEASURABLE_FRACTION: f64 = 0.5;

/// A place with its tracks, and the reference that every scene is laid upon.
#[derive(Debug)]
pub struct Site {
    plan: Plan,
    reference: Raster,
    /// The reference made ready for all scenes; `None` where registration was switched off.
    ready: Option<Ready>,
    exclusions: Vec<Array2<bool>>,
    /// Equivalent number of looks of radar; `None` for optical scenes.
    looks: Option<f64>,
}

/// What one scene shows of a site.
#[derive(Debug, Clone)]
pub struct Look {
    /// One strip a track, in the geometry of the reference.
    pub strips: Vec<Strip>,
    /// Share of the window that shows ground, clouds and so on.
    pub mask: MaskSummary,
    /// How it lies against the reference; `None` where registration was switched off.
    pub registration: Option<Registration>,
}

impl Site {
    /// Fixes the geometry of a site by its `reference` scene.
    ///
    /// `held` are the reference's pixels as an earlier [`Site::reference`] gave them; without them they are
    /// read from the scene.
    ///
    /// # Errors
    /// [`Error`] when the rails or the pixels cannot be read or have no ground in common.
    pub fn new(
        config: DetectConfig,
        reference: Scene,
        held: Option<Raster>,
        source: &dyn SceneSource,
    ) -> Result<Self, Error> {
        Self::of_plan(Plan::of_scenes(config, reference.clone(), vec![reference])?, held, source)
    }

    /// The same tracks as another kind of scenes sees them, laid upon a `reference` of their own: strips of the two
    /// are never compared with each other. `held` is that of [`Site::new`].
    ///
    /// # Errors
    /// [`Error`] when the pixels cannot be read or show nothing of the tracks.
    pub fn beside(
        &self,
        reference: Scene,
        held: Option<Raster>,
        source: &dyn SceneSource,
    ) -> Result<Self, Error> {
        let Plan { config, crs, tracks, .. } = &self.plan;
        let plan = Plan::of_reference(config.clone(), reference, crs.clone(), tracks.clone())?;
        Self::of_plan(plan, held, source)
    }

    fn of_plan(plan: Plan, held: Option<Raster>, source: &dyn SceneSource) -> Result<Self, Error> {
        let raster = if let Some(raster) = held {
            raster
        } else {
            let planned = &plan.baselines[0];
            let mut raster = source.read(&planned.scene, planned.window, &planned.bands)?;
            if !plan.is_radar() {
                raster.validity = clouds(&plan, &raster, None, planned.scene.scaling.is_reflectance())?;
            }
            raster
        };
        let geometry = plan.geometry();
        let exclusions = exclusions(&plan.tracks, geometry, PLACEBO_CLEARANCE_M);
        let looks = plan.is_radar().then(|| radar::looks(&raster));
        let ready = plan.config.register.then(|| Ready::new(&plan, &raster));
        Ok(Self { plan, reference: raster, ready, exclusions, looks })
    }

    /// The tracks, in the order of all strips.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.plan.tracks
    }

    /// Whether its scenes are radar: strips hold linear power then.
    #[must_use]
    pub fn is_radar(&self) -> bool {
        self.plan.is_radar()
    }

    /// How the strips are sampled.
    #[must_use]
    pub fn geometry(&self) -> StripGeometry {
        self.plan.geometry()
    }

    /// Names of the bands of every strip, in order.
    #[must_use]
    pub fn band_names(&self) -> Vec<String> {
        self.plan.bands.iter().map(ToString::to_string).collect()
    }

    /// The reference's pixels, clouds flagged.
    #[must_use]
    pub fn reference(&self) -> &Raster {
        &self.reference
    }

    /// What the reference shows.
    #[must_use]
    pub fn reference_mask(&self) -> MaskSummary {
        mask::summary(&self.reference)
    }

    /// Points of the working CRS as (longitude, latitude), degrees.
    ///
    /// # Errors
    /// [`Error::Io`] when PROJ cannot carry them.
    pub fn lonlat(&self, points: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, Error> {
        Ok(io::to_wgs84(&self.plan.crs, points)?)
    }

    /// Outline on the ground of a stretch of a track, (longitude, latitude) in degrees, counterclockwise, not closed.
    ///
    /// # Errors
    /// [`Error::Io`] when PROJ cannot carry it.
    pub fn outline(&self, track: usize, ends_m: (f64, f64), offset_m: f64) -> Result<Vec<(f64, f64)>, Error> {
        let Some(track) = self.plan.tracks.get(track) else { return Ok(Vec::new()) };
        self.lonlat(&footprint(track, ends_m, offset_m, self.plan.geometry()))
    }

    /// Reads, masks, registers and samples one scene.
    ///
    /// # Errors
    /// [`Error::NothingVisible`] and [`Error::TooClouded`] under clouds, [`Error::Coreg`] where the shift cannot be trusted, [`Error::Io`]
    /// when the pixels cannot be read.
    pub fn look(&self, scene: Scene, source: &dyn SceneSource) -> Result<Look, Error> {
        let planned = self.plan.planned(scene)?;
        let target = Target::read(&planned, source)?;
        let masked = Masked::on_reference(&self.plan, &self.reference, self.ready.as_ref(), &target)?;
        let mask = masked.target_summary();
        if mask.valid_fraction < LEAST_VALID_FRACTION {
            return Err(nothing_visible(&planned.scene.id, &mask));
        }
        let registered = masked.register(&self.plan).map_err(|error| match error {
            Error::Coreg(source) if mask.valid_fraction < MEASURABLE_FRACTION => {
                let (scene, percent) = (planned.scene.id.clone(), 100.0 * mask.valid_fraction);
                Error::TooClouded { scene, percent, source }
            }
            error => error,
        })?;
        let strips = registered.target_strips(&self.plan, &target)?;
        Ok(Look { strips, mask, registration: registered.shift })
    }

    /// Compares the strips of a scene with those of earlier ones, newest first, each with one strip a track.
    ///
    /// # Errors
    /// [`Error::Detect`] where too little clear ground is left.
    pub fn detect(&self, target: &[Strip], baselines: &[Vec<Strip>]) -> Result<DetectOutput, Error> {
        let inputs: Vec<TrackStrips<'_>> = self
            .plan
            .tracks
            .iter()
            .enumerate()
            .zip(target)
            .map(|((i, track), strip)| TrackStrips {
                track,
                target: strip.clone(),
                baselines: baselines.iter().filter_map(|b| b.get(i).cloned()).collect(),
                exclusion: self.exclusions[i].clone(),
            })
            .collect();
        Ok(self.plan.detect(&inputs, self.looks)?)
    }
}

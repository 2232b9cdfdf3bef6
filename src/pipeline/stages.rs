//! The stages of a run, each a type that only its function can make: an unmasked scene cannot be registered,
//! an unregistered one cannot be sampled along a track.

use super::gridded::{onto_grid, shift_on};
use super::plan::PlannedScene;
use super::{Error, Plan, SceneSource, radar};
use crate::corridor::{Strip, sample_strip};
use crate::grid::Grid;
use crate::mask::{self, MaskParams, MaskSummary};
use crate::raster::{Raster, Validity};
use crate::scene::Scene;
use crate::stats::quantile;
use crate::{coreg, io};
use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};
use rayon::prelude::*;
use std::borrow::Cow;

/// Bands by how sharp the texture of the ground is through haze: red, then near infrared.
pub(super) const SHARPEST_BANDS: [&str; 4] = ["B04", "B08", "B03", "B02"];

/// Bands in which clouds over water are told from land, the best first.
pub(super) const VISIBLE_BANDS: [&str; 3] = ["B04", "B03", "B02"];
/// Near infrared bands for the same, the best first.
pub(super) const INFRARED_BANDS: [&str; 2] = ["B08", "B8A"];
/// Where a scene's dark end is read off.
const DARK_QUANTILE: f64 = 0.02;

/// The target's window as it was read.
pub(super) struct Target {
    pub(super) raster: Raster,
    /// Whether its values are reflectance.
    is_reflectance: bool,
}

impl Target {
    pub(super) fn read(planned: &PlannedScene, source: &dyn SceneSource) -> Result<Self, Error> {
        let is_reflectance = planned.scene.scaling.is_reflectance();
        Ok(Self { raster: read(planned, source)?, is_reflectance })
    }
}

/// Reads the planned window; the raster's grid starts at it.
pub(super) fn read(planned: &PlannedScene, source: &dyn SceneSource) -> Result<Raster, Error> {
    Ok(source.read(&planned.scene, planned.window, &planned.bands)?)
}

/// Validity of an optical raster with clouds and shadows flagged. The limits of railwatch's own test are reflectances: other numbers
/// are left as they are.
pub(super) fn clouds(
    plan: &Plan,
    raster: &Raster,
    reference: Option<&Raster>,
    is_reflectance: bool,
) -> Result<Array2<Validity>, Error> {
    let own_test = plan.config.mask.own_test && is_reflectance;
    let params = MaskParams { own_test, ..plan.config.mask.clone() };
    let pixel_m = io::ground_pixel_m(&raster.grid)?;
    Ok(mask::clouds(raster, &plan.bands, reference, pixel_m, &params))
}

/// A scene made ready to be registered.
#[derive(Debug)]
pub(super) struct Ready {
    scene: coreg::Prepared,
    /// `None` for radar and without the bands that tell.
    afloat: Option<mask::Afloat>,
}

impl Ready {
    /// Filters a raster whose clouds are flagged.
    pub(super) fn new(plan: &Plan, raster: &Raster) -> Self {
        if plan.is_radar() {
            return Self { scene: radar::prepared(raster), afloat: None };
        }
        let (scene, afloat) = rayon::join(|| prepared(plan, raster, &still(raster)), || afloat(plan, raster));
        Self { scene, afloat }
    }
}

/// The band of an optical raster on which the shift is measured, with the pixels that may tell it.
fn prepared(plan: &Plan, raster: &Raster, ok: &Array2<bool>) -> coreg::Prepared {
    let values = raster.values.index_axis(Axis(0), registration_band(plan));
    coreg::Prepared::new(coreg::Side { values, ok: ok.view() })
}

/// Pixels of an optical raster whose edges stand still: under a shadow they do.
fn still(raster: &Raster) -> Array2<bool> {
    raster.validity.mapv(|v| v.difference(Validity::SHADOW).is_empty())
}

/// One baseline and the target on its grid, both with clouds and shadows flagged.
pub(super) struct Masked<'a> {
    baseline: Cow<'a, Raster>,
    /// The baseline, where it is held ready.
    ready: Option<&'a Ready>,
    target: Raster,
}

impl<'a> Masked<'a> {
    /// Lays the target on the grid of a baseline that was read and flags in each what the other does not show.
    pub(super) fn new(
        plan: &Plan,
        planned: &PlannedScene,
        mut baseline: Raster,
        target: &Target,
    ) -> Result<Self, Error> {
        let mut gridded = onto_grid(&target.raster, &baseline.grid, (0.0, 0.0))?;
        if !plan.is_radar() {
            let is_reflectance = target.is_reflectance && planned.scene.scaling.is_reflectance();
            let (a, b) = rayon::join(
                || clouds(plan, &baseline, Some(&gridded), is_reflectance),
                || clouds(plan, &gridded, Some(&baseline), is_reflectance),
            );
            (baseline.validity, gridded.validity) = (a?, b?);
        }
        Ok(Self { baseline: Cow::Owned(baseline), ready: None, target: gridded })
    }

    /// Lays the target on a reference whose clouds are flagged already, and flags its own.
    pub(super) fn on_reference(
        plan: &Plan,
        reference: &'a Raster,
        ready: Option<&'a Ready>,
        target: &Target,
    ) -> Result<Self, Error> {
        let mut gridded = onto_grid(&target.raster, &reference.grid, (0.0, 0.0))?;
        if !plan.is_radar() {
            gridded.validity = clouds(plan, &gridded, Some(reference), target.is_reflectance)?;
        }
        Ok(Self { baseline: Cow::Borrowed(reference), ready, target: gridded })
    }

    /// Whether both show the same values, wherever they show anything.
    pub(super) fn is_one_picture(&self) -> bool {
        let (a, b) = (&self.baseline.values, &self.target.values);
        let mut seen = a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()).peekable();
        // Bits are compared: copies are exact.
        seen.peek().is_some() && seen.all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// What each of the two shows: `(baseline, target)`.
    pub(super) fn summaries(&self) -> (MaskSummary, MaskSummary) {
        (mask::summary(&self.baseline), mask::summary(&self.target))
    }

    /// What the target shows.
    pub(super) fn target_summary(&self) -> MaskSummary {
        mask::summary(&self.target)
    }

    /// Compares the dark ends of both scenes, in stored units, under their scalings; baseline first.
    pub(super) fn check_offset(&self, baseline: &Scene, target: &Scene) -> io::OffsetCheck {
        let common = Zip::from(&self.baseline.validity)
            .and(&self.target.validity)
            .map_collect(|a, b| (*a | *b).is_empty());
        let low = |raster: &Raster, scene: &Scene| -> Vec<f64> {
            let of_band = |values: ArrayView2<'_, f32>| {
                let seen = values.iter().zip(&common).filter(|(_, ok)| **ok).map(|(v, _)| f64::from(*v));
                quantile(&mut seen.collect::<Vec<_>>(), DARK_QUANTILE) / scene.scaling.scale
                    - scene.scaling.offset
            };
            raster.values.axis_iter(Axis(0)).into_par_iter().map(of_band).collect()
        };
        io::verify_offset(
            &low(&self.baseline, baseline),
            &low(&self.target, target),
            [&baseline.scaling, &target.scaling],
        )
    }

    /// Measures the shift of the target against the baseline, or takes none when the plan says so.
    pub(super) fn register(self, plan: &Plan) -> Result<Registered<'a>, Error> {
        if !plan.config.register {
            return Ok(Registered { masked: self, shift: None, note: None });
        }
        let own;
        let (reference, moving) = if let Some(held) = self.ready {
            (held, Ready::new(plan, &self.target))
        } else {
            let ready = |raster| Ready::new(plan, raster);
            let (reference, moving) = rayon::join(|| ready(&self.baseline), || ready(&self.target));
            own = reference;
            (&own, moving)
        };
        let params = &plan.config.coreg;
        if plan.is_radar() {
            let (shift, note) = radar::register(&reference.scene, &moving.scene, params);
            return Ok(Registered { masked: self, shift, note });
        }
        let standing = match (&reference.afloat, &moving.afloat) {
            (Some(a), Some(b)) if a.any_drifts(b) => {
                let mut ok = still(&self.baseline);
                ok.indexed_iter_mut().for_each(|((r, c), ok)| *ok &= !a.drifts(b, r, c));
                Some(prepared(plan, &self.baseline, &ok))
            }
            _ => None,
        };
        let shift = coreg::register(standing.as_ref().unwrap_or(&reference.scene), &moving.scene, params)?;
        Ok(Registered { masked: self, shift: Some(shift), note: None })
    }
}

/// The band that the shift is measured on.
fn registration_band(plan: &Plan) -> usize {
    SHARPEST_BANDS.iter().find_map(|name| plan.bands.iter().position(|b| b.0 == *name)).unwrap_or(0)
}

/// Water and clouds over it, which drift; `None` without a band of the visible and one of the near infrared.
fn afloat(plan: &Plan, raster: &Raster) -> Option<mask::Afloat> {
    let band = |wanted: &[&str]| {
        let found = wanted.iter().find_map(|name| plan.bands.iter().position(|b| b.0 == *name));
        found.map(|band| raster.values.index_axis(Axis(0), band))
    };
    let recorded = raster.validity.mapv(|v| !v.contains(Validity::NO_DATA));
    Some(mask::Afloat::new(&band(&VISIBLE_BANDS)?, &band(&INFRARED_BANDS)?, &recorded.view()))
}

/// A baseline and the target with the shift between them.
pub(super) struct Registered<'a> {
    pub(super) masked: Masked<'a>,
    /// `None` when registration was switched off or speckle hides the shift.
    pub(super) shift: Option<coreg::Registration>,
    /// Why a measured shift is not applied, or none was measured.
    pub(super) note: Option<String>,
}

impl Registered<'_> {
    /// Add to the target's (row, col) to get the baseline's, both on the baseline's grid.
    pub(super) fn shift_px(&self) -> (f64, f64) {
        self.shift.as_ref().map_or((0.0, 0.0), |s| (s.shift_row_px, s.shift_col_px))
    }

    /// The baseline's window on its own grid.
    pub(super) fn baseline(&self) -> &Raster {
        &self.masked.baseline
    }

    /// The baseline laid on `grid` in the geometry of the reference, whose own shift of the target is `reference_px` on that grid.
    pub(super) fn baseline_on(&self, grid: &Grid, reference_px: (f64, f64)) -> Result<Raster, Error> {
        let own = shift_on(grid, &self.masked.baseline.grid, self.shift_px())?;
        onto_grid(&self.masked.baseline, grid, (reference_px.0 - own.0, reference_px.1 - own.1))
    }

    /// Clouds, shadows and floods of the target, told against this baseline, on another grid.
    pub(super) fn target_flags_on(&self, grid: &Grid) -> Result<Array2<Validity>, Error> {
        let masked = &self.masked.target;
        let (_, height, width) = masked.values.dim();
        let values = Array3::zeros((0, height, width));
        let flags = Raster { values, validity: masked.validity.clone(), grid: masked.grid.clone() };
        let hides = Validity::CLOUD | Validity::SHADOW | Validity::FLOOD;
        Ok(onto_grid(&flags, grid, (0.0, 0.0))?.validity.mapv(|v| v & hides))
    }

    /// Where this baseline is hidden it cannot tell what hides the target: there the flags are those of the first of
    /// `others` that is clear. Each of these is (what it flags in the target, its own validity) on this baseline's grid.
    pub(super) fn amend(&mut self, others: &[(&Array2<Validity>, &Array2<Validity>)]) {
        let own = &self.masked.baseline.validity;
        for (at, flags) in self.masked.target.validity.indexed_iter_mut() {
            let clear = || others.iter().find(|(_, validity)| validity[at].shows_ground());
            if let Some((told, _)) = if own[at].shows_ground() { None } else { clear() } {
                *flags |= told[at];
            }
        }
    }

    /// The target on `grid` in the geometry of the reference, in one interpolation; clouds found against the reference stay
    /// flagged. Call it on the reference.
    pub(super) fn target_on(&self, target: &Target, grid: &Grid) -> Result<Raster, Error> {
        let own = &self.masked.baseline.grid;
        let mut raster = onto_grid(&target.raster, grid, shift_on(grid, own, self.shift_px())?)?;
        let mut hide = |flags: &Array2<Validity>| raster.validity.zip_mut_with(flags, |v, &m| *v |= m);
        if grid == own {
            hide(&self.masked.target.validity);
        } else {
            hide(&self.target_flags_on(grid)?);
        }
        Ok(raster)
    }

    /// Strips of the baseline along all tracks, in the geometry of the reference, whose own shift of the target is given in pixels of
    /// its grid.
    pub(super) fn baseline_strips(
        &self,
        plan: &Plan,
        (reference, reference_px): (&Grid, (f64, f64)),
    ) -> Result<Vec<Strip>, Error> {
        let (own, raster) = (self.shift_px(), &self.masked.baseline);
        let of_reference = shift_on(&raster.grid, reference, reference_px)?;
        // A reference point p is at p − of_reference in the target and at p − of_reference + own here.
        strips(plan, raster, (own.0 - of_reference.0, own.1 - of_reference.1))
    }

    /// Strips of this baseline along all tracks, `shift_px` beside their place.
    pub(super) fn bed_strips(&self, plan: &Plan, shift_px: (f64, f64)) -> Result<Vec<Strip>, Error> {
        strips(plan, &self.masked.baseline, shift_px)
    }

    /// Strips of the target along all tracks, straight from its own pixels; call it on the reference.
    pub(super) fn target_strips(&self, plan: &Plan, target: &Target) -> Result<Vec<Strip>, Error> {
        let shift = shift_on(&target.raster.grid, &self.masked.baseline.grid, self.shift_px())?;
        let mut strips = strips(plan, &target.raster, (-shift.0, -shift.1))?;
        veto(plan, &mut strips, &self.masked.target)?;
        Ok(strips)
    }
}

/// Samples `raster` along every track; `shift_px` is in pixels of the raster.
fn strips(plan: &Plan, raster: &Raster, shift_px: (f64, f64)) -> Result<Vec<Strip>, Error> {
    let mapping = io::mapping(&plan.crs, &raster.grid, super::plan::track_bounds(plan))?;
    let geometry = plan.geometry();
    Ok(plan
        .tracks
        .par_iter()
        .map(|track| sample_strip(raster, (0, 0), &mapping, shift_px, track, geometry))
        .collect())
}

/// Takes out the cells whose nearest pixel on the reference's grid is flagged.
fn veto(plan: &Plan, strips: &mut [Strip], flagged: &Raster) -> Result<(), Error> {
    let mapping = io::mapping(&plan.crs, &flagged.grid, super::plan::track_bounds(plan))?;
    let usable: Array2<bool> = flagged.validity.mapv(Validity::shows_ground);
    let seen = |(x, y): (f64, f64)| {
        let (row, col) = mapping.row_col(x, y);
        row > -0.5 && col > -0.5 && usable.get((row.round() as usize, col.round() as usize)) == Some(&true)
    };
    strips.par_iter_mut().zip(&plan.tracks).for_each(|(strip, track)| {
        let half = strip.geometry.half_across() as f64;
        for (s, mut row) in strip.valid.outer_iter_mut().enumerate() {
            let point = track.at(s as f64 * strip.geometry.along_step_m);
            for (t, valid) in row.iter_mut().enumerate() {
                if *valid && !seen(point.at_offset((t as f64 - half) * strip.geometry.across_step_m)) {
                    *valid = false;
                    strip.values.slice_mut(ndarray::s![.., s, t]).fill(f32::NAN);
                }
            }
        }
    });
    Ok(())
}

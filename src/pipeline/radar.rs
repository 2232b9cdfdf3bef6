//! Radar in a run: only like with like, no clouds, shifts measured through speckle, looks from the scene.

use super::Error;
use crate::coreg::{self, CoregParams, Prepared, Registration};
use crate::raster::{Raster, Validity};
use crate::report::SkipCard as Skip;
use crate::sar;
use crate::scene::{Radar, Scene, Storage};
use crate::units::power_to_db;
use ndarray::{Array2, ArrayView2, Axis, s};

/// Looks where the scene is too small for an estimate: Sentinel-1 IW ground range, high resolution.
const USUAL_LOOKS: f64 = 4.4;
/// Side of the mean that calms speckle before registration, px.
const CALM_PX: usize = 3;
/// A shift within this many standard errors of none is none: orbits are known to centimetres, speckle is not.
const SIGNIFICANT_SIGMA: f64 = 3.0;

/// Keeps the baselines that saw the ground as the target did: same orbit, pass, mode and backscatter, and the target's
/// polarisations where any baseline has them all. Optical scenes pass.
///
/// # Errors
/// [`Error::NoLikeBaseline`] when none is left.
pub(super) fn like_with_like(
    target: &Scene,
    baselines: Vec<Scene>,
) -> Result<(Vec<Scene>, Vec<Skip>), Error> {
    let Some(radar) = &target.radar else {
        return match baselines.iter().find(|b| b.radar.is_some()) {
            Some(odd) => Err(Error::SensorsMixed { target: target.id.clone(), baseline: odd.id.clone() }),
            None => Ok((baselines, Vec::new())),
        };
    };
    let mut skipped = Vec::new();
    let mut skip = |scene: &Scene, reason: String| {
        skipped.push(Skip { scene_id: scene.id.clone(), stage: "plan".to_owned(), reason });
    };
    let (mut like, mut poorer) = (Vec::new(), Vec::new());
    for scene in baselines {
        let Some(own) = &scene.radar else {
            return Err(Error::SensorsMixed { target: target.id.clone(), baseline: scene.id });
        };
        if let Some(reason) = own.unlike(scene.datetime, radar, target.datetime) {
            skip(&scene, format!("not comparable with the target: {reason}"));
            continue;
        }
        let missing = target.bands.iter().find(|b| scene.bands.iter().all(|own| own.name != b.name));
        match missing.map(|b| b.name.to_string()) {
            None => like.push(scene),
            Some(name) => poorer.push((scene, name)),
        }
    }
    if like.is_empty() {
        // Better one polarisation than none.
        like = poorer.into_iter().map(|(scene, _)| scene).collect();
    } else {
        for (scene, name) in poorer {
            skip(&scene, format!("it has no {name}, which the target and other baselines have"));
        }
    }
    if like.is_empty() {
        let reasons: Vec<String> = skipped.iter().map(|s| format!("{}: {}", s.scene_id, s.reason)).collect();
        return Err(Error::NoLikeBaseline { target: target.id.clone(), reasons: reasons.join("; ") });
    }
    Ok((like, skipped))
}

/// Whether a scene is laid on the map by control points.
pub(super) fn is_ground_range(radar: &Radar) -> bool {
    matches!(radar.storage, Storage::GroundRange(_))
}

/// Equivalent number of looks of a scene: the lowest of its polarisations, or the usual one of Sentinel-1.
pub(super) fn looks(raster: &Raster) -> f64 {
    let ok = raster.validity.mapv(|v| v.is_empty());
    let of_band = |band: ArrayView2<'_, f32>| sar::equivalent_looks(&band, &ok.view());
    let lowest = raster.values.outer_iter().filter_map(of_band).fold(f64::INFINITY, f64::min);
    if lowest.is_finite() { lowest.clamp(1.0, 100.0) } else { USUAL_LOOKS }
}

/// Makes a scene ready to be registered through its speckle.
pub(super) fn prepared(raster: &Raster) -> Prepared {
    let (values, ok) = (calmed_db(raster), raster.validity.mapv(|v| v.is_empty()));
    Prepared::new(coreg::Side { values: values.view(), ok: ok.view() })
}

/// Measures a shift through speckle, and says when it is not used: where speckle hides it, for the orbits alone
/// place radar to a fraction of a pixel.
pub(super) fn register(
    reference: &Prepared,
    moving: &Prepared,
    params: &CoregParams,
) -> (Option<Registration>, Option<String>) {
    match coreg::register(reference, moving, params) {
        Ok(mut shift) => {
            let size_px = shift.shift_row_px.hypot(shift.shift_col_px);
            if size_px >= SIGNIFICANT_SIGMA * shift.standard_error_px {
                return (Some(shift), None);
            }
            let note = format!(
                "the measured shift of ({:.2}, {:.2}) px is within {SIGNIFICANT_SIGMA} standard errors (of {:.2} px each) of \
                 zero and is not applied: the orbits place the scenes",
                shift.shift_row_px, shift.shift_col_px, shift.standard_error_px
            );
            (shift.shift_row_px, shift.shift_col_px) = (0.0, 0.0);
            (Some(shift), Some(note))
        }
        Err(error) => (None, Some(format!("speckle hides the shift, the orbits place the scenes: {error}"))),
    }
}

/// Decibels of the first polarisation, averaged as power over 3 × 3 pixels.
pub(super) fn calmed_db(raster: &Raster) -> Array2<f32> {
    let power = raster.values.index_axis(Axis(0), 0);
    let (rows, cols) = power.dim();
    let reach = CALM_PX / 2;
    Array2::from_shape_fn((rows, cols), |(r, c)| {
        let part = s![
            r.saturating_sub(reach)..(r + reach + 1).min(rows),
            c.saturating_sub(reach)..(c + reach + 1).min(cols)
        ];
        let known = power.slice(part).into_iter().zip(raster.validity.slice(part));
        let (sum, count) = known
            .filter(|(_, flags)| !flags.contains(Validity::NO_DATA))
            .fold((0.0, 0.0_f64), |(sum, count), (&power, _)| (sum + f64::from(power), count + 1.0));
        power_to_db((sum / count.max(1.0)).max(1e-5)) as f32
    })
}

/// Decibels in place of power, for what is looked at or compared pixel by pixel.
#[must_use]
pub fn in_db(raster: &Raster) -> Raster {
    let values = raster.values.mapv(|v| power_to_db(f64::from(v).max(1e-5)) as f32);
    Raster { values, validity: raster.validity.clone(), grid: raster.grid.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Affine, Crs, Grid};
    use ndarray::Array3;

    #[test]
    fn the_edge_of_a_swath_is_as_bright_as_what_lies_inside() {
        let affine = Affine::from_gdal([0.0, 10.0, 0.0, 0.0, 0.0, -10.0]).unwrap();
        let grid = Grid { crs: Crs { wkt: String::new(), epsg: Some(32633) }, affine, shape: (8, 8) };
        let outside = |col: usize| col < 3;
        let values = Array3::from_shape_fn((1, 8, 8), |(_, _, col)| if outside(col) { 0.0 } else { 0.1 });
        let validity =
            Array2::from_shape_fn(
                (8, 8),
                |(_, col)| {
                    if outside(col) { Validity::NO_DATA } else { Validity::empty() }
                },
            );
        let calmed = calmed_db(&Raster { values, validity, grid });
        assert!((3..8).all(|col| (calmed[(4, col)] + 10.0).abs() < 1e-4), "{calmed}");
    }
}

//! Change off the track: the corridor or the yards without the rails themselves.

use super::{Error, Plan, radar};
use crate::change::{self, ChangeMap, ChangeMethod, ChangeObject, PixelTest};
use crate::corridor::corridor_mask;
use crate::raster::{Raster, Validity};
use geo::{Contains, Point};
use ndarray::{Array2, Array3};

/// Pixels this close to a rail belong to the detector of trains, metres.
const TRACK_HALF_WIDTH_M: f64 = 20.0;

/// Change off the track.
#[derive(Debug)]
pub struct OffTrack {
    /// The statistic on the grid of the maps; `None` when it could not be computed.
    pub map: Option<ChangeMap>,
    /// Objects, surest first.
    pub objects: Vec<ChangeObject>,
    /// Why there is no map.
    pub problem: Option<String>,
}

/// Computes the change statistic and cuts objects from it.
pub(super) fn search(plan: &Plan, target_map: &Raster, stack: &[Raster]) -> Result<OffTrack, Error> {
    let pixels =
        |raster: &Raster| if plan.is_radar() { with_gaps(&radar::in_db(raster)) } else { with_gaps(raster) };
    let target = pixels(target_map);
    let baselines: Vec<Array3<f32>> = stack.iter().map(pixels).collect();
    let corridor = corridor_mask(&target_map.grid, &plan.tracks, plan.config.buffer_m);
    let mut ok = target_map.validity.mapv(Validity::shows_ground);
    if !plan.config.change_map {
        // The null needs ground beside the corridor; what lies farther off is not looked at.
        let wide = corridor_mask(&target_map.grid, &plan.tracks, 2.0 * plan.config.buffer_m);
        ok.zip_mut_with(&wide, |ok, &near| *ok &= near);
    }
    let params = &plan.config.change;
    let test = match params.method {
        ChangeMethod::Auto => None,
        ChangeMethod::TTest => Some(PixelTest::T),
        ChangeMethod::Omnibus => Some(PixelTest::Omnibus { looks: radar::looks(target_map) }),
    };
    let map = match test {
        None => change::statistic(&target, &baselines, &ok, params),
        Some(test) => change::pixelwise(&target, &baselines, &ok, test, params),
    };
    let map = match map {
        Ok(map) => map,
        Err(error) => {
            return Ok(OffTrack { map: None, objects: Vec::new(), problem: Some(error.to_string()) });
        }
    };
    let rails = corridor_mask(&target_map.grid, &plan.tracks, TRACK_HALF_WIDTH_M);
    let mut mask = match &plan.yards {
        Some(yards) => Array2::from_shape_fn(target_map.grid.shape, |(row, col)| {
            let (x, y) = target_map.grid.xy(row as f64, col as f64);
            yards.iter().any(|yard| yard.contains(&Point::new(x, y)))
        }),
        None => corridor,
    };
    mask.zip_mut_with(&rails, |inside, &rail| *inside &= !rail);
    let objects = change::objects(&map, &mask, plan.pixel_m, &plan.config.object_params())?;
    Ok(OffTrack { map: Some(map), objects, problem: None })
}

/// Values with NaN where the ground is not seen.
fn with_gaps(raster: &Raster) -> Array3<f32> {
    let mut values = raster.values.clone();
    for mut band in values.outer_iter_mut() {
        band.zip_mut_with(&raster.validity, |v, flags| {
            if !flags.shows_ground() {
                *v = f32::NAN;
            }
        });
    }
    values
}

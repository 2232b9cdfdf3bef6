//! Floods: what is open water in one scene and land in the other.
//!
//! Water beside a track darkens its flanks and leaves the bed dry, which then stands out as a train does, over as long as the flood.
//! Water reflects green, and red, more than the near infrared (normalised difference water index above 0, `McFeeters` 1996,
//! 10.1080/01431169608948714) and of the latter hardly anything; land does the opposite. What is water on both dates is ground like
//! any other.

use super::smooth::Squares;
use crate::raster::{Raster, Validity};
use ndarray::{Array2, Axis, Zip};

/// Reflectance of open water in the near infrared, at most: muddy and shallow water has up to a tenth.
const WATER_MAX: f32 = 0.1;
/// Water index of land, at most: wet soil comes near 0.
const LAND_INDEX_MAX: f32 = -0.1;
/// Ratio of the near infrared of land to that of the water over it, at least.
const DROP: f32 = 1.5;
/// Squares of which half is flooded, px to either side: banks of rivers move by less with the shift between scenes.
const RADIUS_PX: usize = 2;

/// Where `raster` shows water over what is land in `reference`, both `(band, row, col)` on the same grid with these bands of the green
/// (or red) and of the near infrared; only where both were recorded.
pub(super) fn floods(raster: &Raster, reference: &Raster, (green, infrared): (usize, usize)) -> Array2<bool> {
    let recorded = Zip::from(&raster.validity)
        .and(&reference.validity)
        .map_collect(|a, b| !(*a | *b).intersects(Validity::NO_DATA));
    let band = |scene: &Raster, band| scene.values.index_axis(Axis(0), band).to_owned();
    let wet = Zip::from(&band(raster, green))
        .and(&band(raster, infrared))
        .and(&band(reference, green))
        .and(&band(reference, infrared))
        .and(&recorded)
        .map_collect(|&green, &infrared, &green_before, &infrared_before, &recorded| {
            let is_water = infrared < WATER_MAX && green > infrared;
            let index_before = (green_before - infrared_before) / (green_before + infrared_before);
            let was_land = index_before < LAND_INDEX_MAX && infrared_before > DROP * infrared;
            recorded && is_water && was_land
        });
    if !wet.iter().any(|wet| *wet) {
        return wet;
    }
    Squares::new(&wet, RADIUS_PX).share().mapv(|share| share > 0.5)
}

#[cfg(test)]
mod tests {
    use crate::grid::{Affine, Crs, Grid};
    use crate::mask::{MaskParams, clouds};
    use crate::raster::{Raster, Validity};
    use crate::scene::BandName;
    use ndarray::{Array2, Array3};

    const SIDE: usize = 120;

    /// Green and near infrared of fields with a bed along row 60, and what is under water.
    fn scene(under_water: impl Fn(usize, usize) -> bool) -> Raster {
        let values = Array3::from_shape_fn((2, SIDE, SIDE), |(band, row, col)| {
            let field = if (row / 30 + col / 40) % 2 == 0 { [0.06, 0.35] } else { [0.1, 0.17] };
            let ground = if under_water(row, col) { [0.07, 0.03] } else { field };
            let grain = ((row * 7 + col * 13) % 11) as f32 * 0.001;
            if row == 60 { 0.15 + grain } else { ground[band] + grain }
        });
        let affine = Affine::from_gdal([0.0, 10.0, 0.0, 1200.0, 0.0, -10.0]).unwrap();
        let grid = Grid { crs: Crs { epsg: Some(32652), wkt: String::new() }, affine, shape: (SIDE, SIDE) };
        Raster { values, validity: Array2::from_elem((SIDE, SIDE), Validity::empty()), grid }
    }

    fn flooded(scene: &Raster, reference: &Raster) -> Array2<bool> {
        let names = ["B03", "B08"].map(|name| BandName(name.to_owned()));
        let validity = clouds(scene, &names, Some(reference), 10.0, &MaskParams::default());
        validity.mapv(|v| v.contains(Validity::FLOOD) && !v.shows_ground())
    }

    #[test]
    fn a_bed_between_flooded_fields_is_not_judged() {
        let dry = scene(|_, _| false);
        let flood = scene(|row, col| (45..75).contains(&row) && (30..80).contains(&col));
        let hidden = flooded(&flood, &dry);
        assert!((32..78).all(|col| hidden[(60, col)]) && !hidden[(60, 10)] && !hidden[(60, 110)]);
        assert!(!flooded(&dry, &flood).iter().any(|is| *is));
    }

    #[test]
    fn water_of_both_dates_and_a_bank_that_moves_are_ground() {
        let river = |edge: usize| scene(move |row, _| (20..edge).contains(&row));
        assert!(!flooded(&river(40), &river(40)).iter().any(|is| *is));
        assert!(!flooded(&river(42), &river(40)).iter().any(|is| *is));
    }

    #[test]
    fn fields_that_were_worked_are_dry() {
        let ploughed = |row: usize, col: usize| if row < 60 && col < 60 { 0.4 } else { 1.0 };
        let mut worked = scene(|_, _| false);
        for ((_, row, col), v) in worked.values.indexed_iter_mut() {
            *v *= ploughed(row, col) as f32;
        }
        assert!(!flooded(&worked, &scene(|_, _| false)).iter().any(|is| *is));
    }
}

//! Clouds, shadows and floods: the product's classification, grown a little, and railwatch's own test for what it misses.
//!
//! A cloud is large and smooth, and brightens the blue as much as the red; fields change colour, and roofs are small. So
//! the test averages the bluest band over some hundred metres and takes the difference from the reference, the other
//! scene of the pair. A cloud is what stands out from the differences that are typical of the pair: the centre and width
//! of the densest half of them. Where both are clouded, they are bright and have no texture in common.

mod afloat;
mod against;
mod flood;
mod params;
mod smooth;

pub use afloat::Afloat;
pub use params::MaskParams;

use crate::raster::{Raster, Validity};
use crate::scene::BandName;
use ndarray::{Array2, Axis};
use smooth::Squares;

/// What a scene shows, as shares of its window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskSummary {
    /// Ground seen.
    pub valid_fraction: f64,
    /// Cloud.
    pub cloud_fraction: f64,
    /// Cloud shadow.
    pub shadow_fraction: f64,
    /// Water on what is land in the other scene.
    pub flood_fraction: f64,
    /// Nothing recorded.
    pub no_data_fraction: f64,
}

/// Counts the flags of a raster.
#[must_use]
pub fn summary(raster: &Raster) -> MaskSummary {
    MaskSummary {
        valid_fraction: raster.fraction(Validity::shows_ground),
        cloud_fraction: raster.fraction(|v| v.contains(Validity::CLOUD)),
        shadow_fraction: raster.fraction(|v| v.contains(Validity::SHADOW)),
        flood_fraction: raster.fraction(|v| v.contains(Validity::FLOOD)),
        no_data_fraction: raster.fraction(|v| v.contains(Validity::NO_DATA)),
    }
}

/// Validity of `raster` `(band, row, col)` with its clouds, shadows and floods flagged.
///
/// `reference` is what it is compared with, on the same grid; one of another shape is not used. A pixel is `pixel_m`
/// wide on the ground.
#[must_use]
pub fn clouds(
    raster: &Raster,
    names: &[BandName],
    reference: Option<&Raster>,
    pixel_m: f64,
    params: &MaskParams,
) -> Array2<Validity> {
    let pixels = |metres: f64| (metres / pixel_m).round() as usize;
    let mut validity = raster.validity.clone();
    if params.own_test && !raster.values.is_empty() {
        let band = |wanted: &[&str]| first_of(names, wanted).min(raster.values.len_of(Axis(0)) - 1);
        let land = band(&["B08", "B04", "B03"]);
        let bands = Bands {
            blue: band(&["B02", "B03", "B04"]),
            red: band(&["B04", "B03", "B02"]),
            land,
            other: [band(&["B04", "B03"]), band(&["B03", "B04"])].into_iter().find(|other| *other != land),
        };
        let reference = reference.filter(|r| r.values.dim() == raster.values.dim());
        let exactly = |wanted: &[&str]| wanted.iter().find_map(|n| names.iter().position(|b| b.0 == *n));
        if let (Some(other), Some(bands)) =
            (reference, exactly(&["B03", "B04"]).zip(exactly(&["B08", "B8A"])))
        {
            flag(&mut validity, &flood::floods(raster, other, bands), Validity::FLOOD);
        }
        let (cloud, shadow) = match reference {
            Some(other) => against::against(raster, other, &bands, pixel_m, params),
            None => alone(raster, bands.blue, pixels(params.blob_m / 2.0).max(2), params),
        };
        flag(&mut validity, &cloud, Validity::CLOUD);
        flag(&mut validity, &shadow, Validity::SHADOW);
    }
    let reach = pixels(params.dilate_m);
    for bit in [Validity::CLOUD, Validity::SHADOW, Validity::FLOOD] {
        let grown = smooth::dilated(&validity.mapv(|v| v.contains(bit)), reach);
        flag(&mut validity, &grown, bit);
    }
    validity
}

/// Adds `bit` where `test` holds and something was recorded.
fn flag(validity: &mut Array2<Validity>, test: &Array2<bool>, bit: Validity) {
    validity.zip_mut_with(test, |v, &is| {
        if is && !v.contains(Validity::NO_DATA) {
            *v |= bit;
        }
    });
}

/// Indices of the bands that the tests use.
struct Bands {
    /// Where clouds stand out most.
    blue: usize,
    /// Where ground has the sharpest texture under haze.
    red: usize,
    /// Where land is brightest, so that its shadows are deepest.
    land: usize,
    /// One that shadows darken as well, where there is one.
    other: Option<usize>,
}

/// Index of the first wanted band that is there; the first of all where none is.
fn first_of(names: &[BandName], wanted: &[&str]) -> usize {
    wanted.iter().find_map(|n| names.iter().position(|b| b.0 == *n)).unwrap_or(0)
}

/// Clouds by brightness alone, and no shadows.
fn alone(
    raster: &Raster,
    blue: usize,
    radius_px: usize,
    params: &MaskParams,
) -> (Array2<bool>, Array2<bool>) {
    let recorded = raster.validity.mapv(|v| !v.intersects(Validity::NO_DATA));
    let bright = Squares::new(&recorded, radius_px).mean(&raster.values.index_axis(Axis(0), blue));
    (bright.mapv(|b| f64::from(b) > params.bright), Array2::from_elem(recorded.dim(), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Affine, Crs, Grid};
    use ndarray::Array3;

    fn scene(value: impl Fn(usize, usize) -> f32) -> Raster {
        let shape = (200, 200);
        let affine = Affine::from_gdal([0.0, 10.0, 0.0, 2000.0, 0.0, -10.0]).unwrap();
        Raster {
            values: Array3::from_shape_fn((1, 200, 200), |(_, r, c)| {
                value(r, c) + ((r * 7 + c * 13) % 11) as f32 * 0.002
            }),
            validity: Array2::from_elem(shape, Validity::empty()),
            grid: Grid { crs: Crs { epsg: Some(32652), wkt: String::new() }, affine, shape },
        }
    }

    #[test]
    fn a_cloud_is_flagged_and_a_roof_is_not() {
        let clear = scene(|_, _| 0.08);
        let mut target = scene(|r, c| {
            let cloud = r > 120 && c > 120;
            let roof = (20..24).contains(&r) && (20..24).contains(&c);
            if cloud {
                0.4
            } else if roof {
                0.5
            } else {
                0.08
            }
        });
        target.validity =
            clouds(&target, &[BandName("B02".to_owned())], Some(&clear), 10.0, &MaskParams::default());
        assert!(target.validity[(180, 180)].contains(Validity::CLOUD));
        assert!(target.validity[(22, 22)].is_empty() && target.validity[(60, 60)].is_empty());
    }

    #[test]
    fn a_scene_of_clouds_alone_is_flagged_whole() {
        let clear = scene(|_, _| 0.08);
        let mut target = scene(|_, _| 0.7);
        target.validity = clouds(&target, &[], Some(&clear), 10.0, &MaskParams::default());
        assert!(summary(&target).cloud_fraction > 0.99);
    }

    #[test]
    fn a_shadow_beside_its_cloud_is_flagged_and_a_darker_date_is_not() {
        let clear = scene(|_, _| 0.12);
        let mut target = scene(|r, c| match (r, c) {
            (20..70, 20..70) => 0.5,
            (80..130, 80..130) => 0.02,
            _ => 0.06,
        });
        target.validity = clouds(&target, &[], Some(&clear), 10.0, &MaskParams::default());
        assert!(target.validity[(45, 45)].contains(Validity::CLOUD));
        assert!(target.validity[(105, 105)].contains(Validity::SHADOW));
        assert!(target.validity[(170, 60)].is_empty());
    }

    /// Two bands: red, which `value` gives, and an infrared that is it times the factor of `infrared`.
    fn red_and_infrared(
        value: impl Fn(usize, usize) -> f32,
        infrared: impl Fn(usize, usize) -> f32,
    ) -> Raster {
        let red = scene(value);
        let mut both = red.clone();
        both.values = Array3::from_shape_fn((2, 200, 200), |(b, r, c)| {
            red.values[(0, r, c)] * if b == 0 { 1.0 } else { infrared(r, c) }
        });
        both
    }

    #[test]
    fn a_crop_that_is_cut_beside_a_cloud_is_no_shadow() {
        let names = ["B04", "B08"].map(|b| BandName(b.to_owned()));
        let clear = red_and_infrared(|_, _| 0.08, |_, _| 4.0);
        let inside = |r: usize, c: usize| (80..130).contains(&r) && (80..130).contains(&c);
        let cloud = |r: usize, c: usize, ground: f32| if r < 70 && c < 70 { 0.5 } else { ground };
        let factor = |r: usize, c: usize, ground: f32| if r < 70 && c < 70 { 1.0 } else { ground };
        let mut cut = red_and_infrared(
            |r, c| cloud(r, c, if inside(r, c) { 0.12 } else { 0.08 }),
            |r, c| factor(r, c, if inside(r, c) { 1.5 } else { 4.0 }),
        );
        cut.validity = clouds(&cut, &names, Some(&clear), 10.0, &MaskParams::default());
        assert!(cut.validity[(30, 30)].contains(Validity::CLOUD) && cut.validity[(105, 105)].is_empty());
        let mut shaded = red_and_infrared(
            |r, c| cloud(r, c, if inside(r, c) { 0.04 } else { 0.08 }),
            |r, c| factor(r, c, 4.0),
        );
        shaded.validity = clouds(&shaded, &names, Some(&clear), 10.0, &MaskParams::default());
        assert!(shaded.validity[(105, 105)].contains(Validity::SHADOW));
    }

    #[test]
    fn what_both_scenes_show_as_cloud_is_flagged_and_snow_is_not() {
        let ground = |r: usize, c: usize| if (r / 6 + c / 6).is_multiple_of(2) { 0.04 } else { 0.09 };
        // A cloud of each date, with a texture of its own.
        let cloud = |r: usize, c: usize, date: usize| 0.5 + ((r * (3 + date) + c * 7) % 13) as f32 * 0.004;
        let sky = |date: usize| {
            scene(move |r, c| if r > 100 && c > 60 * date { cloud(r, c, date) } else { ground(r, c) })
        };
        let (before, mut after) = (sky(0), sky(1));
        after.validity = clouds(&after, &[], Some(&before), 10.0, &MaskParams::default());
        assert!(after.validity[(160, 150)].contains(Validity::CLOUD));
        assert!(after.validity[(40, 40)].is_empty() && after.validity[(160, 20)].is_empty());
        // Both at the top of their range.
        let full = |r: usize| if r > 100 { 1.0 } else { 0.0 };
        let (mut before, mut after) = (before, after);
        for scene in [&mut before, &mut after] {
            scene.values.indexed_iter_mut().for_each(|((_, r, _), v)| *v = v.max(full(r)));
        }
        after.validity.fill(Validity::empty());
        after.validity = clouds(&after, &[], Some(&before), 10.0, &MaskParams::default());
        assert!(after.validity[(160, 150)].contains(Validity::CLOUD));
        let snow = |date: f32| scene(move |r, c| 0.5 + 4.0 * ground(r, c) + 0.01 * date);
        let mut after = snow(1.0);
        after.validity = clouds(&after, &[], Some(&snow(0.0)), 10.0, &MaskParams::default());
        assert!(summary(&after).valid_fraction > 0.99);
    }

    #[test]
    fn fresh_snow_on_one_date_is_not_judged() {
        let names = ["B04", "B08"].map(|b| BandName(b.to_owned()));
        let clear = red_and_infrared(|_, _| 0.08, |_, _| 3.0);
        let fallen = |r: usize, c: usize| (60..140).contains(&r) && (60..140).contains(&c);
        let mut snow = red_and_infrared(
            |r, c| if fallen(r, c) { 0.6 } else { 0.08 },
            |r, c| if fallen(r, c) { 0.95 } else { 3.0 },
        );
        snow.validity = clouds(&snow, &names, Some(&clear), 10.0, &MaskParams::default());
        let is_judged = |at: (usize, usize)| Validity::shows_ground(snow.validity[at]);
        assert!(!is_judged((100, 100)) && !is_judged((64, 64)) && is_judged((20, 20)));
    }

    #[test]
    fn a_thin_veil_over_the_whole_scene_is_flagged() {
        let ground = |r: usize, c: usize| if (r / 6 + c / 6).is_multiple_of(2) { 0.04 } else { 0.09 };
        let clear = scene(ground);
        let mut target = scene(ground);
        target.values.mapv_inplace(|v| 0.07 + 0.3 * v);
        target.validity = clouds(&target, &[], Some(&clear), 10.0, &MaskParams::default());
        assert!(summary(&target).cloud_fraction > 0.9);
    }

    #[test]
    fn a_ragged_edge_of_the_recording_is_no_cloud() {
        let clear = scene(|_, _| 0.08);
        let mut target = scene(|r, c| if c < 60 + r / 4 { 0.0 } else { 0.09 });
        target
            .validity
            .indexed_iter_mut()
            .filter(|((r, c), _)| *c < 60 + r / 4)
            .for_each(|(_, v)| *v = Validity::NO_DATA);
        target.validity = clouds(&target, &[], Some(&clear), 10.0, &MaskParams::default());
        assert!(summary(&target).cloud_fraction < 1e-6);
    }

    #[test]
    fn a_gain_between_the_dates_is_no_cloud() {
        let clear = scene(|r, _| 0.08 + 0.0001 * r as f32);
        let mut target = scene(|r, _| 0.09 + 0.00012 * r as f32);
        target.validity = clouds(&target, &[], Some(&clear), 10.0, &MaskParams::default());
        assert!(summary(&target).valid_fraction > 0.99);
    }
}

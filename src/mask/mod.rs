//! Clouds and shadows: the product's classification grown a little, and an own test for what it misses.
//!
//! A cloud is large, smooth and brightens the blue as much as the red; fields change colour, roofs are small. The own
//! test therefore averages the bluest band over some hundred metres and compares it with the other scene of the pair,
//! against the pair's own typical difference (centre and width of the densest half of all differences). It assumes
//! that the other scene is clear where this one is not; where both are clouded, only brightness tells.

mod params;
mod smooth;

pub use params::MaskParams;

use crate::raster::{Raster, Validity};
use crate::scene::BandName;
use ndarray::{Array2, ArrayView2, Axis};

/// Widths of the typical difference that an exception must exceed.
const EXCEPTION_WIDTHS: f64 = 4.0;

/// What a scene shows, as shares of its window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskSummary {
    /// Ground seen.
    pub valid_fraction: f64,
    /// Cloud.
    pub cloud_fraction: f64,
    /// Cloud shadow.
    pub shadow_fraction: f64,
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
        no_data_fraction: raster.fraction(|v| v.contains(Validity::NO_DATA)),
    }
}

/// Flags clouds and shadows of `raster` `(band, row, col)`, with `reference` on the same grid to compare with.
///
/// A reference of another shape is not used.
pub fn clouds(raster: &mut Raster, names: &[BandName], reference: Option<&Raster>, params: &MaskParams) {
    let pixel_m = raster.grid.pixel_size_m().max(0.1);
    let pixels = |metres: f64| (metres / pixel_m).round() as usize;
    if params.own_test && !raster.values.is_empty() {
        let band = bluest(names).min(raster.values.len_of(Axis(0)) - 1);
        let reference = reference.filter(|r| r.values.dim() == raster.values.dim());
        let seen = Seen::new(raster, reference, band, pixels(params.blob_m / 2.0).max(2));
        let cloud = seen.clouds(params);
        let near_cloud = smooth::dilated(&cloud, pixels(params.shadow_reach_m));
        let shadow =
            shadows(raster, reference, names, pixels(params.blob_m / 4.0).max(2), params) & near_cloud;
        flag(raster, &cloud, Validity::CLOUD);
        flag(raster, &shadow, Validity::SHADOW);
    }
    let reach = pixels(params.dilate_m);
    for bit in [Validity::CLOUD, Validity::SHADOW] {
        let grown = smooth::dilated(&raster.validity.mapv(|v| v.contains(bit)), reach);
        flag(raster, &grown, bit);
    }
}

/// Adds `bit` where `test` holds and something was recorded.
fn flag(raster: &mut Raster, test: &Array2<bool>, bit: Validity) {
    raster.validity.zip_mut_with(test, |v, &is| {
        if is && !v.contains(Validity::NO_DATA) {
            *v |= bit;
        }
    });
}

/// The band in which clouds stand out most: blue, else green, red, the first.
fn bluest(names: &[BandName]) -> usize {
    ["B02", "B03", "B04"].iter().find_map(|n| names.iter().position(|b| b.0 == *n)).unwrap_or(0)
}

/// Averaged brightness, and how it compares with the reference.
struct Seen {
    bright: Array2<f32>,
    versus: Option<Versus>,
}

/// A scene against its reference, averaged over squares.
struct Versus {
    /// Brightness here less there.
    difference: Array2<f32>,
    /// Texture (mean size of the step to the next pixel) here over there: a veil takes it away.
    texture_ratio: Array2<f32>,
    /// Typical difference.
    centre: f64,
    /// Its spread.
    width: f64,
}

impl Versus {
    fn new(
        here: &ArrayView2<'_, f32>,
        there: &ArrayView2<'_, f32>,
        ok: &Array2<bool>,
        radius_px: usize,
    ) -> Self {
        let difference = smooth::mean(here, ok, radius_px) - smooth::mean(there, ok, radius_px);
        let texture = |v| smooth::mean(&steps(v).view(), ok, radius_px);
        let (centre, width) = densest_half(&difference);
        Self { difference, texture_ratio: texture(here) / texture(there), centre, width }
    }
}

/// |v(r, c) − v(r, c + 1)| + |v(r, c) − v(r + 1, c)|, 0 at the last row and column.
fn steps(values: &ArrayView2<'_, f32>) -> Array2<f32> {
    let at = |r, c| values.get((r, c)).copied();
    Array2::from_shape_fn(values.dim(), |(r, c)| {
        let v = values[(r, c)];
        at(r, c + 1).map_or(0.0, |w| (v - w).abs()) + at(r + 1, c).map_or(0.0, |w| (v - w).abs())
    })
}

impl Seen {
    fn new(raster: &Raster, reference: Option<&Raster>, band: usize, radius_px: usize) -> Self {
        let recorded = |r: &Raster| r.validity.mapv(|v| !v.intersects(Validity::NO_DATA));
        let mut ok = recorded(raster);
        let bright = smooth::mean(&raster.values.index_axis(Axis(0), band), &ok, radius_px);
        let versus = reference.map(|other| {
            ok.zip_mut_with(&other.validity, |ok, v| {
                *ok &= !v.intersects(Validity::NO_DATA | Validity::CLOUD);
            });
            let plane = |r: &'_ Raster| r.values.index_axis(Axis(0), band).to_owned();
            Versus::new(&plane(raster).view(), &plane(other).view(), &ok, radius_px)
        });
        Self { bright, versus }
    }

    fn clouds(&self, params: &MaskParams) -> Array2<bool> {
        let Some(versus) = &self.versus else {
            return self.bright.mapv(|b| f64::from(b) > params.bright);
        };
        // Haze over a whole scene is no cloud; a centre far above zero is.
        let centre = versus.centre.min(params.brightening);
        let exception = (EXCEPTION_WIDTHS * versus.width).min(2.0 * params.brightening);
        let limit = centre + params.brightening.max(exception);
        ndarray::Zip::from(&self.bright).and(&versus.difference).and(&versus.texture_ratio).map_collect(
            |&b, &d, &t| {
                let veiled = f64::from(d) > limit && f64::from(t) < params.veiled_texture;
                // NaN: the other scene shows nothing here, and brightness alone decides.
                let unlike = d.is_nan() || f64::from(d) > params.bright / 4.0;
                veiled || (f64::from(b) > params.bright && unlike)
            },
        )
    }
}

/// Smooth darkening against the reference, relative to it, in the band that is brightest over land.
fn shadows(
    raster: &Raster,
    reference: Option<&Raster>,
    names: &[BandName],
    radius_px: usize,
    params: &MaskParams,
) -> Array2<bool> {
    let Some(other) = reference else { return Array2::from_elem(raster.validity.dim(), false) };
    let band = ["B08", "B04", "B03"].iter().find_map(|n| names.iter().position(|b| b.0 == *n)).unwrap_or(0);
    let band = band.min(raster.values.len_of(Axis(0)) - 1);
    let mut ok = raster.validity.mapv(|v| !v.intersects(Validity::NO_DATA));
    ok.zip_mut_with(&other.validity, |ok, v| *ok &= !v.intersects(Validity::NO_DATA | Validity::CLOUD));
    let here = smooth::mean(&raster.values.index_axis(Axis(0), band), &ok, radius_px);
    let there = smooth::mean(&other.values.index_axis(Axis(0), band), &ok, radius_px);
    let (centre, _) = densest_half(&(&here / &there));
    let limit = (1.0 - params.darkening) * centre.clamp(0.5, 2.0);
    ndarray::Zip::from(&here).and(&there).map_collect(|&h, &t| f64::from(h) < limit * f64::from(t))
}

/// Middle and standard deviation of the densest half of the values: clear ground, even when a third is cloud.
///
/// For a normal distribution the shortest half spans 1.349 standard deviations (Rousseeuw & Leroy 1988).
fn densest_half(values: &Array2<f32>) -> (f64, f64) {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let half = sorted.len() / 2;
    let spans = sorted.iter().zip(sorted.iter().skip(half)).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    spans
        .min_by(|p, q| (p.1 - p.0).total_cmp(&(q.1 - q.0)))
        .map_or((0.0, 0.0), |(low, high)| (0.5 * (low + high), (high - low) / 1.349))
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
        clouds(&mut target, &[BandName("B02".to_owned())], Some(&clear), &MaskParams::default());
        assert!(target.validity[(180, 180)].contains(Validity::CLOUD));
        assert!(target.validity[(22, 22)].is_empty() && target.validity[(60, 60)].is_empty());
    }

    #[test]
    fn a_scene_of_clouds_alone_is_flagged_whole() {
        let clear = scene(|_, _| 0.08);
        let mut target = scene(|_, _| 0.7);
        clouds(&mut target, &[], Some(&clear), &MaskParams::default());
        assert!(summary(&target).cloud_fraction > 0.99);
    }

    #[test]
    fn a_gain_between_the_dates_is_no_cloud() {
        let clear = scene(|r, _| 0.08 + 0.0001 * r as f32);
        let mut target = scene(|r, _| 0.09 + 0.00012 * r as f32);
        clouds(&mut target, &[], Some(&clear), &MaskParams::default());
        assert!(summary(&target).valid_fraction > 0.99);
    }
}

//! Clouds and shadows: the product's classification, grown a little, and railwatch's own test for what it misses.
//!
//! A cloud is large and smooth, and brightens the blue as much as the red; fields change colour, and roofs are small. So
//! the test averages the bluest band over some hundred metres and takes the difference from the reference, the other
//! scene of the pair. A cloud is what stands out from the differences that are typical of the pair: the centre and width
//! of the densest half of them. The reference must be clear where the scene is not; where both are clouded, only
//! brightness tells.

mod afloat;
mod params;
mod smooth;

pub use afloat::Afloat;
pub use params::MaskParams;

use crate::raster::{Raster, Validity};
use crate::scene::BandName;
use crate::stats::sorted;
use ndarray::{Array2, ArrayView2, Axis, s};
use smooth::Squares;

/// A cloud or shadow differs by more than this many widths of the typical difference.
const EXCEPTION_WIDTHS: f64 = 4.0;
/// The most that those widths may demand, as a multiple of `brightening`: fields that freeze or thaw must not hide a veil.
const EXCEPTION_CAP: f64 = 1.5;
/// Below this share of `veiled_texture`, half of `brightening` makes a veil.
const THICK_VEIL: f64 = 0.55;
/// Texture ratio at or below which a scene is no picture but one constant: no sensor's noise is that low.
const NO_TEXTURE: f64 = 1e-3;
/// Share of `bright` from which a small cloud is taken for one where the reference is much darker.
const LIT_SHARE: f64 = 0.6;
/// Least share of a square that both scenes must show.
const LEAST_SHARE: f32 = 0.25;
/// Ragged edge of the recording, px: JPEG2000 rings there.
const EDGE_PX: usize = 3;

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

/// Validity of `raster` `(band, row, col)` with its clouds and shadows flagged.
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
        let bands = Bands {
            blue: band(&["B02", "B03", "B04"]),
            red: band(&["B04", "B03", "B02"]),
            land: band(&["B08", "B04", "B03"]),
        };
        let reference = reference.filter(|r| r.values.dim() == raster.values.dim());
        let (cloud, shadow) = match reference {
            Some(other) => against(raster, other, &bands, pixel_m, params),
            None => alone(raster, bands.blue, pixels(params.blob_m / 2.0).max(2), params),
        };
        flag(&mut validity, &cloud, Validity::CLOUD);
        flag(&mut validity, &shadow, Validity::SHADOW);
    }
    let reach = pixels(params.dilate_m);
    for bit in [Validity::CLOUD, Validity::SHADOW] {
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

/// Clouds and shadows against a reference.
fn against(
    raster: &Raster,
    reference: &Raster,
    bands: &Bands,
    pixel_m: f64,
    params: &MaskParams,
) -> (Array2<bool>, Array2<bool>) {
    let pixels = |metres: f64| ((metres / pixel_m).round() as usize).max(2);
    let blob = pixels(params.blob_m / 2.0);
    let versus = Versus::new(raster, reference, bands, blob);
    let (brighter, darker) = (versus.veiled(1.0, params), versus.veiled(-1.0, params));
    let cloud = brighter | versus.lit(raster, reference, bands.blue, pixels(params.blob_m / 6.0), params);
    // Beside a cloud of the reference its light fades slowly: what is darker there than the reference is no shadow.
    let excluded = smooth::dilated(&darker, blob) | &cloud;
    let shadow = shadows(raster, reference, bands.land, pixels(params.blob_m / 4.0), &excluded, params);
    let near_cloud = smooth::dilated(&cloud, pixels(params.shadow_reach_m));
    (cloud, shadow & near_cloud)
}

/// Pixels recorded in both, away from the ragged edge of the recording, where the reference is no cloud.
fn comparable(raster: &Raster, reference: &Raster) -> Array2<bool> {
    let lost = ndarray::Zip::from(&raster.validity)
        .and(&reference.validity)
        .map_collect(|a, b| a.intersects(Validity::NO_DATA) || b.intersects(Validity::NO_DATA));
    let mut ok = smooth::dilated(&lost, EDGE_PX).mapv(|lost| !lost);
    ok.zip_mut_with(&reference.validity, |ok, v| *ok &= !v.contains(Validity::CLOUD));
    ok
}

/// A scene against its reference, averaged over squares; NaN where less than a quarter of a square is comparable.
struct Versus {
    ok: Array2<bool>,
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
    fn new(raster: &Raster, reference: &Raster, bands: &Bands, radius_px: usize) -> Self {
        let ok = comparable(raster, reference);
        let squares = Squares::new(&ok, radius_px);
        let mean = |r: &Raster| squares.mean(&r.values.index_axis(Axis(0), bands.blue));
        let texture = |r: &Raster| squares.mean(&steps(&r.values.index_axis(Axis(0), bands.red), &ok).view());
        let mut difference = mean(raster) - mean(reference);
        let share = squares.share();
        difference.zip_mut_with(&share, |d, &s| *d = if s < LEAST_SHARE { f32::NAN } else { *d });
        let (centre, width) = densest_half(difference.iter().copied());
        let texture_ratio = texture(raster) / texture(reference);
        Self { ok, difference, texture_ratio, centre, width }
    }

    /// Where a scene is veiled against the other: this one (`sign` 1) or the reference (`sign` −1).
    fn veiled(&self, sign: f64, params: &MaskParams) -> Array2<bool> {
        // Haze over a whole scene is no cloud; a centre far above zero is.
        let centre = (sign * self.centre).min(params.brightening);
        let exception = (EXCEPTION_WIDTHS * self.width).min(EXCEPTION_CAP * params.brightening);
        let limit = centre + params.brightening.max(exception);
        ndarray::Zip::from(&self.difference).and(&self.texture_ratio).map_collect(|&d, &t| {
            let t = if sign > 0.0 { f64::from(t) } else { f64::from(t).recip() };
            let d = sign * f64::from(d);
            let blurred = d > params.brightening / 2.0 && t < THICK_VEIL * params.veiled_texture;
            t > NO_TEXTURE && ((d > limit && t < params.veiled_texture) || blurred)
        })
    }

    /// Compact clouds: brighter than land, and than the reference, over a small square.
    fn lit(
        &self,
        raster: &Raster,
        reference: &Raster,
        blue: usize,
        radius_px: usize,
        params: &MaskParams,
    ) -> Array2<bool> {
        let recorded = raster.validity.mapv(|v| !v.intersects(Validity::NO_DATA));
        let values = raster.values.index_axis(Axis(0), blue);
        let bright = Squares::new(&recorded, radius_px).mean(&values);
        let squares = Squares::new(&self.ok, radius_px);
        let difference = squares.mean(&values) - squares.mean(&reference.values.index_axis(Axis(0), blue));
        // A scene that is brighter as a whole sets the level, but one of clouds alone must not set it above clouds.
        let half = params.bright / 2.0;
        let exception = (EXCEPTION_WIDTHS * self.width).clamp(params.bright / 4.0, half);
        let limit = self.centre.clamp(0.0, half) + exception;
        ndarray::Zip::from(&bright).and(&difference).map_collect(|&b, &d| {
            // NaN: the reference shows nothing here, and brightness alone decides.
            let (b, d) = (f64::from(b), f64::from(d));
            if d.is_nan() { b > params.bright } else { b > LIT_SHARE * params.bright && d > limit }
        })
    }
}

/// |v(r, c) − v(r, c + 1)| + |v(r, c) − v(r + 1, c)| between usable pixels.
fn steps(values: &ArrayView2<'_, f32>, ok: &Array2<bool>) -> Array2<f32> {
    let (rows, cols) = values.dim();
    let mut steps = Array2::zeros((rows, cols));
    let last = cols.saturating_sub(1);
    ndarray::azip!((step in steps.slice_mut(s![.., ..last]), &v in values.slice(s![.., ..last]),
        &w in values.slice(s![.., 1..]), &ok in ok.slice(s![.., 1..])) if ok { *step = (v - w).abs(); });
    let last = rows.saturating_sub(1);
    ndarray::azip!((step in steps.slice_mut(s![..last, ..]), &v in values.slice(s![..last, ..]),
        &w in values.slice(s![1.., ..]), &ok in ok.slice(s![1.., ..])) if ok { *step += (v - w).abs(); });
    steps
}

/// Smooth darkening against the reference, relative to it and to what is typical outside `excluded`.
fn shadows(
    raster: &Raster,
    reference: &Raster,
    band: usize,
    radius_px: usize,
    excluded: &Array2<bool>,
    params: &MaskParams,
) -> Array2<bool> {
    let mut ok = comparable(raster, reference);
    ok.zip_mut_with(excluded, |ok, &out| *ok &= !out);
    let squares = Squares::new(&ok, radius_px);
    let here = squares.mean(&raster.values.index_axis(Axis(0), band));
    let there = squares.mean(&reference.values.index_axis(Axis(0), band));
    let ratio = &here / &there;
    let (centre, width) = densest_half(ratio.iter().zip(&ok).filter(|(_, ok)| **ok).map(|(v, _)| *v));
    let limit = ((1.0 - params.darkening) * centre.min(2.0)).min(centre - EXCEPTION_WIDTHS * width);
    ndarray::Zip::from(&ratio).and(&ok).map_collect(|&q, &ok| ok && f64::from(q) < limit)
}

/// Middle and standard deviation of the densest half of the values: clear ground, even when a third is cloud.
///
/// For a normal distribution the shortest half spans 1.349 standard deviations (Rousseeuw & Leroy 1988).
fn densest_half(values: impl Iterator<Item = f32>) -> (f64, f64) {
    let sorted = sorted(values.filter(|v| v.is_finite()));
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

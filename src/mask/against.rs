//! Clouds and shadows of a scene against another one of the same place.
//!
//! Of two scenes each may be clouded where the other is clear. What is brighter than the other is its cloud; where both are bright,
//! the ground below shows the same texture on both dates, and clouds do not. A shadow darkens every band, a crop that is cut only
//! the infrared.

use super::smooth::{Squares, dilated};
use super::{Bands, MaskParams};
use crate::raster::{Raster, Validity};
use crate::stats::sorted;
use ndarray::{Array2, ArrayView2, Axis, Zip, s};

/// A cloud differs by more than this many widths of the typical difference.
const EXCEPTION_WIDTHS: f64 = 4.0;
/// A shadow differs by more than this many widths of the typical ratio.
const SHADOW_WIDTHS: f64 = 3.0;
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
/// Texture of two scenes that correlates less than this is not that of one ground.
const LEAST_CORRELATION: f64 = 0.5;
/// Share of `darkening` by which a shadow darkens another band than that of land at least: there more of the light comes from the sky
/// and from haze.
const OTHER_SHARE: f64 = 0.5;

/// Clouds and shadows against a reference.
pub(super) fn against(
    raster: &Raster,
    reference: &Raster,
    bands: &Bands,
    pixel_m: f64,
    params: &MaskParams,
) -> (Array2<bool>, Array2<bool>) {
    let pixels = |metres: f64| ((metres / pixel_m).round() as usize).max(2);
    let blob = pixels(params.blob_m / 2.0);
    let versus = Versus::new(raster, reference, bands, blob);
    let lit = Lit::new(raster, reference, (bands.blue, &versus.ok), pixels(params.blob_m / 6.0));
    let of = |sign: f64| versus.veiled(sign, params) | lit.brighter(sign, &versus, params);
    let mut clouds = [of(1.0), of(-1.0)];
    if let Some(strange) = lit.strange(raster, reference, (bands.red, &versus.ok), blob, params) {
        clouds = [0, 1].map(|i| lit.also(i, &clouds, &strange, params));
    }
    let [cloud, elsewhere] = clouds;
    if !cloud.iter().any(|c| *c) {
        let shadow = cloud.clone();
        return (cloud, shadow);
    }
    // Beside a cloud of the reference its light fades slowly: what is darker there than the reference is no shadow.
    let excluded = dilated(&elsewhere, pixels(params.dilate_m)) | &cloud;
    let shadow = shadows(raster, reference, bands, pixels(params.blob_m / 4.0), &excluded, params);
    let near_cloud = dilated(&cloud, pixels(params.shadow_reach_m));
    (cloud, shadow & near_cloud)
}

/// Pixels recorded in both, away from the ragged edge of the recording, where the reference is no cloud.
fn comparable(raster: &Raster, reference: &Raster) -> Array2<bool> {
    let lost = Zip::from(&raster.validity)
        .and(&reference.validity)
        .map_collect(|a, b| a.intersects(Validity::NO_DATA) || b.intersects(Validity::NO_DATA));
    let mut ok = dilated(&lost, EDGE_PX).mapv(|lost| !lost);
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
        Zip::from(&self.difference).and(&self.texture_ratio).map_collect(|&d, &t| {
            let t = if sign > 0.0 { f64::from(t) } else { f64::from(t).recip() };
            let d = sign * f64::from(d);
            let blurred = d > params.brightening / 2.0 && t < THICK_VEIL * params.veiled_texture;
            t > NO_TEXTURE && ((d > limit && t < params.veiled_texture) || blurred)
        })
    }
}

/// Brightness over small squares, of compact clouds.
struct Lit {
    /// Of the scene and of the reference, wherever they are recorded.
    bright: [Array2<f32>; 2],
    /// Of the scene less that of the reference, where both can be compared; NaN elsewhere.
    difference: Array2<f32>,
}

impl Lit {
    fn new(
        raster: &Raster,
        reference: &Raster,
        (blue, ok): (usize, &Array2<bool>),
        radius_px: usize,
    ) -> Self {
        let bright = [raster, reference].map(|scene| {
            let recorded = scene.validity.mapv(|v| !v.intersects(Validity::NO_DATA));
            Squares::new(&recorded, radius_px).mean(&scene.values.index_axis(Axis(0), blue))
        });
        let squares = Squares::new(ok, radius_px);
        let mean = |scene: &Raster| squares.mean(&scene.values.index_axis(Axis(0), blue));
        let difference = mean(raster) - mean(reference);
        Self { bright, difference }
    }

    /// Brighter than land, and than the other scene: this one (`sign` 1) or the reference (`sign` −1).
    fn brighter(&self, sign: f64, versus: &Versus, params: &MaskParams) -> Array2<bool> {
        let bright = &self.bright[usize::from(sign < 0.0)];
        // A scene that is brighter as a whole sets the level, but one of clouds alone must not set it above clouds.
        let half = params.bright / 2.0;
        let exception = (EXCEPTION_WIDTHS * versus.width).clamp(params.bright / 4.0, half);
        let limit = (sign * versus.centre).clamp(0.0, half) + exception;
        Zip::from(bright).and(&self.difference).map_collect(|&b, &d| {
            // NaN: the other shows nothing here, and brightness alone decides.
            let (b, d) = (f64::from(b), sign * f64::from(d));
            if d.is_nan() { b > params.bright } else { b > LIT_SHARE * params.bright && d > limit }
        })
    }

    /// Where both are bright without a texture in common, so that one at least is cloud; `None` where nothing is bright on both. Snow
    /// and salt keep the texture of their ground.
    fn strange(
        &self,
        raster: &Raster,
        reference: &Raster,
        (red, ok): (usize, &Array2<bool>),
        radius_px: usize,
        params: &MaskParams,
    ) -> Option<Array2<bool>> {
        let least = (LIT_SHARE * params.bright) as f32;
        let [here, there] = &self.bright;
        let bright = Zip::from(here).and(there).map_collect(|&here, &there| here.min(there) > least);
        if !bright.iter().any(|b| *b) {
            return None;
        }
        let values = [raster, reference].map(|scene| scene.values.index_axis(Axis(0), red));
        let correlation = Squares::new(ok, radius_px).correlation(&values[0], &values[1]);
        Some(Zip::from(&bright).and(&correlation).map_collect(|&b, &r| b && f64::from(r) < LEAST_CORRELATION))
    }

    /// The clouds of one scene, the first or the second, with those that the other's hide: what is `strange` there, and very bright or
    /// as bright as the other.
    fn also(
        &self,
        scene: usize,
        clouds: &[Array2<bool>; 2],
        strange: &Array2<bool>,
        params: &MaskParams,
    ) -> Array2<bool> {
        Zip::from(&clouds[scene]).and(&clouds[1 - scene]).and(&self.bright[scene]).and(strange).map_collect(
            |&cloud, &other, &b, &strange| cloud || strange && (!other || f64::from(b) > params.bright),
        )
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
    bands: &Bands,
    radius_px: usize,
    excluded: &Array2<bool>,
    params: &MaskParams,
) -> Array2<bool> {
    let mut ok = comparable(raster, reference);
    ok.zip_mut_with(excluded, |ok, &out| *ok &= !out);
    let squares = Squares::new(&ok, radius_px);
    let ratio = |band: usize| {
        let mean = |scene: &Raster| squares.mean(&scene.values.index_axis(Axis(0), band));
        let ratio = mean(raster) / mean(reference);
        let (centre, width) = densest_half(ratio.iter().zip(&ok).filter(|(_, ok)| **ok).map(|(v, _)| *v));
        (ratio, centre.min(2.0), width)
    };
    let (land, centre, width) = ratio(bands.land);
    let limit = ((1.0 - params.darkening) * centre).min(centre - SHADOW_WIDTHS * width);
    let mut shadow = Zip::from(&land).and(&ok).map_collect(|&q, &ok| ok && f64::from(q) < limit);
    if let Some(other) = bands.other {
        let (ratio, centre, _) = ratio(other);
        let limit = (1.0 - OTHER_SHARE * params.darkening) * centre;
        shadow.zip_mut_with(&ratio, |shadow, &q| *shadow &= f64::from(q) < limit);
    }
    shadow
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

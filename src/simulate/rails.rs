//! What stands on the rails, as each band of a scene sees it: beds, trains, their way between the bands, their shadows.

use super::clouds::SHADE;
use super::draw::{Layer, Patch};
use super::sun::is_shaded;
use super::{ImplantParams, SimulateParams, SpectralBand};
use crate::corridor::Track;
use crate::grid::Affine;
use crate::scene::{BALLAST, band_delay_s};
use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Brightness of bed and train on one date.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tones {
    bed: f64,
    train: f64,
}

impl Tones {
    /// Bed and train share a gain, the bed has its own jitter besides (it is wet or dry).
    pub(super) fn draw(params: &ImplantParams, rng: &mut ChaCha8Rng) -> Self {
        let (g, j): (f64, f64) = (rng.sample(StandardNormal), rng.sample(StandardNormal));
        let train = 1.0 + params.date_gain_sigma * g;
        Self { bed: train * (1.0 + params.bed_jitter_sigma * j), train }
    }
}

/// Puts beds and `patches` into one scene, band by band where motion or the point spread makes bands differ.
pub(super) fn put_rails(
    values: &mut ArrayViewMut3<'_, f32>,
    affine: &Affine,
    bands: &[SpectralBand],
    (tracks, patches): (&[Track], &[Patch]),
    params: &ImplantParams,
    tones: Tones,
) {
    let shape = (values.dim().1, values.dim().2);
    let alike = params.psf_band_ratio.windows(2).all(|w| (w[0] - w[1]).abs() < 1e-9)
        && patches.iter().all(|p| p.velocity_m_s.abs() < 1e-9);
    let groups: Vec<std::ops::Range<usize>> = if alike {
        std::iter::once(0..bands.len()).collect()
    } else {
        (0..bands.len()).map(|b| b..b + 1).collect()
    };
    for group in groups {
        let own = &bands[group.clone()];
        let Some(first) = own.first() else { continue };
        let seen: Vec<Patch> = patches.iter().map(|p| p.seen_after(delay_s(*first, params))).collect();
        let sigma_px = params.psf_sigma_px * params.psf_band_ratio[first.index()];
        let shade = shadow_cover(affine, shape, tracks, &seen, params, sigma_px);
        let mut part = values.slice_mut(s![group, .., ..]);
        let lit = shade.as_ref().map(|_| {
            let mut ground = part.to_owned();
            lay(
                &mut ground.view_mut(),
                rails_layer(affine, shape, (tracks, &[]), own, params, tones),
                sigma_px,
            );
            ground
        });
        lay(&mut part, rails_layer(affine, shape, (tracks, &seen), own, params, tones), sigma_px);
        if let (Some(shade), Some(lit)) = (shade, lit) {
            darken(&mut part, &lit, &shade, own);
        }
    }
}

fn lay(values: &mut ArrayViewMut3<'_, f32>, mut layer: Layer, sigma_px: f64) {
    layer.blur(sigma_px);
    compose(values, &layer);
}

/// Beds of all tracks with `patches` on them, not yet blurred.
fn rails_layer(
    affine: &Affine,
    shape: (usize, usize),
    (tracks, patches): (&[Track], &[Patch]),
    bands: &[SpectralBand],
    params: &ImplantParams,
    tones: Tones,
) -> Layer {
    let half_m = params.bed_width_m / 2.0;
    let beds: Vec<Patch> = tracks
        .iter()
        .enumerate()
        .filter(|_| half_m > 0.0)
        .map(|(track, t)| Patch {
            track,
            along_m: (0.0, t.length_m()),
            across_m: (-half_m, half_m),
            reflectance: BALLAST.map(|r| r * tones.bed),
            velocity_m_s: 0.0,
            texture: params.bed_texture,
        })
        .collect();
    let loads: Vec<Patch> = patches
        .iter()
        .map(|p| Patch { reflectance: p.reflectance.map(|r| r * tones.train), ..p.clone() })
        .collect();
    let mut rails = Layer::new(bands.len(), shape);
    rails.paint(&beds, tracks, affine, bands, params.seed ^ 0xbed);
    let mut upper = Layer::new(bands.len(), shape);
    upper.paint(&loads, tracks, affine, bands, params.seed ^ 0x10ad);
    rails.put(&upper);
    rails
}

/// ρ' = ρ·(1 − f) + colour.
fn compose(values: &mut ArrayViewMut3<'_, f32>, layer: &Layer) {
    for ((b, row, col), v) in values.indexed_iter_mut() {
        let f = layer.cover[(row, col)];
        if f > 0.0 {
            *v = *v * (1.0 - f) + layer.colour[(b, row, col)];
        }
    }
}

/// Seconds after B02 of a band under the order of the detector.
fn delay_s(band: SpectralBand, params: &ImplantParams) -> f64 {
    let delay = band_delay_s(band.name()).unwrap_or(0.0);
    if params.bands_reversed { -delay } else { delay }
}

/// `ρ' = ρ − σ (1 − q) ρ_lit`: the shaded share of the pixel keeps the light of the sky alone.
fn darken(
    values: &mut ArrayViewMut3<'_, f32>,
    lit: &Array3<f32>,
    shade: &Array2<f32>,
    bands: &[SpectralBand],
) {
    for (b, (mut band, lit)) in values.axis_iter_mut(Axis(0)).zip(lit.outer_iter()).enumerate() {
        let lost = (1.0 - SHADE[bands[b].index()]) as f32;
        for ((v, &l), &share) in band.iter_mut().zip(lit).zip(shade) {
            if share > 0.0 {
                *v -= share * lost * l;
            }
        }
    }
}

/// Side of the squares in which shadows are counted, metres.
const CELL_M: f64 = 0.5;

/// Share of each pixel that lies in the shadow of a wagon and under none, blurred; `None` without sun or height.
fn shadow_cover(
    affine: &Affine,
    shape: (usize, usize),
    tracks: &[Track],
    patches: &[Patch],
    params: &ImplantParams,
    sigma_px: f64,
) -> Option<Array2<f32>> {
    let sun = params.sun.filter(|_| params.height_m > 0.0 && !patches.is_empty())?;
    let (east, north) = sun.shadow_m(params.height_m);
    let reach_m = east.hypot(north);
    let mut layer = Layer::new(0, shape);
    for (index, track) in tracks.iter().enumerate() {
        let own: Vec<&Patch> = patches.iter().filter(|p| p.track == index).collect();
        for patch in &own {
            // Each cell is counted with the nearest wagon along, so none is counted twice.
            let cells = |(low, high): (f64, f64)| {
                let count = ((high - low + 2.0 * reach_m) / CELL_M).ceil() as usize;
                (0..count).map(move |k| low - reach_m + (k as f64 + 0.5) * CELL_M)
            };
            for s_m in cells(patch.along_m) {
                if !is_nearest(s_m, patch, &own) || s_m < 0.0 || s_m > track.length_m() {
                    continue;
                }
                let point = track.at(s_m);
                let d = (
                    east * point.along.0 + north * point.along.1,
                    east * point.along.1 - north * point.along.0,
                );
                let on = |p: (f64, f64), d| own.iter().any(|o| is_shaded(p, (o.along_m, o.across_m), d));
                for t_m in cells(patch.across_m) {
                    if on((s_m, t_m), d) && !on((s_m, t_m), (0.0, 0.0)) {
                        layer.add(point.at_offset(t_m), CELL_M * CELL_M, affine);
                    }
                }
            }
        }
    }
    layer.blur(sigma_px);
    Some(layer.cover.mapv(|f| f.min(1.0)))
}

/// Whether `patch` is the first of those nearest to a chainage at its offset.
fn is_nearest(s_m: f64, patch: &Patch, all: &[&Patch]) -> bool {
    let away = |p: &Patch| (p.along_m.0 - s_m).max(s_m - p.along_m.1).max(0.0);
    let own = away(patch);
    let side = |p: &Patch| (p.across_m.0 - patch.across_m.0).abs() < 10.0;
    all.iter().take_while(|p| !std::ptr::eq(**p, patch)).all(|p| !side(p) || away(p) > own)
        && all.iter().all(|p| !side(p) || away(p) >= own)
}

/// Tracks of a yard beside the longest of `tracks`, alternately right and left of it; none where it is too short.
#[must_use]
pub fn yard_tracks(params: &SimulateParams, tracks: &[Track]) -> Vec<Track> {
    let Some(main) = tracks.iter().max_by(|a, b| a.length_m().total_cmp(&b.length_m())) else {
        return Vec::new();
    };
    let middle_m = main.length_m() / 2.0;
    let half_m = (params.yard_length_m / 2.0).min(middle_m);
    let beside = |k: usize| {
        let side = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        let offset_m = side * (k / 2 + 1) as f64 * params.yard_spacing_m;
        let steps = (2.0 * half_m / 10.0).ceil().max(1.0) as usize;
        let at = |i: usize| {
            main.at(middle_m - half_m + 2.0 * half_m * i as f64 / steps as f64).at_offset(offset_m)
        };
        Track::new(format!("{}-yard-{}", main.id, k + 1), main.name.clone(), (0..=steps).map(at).collect())
    };
    (0..params.yard_track_count).filter_map(beside).collect()
}

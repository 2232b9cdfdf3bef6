//! A stack of synthetic scenes of one place: landscape, rails, atmosphere, clouds and sensor.

use super::clouds::{CLOUD, HAZE, SHADE, Sky, haze, sky};
use super::draw::{Patch, blur};
use super::implant::{Role, is_present};
use super::landscape::Landscape;
use super::rails::{Tones, put_rails};
use super::sun::USUAL_SUN;
use super::trains::{Placed, place_stockpiles, place_trains};
use super::{Change, Error, Implant, ImplantParams, SimulateParams, SpectralBand, Sun};
use crate::corridor::Track;
use crate::grid::{Affine, Grid};
use jiff::Timestamp;
use ndarray::{Array2, Array3, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// One synthetic scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SimScene {
    /// Time of sensing.
    pub datetime: Timestamp,
    /// Baseline or target.
    pub role: Role,
    /// Reflectance in B02, B03, B04, B08, `(band, row, col)`.
    pub values: Array3<f32>,
    /// Where a cloud is, `(row, col)`.
    pub clouds: Array2<bool>,
    /// Where a cloud's shadow is and no cloud, `(row, col)`.
    pub shadows: Array2<bool>,
    /// True shift, (row, col) px: added to this scene's (row, col) it gives the grid's.
    pub shift_px: (f64, f64),
}

/// Scenes and what is in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// In the order of the dates; the last is the target.
    pub scenes: Vec<SimScene>,
    /// Trains and stockpiles.
    pub truth: Vec<Implant>,
    /// Grid of all scenes.
    pub grid: Grid,
}

/// Synthetic scenes of `tracks` on `grid` (projected, metres), one a date of `params`.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Dates`], [`Error::Order`] or [`Error::NoTracks`].
pub fn scene_pair(params: &SimulateParams, tracks: &[Track], grid: &Grid) -> Result<Simulated, Error> {
    params.check()?;
    if tracks.is_empty() {
        return Err(Error::NoTracks);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed ^ params.trains.seed.rotate_left(32));
    let mut placed = place_trains(tracks, &params.trains, &mut rng);
    let stockpiles =
        [(Change::Appeared, params.stockpile_count), (Change::Departed, params.stockpile_departed_count)];
    placed.extend(place_stockpiles(tracks, stockpiles, &mut rng));
    let (river, river_width_m) = (&params.river, params.river_width_m);
    let land = Landscape::new(params.seed, river, river_width_m, params.field_change_fraction, tracks);
    let last = params.datetimes.len() - 1;
    let scenes = (params.datetimes.iter().enumerate())
        .map(|(date, &datetime)| {
            let (role, shift_px, (clouds, haze_opacity)) = if date == last {
                let veil = (params.target_cloud_fraction, params.target_haze_opacity);
                (Role::Target, params.target_shift_px, veil)
            } else {
                let sigma_px = if date + 1 == last { 0.0 } else { params.baseline_shift_sigma_px };
                let shift_px = if sigma_px > 0.0 {
                    (normal(&mut rng, sigma_px), normal(&mut rng, sigma_px))
                } else {
                    (0.0, 0.0)
                };
                let veil = (params.baseline_cloud_fraction, params.baseline_haze_opacity);
                (Role::Baseline, shift_px, veil)
            };
            let sun = (params.trains.sun)
                .unwrap_or_else(|| params.place_lonlat.map_or(USUAL_SUN, |place| Sun::at(datetime, place)));
            let trains = ImplantParams { sun: Some(sun), ..params.trains.clone() };
            let affine = grid.affine.shifted(shift_px.0, shift_px.1);
            let mut values = ground(&land, &affine, grid.shape, date);
            build(&mut values, (tracks, &placed), &affine, role, &trains, &mut rng);
            let seed = params.seed.wrapping_add(date as u64);
            draw_haze(&mut values, |r, c| haze(seed, affine.xy(r, c), haze_opacity));
            let sky = sky(seed, &affine, grid.shape, clouds, sun);
            sense(&mut values, &sky, params.noise_sigma, &mut rng);
            let cloudy = sky.cloud.mapv(|o| o > 0.05);
            let mut shadows = sky.shadow.mapv(|o| o > 0.15);
            shadows.zip_mut_with(&cloudy, |s, &c| *s &= !c);
            SimScene { datetime, role, values, clouds: cloudy, shadows, shift_px }
        })
        .collect();
    let truth = placed.into_iter().map(|p| p.truth).collect();
    Ok(Simulated { scenes, truth, grid: grid.clone() })
}

fn normal(rng: &mut ChaCha8Rng, sigma: f64) -> f64 {
    sigma * rng.sample::<f64, _>(StandardNormal)
}

/// The landscape, mean of 3 × 3 points a pixel.
fn ground(land: &Landscape, affine: &Affine, shape: (usize, usize), date: usize) -> Array3<f32> {
    const SIDE: usize = 3;
    let (h, w) = shape;
    let rows: Vec<Vec<[f64; 4]>> = (0..h)
        .into_par_iter()
        .map(|r| {
            (0..w)
                .map(|c| {
                    let mut mean = [0.0; 4];
                    for k in 0..SIDE * SIDE {
                        let step = |i: usize| (i as f64 + 0.5) / SIDE as f64 - 0.5;
                        let xy = affine.xy(r as f64 + step(k / SIDE), c as f64 + step(k % SIDE));
                        let sample = land.reflectance(xy, date);
                        mean.iter_mut().zip(sample).for_each(|(m, v)| *m += v / (SIDE * SIDE) as f64);
                    }
                    mean
                })
                .collect()
        })
        .collect();
    Array3::from_shape_fn((4, h, w), |(b, r, c)| rows[r][c][b] as f32)
}

/// Beds, trains and stockpiles, then the point spread over all.
fn build(
    values: &mut Array3<f32>,
    (tracks, placed): (&[Track], &[Placed]),
    affine: &Affine,
    role: Role,
    params: &ImplantParams,
    rng: &mut ChaCha8Rng,
) {
    let patches: Vec<Patch> = placed
        .iter()
        .filter(|p| is_present(p.truth.change, role))
        .flat_map(|p| p.patches.iter().cloned())
        .collect();
    let tones = Tones::draw(params, rng);
    // The optics blur the whole scene once, so what is built into it stays sharp.
    let sharp = ImplantParams { psf_sigma_px: 0.0, ..params.clone() };
    put_rails(&mut values.view_mut(), affine, &SpectralBand::ALL, (tracks, &patches), &sharp, tones);
    for (mut band, ratio) in values.axis_iter_mut(Axis(0)).zip(params.psf_band_ratio) {
        blur(&mut band, params.psf_sigma_px * ratio);
    }
}

/// Ground under a veil of this opacity at a pixel (row, col).
fn draw_haze(values: &mut Array3<f32>, opacity: impl Fn(f64, f64) -> f64) {
    let (_, rows, cols) = values.dim();
    for (row, col) in (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c))) {
        let veil = opacity(row as f64, col as f64);
        for (v, haze) in values.slice_mut(s![.., row, col]).iter_mut().zip(HAZE) {
            *v = (f64::from(*v) * (1.0 - veil) + haze * veil) as f32;
        }
    }
}

/// Clouds, shadows, even path light, gain of the date and noise of the sensor.
fn sense(values: &mut Array3<f32>, sky: &Sky, noise_sigma: f64, rng: &mut ChaCha8Rng) {
    let path_light = rng.random_range(0.002..0.012);
    let gain = 1.0 + 0.03 * rng.sample::<f64, _>(StandardNormal);
    // Rayleigh and aerosol path light falls with wavelength; B02 1, B08 about a fifth.
    let path = [1.0, 0.72, 0.48, 0.20].map(|f| f * path_light);
    for ((b, row, col), v) in values.indexed_iter_mut() {
        let (cloud, shadow) = (f64::from(sky.cloud[(row, col)]), f64::from(sky.shadow[(row, col)]));
        let lit = f64::from(*v) * gain * (1.0 - shadow * (1.0 - SHADE[b]));
        let seen = lit * (1.0 - cloud) + CLOUD[b] * cloud + path[b];
        // Shot noise grows with light: 0.4 % of it besides the floor.
        let sigma = noise_sigma.hypot(0.004 * seen);
        *v = (seen + sigma * rng.sample::<f64, _>(StandardNormal)) as f32;
    }
}

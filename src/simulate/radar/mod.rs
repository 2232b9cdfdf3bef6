//! Sentinel-1 scenes with trains of known place: synthetic stacks, and implants into real ones.
//!
//! A train is a row of scatterers above its track that bring the ground c decibels over itself, imaged nearer to the
//! satellite by h / tan θ, under gamma-distributed speckle; the ground may carry the texture of K-distributed clutter.
//! `P = PSF ⋆ [(σ·τ + q)·s]`, in linear power. What is assumed: flat ground, speckle independent from date to date and
//! between polarisations, no shadow, levels of the ground of [`ground`]. Everything is a function of parameters and seed.

mod ground;
mod params;
mod scatterers;
mod speckle;

pub use params::{RadarParams, ScattererParams};

use super::landscape::Landscape;
use super::{Change, Error, ImplantParams, Kind, Role, implant::is_present, trains::place_trains};
use crate::corridor::Track;
use crate::grid::Grid;
use jiff::Timestamp;
use ndarray::{Array3, ArrayViewMut3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::Serialize;
use speckle::Texture;

/// One synthetic scene.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarScene {
    /// Time of sensing.
    pub datetime: Timestamp,
    /// Baseline or target.
    pub role: Role,
    /// Linear power of VV and VH, `(band, row, col)`.
    pub values: Array3<f32>,
}

/// Scenes and what is in them.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarStack {
    /// In the order of the dates; the last is the target.
    pub scenes: Vec<RadarScene>,
    /// The trains.
    pub truth: Vec<RadarTrain>,
}

/// One train put into radar scenes: the truth that detections are scored against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RadarTrain {
    /// Always a train.
    pub kind: Kind,
    /// Appeared, departed or standing.
    pub change: Change,
    /// `wagons +5 dB` and so on, the names of a run's detection limits.
    pub cargo: String,
    /// Track it stands on.
    pub track_id: String,
    /// First chainage, metres.
    pub chainage_start_m: f64,
    /// Last chainage, metres.
    pub chainage_end_m: f64,
    /// Middle across, metres: 0, where the wagons stand and not where layover shows them.
    pub offset_m: f64,
    /// Power over the ground around, dB, in every polarisation.
    pub contrast_db: f64,
}

/// One real scene to be changed in place.
pub struct RadarView<'a> {
    /// Linear power `(band, row, col)`; 0 = no data and stays so.
    pub values: ArrayViewMut3<'a, f32>,
    /// Grid of the values, in the CRS of the tracks.
    pub grid: &'a Grid,
    /// Baseline or target.
    pub role: Role,
}

/// Synthetic scenes of `tracks` on `grid` (projected, metres), VV and VH, one a date of `params`.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Dates`], [`Error::Order`] or [`Error::NoTracks`].
pub fn radar_stack(params: &RadarParams, tracks: &[Track], grid: &Grid) -> Result<RadarStack, Error> {
    params.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed ^ params.trains.seed.rotate_left(32));
    let truth = place(tracks, &params.trains, &mut rng)?;
    let land = Landscape::new(
        params.seed,
        &params.river,
        params.river_width_m,
        params.field_change_fraction,
        tracks,
    );
    let texture = {
        let t = &params.trains;
        Texture::new(t.texture_order, t.looks, t.psf_sigma_px, params.seed ^ 0x7e47)
    };
    let last = params.datetimes.len() - 1;
    let scenes = (params.datetimes.iter().enumerate())
        .map(|(date, &datetime)| {
            let (role, shift_px) = if date == last {
                (Role::Target, params.target_shift_px)
            } else {
                (Role::Baseline, (0.0, 0.0))
            };
            let affine = grid.affine.shifted(shift_px.0, shift_px.1);
            let season_db = params.season_sigma_db * rng.sample::<f64, _>(StandardNormal);
            let mut values = ground::power(&land, &affine, grid.shape, date, season_db);
            let present: Vec<&RadarTrain> = truth.iter().filter(|t| is_present(t.change, role)).collect();
            let excess = scatterers::excess(&values, &affine, tracks, &present, &params.trains);
            ground::roughen(&mut values, &affine, &texture);
            values += &excess;
            speckle::sense(&mut values, params.trains.looks, params.trains.psf_sigma_px, &mut rng);
            RadarScene { datetime, role, values }
        })
        .collect();
    Ok(RadarStack { scenes, truth })
}

/// Puts trains (by their change) into real `scenes` in place and returns what is where; the ground keeps its own speckle.
///
/// Fewer trains than asked are placed when the tracks have no room for more.
///
/// # Errors
/// [`Error::Parameter`] or [`Error::NoTracks`].
pub fn implant_radar(
    scenes: &mut [RadarView<'_>],
    tracks: &[Track],
    params: &ScattererParams,
) -> Result<Vec<RadarTrain>, Error> {
    params.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let truth = place(tracks, params, &mut rng)?;
    for scene in scenes {
        let present: Vec<&RadarTrain> = truth.iter().filter(|t| is_present(t.change, scene.role)).collect();
        let own = scene.values.to_owned();
        let mut excess = scatterers::excess(&own, &scene.grid.affine, tracks, &present, params);
        speckle::sense(&mut excess, params.looks, params.psf_sigma_px, &mut rng);
        ndarray::azip!((v in &mut scene.values, &e in &excess) if *v > 0.0 { *v += e; });
    }
    Ok(truth)
}

/// Where trains stand, by the rules of optical scenes, and how bright they are.
fn place(tracks: &[Track], params: &ScattererParams, rng: &mut ChaCha8Rng) -> Result<Vec<RadarTrain>, Error> {
    if tracks.is_empty() {
        return Err(Error::NoTracks);
    }
    let places = ImplantParams {
        appeared_count: params.appeared_count,
        departed_count: params.departed_count,
        standing_count: params.standing_count,
        min_length_m: params.min_length_m,
        max_length_m: params.max_length_m,
        wagon_m: params.wagon_m,
        gap_m: 0.0,
        ..ImplantParams::default()
    };
    let trains = place_trains(tracks, &places, rng).into_iter().map(|placed| {
        let contrast_db = params.contrasts_db[rng.random_range(0..params.contrasts_db.len())];
        RadarTrain {
            kind: Kind::Train,
            change: placed.truth.change,
            cargo: format!("wagons +{contrast_db} dB"),
            track_id: placed.truth.track_id,
            chainage_start_m: placed.truth.chainage_start_m,
            chainage_end_m: placed.truth.chainage_end_m,
            offset_m: 0.0,
            contrast_db,
        }
    });
    Ok(trains.collect())
}

#[cfg(test)]
mod tests;

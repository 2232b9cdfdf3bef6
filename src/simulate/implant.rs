//! Beds and trains put into real scenes: the pixels stay real, only the rails' share of them is made.

use super::draw::Patch;
use super::rails::{Tones, put_rails};
use super::trains::place_trains;
use super::{Change, Error, Implant, ImplantParams, SpectralBand};
use crate::corridor::Track;
use crate::grid::Grid;
use ndarray::ArrayViewMut3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Whether a scene is one of the baselines or the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An earlier scene.
    Baseline,
    /// The acquisition under test.
    Target,
}

/// One scene to be changed in place.
pub struct DateView<'a> {
    /// Reflectance `(band, row, col)`; NaN stays NaN.
    pub values: ArrayViewMut3<'a, f32>,
    /// Grid of the values, in the CRS of the tracks.
    pub grid: &'a Grid,
    /// What each band is; a band that is none of the four takes the nearest.
    pub bands: &'a [SpectralBand],
    /// True registration shift, (row, col) px: added to this scene's (row, col) it gives the tracks' place.
    pub shift_px: (f64, f64),
    /// Baseline or target.
    pub role: Role,
}

/// Puts beds (every scene) and trains (by their change) into `scenes` in place and returns what is where.
///
/// Fewer trains than asked are placed when the tracks have no room for more.
///
/// # Errors
/// [`Error::Parameter`], [`Error::NoTracks`], or [`Error::Bands`] when a view's bands do not fit its values.
pub fn implant(
    scenes: &mut [DateView<'_>],
    tracks: &[Track],
    params: &ImplantParams,
) -> Result<Vec<Implant>, Error> {
    params.check()?;
    if tracks.is_empty() {
        return Err(Error::NoTracks);
    }
    for (index, s) in scenes.iter().enumerate() {
        if s.values.dim().0 != s.bands.len() {
            return Err(Error::Bands { index, values: s.values.dim().0, bands: s.bands.len() });
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let trains = place_trains(tracks, params, &mut rng);
    for scene in scenes {
        let tones = Tones::draw(params, &mut rng);
        let present: Vec<Patch> = trains
            .iter()
            .filter(|t| is_present(t.truth.change, scene.role))
            .flat_map(|t| t.patches.iter().cloned())
            .collect();
        let affine = scene.grid.affine.shifted(scene.shift_px.0, scene.shift_px.1);
        put_rails(&mut scene.values, &affine, scene.bands, (tracks, &present), params, tones);
    }
    Ok(trains.into_iter().map(|t| t.truth).collect())
}

/// Whether something that changes so is in a scene of that role.
pub(super) fn is_present(change: Change, role: Role) -> bool {
    match change {
        Change::Appeared => role == Role::Target,
        Change::Departed => role == Role::Baseline,
        Change::Standing => true,
    }
}

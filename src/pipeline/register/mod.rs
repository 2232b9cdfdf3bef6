//! `railwatch register`: one scene measured against another and laid on its grid.
//!
//! `RegisterRequest → Pair → Measured → outputs`. The shift is measured by windows over the whole overlap and reported as
//! the simplest field that the tie points ask for; then the moving scene is resampled once. Pixels pass through in strips,
//! so memory follows the strip and the number of threads and not the tile.

mod afloat;
mod clouds;
mod held;
mod lay;
mod look;
mod measure;
mod outputs;
mod pair;
mod report_json;
mod resample;
mod tie_points;
mod vrt;

use super::{Error, SceneSource, Sink};
use crate::coreg::{CoregParams, Model};
pub(super) use lay::{Lay, Shifts};
pub(super) use measure::{Measured, measure};
use outputs::Place;
pub(super) use pair::Pair;
pub(super) use report_json::{registration as registration_json, rounded, typical_shift};
use std::path::PathBuf;

/// What to register, and how.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// Scene whose geometry is kept.
    pub reference: String,
    /// Scene that is laid on it.
    pub moving: String,
    /// Output: a raster, or a virtual one where it ends in `.vrt`; `None` only measures.
    pub out: Option<PathBuf>,
    /// File of the tie points, a GeoPackage where it ends in `.gpkg`, else GeoJSON; beside the output where `None`.
    pub tie_points: Option<PathBuf>,
    /// Bands to use; all where empty.
    pub bands: Vec<String>,
    /// Band to measure on; the one that shows the shift best where `None`.
    pub match_band: Option<String>,
    /// Form of the shift; the simplest that the tie points ask for where `None`.
    pub model: Option<Model>,
    /// Distance of tie points, px; by the window and the size of the scene where `None`.
    pub spacing_px: Option<usize>,
    /// Windows, limits and thresholds of the matching.
    pub coreg: CoregParams,
    /// Command line, for the report.
    pub arguments: Vec<String>,
}

/// What was measured and written.
#[derive(Debug)]
pub struct RegisterOutput {
    /// Lines for people.
    pub summary: String,
    /// The report as JSON.
    pub json: String,
}

/// Measures the shift of the moving scene against the reference and writes what the request asks for.
///
/// # Errors
/// Scenes that cannot be opened or have no band or ground in common; [`Error::Coreg`] whenever the shift cannot be
/// trusted; a full disk. Nothing is left under a final name then.
pub fn register(
    request: &RegisterRequest,
    source: &dyn SceneSource,
    sink: &dyn Sink,
) -> Result<RegisterOutput, Error> {
    let mut clock = super::clock::Clock::start();
    let pair = Pair::open(request)?;
    let mut place = request.out.as_deref().map(|out| Place::new(out, request, &pair)).transpose()?;
    let measured = measure(&pair, request, source, sink)?;
    clock.lap("measure");
    if let Some(place) = &mut place {
        place.scene(&pair, &measured, sink)?;
        clock.lap("write");
    }
    outputs::write(request, &pair, &measured, place, clock)
}

//! What lies beside the registered scene: tie points, report and picture.

use super::measure::Measured;
use super::pair::Pair;
use super::{RegisterOutput, RegisterRequest, report_json, resample, tie_points, vrt};
use crate::coreg::TiePoint;
use crate::pipeline::clock::Clock;
use crate::pipeline::staged::{Staged, refuse_inputs};
use crate::pipeline::{Error, Origin, Sink};
use crate::report::quiver::{self, Arrow, QuiverCard};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Extensions of what lies beside the scene.
const BESIDE: [&str; 3] = ["tie_points.geojson", "png", "json"];
/// Extensions of what a scene is written as.
const RASTERS: [&str; 3] = ["tif", "tiff", "vrt"];
/// Arrows of the picture, at most about.
const ARROWS_MAX: usize = 900;

/// The registered scene and what lies beside it, before they have their names.
pub(super) struct Place {
    staged: Staged,
    /// For the tie points, where they go to another folder.
    elsewhere: Option<Staged>,
    /// Scene, tie points, picture and report.
    names: [String; 4],
}

impl Place {
    /// Checks, before anything is measured, that the folder takes files and that no output replaces an input or another.
    pub(super) fn new(out: &Path, request: &RegisterRequest, pair: &Pair) -> Result<Self, Error> {
        let is_raster =
            out.extension().is_some_and(|e| RASTERS.iter().any(|known| e.eq_ignore_ascii_case(known)));
        if !is_raster {
            let why = "what is written is a GeoTIFF (.tif) or a virtual raster (.vrt)";
            return Err(Error::OutputTaken { path: out.to_owned(), why });
        }
        let paths = [out.to_owned()].into_iter().chain(BESIDE.map(|suffix| out.with_extension(suffix)));
        let mut paths: Vec<PathBuf> = paths.collect();
        if let Some(points) = &request.tie_points {
            paths[1].clone_from(points);
        }
        let specs = [request.reference.as_str(), request.moving.as_str()];
        refuse_inputs(&paths, [&pair.reference, &pair.moving], &specs)?;
        let mut names = [const { String::new() }; 4];
        for (name, path) in names.iter_mut().zip(&paths) {
            let last = path
                .file_name()
                .ok_or_else(|| Error::OutputTaken { path: path.clone(), why: "it names no file" })?;
            *name = last.to_string_lossy().into_owned();
        }
        let (folder, of_points) = (folder_of(out), folder_of(&paths[1]));
        let elsewhere = (folder != of_points).then(|| Staged::new(of_points)).transpose()?;
        Ok(Self { staged: Staged::new(folder)?, elsewhere, names })
    }

    /// Writes the scene, or a virtual raster of it.
    pub(super) fn scene(&mut self, pair: &Pair, measured: &Measured, sink: &dyn Sink) -> Result<(), Error> {
        let name = &self.names[0];
        let is_virtual = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("vrt"));
        self.staged.file(name, |path| {
            if is_virtual {
                vrt::write(path, pair, measured)
            } else {
                resample::write(path, pair, measured, sink)
            }
        })
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes the files beside the scene, if there is a place for it, and says what was found.
pub(super) fn write(
    request: &RegisterRequest,
    pair: &Pair,
    measured: &Measured,
    mut place: Option<Place>,
    mut clock: Clock,
) -> Result<RegisterOutput, Error> {
    if let Some(Place { staged, elsewhere, names: [_, points, picture, _] }) = &mut place {
        let folder = elsewhere.as_mut().unwrap_or(staged);
        folder.file(points, |path| tie_points::write(path, pair, measured))?;
        staged.bytes(picture, &quiver::render(&card(pair, measured))?)?;
        clock.lap("report");
    }
    let report = report_json::report(request, pair, measured, &clock.laps_s);
    let json = format!("{report:#}\n");
    let mut summary = summary(pair, measured);
    for warning in report_json::warnings(pair, measured) {
        // Writing into a String cannot fail.
        let _ = writeln!(summary, "warning: {warning}");
    }
    if let Some(Place { mut staged, elsewhere, names: [.., report] }) = place {
        staged.bytes(&report, json.as_bytes())?;
        let apart = elsewhere.map(Staged::finish).transpose()?.unwrap_or_default();
        for path in apart.into_iter().chain(staged.finish()?) {
            // Writing into a String cannot fail.
            let _ = writeln!(summary, "{}", path.strip_prefix(".").unwrap_or(&path).display());
        }
    }
    Ok(RegisterOutput { summary, json })
}

/// What was measured, in three lines.
fn summary(pair: &Pair, measured: &Measured) -> String {
    let r = &measured.registration;
    let (row, col) = report_json::typical_shift(measured);
    let name = r.field.model().name();
    format!(
        "shift: row {row:+.3}, col {col:+.3} px ({:.1} m), as {name}{}\n\
         known to {:.3} px ({:.2} m); tie points scatter by {:.3} px about it\n\
         tie points: {} agree of {} matched, ground in {} windows, band {}\n",
        row.hypot(col) * pair.pixel_m,
        if r.field.model() == crate::coreg::Model::Translation { "" } else { ", median of the tie points" },
        r.field_rmse_px,
        r.field_rmse_px * pair.pixel_m,
        r.residual_rmse_px,
        r.tie_points.len(),
        r.matched_count,
        r.seen_count,
        pair.reference.bands.get(measured.bands.0).map_or_else(String::new, |b| b.name.to_string()),
    )
}

/// The tie points as arrows, thinned where there are very many.
fn card(pair: &Pair, measured: &Measured) -> QuiverCard {
    let r = &measured.registration;
    let stride = r.tie_points.len().div_ceil(ARROWS_MAX).max(1);
    let arrow = |p: &TiePoint| {
        let model = r.field.shift_px(p.row, p.col);
        Arrow {
            place: (p.row, p.col),
            shift_px: (p.shift_row_px, p.shift_col_px),
            residual_px: (p.shift_row_px - model.0, p.shift_col_px - model.1),
        }
    };
    QuiverCard {
        reference: pair.reference.id.clone(),
        moving: pair.moving.id.clone(),
        attribution: Origin::of([&pair.reference, &pair.moving].map(|s| &s.platform))
            .attribution_at(pair.moving.datetime),
        shape: pair.reference.grid.shape,
        typical_px: report_json::typical_shift(measured),
        model: r.field.model().name().to_owned(),
        residual_rmse_px: r.residual_rmse_px,
        field_rmse_px: r.field_rmse_px,
        pixel_m: pair.pixel_m,
        tie_point_count: r.tie_points.len(),
        arrows: r.tie_points.iter().step_by(stride).map(arrow).collect(),
    }
}

//! What lies beside the registered scene: tie points, report and picture.

use super::measure::Measured;
use super::pair::Pair;
use super::{RegisterOutput, RegisterRequest, report_json, tie_points};
use crate::coreg::TiePoint;
use crate::pipeline::Error;
use crate::pipeline::clock::Clock;
use crate::pipeline::findings::attribution;
use crate::report::quiver::{self, Arrow, QuiverCard};
use crate::{io, simulate};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Arrows of the picture, at most about.
const ARROWS_MAX: usize = 900;

/// Whether an output is to be a virtual raster.
pub(super) fn is_virtual(out: &Path) -> bool {
    out.extension().is_some_and(|e| e.eq_ignore_ascii_case("vrt"))
}

/// Writes the files beside `request.out`, if it asks for one, and says what was found.
pub(super) fn write(
    request: &RegisterRequest,
    pair: &Pair,
    measured: &Measured,
    mut clock: Clock,
) -> Result<RegisterOutput, Error> {
    let mut written: Vec<PathBuf> = Vec::new();
    if let Some(out) = &request.out {
        written.push(out.clone());
        let beside = |suffix: &str| out.with_extension(suffix);
        let points = request.tie_points.clone().unwrap_or_else(|| beside("tie_points.geojson"));
        tie_points::write(&points, pair, measured)?;
        let picture = beside("png");
        io::write_bytes(&picture, &quiver::render(&card(pair, measured))?)?;
        written.extend([points, picture]);
        clock.lap("report");
    }
    let report = report_json::report(request, pair, measured, &clock.laps_s);
    let json = format!("{report:#}\n");
    if let Some(out) = &request.out {
        let path = out.with_extension("json");
        io::write_text(&path, &json)?;
        written.push(path);
    }
    let mut summary = summary(pair, measured);
    for path in written {
        // Writing into a String cannot fail.
        let _ = writeln!(summary, "{}", path.display());
    }
    Ok(RegisterOutput { summary, json })
}

/// What was measured, in three lines.
fn summary(pair: &Pair, measured: &Measured) -> String {
    let r = &measured.registration;
    let (row, col) = report_json::typical_shift(measured);
    let name = report_json::name(r.field.model());
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
        attribution: attribution(
            pair.moving.datetime,
            [&pair.reference, &pair.moving].iter().any(|s| s.platform.as_deref() == Some(simulate::PLATFORM)),
        ),
        shape: pair.reference.grid.shape,
        typical_px: report_json::typical_shift(measured),
        model: report_json::name(r.field.model()).to_owned(),
        residual_rmse_px: r.residual_rmse_px,
        field_rmse_px: r.field_rmse_px,
        pixel_m: pair.pixel_m,
        tie_point_count: r.tie_points.len(),
        arrows: r.tie_points.iter().step_by(stride).map(arrow).collect(),
    }
}

//! What a registration says of itself: the JSON report.

use super::RegisterRequest;
use super::measure::Measured;
use super::pair::{Link, Pair};
use crate::scene::Scene;
use crate::stats::median;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Nodes along the longer side at which the report gives the field.
const NODES: usize = 16;
/// Tie points that scatter by more than this about the shift, px, are reported: a shift of 0.2 px along an edge looks like a train.
const ROUGH_RMSE_PX: f64 = 0.2;

/// What a user should look at before trusting a registration that is not refused.
pub(in crate::pipeline) fn warnings(pair: &Pair, measured: &Measured) -> Vec<String> {
    let mut notes = Vec::new();
    if pair.differ(measured.bands) {
        let name = |scene: &Scene, band: usize| {
            scene.bands.get(band).map_or_else(String::new, |b| b.name.to_string())
        };
        notes.push(format!(
            "the scenes have no band in common: the edges of {} were matched with those of {}",
            name(&pair.reference, measured.bands.0),
            name(&pair.moving, measured.bands.1)
        ));
    }
    let rmse_px = measured.registration.residual_rmse_px;
    if rmse_px > ROUGH_RMSE_PX {
        notes.push(format!(
            "the tie points scatter by {rmse_px:.2} px about the shift: the ground changed (season, snow, low sun, clouds) \
             or moved in another form; check edges in both scenes by eye"
        ));
    }
    notes
}

/// The shift in one figure: that of a translation, else the median over the tie points; px (row, col).
pub(in crate::pipeline) fn typical_shift(measured: &Measured) -> (f64, f64) {
    let field = &measured.registration.field;
    let shifts: Vec<(f64, f64)> =
        measured.registration.tie_points.iter().map(|p| field.shift_px(p.row, p.col)).collect();
    let mid = |pick: fn(&(f64, f64)) -> f64| median(&mut shifts.iter().map(pick).collect::<Vec<_>>());
    (mid(|s| s.0), mid(|s| s.1))
}

/// The report; `registration` is the object that `run.json` has too.
pub(super) fn report(
    request: &RegisterRequest,
    pair: &Pair,
    measured: &Measured,
    timings_s: &BTreeMap<String, f64>,
) -> Value {
    let r = &measured.registration;
    let held_out: BTreeMap<String, f64> = r
        .held_out_rmse_px
        .iter()
        .map(|(model, rmse)| (model.name().to_owned(), rounded(*rmse, 1e5)))
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "reference": scene(&pair.reference, measured.bands.0),
        "moving": scene(&pair.moving, measured.bands.1),
        "registration": registration(pair, measured),
        "pixel_m": rounded(pair.pixel_m, 1e6),
        "one_sampling": matches!(pair.link, Link::Aligned { .. }),
        "held_out_rmse_px": held_out,
        "windows": {
            "side_px": measured.window_px,
            "spacing_px": measured.spacing_px,
            "seen_count": r.seen_count,
            "matched_count": r.matched_count,
            "agreeing_count": r.tie_points.len(),
        },
        "field": field(pair, measured),
        "output": request.out,
        "arguments": request.arguments,
        "timings_s": timings_s,
        "peak_memory_bytes": crate::pipeline::clock::peak_memory_bytes(),
    })
}

/// What was measured, as reports and `run.json` state it.
pub(in crate::pipeline) fn registration(pair: &Pair, measured: &Measured) -> Value {
    let r = &measured.registration;
    let (row, col) = typical_shift(measured);
    json!({
        "scene_id": pair.reference.id,
        "moving_id": pair.moving.id,
        "shift_row_px": rounded(row, 1e5),
        "shift_col_px": rounded(col, 1e5),
        "residual_rmse_px": rounded(r.residual_rmse_px, 1e5),
        "tie_point_count": r.tie_points.len(),
        "accepted": true,
        "model": r.field.model().name(),
        "field_rmse_px": rounded(r.field_rmse_px, 1e5),
        "field_rmse_m": rounded(r.field_rmse_px * pair.pixel_m, 1e4),
        "shift_m": rounded(row.hypot(col) * pair.pixel_m, 1e3),
        "warnings": warnings(pair, measured),
    })
}

fn scene(scene: &Scene, band: usize) -> Value {
    json!({
        "id": scene.id, "path": scene.path, "datetime": scene.datetime, "platform": scene.platform,
        "bands": scene.bands.iter().map(|b| b.name.to_string()).collect::<Vec<_>>(),
        "matched_band": scene.bands.get(band).map(|b| b.name.to_string()),
        "crs": scene.grid.crs.name(), "shape_px": [scene.grid.shape.0, scene.grid.shape.1],
    })
}

/// The field at regular places of the overlap: shift and standard error there, px and m.
fn field(pair: &Pair, measured: &Measured) -> Value {
    let area = pair.overlap;
    let count = |n: usize| (NODES * n / area.height.max(area.width)).max(2);
    let (rows, cols) = (count(area.height), count(area.width));
    let place = |k: usize, n: usize, first: usize, length: usize| first + k * (length - 1) / (n - 1);
    let field = &measured.registration.field;
    let nodes: Vec<Value> = (0..rows)
        .flat_map(|i| (0..cols).map(move |j| (i, j)))
        .map(|(i, j)| {
            let (r, c) = (place(i, rows, area.row, area.height), place(j, cols, area.col, area.width));
            let (dr, dc) = field.shift_px(r as f64, c as f64);
            let sigma = field.sigma_px(r as f64, c as f64);
            json!({"row": r, "col": c, "shift_row_px": rounded(dr, 1e4), "shift_col_px": rounded(dc, 1e4),
                   "sigma_px": rounded(sigma, 1e4), "sigma_m": rounded(sigma * pair.pixel_m, 1e3)})
        })
        .collect();
    Value::Array(nodes)
}

/// A number to whole parts of a unit.
pub(in crate::pipeline) fn rounded(v: f64, per_unit: f64) -> f64 {
    (v * per_unit).round() / per_unit
}

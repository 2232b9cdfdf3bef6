//! Tie points as a file, those that agree and those that do not: GeoJSON, or a GeoPackage in the reference's CRS.

use super::measure::Measured;
use super::pair::Pair;
use super::report_json::rounded;
use crate::coreg::TiePoint;
use crate::io::{self, PointLayer};
use crate::pipeline::Error;
use crate::report::geojson::position;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Numbers of a tie point.
const NUMBERS: [&str; 10] = [
    "row",
    "col",
    "shift_row_px",
    "shift_col_px",
    "model_row_px",
    "model_col_px",
    "residual_row_px",
    "residual_col_px",
    "sigma_px",
    "correlation",
];

/// Writes the tie points to `path`, as GeoPackage where it ends in `.gpkg`.
pub(super) fn write(path: &Path, pair: &Pair, measured: &Measured) -> Result<(), Error> {
    let grid = &pair.reference.grid;
    let key = |p: &TiePoint| (p.row.to_bits(), p.col.to_bits());
    let used: BTreeSet<(u64, u64)> = measured.registration.tie_points.iter().map(key).collect();
    let points = measured
        .matched
        .iter()
        .map(|p| (grid.xy(p.row, p.col), numbers(measured, p), used.contains(&key(p))))
        .collect();
    let layer = PointLayer { name: "tie_points", crs: &grid.crs, numbers: &NUMBERS, flag: "used", points };
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gpkg")) {
        io::write_geopackage(path, &layer)?;
    } else {
        io::write_text(path, &geojson(&layer)?)?;
    }
    Ok(())
}

fn numbers(measured: &Measured, p: &TiePoint) -> Vec<f64> {
    let model = measured.registration.field.shift_px(p.row, p.col);
    let px = |v: f64| rounded(v, 1e4);
    vec![
        rounded(p.row, 1e2),
        rounded(p.col, 1e2),
        px(p.shift_row_px),
        px(p.shift_col_px),
        px(model.0),
        px(model.1),
        px(p.shift_row_px - model.0),
        px(p.shift_col_px - model.1),
        px(p.sigma_px),
        rounded(p.correlation, 1e3),
    ]
}

/// RFC 7946: WGS 84, 7 decimals, one feature a line.
fn geojson(layer: &PointLayer<'_>) -> Result<String, Error> {
    let places: Vec<(f64, f64)> = layer.points.iter().map(|p| p.0).collect();
    let lon_lat = io::to_wgs84(layer.crs, &places)?;
    let mut text = String::from("{\"type\":\"FeatureCollection\",\n\"features\":[");
    for (k, ((_, numbers, flag), (lon, lat))) in layer.points.iter().zip(lon_lat).enumerate() {
        let told = layer.numbers.iter().zip(numbers).map(|(name, v)| ((*name).to_owned(), json!(v)));
        let mut properties: Map<String, Value> = told.collect();
        properties.insert(layer.flag.to_owned(), json!(flag));
        let feature = json!({
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": position([lon, lat])},
            "properties": properties,
        });
        // Writing into a String cannot fail.
        let _ = write!(text, "{}{feature}", if k == 0 { "\n" } else { ",\n" });
    }
    text.push_str("\n]}\n");
    Ok(text)
}

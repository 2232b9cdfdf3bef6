//! One run and the truth that belongs to it.

use super::Error;
use serde_json::Value;
use std::path::Path;

/// Metres a degree of latitude (mean meridian of WGS 84); good to 0.5 % at any latitude, for matching only.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// What is known to be there: the two ends of a train's axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Ends of the axis, local metres.
    pub ends: [(f64, f64); 2],
    /// Cargo.
    pub cargo: String,
    /// Whether it appeared or departed.
    pub change: String,
}

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Corners of the footprint, local metres.
    pub corners: Vec<(f64, f64)>,
    /// Score of the run.
    pub score: f64,
    /// Probability under the run's null.
    pub p_value: f64,
}

/// One run and its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Trains found.
    pub found: Vec<Found>,
    /// Trains known.
    pub known: Vec<Known>,
    /// Track seen on that date, metres.
    pub observed_m: f64,
    /// Rate that the run was asked for, per 100 km.
    pub asked_per_100km: f64,
}

/// Reads the outputs of a run in `dir` and the truth in `truth`.
///
/// # Errors
/// [`enum@Error`] names the file and what is wrong with it.
pub fn read_case(dir: &Path, truth: &Path) -> Result<Case, Error> {
    let run = json(&dir.join("run.json"))?;
    let detections = json(&dir.join("detections.geojson"))?;
    let known_path = truth.to_owned();
    let truth = json(truth)?;
    let origin = first_position(&truth).or_else(|| first_position(&detections)).unwrap_or((0.0, 0.0));
    let tracks = run["tracks"].as_array().map_or(&[][..], Vec::as_slice);
    let mut known = Vec::new();
    for feature in features(&truth).iter().filter(|f| f["properties"]["kind"] != "cargo") {
        let line = positions(&feature["geometry"], origin);
        let (Some(&a), Some(&b)) = (line.first(), line.last()) else {
            return Err(Error::Content {
                path: known_path,
                reason: "a feature has no line geometry".to_owned(),
            });
        };
        let text = |key: &str| feature["properties"][key].as_str().unwrap_or("unknown").to_owned();
        known.push(Known { ends: [a, b], cargo: text("cargo"), change: text("change") });
    }
    let found = features(&detections)
        .iter()
        .filter(|f| f["properties"]["kind"] == "train")
        .map(|f| Found {
            corners: positions(&f["geometry"], origin),
            score: f["properties"]["score"].as_f64().unwrap_or(f64::NEG_INFINITY),
            p_value: f["properties"]["p_value"].as_f64().unwrap_or(1.0),
        })
        .collect();
    Ok(Case {
        found,
        known,
        observed_m: tracks.iter().filter_map(|t| t["observed_m"].as_f64()).sum(),
        asked_per_100km: run["null"]["false_alarms_per_100km_asked"].as_f64().unwrap_or(f64::NAN),
    })
}

fn json(path: &Path) -> Result<Value, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|e| Error::Content { path: path.to_owned(), reason: e.to_string() })
}

fn features(collection: &Value) -> &[Value] {
    collection["features"].as_array().map_or(&[], Vec::as_slice)
}

/// All positions of a geometry in metres east and north of `origin` (longitude, latitude).
fn positions(geometry: &Value, origin: (f64, f64)) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    collect(&geometry["coordinates"], &mut out);
    let scale = METRES_PER_DEGREE * origin.1.to_radians().cos();
    out.iter().map(|p| ((p.0 - origin.0) * scale, (p.1 - origin.1) * METRES_PER_DEGREE)).collect()
}

fn collect(value: &Value, out: &mut Vec<(f64, f64)>) {
    let Some(items) = value.as_array() else { return };
    match (items.first().and_then(Value::as_f64), items.get(1).and_then(Value::as_f64)) {
        (Some(lon), Some(lat)) => out.push((lon, lat)),
        _ => items.iter().for_each(|item| collect(item, out)),
    }
}

fn first_position(collection: &Value) -> Option<(f64, f64)> {
    let mut out = Vec::new();
    for feature in features(collection) {
        collect(&feature["geometry"]["coordinates"], &mut out);
        if let Some(&first) = out.first() {
            return Some(first);
        }
    }
    None
}

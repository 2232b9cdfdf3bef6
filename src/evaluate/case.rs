//! One run and the truth that belongs to it.

use super::matching::Span;
use super::{Axis, Error};
use crate::simulate::{Change, Kind};
use crate::stats::quantile;
use crate::units::METRES_PER_DEGREE;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Spacing of the points at which a train is looked for in the observed track, metres.
const STEP_M: f64 = 10.0;
/// Observed track this near shows the train's place, metres.
const SEEN_WITHIN_M: f64 = 20.0;

/// What is known to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Train or cargo off the track.
    pub kind: Kind,
    /// Its middle line, local metres.
    pub axis: Axis,
    /// Cargo, `unknown` where the truth does not state it.
    pub cargo: String,
    /// Appeared, departed, or standing in all scenes.
    pub change: Change,
    /// Whether half of it at least lies on observed track.
    pub is_seen: bool,
    /// Speed of what moves, m/s.
    pub speed_m_s: Option<f64>,
    /// Detection limit that the run reported for its cargo and track, metres.
    pub limit_m: Option<f64>,
}

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Train or cargo off the track.
    pub kind: Kind,
    /// Appeared or departed.
    pub change: Change,
    /// Corners of the footprint, local metres.
    pub corners: Vec<(f64, f64)>,
    /// Score of the run: −log₁₀ of the expected false alarms per 100 km at least as strong.
    pub score: f64,
    /// Probability under the run's null.
    pub p_value: f64,
    /// Likely range of the length as the run reported it, metres.
    pub length_interval_m: Option<(f64, f64)>,
    /// Speed of what was called moving, m/s.
    pub speed_m_s: Option<f64>,
    /// Its standard error, of what was called standing too, m/s.
    pub speed_sigma_m_s: Option<f64>,
}

/// A known train with the surest detection of it.
pub(super) struct Matched<'a> {
    pub(super) known: &'a Known,
    pub(super) best: Option<(&'a Found, Span)>,
}

/// One run and its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What to call it.
    pub name: String,
    /// Trains and cargo found.
    pub found: Vec<Found>,
    /// Trains and cargo known.
    pub known: Vec<Known>,
    /// Track seen on that date, metres.
    pub observed_m: f64,
    /// Rate that the run was asked for, per 100 km.
    pub asked_per_100km: f64,
    /// Longitude and latitude of the origin of the local metres, degrees.
    pub origin_lonlat: (f64, f64),
}

/// A track of a run: where it was observed and what could have been found on it.
struct Seen {
    points: Vec<(f64, f64)>,
    limits: Value,
}

/// Reads the outputs of a run in `dir` and the truth in `truth`.
///
/// # Errors
/// [`enum@Error`] names the file and what is wrong with it.
pub fn read_case(dir: &Path, truth: &Path) -> Result<Case, Error> {
    let run = json(&dir.join("run.json"))?;
    let detections = json(&dir.join("detections.geojson"))?;
    let truth_path = truth.to_owned();
    let truth = json(truth)?;
    let content = |reason: String| Error::Content { path: truth_path.clone(), reason };
    if !truth["features"].is_array() {
        return Err(content("it has no features: a truth is a GeoJSON FeatureCollection".to_owned()));
    }
    let tracks = array(&run["findings"]["tracks"]);
    let origin = first_position(&truth)
        .or_else(|| first_position(&detections))
        .or_else(|| tracks.iter().find_map(|t| position(&t["vertices_lonlat"][0])))
        .unwrap_or((0.0, 0.0));
    let seen: Vec<Seen> = tracks.iter().map(|t| observed(t, origin)).collect();
    let known = array(&truth["features"])
        .iter()
        .map(|feature| known(feature, &seen, origin).map_err(&content))
        .collect::<Result<_, Error>>()?;
    let found = array(&detections["features"]).iter().map(|f| found(f, origin)).collect();
    Ok(Case {
        name: dir.display().to_string(),
        found,
        known,
        observed_m: array(&run["tracks"]).iter().filter_map(|t| t["observed_m"].as_f64()).sum(),
        asked_per_100km: run["null"]["false_alarms_per_100km_asked"].as_f64().ok_or_else(|| {
            Error::Content {
                path: dir.join("run.json"),
                reason: "it lacks null.false_alarms_per_100km_asked: run `railwatch detect` again".to_owned(),
            }
        })?,
        origin_lonlat: origin,
    })
}

/// The truth of a case folder: in the folder itself, else beside it.
///
/// # Errors
/// [`Error::NoTruth`] when neither place has one.
pub fn truth_of(dir: &Path) -> Result<PathBuf, Error> {
    let beside = dir.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    let places = std::iter::once(dir).chain(beside).map(|p| p.join("truth.geojson"));
    places.into_iter().find(|p| p.is_file()).ok_or_else(|| Error::NoTruth { dir: dir.to_owned() })
}

fn known(feature: &Value, seen: &[Seen], origin: (f64, f64)) -> Result<Known, String> {
    let properties = &feature["properties"];
    let kind = word(&properties["kind"], Kind::Train)?;
    let change = word(&properties["change"], Change::Appeared)?;
    let axis = Axis::new(positions(&feature["geometry"], origin))
        .ok_or("a feature is not a line with two different points along the train")?;
    let cargo = properties["cargo"].as_str().unwrap_or("unknown").to_owned();
    let places = axis.every(STEP_M);
    let near = |p: &(f64, f64), points: &[(f64, f64)]| {
        points.iter().any(|q| (p.0 - q.0).hypot(p.1 - q.1) <= SEEN_WITHIN_M)
    };
    let shown = places.iter().filter(|p| seen.iter().any(|s| near(p, &s.points))).count();
    let limit_m = track_under(&places, seen).and_then(|s| {
        // The limits are given by the names for people, the truth by those for machines.
        s.limits[cargo.replace('_', " ")].as_f64().or_else(|| s.limits[cargo.as_str()].as_f64())
    });
    let is_seen = seen.is_empty() || kind == Kind::Cargo || 2 * shown >= places.len();
    let speed_m_s = properties["speed_m_s"].as_f64();
    Ok(Known { kind, axis, cargo, change, is_seen, speed_m_s, limit_m })
}

/// The track on which `places` stand: the nearest in the middle of them; `None` where none is near. Names do not decide:
/// a truth may be drawn by hand, and a run makes its own tracks of the rails.
fn track_under<'a>(places: &[(f64, f64)], seen: &'a [Seen]) -> Option<&'a Seen> {
    let away_m = |s: &Seen| {
        let nearest = |p: &(f64, f64)| {
            s.points.iter().map(|q| (p.0 - q.0).hypot(p.1 - q.1)).fold(f64::INFINITY, f64::min)
        };
        quantile(&mut places.iter().map(nearest).collect::<Vec<_>>(), 0.5)
    };
    let near = seen.iter().map(|s| (away_m(s), s)).filter(|(away_m, _)| *away_m <= SEEN_WITHIN_M);
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, s)| s)
}

fn found(feature: &Value, origin: (f64, f64)) -> Found {
    let properties = &feature["properties"];
    Found {
        kind: word(&properties["kind"], Kind::Train).unwrap_or(Kind::Train),
        change: word(&properties["change"], Change::Appeared).unwrap_or(Change::Appeared),
        corners: positions(&feature["geometry"], origin),
        score: properties["score"].as_f64().unwrap_or(f64::NEG_INFINITY),
        p_value: properties["p_value"].as_f64().unwrap_or(1.0),
        length_interval_m: properties["length_low_m"].as_f64().zip(properties["length_high_m"].as_f64()),
        speed_m_s: properties["speed_m_s"].as_f64(),
        speed_sigma_m_s: properties["speed_sigma_m_s"].as_f64(),
    }
}

/// The points of a track at which the run could judge.
fn observed(track: &Value, origin: (f64, f64)) -> Seen {
    let profile = &track["profile"];
    let (start, step) =
        (profile["start_m"].as_f64().unwrap_or(0.0), profile["step_m"].as_f64().unwrap_or(STEP_M));
    let vertices = array(&track["vertices_lonlat"]).iter().filter_map(position).map(|p| local(p, origin));
    let points = Axis::new(vertices.collect()).map_or_else(Vec::new, |axis| {
        let values = array(&profile["score"]).iter().enumerate();
        values.filter(|(_, v)| !v.is_null()).map(|(i, _)| axis.at(start + step * i as f64)).collect()
    });
    Seen { points, limits: track["detection_limit_m"].clone() }
}

fn word<T: serde::de::DeserializeOwned>(value: &Value, absent: T) -> Result<T, String> {
    if value.is_null() {
        return Ok(absent);
    }
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

/// The JSON of a file.
pub(super) fn json(path: &Path) -> Result<Value, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|e| Error::Content { path: path.to_owned(), reason: e.to_string() })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Metres east and north of `origin`, both in degrees of longitude and latitude.
pub(super) fn local(p: (f64, f64), origin: (f64, f64)) -> (f64, f64) {
    let scale = METRES_PER_DEGREE * origin.1.to_radians().cos();
    ((p.0 - origin.0) * scale, (p.1 - origin.1) * METRES_PER_DEGREE)
}

/// All positions of a geometry in local metres.
fn positions(geometry: &Value, origin: (f64, f64)) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    collect(&geometry["coordinates"], &mut out);
    out.into_iter().map(|p| local(p, origin)).collect()
}

fn position(value: &Value) -> Option<(f64, f64)> {
    Some((value[0].as_f64()?, value[1].as_f64()?))
}

fn collect(value: &Value, out: &mut Vec<(f64, f64)>) {
    match position(value) {
        Some(p) => out.push(p),
        None => array(value).iter().for_each(|item| collect(item, out)),
    }
}

fn first_position(collection: &Value) -> Option<(f64, f64)> {
    let mut out = Vec::new();
    array(&collection["features"]).iter().find_map(|feature| {
        collect(&feature["geometry"]["coordinates"], &mut out);
        out.first().copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_reported_limit_is_that_of_the_track_below_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        // 1000 m eastwards on the equator, the second track 5 m north of the first, the third far away.
        let degrees = |metres: f64| metres / METRES_PER_DEGREE;
        let line = |north_m: f64, from_m: f64, to_m: f64| {
            [from_m, to_m].map(|east_m| [degrees(east_m), degrees(north_m)])
        };
        let track = |north_m: f64, limit_m: f64| {
            json!({ "track_id": format!("run-{north_m}"), "vertices_lonlat": line(north_m, 0.0, 1000.0),
                "profile": { "start_m": 0.0, "step_m": 10.0, "score": vec![0.0; 101] },
                "detection_limit_m": { "blue tarpaulin": limit_m } })
        };
        let run = json!({ "findings": { "tracks": [track(0.0, 100.0), track(5.0, 200.0), track(900.0, 300.0)] },
            "tracks": [{ "observed_m": 3000.0 }], "null": { "false_alarms_per_100km_asked": 2.0 } });
        let train = |north_m: f64| {
            json!({ "type": "Feature", "properties": { "track_id": "main-yard-1", "cargo": "blue_tarpaulin" },
                "geometry": { "type": "LineString", "coordinates": line(north_m, 303.0, 507.0) } })
        };
        let truth = json!({ "features": [train(0.0), train(5.0), train(400.0)] });
        let write =
            |name: &str, value: &Value| std::fs::write(dir.path().join(name), value.to_string()).unwrap();
        write("run.json", &run);
        write("detections.geojson", &json!({ "features": [] }));
        write("truth.geojson", &truth);
        let case = read_case(dir.path(), &truth_of(dir.path()).unwrap()).unwrap();
        let limits: Vec<Option<f64>> = case.known.iter().map(|k| k.limit_m).collect();
        assert_eq!(limits, [Some(100.0), Some(200.0), None]);
        assert_eq!(case.known.iter().map(|k| k.is_seen).collect::<Vec<_>>(), [true, true, false]);
    }
}

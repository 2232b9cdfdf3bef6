//! `detections.geojson`: RFC 7946, WGS 84, outer rings counter-clockwise, 7 decimals (1 cm), surest first.

use super::{DetectionCard, Error, Findings, Point};
use geojson::{Feature, Geometry, GeometryValue, JsonObject, Position, feature::Id};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The collection as text, one feature a line; `attribution`, `run_id` and the detection limit of each track
/// are foreign members, so an empty collection still says what would have been seen.
///
/// # Errors
/// [`Error::Json`] when a value cannot be written.
pub fn write(findings: &Findings) -> Result<String, Error> {
    let mut detections: Vec<&DetectionCard> = findings.detections.iter().collect();
    detections.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    let limits: Vec<Value> = findings
        .tracks
        .iter()
        .map(|t| {
            json!({"track_id": t.track_id, "length_m": finite(t.length_m), "observed_m": finite(t.observed_m),
                   "detection_limit_m": t.detection_limit_m})
        })
        .collect();
    let mut text = String::from("{\"type\":\"FeatureCollection\"");
    let members = [
        ("run_id", json!(findings.run_id)),
        ("attribution", json!(findings.attribution)),
        ("version", json!(findings.version)),
        ("simulated", json!(findings.simulated)),
        ("detection_limits", Value::Array(limits)),
        ("detection_limit_unknown", json!(findings.detection_limit_unknown)),
    ];
    for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        // Writing into a String cannot fail.
        let _ = write!(text, ",\n\"{key}\":{value}");
    }
    text.push_str(",\n\"features\":[");
    for (k, detection) in detections.iter().enumerate() {
        text.push_str(if k == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(&feature(detection))?);
    }
    text.push_str("\n]}\n");
    Ok(text)
}

fn feature(d: &DetectionCard) -> Feature {
    let ring: Vec<Position> = ring(&d.footprint_lonlat).into_iter().map(Position::from).collect();
    let geometry =
        (ring.len() >= 4).then(|| Geometry::new(GeometryValue::Polygon { coordinates: vec![ring] }));
    Feature {
        bbox: None,
        geometry,
        id: Some(Id::String(d.id.clone())),
        properties: Some(properties(d)),
        foreign_members: None,
    }
}

fn properties(d: &DetectionCard) -> JsonObject {
    let (length_m, interval_m) = d.told_lengths_m();
    let contrast: JsonObject = d.contrast.iter().map(|(k, v)| (k.clone(), rounded(*v, 1e5))).collect();
    let all = json!({
        "number": d.number, "kind": d.kind, "change": d.change, "track_id": d.track_id,
        "chainage_start_m": d.chainage_start_m.map(|v| rounded(v, 10.0)),
        "chainage_end_m": d.chainage_end_m.map(|v| rounded(v, 10.0)),
        "length_m": finite(length_m), "offset_m": d.offset_m.map(|v| rounded(v, 10.0)),
        "score": finite(d.score), "p_value": finite(d.p_value), "q_value": finite(d.q_value),
        "false_alarms_per_100km": finite(d.false_alarms_per_100km),
        "datetime": d.datetime, "baseline_datetimes": d.baseline_datetimes, "platform": d.platform,
        "scene_ids": d.scene_ids, "cloud_fraction": finite(d.cloud_fraction),
        "contrast": contrast, "contrast_unit": d.contrast_unit, "appearance": d.appearance,
    });
    let mut all = if let Value::Object(map) = all { map } else { JsonObject::new() };
    if let Some([low, high]) = interval_m {
        all.insert("length_low_m".into(), finite(low));
        all.insert("length_high_m".into(), finite(high));
    }
    if d.before_newest_baseline {
        all.insert("before_newest_baseline".into(), true.into());
    }
    if let Some(speed) = d.speed_m_s {
        all.insert("speed_m_s".into(), rounded(speed, 10.0));
    }
    if let Some(motion) = &d.motion {
        all.insert("motion".into(), json!(motion));
    }
    if let Some(sigma) = d.speed_sigma_m_s {
        all.insert("speed_sigma_m_s".into(), rounded(sigma, 10.0));
    }
    if let Some(ambiguous) = d.heading_ambiguous {
        all.insert("heading_ambiguous".into(), json!(ambiguous));
    }
    if let Some(area) = d.area_m2 {
        all.insert("area_m2".into(), rounded(area, 1.0));
    }
    if let Some(heading) = d.heading_deg {
        all.insert("heading_deg".into(), rounded(heading, 10.0));
    }
    let layover = [
        ("layover_m", d.layover_m),
        ("layover_toward_deg", d.layover_toward_deg),
        ("layover_along_m", d.layover_along_m),
        ("layover_across_m", d.layover_across_m),
    ];
    for (key, value) in layover.into_iter().filter_map(|(key, v)| Some((key, v?))) {
        all.insert(key.into(), rounded(value, 10.0));
    }
    all
}

/// A longitude and latitude at 7 decimals, about a centimetre: more would only be digits (RFC 7946, 11.2).
#[must_use]
pub fn position(lonlat: Point) -> Point {
    lonlat.map(|degrees| (degrees * 1e7).round() / 1e7)
}

/// A closed counter-clockwise ring at 7 decimals, without repeated points.
fn ring(points: &[Point]) -> Vec<Point> {
    let mut ring: Vec<Point> = points.iter().copied().map(position).collect();
    ring.dedup();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    // 2A = Σ (xᵢ yᵢ₊₁ − xᵢ₊₁ yᵢ), positive for counter-clockwise rings.
    let next = ring.iter().cycle().skip(1);
    let area: f64 = ring.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    if area < 0.0 {
        ring.reverse();
    }
    ring.extend(ring.first().copied());
    ring
}

fn finite(v: f64) -> Value {
    if v.is_finite() { json!(v) } else { Value::Null }
}

fn rounded(v: f64, per_unit: f64) -> Value {
    finite((v * per_unit).round() / per_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(id: &str, score: f64) -> DetectionCard {
        DetectionCard {
            id: id.into(),
            score,
            footprint_lonlat: vec![[13.0, 52.0], [13.0, 52.001], [13.001, 52.001], [13.001, 52.0]],
            ..DetectionCard::default()
        }
    }

    #[test]
    fn rings_are_closed_and_right_handed_and_the_surest_comes_first() {
        let findings =
            Findings { detections: vec![detection("a", 1.0), detection("b", 2.0)], ..Findings::default() };
        let parsed: geojson::FeatureCollection = write(&findings).unwrap().parse().unwrap();
        assert_eq!(parsed.features[0].id, Some(Id::String("b".into())));
        assert!(parsed.foreign_members.unwrap().contains_key("run_id"));
        let GeometryValue::Polygon { coordinates } = &parsed.features[0].geometry.as_ref().unwrap().value
        else {
            panic!("not a polygon");
        };
        let r = &coordinates[0];
        assert_eq!(r.first(), r.last());
        let area: f64 = r.windows(2).map(|w| w[0][0] * w[1][1] - w[1][0] * w[0][1]).sum();
        assert!(area > 0.0);
    }

    #[test]
    fn the_layer_tells_the_lengths_of_figure_and_page() {
        let train =
            DetectionCard { length_m: 340.4, length_interval_m: Some([311.9, 371.2]), ..detection("a", 1.0) };
        let told = super::super::text::about_m(&train);
        let layer = properties(&train);
        let whole = |key: &str| format!("{:.0}", layer[key].as_f64().unwrap());
        let [length, low, high] = ["length_m", "length_low_m", "length_high_m"].map(whole);
        assert_eq!(told, format!("about {length} m ({low}–{high})"));
        assert!(layer["length_low_m"].as_f64().unwrap().fract().abs() < 1e-9);
    }

    #[test]
    fn nothing_found_still_states_the_limit() {
        let text =
            write(&Findings { tracks: vec![super::super::TrackCard::default()], ..Findings::default() });
        let parsed: geojson::FeatureCollection = text.unwrap().parse().unwrap();
        assert!(parsed.features.is_empty());
        assert_eq!(parsed.foreign_members.unwrap()["detection_limits"].as_array().unwrap().len(), 1);
    }
}

//! `objects.geojson` and `run.json` of an area run, put beside its `change.tif`.

use super::{AreaOutput, AreaRequest, Found, Planned};
use crate::change::AreaObject;
use crate::io;
use crate::pipeline::clock::Clock;
use crate::pipeline::clock::peak_memory_bytes;
use crate::pipeline::findings::{place_id, scene_card};
use crate::pipeline::outputs::{OBJECTS, RECORD, of_other_kind};
use crate::pipeline::register::{registration_json, rounded};
use crate::pipeline::staged::{Staged, remove};
use crate::pipeline::told::{BASELINE, TARGET, list_of, when};
use crate::pipeline::{Error, Origin};
use crate::report::geojson::position;
use crate::scene::Scene;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What would be done, in lines.
pub(super) fn plan(request: &AreaRequest, planned: &Planned) -> String {
    let pair = &planned.pair;
    let line = |role: &str, scene: &Scene| {
        let (when, (rows, cols)) = (when(scene), scene.grid.shape);
        format!("{role} {} ({when}): reads {rows} × {cols} px in strips\n", scene.id)
    };
    let shift = if request.register { "measured over all of it" } else { "not measured (--no-register)" };
    let area_km2 = pair.overlap.pixel_count() as f64 * pair.pixel_m.powi(2) / 1e6;
    format!(
        "{}{}bands    {}\nground   {area_km2:.0} km² at most, in {}; shift {shift}\nobjects  of {:.0} m² and more, {} false ones \
         expected per 100 km²\noutputs  {}\n",
        line(TARGET, &pair.moving),
        line(BASELINE, &pair.reference),
        list_of(&planned.names),
        pair.reference.grid.crs.name(),
        request.objects.area_min_m2,
        request.false_alarms_per_100km2(),
        request.out.display()
    )
}

/// Writes the objects and the record beside the staged change map and puts all three under their names.
pub(super) fn write(
    request: &AreaRequest,
    planned: &Planned,
    found: &Found,
    mut staged: Staged,
    mut clock: Clock,
) -> Result<AreaOutput, Error> {
    let scenes = [
        scene_card(&planned.names, &planned.pair.moving, &found.masks[1])?,
        scene_card(&planned.names, &planned.pair.reference, &found.masks[0])?,
    ];
    let attribution = Origin::of(scenes.iter().map(|s| &s.platform)).attribution_at(scenes[0].datetime);
    staged.bytes(OBJECTS, collection(planned, &found.objects, &attribution)?.as_bytes())?;
    clock.lap("objects");
    let registration: Vec<Value> =
        found.measured.iter().map(|m| registration_json(&planned.pair, m)).collect();
    let [narrow, wide] = found.model.thresholds();
    let record = json!({
        "version": env!("CARGO_PKG_VERSION"), "attribution": attribution, "kind": "area",
        "scenes": scenes, "registration": registration,
        "area_km2": rounded(found.area_km2, 1e4),
        "null": {
            "false_alarms_per_100km2_asked": request.false_alarms_per_100km2(),
            "false_alarms_expected": rounded(request.objects.rate_per_km2() * found.area_km2, 1e3),
            "threshold_levels": { "narrow": rounded(narrow, 1e4), "wide": rounded(wide, 1e4) },
        },
        "object_count": found.objects.len(), "skipped": [],
        "arguments": request.pair.arguments,
        "timings_s": clock.laps_s, "peak_memory_bytes": peak_memory_bytes(),
    });
    staged.bytes(RECORD, format!("{record:#}\n").as_bytes())?;
    let stale = of_other_kind(&request.out, true);
    let written = staged.finish()?;
    remove(&stale)?;
    Ok(AreaOutput {
        summary: summary(request, found, &written),
        geojson: request.out.join(OBJECTS),
        object_count: found.objects.len(),
    })
}

fn summary(request: &AreaRequest, found: &Found, written: &[PathBuf]) -> String {
    let area: f64 = found.objects.iter().fold(0.0, |sum, o| sum + o.changed.area_m2);
    let mut text = format!(
        "objects: {} with {:.2} km², {:.0} of them expected to be false, on {:.0} km² that both scenes show\n",
        found.objects.len(),
        area / 1e6,
        (request.objects.rate_per_km2() * found.area_km2).min(found.objects.len() as f64),
        found.area_km2,
    );
    for path in written {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", path.display());
    }
    text
}

/// RFC 7946: WGS 84, outer rings counter-clockwise, 7 decimals, surest first, one feature a line.
fn collection(planned: &Planned, objects: &[AreaObject], attribution: &str) -> Result<String, Error> {
    let pair = &planned.pair;
    let mut text = format!(
        "{{\"type\":\"FeatureCollection\",\n\"attribution\":{},\n\"version\":{},\n\"features\":[",
        json!(attribution),
        json!(env!("CARGO_PKG_VERSION"))
    );
    let corners: Vec<(f64, f64)> =
        objects.iter().flat_map(|o| &o.changed.outline).map(|&(r, c)| pair.reference.grid.xy(r, c)).collect();
    let mut lon_lat = io::to_wgs84(&pair.reference.grid.crs, &corners)?.into_iter();
    for (k, object) in objects.iter().enumerate() {
        let ring: Vec<[f64; 2]> = lon_lat
            .by_ref()
            .take(object.changed.outline.len())
            .map(|(lon, lat)| position([lon, lat]))
            .collect();
        let feature = json!({
            "type": "Feature", "id": place_id(&ring, &format!("{}|{}", pair.moving.id, pair.reference.id)),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": properties(planned, object),
        });
        // Writing into a String cannot fail.
        let _ = write!(text, "{}{feature}", if k == 0 { "\n" } else { ",\n" });
    }
    text.push_str("\n]}\n");
    Ok(text)
}

fn properties(planned: &Planned, object: &AreaObject) -> Value {
    let o = &object.changed;
    let pair = &planned.pair;
    let contrast: Map<String, Value> = planned
        .names
        .iter()
        .zip(&o.contrast)
        .map(|(name, v)| (name.to_string(), json!(rounded(*v, 1e5))))
        .collect();
    json!({
        "change": o.direction, "appearance": o.appearance,
        "area_m2": rounded(o.area_m2, 1.0),
        "score": rounded(-o.expected_false_alarms.max(f64::MIN_POSITIVE).log10(), 1e3),
        "q_value": object.q_value, "false_alarms_expected": o.expected_false_alarms,
        "statistic_mean": rounded(o.statistic_mean, 1e3), "level_ratio": rounded(o.level_ratio, 1e3),
        "contrast": contrast,
        "datetime": pair.moving.datetime, "baseline_datetimes": [pair.reference.datetime],
        "platform": pair.moving.platform, "scene_ids": [pair.moving.id, pair.reference.id],
    })
}

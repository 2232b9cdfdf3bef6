//! Products of catalogues that are not STAC, as STAC items without assets.
//!
//! The `OpenSearch` (resto) and `OData` services of Copernicus list what exists and when it was sensed, but not where
//! each band is: their products can be listed and compared, not fetched.

use serde_json::{Map, Value, json};

/// A STAC item of an `OpenSearch` feature or an `OData` product; anything else as it is.
pub(super) fn to_stac(json: Value) -> Value {
    if json.get("assets").is_some() {
        return json;
    }
    of_resto(&json).or_else(|| of_odata(&json)).unwrap_or(json)
}

/// Whether a feature is a scene: a STAC item or a product of these catalogues, not a rail line or a detection.
pub(super) fn is_item(json: &Value) -> bool {
    json.get("assets").is_some() || of_resto(json).or_else(|| of_odata(json)).is_some()
}

fn of_resto(json: &Value) -> Option<Value> {
    let own = json.get("properties")?;
    let text = |key: &str| own.get(key).and_then(Value::as_str);
    let start = text("startDate")?;
    let name = text("title").or_else(|| text("productIdentifier"))?.trim_end_matches(".SAFE");
    let mut properties = Map::new();
    properties.insert("datetime".to_owned(), json!(start));
    properties.insert("title".to_owned(), json!(name));
    properties.insert("platform".to_owned(), json!(text("platform").unwrap_or_default()));
    let pairs = [
        ("eo:cloud_cover", "cloudCover"),
        ("sat:relative_orbit", "relativeOrbitNumber"),
        ("updated", "updated"),
    ];
    for (ours, theirs) in pairs {
        if let Some(value) = own.get(theirs).filter(|v| !v.is_null()) {
            properties.insert(ours.to_owned(), value.clone());
        }
    }
    let collection = own.get("collection").cloned().unwrap_or_default();
    Some(item(name, json.get("geometry"), &collection, &properties))
}

fn of_odata(json: &Value) -> Option<Value> {
    let name = json.get("Name").and_then(Value::as_str)?.trim_end_matches(".SAFE");
    let start = json.pointer("/ContentDate/Start")?;
    let mut properties = Map::new();
    properties.insert("datetime".to_owned(), start.clone());
    properties.insert("title".to_owned(), json!(name));
    if let Some(value) = json.get("ModificationDate") {
        properties.insert("updated".to_owned(), value.clone());
    }
    let attributes = json.get("Attributes").and_then(Value::as_array);
    for attribute in attributes.into_iter().flatten() {
        let key = match attribute.get("Name").and_then(Value::as_str) {
            Some("cloudCover") => "eo:cloud_cover",
            Some("relativeOrbitNumber") => "sat:relative_orbit",
            Some("processorVersion") => "processing:version",
            _ => continue,
        };
        properties.insert(key.to_owned(), attribute.get("Value").cloned().unwrap_or_default());
    }
    Some(item(name, json.get("GeoFootprint"), &Value::Null, &properties))
}

fn item(id: &str, geometry: Option<&Value>, collection: &Value, properties: &Map<String, Value>) -> Value {
    json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": id,
        "geometry": geometry,
        "collection": collection,
        "properties": properties,
        "assets": {},
        "links": [],
    })
}

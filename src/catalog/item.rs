//! One found item: what `search` needs of it, with the JSON it came from.

use super::{Error, foreign};
use crate::io::StacItem;
use crate::scene::{ProductName, is_tile};
use geo::{Coord, MultiPolygon, Rect};
use jiff::Timestamp;
use serde_json::Value;

/// A STAC item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Identifier, unique in its collection.
    pub id: String,
    /// Collection.
    pub collection: Option<String>,
    /// Start of sensing.
    pub datetime: Option<Timestamp>,
    /// `Sentinel-2A`, `Sentinel-1C`, …
    pub platform: Option<String>,
    /// What the name of the Sentinel-2 product states, where the item gives it.
    pub product: Option<ProductName>,
    /// MGRS tile without `T`; `None` for scenes outside that tiling.
    pub tile: Option<String>,
    /// Relative orbit.
    pub relative_orbit: Option<u32>,
    /// Processing baseline.
    pub processing_baseline: Option<f64>,
    /// Share of cloud over the whole tile, 0…1.
    pub cloud_fraction: Option<f64>,
    /// When the provider last changed it.
    pub updated: Option<Timestamp>,
    /// Outline of the data, degrees; empty where the item does not state it.
    pub footprint: MultiPolygon<f64>,
    /// URL or path it was read from; relative links start there.
    pub location: String,
    /// Bands, time, platform and offset as `detect` will read them.
    pub stac: StacItem,
    /// The item as the provider wrote it.
    pub json: Value,
}

impl Item {
    /// Reads a STAC item, or a product of the `OpenSearch` and `OData` catalogues of Copernicus.
    ///
    /// # Errors
    /// [`Error::Format`] for JSON that is neither.
    pub fn parse(json: Value, location: &str) -> Result<Self, Error> {
        let json = foreign::to_stac(json);
        let own = link(&json, "self").filter(|href| href.contains("://")).map(str::to_owned);
        let location = own.unwrap_or_else(|| location.to_owned());
        let stac = StacItem::parse(&json, &location)?;
        let property = |key: &str| json.get("properties").and_then(|p| p.get(key));
        let text = |key: &str| property(key).and_then(Value::as_str);
        let product = ["s2:product_uri", "sentinel:product_id", "s2:product_id", "title", "identifier"]
            .iter()
            .find_map(|key| text(key).and_then(ProductName::parse))
            .or_else(|| ProductName::parse(&stac.id));
        let tile = tile_of(&json, &stac.id).or_else(|| product.as_ref().map(|p| p.tile.clone()));
        let number = |key: &str| property(key).and_then(Value::as_f64);
        let relative_orbit = number("sat:relative_orbit").map(|n| n as u32);
        Ok(Self {
            id: stac.id.clone(),
            collection: json.get("collection").and_then(Value::as_str).map(str::to_owned),
            datetime: stac.datetime,
            platform: stac.platform.clone(),
            tile,
            relative_orbit: relative_orbit.or_else(|| product.as_ref().and_then(|p| p.relative_orbit)),
            processing_baseline: stac.baseline.or_else(|| product.as_ref().and_then(|p| p.baseline)),
            cloud_fraction: number("eo:cloud_cover").map(|percent| percent / 100.0),
            updated: ["updated", "created"].iter().find_map(|key| text(key).and_then(|t| t.parse().ok())),
            footprint: footprint_of(&json),
            product,
            location,
            stac,
            json,
        })
    }

    /// Where the item itself is, for messages and provenance.
    #[must_use]
    pub fn href(&self) -> &str {
        link(&self.json, "self").unwrap_or(&self.location)
    }

    /// Names of the bands it has, such as B02, B03, SCL.
    pub fn bands(&self) -> impl Iterator<Item = &str> {
        self.stac.assets.iter().map(|a| a.band.as_str())
    }
}

/// The first link of a relation.
pub(super) fn link<'a>(json: &'a Value, relation: &str) -> Option<&'a str> {
    let links = json.get("links")?.as_array()?;
    let found = links.iter().find(|l| l.get("rel").and_then(Value::as_str) == Some(relation))?;
    found.get("href").and_then(Value::as_str)
}

/// The MGRS tile by the grid and mgrs extensions, the providers' own properties, else the id.
fn tile_of(json: &Value, id: &str) -> Option<String> {
    let property = |key: &str| json.get("properties").and_then(|p| p.get(key));
    let text = |key: &str| property(key).and_then(Value::as_str);
    let whole = ["grid:code", "s2:mgrs_tile", "s2:tile", "tileId", "sentinel:mgrs"]
        .iter()
        .find_map(|key| text(key).map(|t| t.trim_start_matches("MGRS-").trim_start_matches('T')))
        .map(|t| if t.len() == 4 { format!("0{t}") } else { t.to_owned() });
    let parts = |prefix: &str| {
        let zone = property(&format!("{prefix}:utm_zone"))?;
        let zone = zone.as_u64().or_else(|| zone.as_str()?.parse().ok())?;
        let (band, square) =
            (text(&format!("{prefix}:latitude_band"))?, text(&format!("{prefix}:grid_square"))?);
        Some(format!("{zone:02}{band}{square}"))
    };
    let named = || {
        let words = id.split('_').map(|w| w.strip_prefix('T').filter(|t| is_tile(t)).unwrap_or(w));
        words
            .map(|w| if w.len() == 4 { format!("0{w}") } else { w.to_owned() })
            .find(|w| id.starts_with("S2") && is_tile(w))
    };
    whole
        .filter(|t| is_tile(t))
        .or_else(|| parts("mgrs"))
        .or_else(|| parts("sentinel"))
        .or_else(named)
        .filter(|t| is_tile(t))
}

/// The outline by geometry, else by bbox.
fn footprint_of(json: &Value) -> MultiPolygon<f64> {
    let geometry = json
        .get("geometry")
        .and_then(|g| serde_json::from_value::<geojson::Geometry>(g.clone()).ok())
        .and_then(|g| geo::Geometry::<f64>::try_from(g).ok());
    match geometry {
        Some(geo::Geometry::Polygon(polygon)) => return MultiPolygon::new(vec![polygon]),
        Some(geo::Geometry::MultiPolygon(polygons)) => return polygons,
        _ => {}
    }
    let numbers: Vec<f64> = json
        .get("bbox")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_f64).collect())
        .unwrap_or_default();
    let corners = match numbers.as_slice() {
        &[west, south, east, north] | &[west, south, _, east, north, _] => [west, south, east, north],
        _ => return MultiPolygon::new(Vec::new()),
    };
    let [west, south, mut east, north] = corners;
    if west > east {
        east += 360.0;
    }
    MultiPolygon::new(vec![Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north }).to_polygon()])
}

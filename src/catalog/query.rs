//! What is asked of a catalog, in the server's words and as a test of our own.
//!
//! Reference: STAC API 1.0, item search with the extensions query, filter (CQL2-JSON) and sort.

use super::{Area, Item};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A search. Whatever a server makes of it, every item is tested again here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Ground that the items must touch.
    pub area: Option<Area>,
    /// First moment, inclusive.
    pub from: Option<Timestamp>,
    /// Last moment, inclusive.
    pub to: Option<Timestamp>,
    /// Collections; empty = the endpoint's own, or all.
    pub collections: Vec<String>,
    /// Largest share of cloud over the whole tile, 0…1. Scenes that do not state it pass.
    pub max_tile_cloud_fraction: Option<f64>,
}

/// What a STAC API says that it understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) sort: bool,
    pub(super) filter: Filter,
    /// Takes POST.
    pub(super) post: bool,
}

/// How a server takes tests of properties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Filter {
    /// Not at all; some servers without it ignore a filter silently.
    #[default]
    None,
    /// By the extension `query`.
    Query,
    /// By the extension `filter` in CQL2-JSON.
    Cql2Json,
}

impl Query {
    /// Whether an item shows the ground that is asked for.
    #[must_use]
    pub fn meets(&self, item: &Item) -> bool {
        self.area.as_ref().is_none_or(|area| item.footprint.0.is_empty() || area.meets(&item.footprint))
    }

    /// Why an item that shows the ground does not answer the query; `None` where it does.
    #[must_use]
    pub fn refusal(&self, item: &Item) -> Option<String> {
        if self.from.is_some() || self.to.is_some() {
            let Some(time) = item.datetime else { return Some("it is undated".to_owned()) };
            if let Some(from) = self.from.filter(|from| time < *from) {
                return Some(format!("sensed on {time}, before {from}"));
            }
            if let Some(to) = self.to.filter(|to| time > *to) {
                return Some(format!("sensed on {time}, after {to}"));
            }
        }
        let foreign = |c: &&String| !self.collections.is_empty() && !self.collections.contains(*c);
        if let Some(collection) = item.collection.as_ref().filter(foreign) {
            return Some(format!("it is of the collection {collection}"));
        }
        let (cloud, most) = item.cloud_fraction.zip(self.max_tile_cloud_fraction)?;
        (cloud > most + 1e-9).then(|| format!("{:.0} % cloud over the tile", 100.0 * cloud))
    }

    /// The body of a search by POST.
    pub(super) fn body(&self, collections: &[String], abilities: Abilities, page_size: usize) -> Value {
        let mut body = Map::new();
        if !collections.is_empty() {
            body.insert("collections".to_owned(), json!(collections));
        }
        if let Some(area) = &self.area {
            body.insert("bbox".to_owned(), json!(area.bbox_deg()));
        }
        if let Some(interval) = self.interval() {
            body.insert("datetime".to_owned(), json!(interval));
        }
        body.insert("limit".to_owned(), json!(page_size));
        if abilities.sort {
            body.insert(
                "sortby".to_owned(),
                json!([{ "field": "properties.datetime", "direction": "desc" }]),
            );
        }
        // Scenes without a cloud cover, radar say, fail such a test: it is only asked of optical collections.
        let optical = !collections.is_empty()
            && collections.iter().all(|c| c.starts_with("sentinel-2") || c.contains("s2"));
        if let Some(fraction) = self.max_tile_cloud_fraction.filter(|_| optical) {
            let percent = fraction * 100.0;
            match abilities.filter {
                Filter::Cql2Json => {
                    let test = json!({ "op": "<=", "args": [{ "property": "eo:cloud_cover" }, percent] });
                    body.insert("filter-lang".to_owned(), json!("cql2-json"));
                    body.insert("filter".to_owned(), test);
                }
                Filter::Query => {
                    body.insert("query".to_owned(), json!({ "eo:cloud_cover": { "lte": percent } }));
                }
                Filter::None => {}
            }
        }
        Value::Object(body)
    }

    /// The query string of a search by GET, for servers without POST.
    pub(super) fn parameters(
        &self,
        collections: &[String],
        abilities: Abilities,
        page_size: usize,
    ) -> String {
        let mut pairs = Vec::new();
        if !collections.is_empty() {
            pairs.push(format!("collections={}", encoded(&collections.join(","))));
        }
        if let Some(area) = &self.area {
            pairs.push(format!("bbox={}", area.bbox_deg().map(|v| v.to_string()).join(",")));
        }
        if let Some(interval) = self.interval() {
            pairs.push(format!("datetime={}", encoded(&interval)));
        }
        pairs.push(format!("limit={page_size}"));
        if abilities.sort {
            pairs.push("sortby=-properties.datetime".to_owned());
        }
        pairs.join("&")
    }

    /// `from/to`, open ends as `..`; `None` where both are open.
    fn interval(&self) -> Option<String> {
        let end = |t: Option<Timestamp>| t.map_or_else(|| "..".to_owned(), |t| t.to_string());
        (self.from.is_some() || self.to.is_some()).then(|| format!("{}/{}", end(self.from), end(self.to)))
    }
}

/// Percent-encoding of a value of a query string (RFC 3986, unreserved characters and `/ : ,` stay).
fn encoded(text: &str) -> String {
    let stays = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:,".contains(&b);
    text.bytes().map(|b| if stays(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

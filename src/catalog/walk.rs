//! Static catalogs by their links, and folders by their files.

use super::http::Client;
use super::{Error, Found, Query, Skipped, foreign, pages};
use crate::io;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::path::Path;

/// Largest item or catalog file that is read, bytes.
const FILE_LIMIT: u64 = 256 << 20;

/// The JSON at a URL or in a file.
pub(super) fn load(client: &Client, place: &str) -> Result<Value, Error> {
    match place.split_once("://") {
        Some(("http" | "https", _)) => return client.json(place, None),
        Some(_) => return Err(Error::format(place, "documents are read by http and https only")),
        None => {}
    }
    let length = std::fs::metadata(place).map_err(|e| Error::format(place, e))?.len();
    if length > FILE_LIMIT {
        return Err(Error::format(place, format!("{length} bytes are too many for a catalog")));
    }
    let bytes = std::fs::read(place).map_err(|e| Error::format(place, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(place, format!("no JSON: {e}")))
}

/// The items of a static catalog: its links `child` and `item` are followed, each document is read once, and
/// collections whose extent lies outside the query are left out.
pub(super) fn catalog(client: &Client, root: Value, place: &str, query: &Query) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut seen: HashSet<String> = HashSet::from([place.to_owned()]);
    let mut left = VecDeque::from([(place.to_owned(), root)]);
    while let Some((place, document)) = left.pop_front() {
        if pages::is_page(&document) {
            keep(pages::features(&document).unwrap_or_default().iter(), &place, query, &mut found);
            continue;
        }
        if !may_hold(&document, query) {
            continue;
        }
        let links = document.get("links").and_then(Value::as_array).into_iter().flatten();
        for link in links {
            let text = |key: &str| link.get(key).and_then(Value::as_str);
            let (Some("child" | "item"), Some(href)) = (text("rel"), text("href")) else { continue };
            let next = io::joined(&place, href);
            if !seen.insert(next.clone()) {
                continue;
            }
            match load(client, &next) {
                Ok(document) => left.push_back((next, document)),
                Err(error) => found.skipped.push(skipped(error)?),
            }
        }
    }
    Ok(found)
}

/// The items of all JSON files in a folder and below. Each folder is read once, however many links lead to it, and
/// features that are no items (rails, detections) are passed over; files that cannot be read are reported.
pub(super) fn folder(client: &Client, root: &str, query: &Query) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut seen = HashSet::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        let read = std::fs::canonicalize(&folder).and_then(|real| {
            let entries = if seen.insert(real) { Some(std::fs::read_dir(&folder)?) } else { None };
            Ok(entries.into_iter().flatten().filter_map(Result::ok).map(|e| e.path()).collect::<Vec<_>>())
        });
        let mut paths = match read {
            Ok(paths) => paths,
            Err(error) if folder == root => return Err(Error::format(root, error)),
            Err(error) => {
                found.skipped.push(Skipped { id: folder, reason: error.to_string() });
                continue;
            }
        };
        paths.sort();
        for path in paths {
            let name = path.display().to_string();
            if path.is_dir() {
                left.push(name);
            } else if is_json(&path) {
                match load(client, &name) {
                    Ok(document) if pages::is_page(&document) => {
                        let features = pages::features(&document).unwrap_or_default();
                        keep(features.iter().filter(|f| foreign::is_item(f)), &name, query, &mut found);
                    }
                    Ok(_) => {}
                    Err(error) => found.skipped.push(skipped(error)?),
                }
            }
        }
    }
    Ok(found)
}

/// What is reported of a document that cannot be read: a broken one must not hide all others, but a server that fails is an
/// error of the whole search.
fn skipped(error: Error) -> Result<Skipped, Error> {
    match error {
        Error::Format { location, reason } | Error::Refused { url: location, reason, .. } => {
            Ok(Skipped { id: location, reason })
        }
        other => Err(other),
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json") || e.eq_ignore_ascii_case("geojson"))
}

fn keep<'a>(features: impl Iterator<Item = &'a Value>, place: &str, query: &Query, found: &mut Found) {
    for feature in features {
        match pages::item_of(feature, place) {
            Ok(item) => found.take(*item, query),
            Err(reason) => found.skipped.push(reason),
        }
    }
}

/// Whether a collection's extent leaves room for what is asked; catalogs always do.
fn may_hold(document: &Value, query: &Query) -> bool {
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default();
    let is_collection = document.get("type").and_then(Value::as_str) == Some("Collection");
    if is_collection && !query.collections.is_empty() && !query.collections.iter().any(|c| c == id) {
        return false;
    }
    // The first interval is that of the whole collection.
    let interval = document.pointer("/extent/temporal/interval/0");
    let end = |i: usize| interval.and_then(|v| v.get(i)?.as_str()?.parse::<jiff::Timestamp>().ok());
    let over = query.from.zip(end(1)).is_some_and(|(from, last)| last < from);
    let ahead = query.to.zip(end(0)).is_some_and(|(to, first)| first > to);
    !over && !ahead
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::HttpParams;

    #[test]
    fn a_link_that_nobody_can_follow_hides_no_other_scene() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("catalog.json");
        let item = r#"{"type": "Feature", "id": "a", "geometry": null, "properties": {"datetime": "2024-01-01T00:00:00Z"},
                       "assets": {}}"#;
        std::fs::write(folder.path().join("a.json"), item).unwrap();
        let catalog_json = serde_json::json!({ "id": "c", "links": [
            { "rel": "item", "href": "s3://bucket/b.json" },
            { "rel": "child", "href": "file:///no/such.json" },
            { "rel": "item", "href": "./a.json" },
        ] });
        let client = Client::new(&HttpParams::default());
        let found = catalog(&client, catalog_json, &root.display().to_string(), &Query::default()).unwrap();
        assert_eq!(found.items.len(), 1, "{found:?}");
        let reasons: Vec<&str> = found.skipped.iter().map(|s| s.reason.as_str()).collect();
        assert_eq!(reasons.len(), 2);
        assert!(reasons.iter().all(|r| r.contains("by http and https only")), "{reasons:?}");
    }
}

//! Static catalogs by their links, and folders by their files.

use super::http::Client;
use super::{Error, Found, Query, Skipped, foreign, pages};
use crate::io;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::path::Path;

/// Largest item or catalog file that is read, bytes.
const FILE_LIMIT: u64 = 256 << 20;

/// How far the links of a static catalog are followed: from document to document, and how many documents in all.
///
/// Real ones have a level each for collection, year, month, day and tile, and a hundred thousand documents would take hours.
/// A server that makes up a new link for every answer would otherwise be followed for ever.
struct Bounds {
    depth: usize,
    documents: usize,
}

const BOUNDS: Bounds = Bounds { depth: 32, documents: 100_000 };

/// The JSON at a URL or in a file.
pub(super) fn load(client: &Client, place: &str) -> Result<Value, Error> {
    match place.split_once("://") {
        Some(("http" | "https", _)) => return client.json(place, None),
        Some(_) => return Err(Error::format(place, "documents are read by http and https only")),
        None => {}
    }
    let length = std::fs::metadata(place).map_err(|e| Error::unreadable(place, &e))?.len();
    if length > FILE_LIMIT {
        return Err(Error::format(
            place,
            format!("{length} bytes are too many for a catalog; give its items in smaller files"),
        ));
    }
    let bytes = std::fs::read(place).map_err(|e| Error::unreadable(place, &e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::format(place, format!("no JSON ({e}): it is cut off or no catalog; fetch it again"))
    })
}

/// The items of a static catalog: its links `child` and `item` are followed, each document is read once, and
/// collections whose extent lies outside the query are left out.
///
/// # Errors
/// [`Error::Endless`] for links that do not end; what is linked too deep is reported and left out.
pub(super) fn catalog(client: &Client, root: Value, place: &str, query: &Query) -> Result<Found, Error> {
    linked(client, root, place, (query, &BOUNDS))
}

fn linked(
    client: &Client,
    root: Value,
    place: &str,
    (query, bounds): (&Query, &Bounds),
) -> Result<Found, Error> {
    let mut walk = Walk {
        query,
        bounds,
        found: Found::default(),
        seen: HashSet::from([place.to_owned()]),
        left: VecDeque::new(),
    };
    let endless = || Error::Endless { place: place.to_owned(), count: bounds.documents };
    walk.take(&root, place, 0).ok_or_else(endless)?;
    drop(root);
    while let Some((here, depth)) = walk.left.pop_front() {
        match load(client, &here) {
            Ok(document) => walk.take(&document, &here, depth).ok_or_else(endless)?,
            Err(error) => walk.found.skipped.push(skipped(error)?),
        }
    }
    Ok(walk.found)
}

/// A walk along the links of a static catalog, breadth first. Only addresses wait: one document is held at a time.
struct Walk<'a> {
    query: &'a Query,
    bounds: &'a Bounds,
    found: Found,
    /// Addresses of all documents that were linked so far.
    seen: HashSet<String>,
    /// Addresses that are still to be read, with the number of links that led there.
    left: VecDeque<(String, usize)>,
}

impl Walk<'_> {
    /// Keeps the items of a document and queues what it links; `None` where more is linked than is ever read.
    fn take(&mut self, document: &Value, here: &str, depth: usize) -> Option<()> {
        if pages::is_page(document) {
            let features = pages::features(document).unwrap_or_default();
            keep(features.iter(), here, self.query, &mut self.found);
            return Some(());
        }
        if !may_hold(document, self.query) {
            return Some(());
        }
        for link in document.get("links").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| link.get(key).and_then(Value::as_str);
            let (Some("child" | "item"), Some(href)) = (text("rel"), text("href")) else { continue };
            let next = io::joined(here, href);
            if !self.seen.insert(next.clone()) {
                continue;
            }
            if depth == self.bounds.depth {
                let reason = format!("it is linked more than {depth} documents deep and was not read");
                self.found.skipped.push(Skipped { id: next, reason });
                continue;
            }
            if self.seen.len() > self.bounds.documents {
                return None;
            }
            self.left.push_back((next, depth + 1));
        }
        Some(())
    }
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
            Err(error) if folder == root => return Err(Error::unreadable(root, &error)),
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

    #[test]
    fn links_that_do_not_end_are_followed_so_far_and_no_farther() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, links: &[String]| {
            let links: Vec<Value> =
                links.iter().map(|href| serde_json::json!({ "rel": "child", "href": href })).collect();
            let json = serde_json::json!({ "type": "Catalog", "id": name, "links": links });
            std::fs::write(folder.path().join(name), json.to_string()).unwrap();
            json
        };
        // A chain 0 → 1 → … → 9, and a catalog that links all of them.
        let of = |n: usize| format!("{n}.json");
        let chain: Vec<Value> = (0..9).map(|n| write(&of(n), &[of(n + 1)])).collect();
        write(&of(9), &[]);
        let wide = write("wide.json", &(0..9).map(of).collect::<Vec<_>>());
        let client = Client::new(&HttpParams::default());
        let search = |root: &Value, name: &str, depth: usize, documents: usize| {
            let place = folder.path().join(name).display().to_string();
            linked(&client, root.clone(), &place, (&Query::default(), &Bounds { depth, documents }))
        };
        assert_eq!(search(&chain[0], "0.json", 9, 10).unwrap().skipped, []);
        let cut = search(&chain[0], "0.json", 4, 10).unwrap().skipped;
        assert!(cut.len() == 1 && cut[0].id.ends_with("5.json"), "{cut:?}");
        assert!(cut[0].reason.contains("more than 4 documents deep"), "{cut:?}");
        let error = search(&wide, "wide.json", 9, 5).unwrap_err();
        assert!(
            matches!(&error, Error::Endless { place, count: 5 } if place.ends_with("wide.json")),
            "{error}"
        );
    }
}

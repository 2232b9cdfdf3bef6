//! A search page by page, and what to do with servers that page badly.
//!
//! Reference: STAC API 1.0 item search, pagination: `next` links by GET, or by POST with `body` and `merge`.

use super::http::Client;
use super::item::link;
use super::query::{Abilities, Filter};
use super::{Error, Found, Item, Query, Skipped};
use crate::io;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Pages in a row that may bring nothing new before the search is given up.
const EMPTY_PAGES: usize = 50;

/// One request for a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) body: Option<Value>,
}

/// What a landing page says: what the server understands and where it searches.
pub(super) fn search_of(landing: &Value, url: &str) -> Option<(String, Abilities)> {
    let classes: Vec<&str> =
        landing.get("conformsTo").and_then(Value::as_array)?.iter().filter_map(Value::as_str).collect();
    let conforms = |end: &str| classes.iter().any(|c| c.ends_with(end));
    let links = landing.get("links").and_then(Value::as_array)?;
    let text = |link: &Value, key: &str| link.get(key).and_then(Value::as_str).map(str::to_owned);
    // Other documents, such as OpenSearch descriptions, are linked as `search` too.
    let searches: Vec<&Value> = links
        .iter()
        .filter(|l| text(l, "rel").as_deref() == Some("search"))
        .filter(|l| text(l, "type").is_none_or(|t| t.contains("json")))
        .collect();
    let post = searches.iter().find(|l| text(l, "method").is_some_and(|m| m.eq_ignore_ascii_case("POST")));
    let chosen = post.or_else(|| searches.first())?;
    let filter = if conforms("cql2-json") && conforms("item-search#filter") {
        Filter::Cql2Json
    } else if conforms("item-search#query") {
        Filter::Query
    } else {
        Filter::None
    };
    let abilities = Abilities { sort: conforms("item-search#sort"), filter, post: post.is_some() };
    Some((io::joined(url, &text(chosen, "href")?), abilities))
}

/// Reads pages from `first` on until there are none left.
pub(super) fn read(client: &Client, first: Request, query: &Query) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut ids = HashSet::new();
    let mut asked = HashSet::new();
    let mut empty = 0;
    let mut next = Some(first.clone());
    while let Some(request) = next {
        // A server whose next link leads back has no more pages.
        if !asked.insert(format!("{} {:?}", request.url, request.body)) {
            break;
        }
        let page = client.json(&request.url, request.body.as_ref())?;
        let before = ids.len();
        let features = features(&page)
            .ok_or_else(|| Error::format(&request.url, "no STAC items: neither features nor assets"))?;
        for feature in features {
            match item_of(feature, &request.url) {
                Ok(item) if ids.insert((item.collection.clone(), item.id.clone())) => {
                    found.take(*item, query);
                }
                Ok(_) => {}
                Err(skipped) => found.skipped.push(skipped),
            }
        }
        empty = if ids.len() > before { 0 } else { empty + 1 };
        if empty > EMPTY_PAGES {
            return Err(Error::Paging { url: first.url, page_count: empty });
        }
        next = next_of(&page, &request);
    }
    Ok(found)
}

/// The features of a page: of a STAC or `OpenSearch` collection, an `OData` list, or one item.
pub(super) fn features(page: &Value) -> Option<&[Value]> {
    let one = || page.get("assets").map(|_| std::slice::from_ref(page));
    ["features", "value"].iter().find_map(|k| page.get(k)?.as_array().map(Vec::as_slice)).or_else(one)
}

/// The item that a feature is, or why it is none.
pub(super) fn item_of(feature: &Value, url: &str) -> Result<Box<Item>, Skipped> {
    Item::parse(feature.clone(), url).map(Box::new).map_err(|error| {
        let id = feature.get("id").and_then(Value::as_str).unwrap_or("item without id").to_owned();
        Skipped { id, reason: error.to_string() }
    })
}

/// The request for the page after this one.
pub(super) fn next_of(page: &Value, request: &Request) -> Option<Request> {
    let absolute = |href: &str| io::joined(&request.url, href);
    if let Some(href) = page.get("@odata.nextLink").and_then(Value::as_str) {
        return Some(Request { url: absolute(href), body: None });
    }
    let links = page.get("links").or_else(|| page.pointer("/properties/links"))?.as_array()?;
    let next = links.iter().find(|l| l.get("rel").and_then(Value::as_str) == Some("next"))?;
    let url = absolute(next.get("href").and_then(Value::as_str)?);
    let post = next.get("method").and_then(Value::as_str).is_some_and(|m| m.eq_ignore_ascii_case("POST"));
    if !post {
        return Some(Request { url, body: None });
    }
    // `merge` asks for it, and a body that lost what was searched for would page through everything there is.
    let mut body = request.body.as_ref().and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    body.extend(next.get("body").and_then(Value::as_object).cloned().unwrap_or_default());
    Some(Request { url, body: Some(Value::Object(body)) })
}

/// Whether a document is a page of items and not a catalog.
pub(super) fn is_page(json: &Value) -> bool {
    json.get("features").is_some()
        || json.get("value").is_some_and(Value::is_array)
        || json.get("assets").is_some_and(
            // Collections have assets too.
            |_| json.get("properties").is_some() && link(json, "child").is_none(),
        )
}

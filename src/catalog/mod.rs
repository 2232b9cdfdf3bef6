//! Scenes in STAC servers, static catalogs and folders: found, chosen, and their windows fetched.
//!
//! [`Catalog`] searches a [`CatalogAddress`]; [`select`] drops duplicates, joins split tiles and picks home tiles. Owner
//! of the crate `ureq`, which the webhooks of `monitor` use, too. Beside `io` the only module below `pipeline` that waits,
//! and that asks the clock, for tokens end. Reference: STAC 1.0/1.1, STAC API 1.0.

mod area;
mod cloud;
mod corridor;
mod error;
mod fetch;
mod foreign;
mod http;
mod item;
mod pages;
mod params;
mod query;
mod record;
mod select;
mod sign;
mod source;
mod walk;

pub use area::Area;
pub use cloud::Cloud;
pub use corridor::Corridor;
pub use error::Error;
pub use fetch::{FetchRequest, Fetched};
pub use item::Item;
pub use params::{HttpParams, SelectParams};
pub use query::Query;
pub use select::{Selected, Selection, select};
pub use source::{CatalogAddress, Endpoint, Sas, endpoints};

use http::Client;
use pages::Request;
use query::Abilities;
use serde_json::Value;
use sign::Tokens;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Items that answer the query, the newest first.
    pub items: Vec<Item>,
    /// Items that show the ground but were not asked for: another time, another collection, more cloud.
    pub dropped: Vec<Skipped>,
    /// Items and documents that could not be read.
    pub skipped: Vec<Skipped>,
}

impl Found {
    /// Keeps an item, or says why it does not answer the query; items of other ground are no concern of the query.
    fn take(&mut self, item: Item, query: &Query) {
        if !query.meets(&item) {
            return;
        }
        match query.refusal(&item) {
            Some(reason) => self.dropped.push(Skipped { id: item.id, reason }),
            None => self.items.push(item),
        }
    }
}

/// Something that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Item id or place.
    pub id: String,
    /// Why, in words.
    pub reason: String,
}

/// A source with a client that keeps connections and tokens.
pub struct Catalog {
    source: CatalogAddress,
    client: Client,
    tokens: Tokens,
}

impl Catalog {
    /// Makes a client for a source. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a time-out, wait, count of tries or size of pages outside its range.
    pub fn new(source: CatalogAddress, http: &HttpParams) -> Result<Self, Error> {
        http.check()?;
        let sas = match &source {
            CatalogAddress::Api(endpoint) => {
                if let Some(host) = &endpoint.s3_host {
                    crate::io::set_store_option("/vsis3/eodata", "AWS_S3_ENDPOINT", host);
                    crate::io::set_store_option("/vsis3/eodata", "AWS_VIRTUAL_HOSTING", "FALSE");
                }
                endpoint.sas.clone()
            }
            CatalogAddress::Place(_) | CatalogAddress::Folder(_) => None,
        };
        Ok(Self { source, client: Client::new(http), tokens: Tokens::new(sas) })
    }

    /// Every item that answers the query, the newest first, each once.
    ///
    /// # Errors
    /// [`Error`] when the source cannot be read; single items that cannot be are in [`Found::skipped`].
    pub fn search(&self, query: &Query) -> Result<Found, Error> {
        let mut found = match &self.source {
            CatalogAddress::Api(endpoint) => {
                let landing = self.client.json(&endpoint.url, None)?;
                self.api(&landing, &endpoint.url, &endpoint.collections, query)?
            }
            CatalogAddress::Folder(folder) => walk::folder(&self.client, folder, query)?,
            CatalogAddress::Place(place) => {
                let document = walk::load(&self.client, place)?;
                if pages::search_of(&document, place).is_some() {
                    self.api(&document, place, &[], query)?
                } else if pages::is_page(&document) && place.contains("://") {
                    pages::read(&self.client, Request { url: place.clone(), body: None }, query)?
                } else {
                    walk::catalog(&self.client, document, place, query)?
                }
            }
        };
        found.items.sort_by(|a, b| b.datetime.cmp(&a.datetime).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    /// How much cloud lies over the corridor in a scene; only its window of the classification is read, or of the bands
    /// where the scene has none.
    ///
    /// # Errors
    /// [`Error::Outside`] for a scene of other ground, and [`Error`] when its files cannot be read.
    pub fn cloud(&self, scene: &Selected, corridor: &Corridor) -> Result<Cloud, Error> {
        let raster = fetch::persist(&self.client, &self.tokens, scene, || {
            let mut merged: Option<crate::raster::Raster> = None;
            for item in scene.parts() {
                let json = fetch::signed(&self.client, &self.tokens, item)?;
                let part = cloud::look(&json, &item.location, corridor)?;
                match &mut merged {
                    Some(first) => cloud::fill(first, &part),
                    None => merged = Some(part),
                }
            }
            merged.ok_or_else(|| Error::Outside { item: scene.item().id.clone() })
        })?;
        cloud::judge(&raster, corridor)
    }

    /// Fetches the corridor's window of a scene unless it is there: `DIR/ID/B02.tif` … and `DIR/ID/ID.json`, which
    /// `detect` takes as SCENE.
    ///
    /// # Errors
    /// [`Error::Outside`] for a scene of other ground, [`Error::Changed`] when its files keep changing, and [`Error`] when
    /// they cannot be read or the folder not written.
    pub fn fetch(
        &self,
        scene: &Selected,
        corridor: &Corridor,
        request: &FetchRequest,
    ) -> Result<Fetched, Error> {
        fetch::fetch(&self.client, &self.tokens, scene, corridor, request)
    }

    /// Searches a STAC API with its landing page, which is at `url`.
    fn api(&self, landing: &Value, url: &str, own: &[String], query: &Query) -> Result<Found, Error> {
        let (search, abilities) = pages::search_of(landing, &format!("{}/", url.trim_end_matches('/')))
            .ok_or_else(|| Error::format(url, "the landing page links no item search; is it a STAC API?"))?;
        let collections = if query.collections.is_empty() { own } else { &query.collections };
        let request = first_request(&search, query, collections, abilities, self.client.params().page_size);
        pages::read(&self.client, request, query)
    }
}

fn first_request(
    url: &str,
    query: &Query,
    collections: &[String],
    abilities: Abilities,
    page_size: usize,
) -> Request {
    if abilities.post {
        return Request { url: url.to_owned(), body: Some(query.body(collections, abilities, page_size)) };
    }
    let sign = if url.contains('?') { '&' } else { '?' };
    Request { url: format!("{url}{sign}{}", query.parameters(collections, abilities, page_size)), body: None }
}

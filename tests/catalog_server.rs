//! Search against a real STAC server with 250 items; `scripts/stac-server` starts it and tells its place.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use railwatch::catalog::{Area, Catalog, CatalogAddress, Found, HttpParams, Query};

/// What the server finds, twenty items a page; `None` where there is no server.
#[expect(clippy::disallowed_methods, reason = "the place of the server is told by the environment")]
fn search(query: &Query) -> Option<Found> {
    let url = std::env::var("RAILWATCH_STAC_URL").ok()?;
    let http = HttpParams { page_size: 20, ..HttpParams::default() };
    Some(Catalog::new(CatalogAddress::parse(&url).unwrap(), &http).unwrap().search(query).unwrap())
}

#[test]
fn every_page_of_every_item() {
    // Other tests publish into collections of their own.
    let query = Query { collections: vec!["sentinel-2-l2a".into()], ..Query::default() };
    let Some(found) = search(&query) else { return };
    assert_eq!((found.items.len(), found.skipped.len()), (250, 0));
    assert!(found.items.windows(2).all(|w| w[0].datetime > w[1].datetime));
}

#[test]
fn area_time_cloud_and_collection() {
    let area = Area::of_lines(&[vec![(130.5, 42.5), (130.6, 42.4)]]).unwrap();
    let query = Query { area: Some(area), collections: vec!["sentinel-2-l2a".into()], ..Query::default() };
    let Some(found) = search(&query) else { return };
    assert_eq!(found.items.len(), 125);
    let clear = Query { max_tile_cloud_fraction: Some(0.1), ..query.clone() };
    // Covers 0 to 99 repeat; every second item lies here: 0, 2, 4, 6, 8, 10 of each hundred.
    assert_eq!(search(&clear).unwrap().items.len(), 18);
    let from = Some("2024-01-11T00:00:00Z".parse().unwrap());
    let to = Some("2024-01-21T23:59:59Z".parse().unwrap());
    assert_eq!(search(&Query { from, to, ..query.clone() }).unwrap().items.len(), 6);
    assert!(search(&Query { collections: vec!["none".into()], ..query }).unwrap().items.is_empty());
}

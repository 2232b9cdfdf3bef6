//! What a site's source has: scenes of a folder, or items of a catalog that meet the rails.

use super::config::CatalogSource;
use super::{Error, RunOptions, SiteConfig, Source};
use crate::catalog::{Area, Catalog, HttpParams, Item, Query, Source as Place};
use crate::io::{self, Listed};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

/// The scenes of a source.
pub(super) fn listed(site: &SiteConfig, options: &RunOptions) -> Result<Vec<Listed>, Error> {
    match &site.source {
        Source::Folder(source) => Ok(io::list_scenes(&source.folder, source.pattern.as_deref())?),
        Source::Catalog(source) => searched(site, source, options),
    }
}

fn searched(site: &SiteConfig, source: &CatalogSource, options: &RunOptions) -> Result<Vec<Listed>, Error> {
    let degrees = io::crs_from_epsg(4326)?;
    let lines: Vec<Vec<(f64, f64)>> =
        io::read_lines(&site.rails, &degrees)?.into_iter().map(|line| line.vertices).collect();
    let back = SignedDuration::from_secs((source.newest_days * 86_400.0) as i64);
    let query = Query {
        area: Some(Area::of_lines(&lines)?),
        from: Some(options.since.unwrap_or(options.now - back)),
        collections: source.collections.clone(),
        max_tile_cloud_fraction: source.max_tile_cloud_fraction,
        ..Query::default()
    };
    let found = Catalog::new(Place::parse(&source.catalog)?, &HttpParams::default()).search(&query)?;
    for skipped in &found.skipped {
        tracing::warn!(site = site.id, item = skipped.id, reason = skipped.reason, "an item cannot be read");
    }
    Ok(found.items.iter().map(listed_item).collect())
}

fn listed_item(item: &Item) -> Listed {
    // What the provider says of the version; else the whole item.
    let version = item.updated.map_or_else(
        || super::site_run::hex(&Sha256::digest(item.json.to_string()), 16),
        |updated| updated.to_string(),
    );
    Listed {
        spec: item.href().to_owned(),
        fingerprint: version,
        datetime: item.datetime,
        baseline: item.baseline.map(|b| format!("{b:05.2}")),
    }
}

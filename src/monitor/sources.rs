//! What a site's source has: scenes of a folder, or of a catalog, whose windows are fetched before they are opened.

use super::config::CatalogSource;
use super::{Error, RunOptions, SiteConfig, SiteSource};
use crate::catalog::{
    self, Catalog, CatalogAddress, Corridor, FetchRequest, HttpParams, Query, SelectParams, Selected, select,
};
use crate::io::{self, Classifications, Listed};
use crate::scene::Scene;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Ground that is fetched beyond the window of registration, metres: strips reach as far as their placebos.
const STRIP_REACH_M: f64 = 300.0;
/// Pixel in which the configuration counts the margin, metres.
const PIXEL_M: f64 = 10.0;

/// The scenes of a source.
pub(super) struct Scenes {
    /// What there is.
    pub(super) listed: Vec<Listed>,
    remote: Option<Remote>,
    /// Of folders, listed once a run.
    classifications: Classifications,
    /// Whether pixels may be read: not in a dry run.
    reads_pixels: bool,
}

/// Scenes that lie elsewhere until they are fetched.
struct Remote {
    catalog: Catalog,
    corridor: Corridor,
    request: FetchRequest,
    /// By the path that a scene will have here.
    scenes: BTreeMap<String, Selected>,
}

impl Scenes {
    /// Lists the source of a site whose rails can be read: without them no scene is of use, and a source without scenes would hide it.
    pub(super) fn of(site: &SiteConfig, options: &RunOptions) -> Result<Self, Error> {
        match &site.source {
            SiteSource::Folder(source) => {
                io::read_lines(&site.rails, &io::crs_from_epsg(4326)?)?;
                let listed = io::list_scenes(&source.folder, source.pattern.as_deref())?;
                if listed.is_empty() {
                    let (folder, pattern) = (source.folder.display(), source.pattern.as_deref());
                    tracing::warn!(
                        site = site.id,
                        %folder,
                        pattern,
                        "the folder holds no scene: check folder and pattern, or wait for the first"
                    );
                }
                Ok(Self::new(listed, None, options))
            }
            SiteSource::Catalog(source) => searched(site, source, options),
        }
    }

    fn new(listed: Vec<Listed>, remote: Option<Remote>, options: &RunOptions) -> Self {
        Self { listed, remote, classifications: Classifications::default(), reads_pixels: !options.dry_run }
    }

    /// Whether scenes have to be fetched before they can be opened.
    pub(super) fn are_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Paths of the scenes that were fetched by now and are no longer listed; none of a folder, which is listed whole.
    pub(super) fn kept(&self) -> Vec<String> {
        let Some(remote) = &self.remote else { return Vec::new() };
        let items = remote.request.items().into_iter().map(|path| path.display().to_string());
        items.filter(|spec| !remote.scenes.contains_key(spec)).collect()
    }

    /// Makes a listed scene readable: fetches its window unless it is there.
    ///
    /// # Errors
    /// [`catalog::Error`].
    pub(super) fn bring(&self, spec: &str) -> Result<(), catalog::Error> {
        if let Some(remote) = &self.remote
            && let Some(scene) = remote.scenes.get(spec)
        {
            remote.catalog.fetch(scene, &remote.corridor, &remote.request)?;
        }
        Ok(())
    }

    /// Opens a scene that was brought.
    ///
    /// # Errors
    /// [`io::Error`] when it cannot be read.
    pub(super) fn open(&self, site: &SiteConfig, spec: &str) -> Result<Scene, io::Error> {
        // A list would not know what is fetched later.
        let unlisted = Classifications::default();
        site.open(spec, if self.are_remote() { &unlisted } else { &self.classifications })
    }

    /// Why the pixels of a scene cannot be read around the tracks; `None` where they can, and in a dry run, which does not try.
    ///
    /// Images that control points lay on the map have no grid to find the tracks on; of them nothing is read.
    pub(super) fn unreadable(&self, site: &SiteConfig, spec: &str) -> Option<String> {
        if !self.reads_pixels {
            return None;
        }
        let read = || -> Result<(), catalog::Error> {
            self.bring(spec)?;
            let (scene, corridor) = (self.open(site, spec)?, corridor_of(site)?);
            for source in scene.bands.iter().map(|band| &band.source).chain(&scene.classification) {
                let window = match io::band_grid(source) {
                    Ok(grid) => corridor.window(&grid)?,
                    Err(io::Error::NotGeoreferenced { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                window.map(|window| io::read_stored(source, window)).transpose()?;
            }
            Ok(())
        };
        read().err().map(|error| error.to_string())
    }
}

/// The ground that scenes of a site are read for.
fn corridor_of(site: &SiteConfig) -> Result<Corridor, catalog::Error> {
    let margin_m = site.registration_margin_px * PIXEL_M + STRIP_REACH_M;
    Corridor::read(&site.rails, STRIP_REACH_M, margin_m)
}

/// Scenes of a catalog that meet the rails: copies, strips and tiles resolved.
fn searched(site: &SiteConfig, source: &CatalogSource, options: &RunOptions) -> Result<Scenes, Error> {
    let corridor = corridor_of(site)?;
    let back = SignedDuration::from_secs((source.newest_days * 86_400.0) as i64);
    let query = Query {
        area: Some(corridor.area().clone()),
        from: Some(options.since.unwrap_or(options.now - back)),
        collections: source.collections.clone(),
        max_tile_cloud_fraction: source.max_tile_cloud_fraction,
        ..Query::default()
    };
    let catalog = Catalog::new(CatalogAddress::parse(&source.catalog)?, &HttpParams::default())?;
    let found = catalog.search(&query)?;
    for skipped in &found.skipped {
        tracing::warn!(site = site.id, item = skipped.id, reason = skipped.reason, "an item cannot be read");
    }
    let selection = select(found.items, corridor.area(), &SelectParams::default());
    for dropped in found.dropped.iter().chain(&selection.dropped) {
        tracing::debug!(site = site.id, item = dropped.id, reason = dropped.reason, "left out");
    }
    let bands = (!site.bands.is_empty()).then(|| site.bands.clone());
    let request = FetchRequest { dir: source.keep.join(&site.id), bands };
    let mut listed = Vec::new();
    let mut scenes = BTreeMap::new();
    for scene in selection.scenes {
        let spec = request.item_path(&scene).display().to_string();
        let (item, fingerprint) = (scene.item(), version(&scene));
        let processing_baseline = item.processing_baseline.map(|b| format!("{b:05.2}"));
        listed.push(Listed { spec: spec.clone(), fingerprint, datetime: item.datetime, processing_baseline });
        scenes.insert(spec, scene);
    }
    Ok(Scenes::new(listed, Some(Remote { catalog, corridor, request, scenes }), options))
}

/// What changes when the provider changes a scene: what it says of the version of each strip, else the whole item.
fn version(scene: &Selected) -> String {
    let of = |item: &catalog::Item| {
        let whole = || io::short_hash(&item.json.to_string());
        item.updated.map_or_else(whole, |updated| updated.to_string())
    };
    scene.parts().iter().map(of).collect::<Vec<_>>().join(" ")
}

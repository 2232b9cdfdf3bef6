//! The corridor's window of a scene as files: one COG a band and a STAC item with checksums, the item last.
//!
//! A folder whose item is there is whole. A folder without it is what a stopped fetch left: every band file in it is whole
//! (each is renamed into place) and bears a tag of what it was made from, so it is kept where that is still the same.

use super::http::{Client, Stamp};
use super::sign::Tokens;
use super::{Corridor, Error, Item, Selected, record};
use crate::io::{self, SceneOptions};
use crate::scene::{Scene, Source};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tag of what a file was made from.
const ORIGIN_TAG: &str = "RAILWATCH_ORIGIN";

/// A half-written file older than this belongs to no fetch that still runs.
const STALE: Duration = Duration::from_hours(1);

/// What is fetched, and to where.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchRequest {
    /// Folder in which each scene gets a folder of its own.
    pub dir: PathBuf,
    /// Bands; `None` = B02, B03, B04, B08 or VV, VH, as far as they are there. The classification comes along.
    pub bands: Option<Vec<String>>,
}

impl FetchRequest {
    /// Where the STAC item of a scene will lie: `DIR/ID/ID.json`.
    #[must_use]
    pub fn item_path(&self, scene: &Selected) -> PathBuf {
        let name = record::file_name(&scene.item().id);
        self.dir.join(&name).join(format!("{name}.json"))
    }

    /// Items of the scenes that were fetched into the folder by now, in order of their paths.
    #[must_use]
    pub fn items(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let item =
            |folder: std::fs::DirEntry| folder.path().join(folder.file_name()).with_added_extension("json");
        let mut items: Vec<PathBuf> = folders.map(item).filter(|path| path.is_file()).collect();
        items.sort_unstable();
        items
    }
}

/// A fetched scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// The STAC item: a SCENE of `railwatch detect`.
    pub item: PathBuf,
    /// Band files that were fetched now.
    pub fetched_count: usize,
    /// Band files that were there already.
    pub kept_count: usize,
}

/// A band to fetch: name, where it is in each strip.
struct Wanted {
    name: String,
    /// Where it is read, signed, and its lasting name, of each strip that has it.
    sources: Vec<(Source, String)>,
}

/// Fetches one scene.
pub(super) fn fetch(
    client: &Client,
    tokens: &Tokens,
    scene: &Selected,
    corridor: &Corridor,
    request: &FetchRequest,
) -> Result<Fetched, Error> {
    let path = request.item_path(scene);
    let folder = path.parent().unwrap_or(&request.dir);
    let key = record::key_of(scene, corridor, request.bands.as_deref());
    if let Some(kept_count) = record::whole(&path, &key) {
        return Ok(Fetched { item: path, fetched_count: 0, kept_count });
    }
    std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, e))?;
    let job = Job { client, tokens, scene, corridor, bands: request.bands.clone(), folder };
    let (bands, fetched_count) = persist(client, tokens, scene, || job.run())?;
    let kept_count = bands.len() - fetched_count;
    let json = record::item(scene, &bands, &key)?;
    io::write_text(&path, &json)?;
    sweep(folder);
    Ok(Fetched { item: path, fetched_count, kept_count })
}

/// Removes what fetches that were killed left half written. Younger files may be another fetch's.
fn sweep(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(".part-")) {
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if age.is_some_and(|age| age > STALE) {
            // A file that cannot be removed does no harm: nothing reads it.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Runs `once` until it works: what GDAL remembers of the assets is forgotten and they are signed anew each time.
pub(super) fn persist<T>(
    client: &Client,
    tokens: &Tokens,
    scene: &Selected,
    mut once: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match once() {
            Ok(value) => return Ok(value),
            Err(error) if may_pass(&error) && attempt < client.params().tries => {}
            Err(Error::Changed { url, .. }) => return Err(Error::Changed { url, tries: attempt }),
            Err(error) => return Err(error),
        }
        for asset in scene.parts().iter().flat_map(|item| &item.stac.assets) {
            io::forget_remote(&asset.gdal_path);
        }
        tokens.forget();
        std::thread::sleep(client.wait(&scene.item().id, attempt - 1, None)?);
    }
}

/// Whether trying again may help: only what was read over the network, and not what is not there.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Changed { .. } => true,
        Error::Refused { status, .. } => matches!(status, 401 | 403),
        Error::Io(error @ (io::Error::Open { path, .. } | io::Error::Read { path, .. })) => {
            io::is_remote(path) && error.http_status() != Some(404)
        }
        _ => false,
    }
}

struct Job<'a> {
    client: &'a Client,
    tokens: &'a Tokens,
    scene: &'a Selected,
    corridor: &'a Corridor,
    bands: Option<Vec<String>>,
    folder: &'a Path,
}

impl Job<'_> {
    /// One try: the files of all bands, and how many of them were fetched now.
    fn run(&self) -> Result<(Vec<record::BandFile>, usize), Error> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for item in self.scene.parts() {
            let json = signed(self.client, self.tokens, item)?;
            let options = SceneOptions { bands: self.bands.clone(), ..SceneOptions::default() };
            let scene = io::open_item_json(&json, &item.location, &options)?;
            add(&mut wanted, &scene, item);
        }
        let (mut files, mut fetched) = (Vec::new(), 0);
        for band in wanted {
            let path = self.folder.join(format!("{}.tif", band.name));
            fetched += usize::from(self.band(&band, &path)?);
            let href = band.sources.first().map(|s| s.1.clone()).unwrap_or_default();
            files.push(record::BandFile { name: band.name, path, href });
        }
        Ok((files, fetched))
    }

    /// Fetches one band unless its file is there; says whether it did.
    fn band(&self, band: &Wanted, path: &Path) -> Result<bool, Error> {
        let stamps = |client: &Client| -> Result<Vec<String>, Error> {
            band.sources.iter().map(|(source, _)| stamp_of(client, source)).collect()
        };
        let before = stamps(self.client)?;
        let mut origin = self.corridor.key();
        for ((_, href), stamp) in band.sources.iter().zip(&before) {
            origin = format!("{origin} {href} {stamp}");
        }
        let origin = record::digest(&origin);
        if io::tag_of(path, ORIGIN_TAG).as_deref() == Some(origin.as_str()) {
            return Ok(false);
        }
        let mut merged: Option<io::StoredBand> = None;
        for (source, href) in &band.sources {
            let Some(window) = self.corridor.window(&io::band_grid(source)?)? else { continue };
            let part = io::read_stored(source, window)?;
            match &mut merged {
                Some(first) => first.fill_from(&part, href)?,
                None => merged = Some(part),
            }
        }
        let merged = merged.ok_or_else(|| Error::Outside { item: self.scene.item().id.clone() })?;
        if stamps(self.client)? != before {
            let url = band.sources.first().map(|s| s.1.clone()).unwrap_or_default();
            return Err(Error::Changed { url, tries: 1 });
        }
        io::write_stored(path, &merged, &band.name, &[(ORIGIN_TAG.to_owned(), origin)])?;
        Ok(true)
    }
}

/// Adds the bands of one strip to those wanted.
fn add(wanted: &mut Vec<Wanted>, scene: &Scene, item: &Item) {
    let classes = scene.classification.iter().map(|source| ("SCL".to_owned(), source));
    for (name, source) in scene.bands.iter().map(|b| (b.name.0.clone(), &b.source)).chain(classes) {
        let href = item.stac.asset(&name).map(|a| plain(&a.gdal_path).to_owned()).unwrap_or_default();
        match wanted.iter_mut().find(|w| w.name == name) {
            Some(known) => known.sources.push((source.clone(), href)),
            None => wanted.push(Wanted { name, sources: vec![(source.clone(), href)] }),
        }
    }
}

/// The item with absolute, signed hrefs of its bands.
pub(super) fn signed(client: &Client, tokens: &Tokens, item: &Item) -> Result<Value, Error> {
    let mut json = item.json.clone();
    let Some(assets) = json.get_mut("assets").and_then(Value::as_object_mut) else { return Ok(json) };
    for asset in &item.stac.assets {
        let url = plain(&asset.gdal_path);
        if tokens.covers(url)
            && let Some(entry) = assets.get_mut(&asset.key)
        {
            entry["href"] = Value::String(tokens.sign(client, url)?);
        }
    }
    Ok(json)
}

/// The URL of a GDAL path.
fn plain(gdal_path: &str) -> &str {
    gdal_path.strip_prefix("/vsicurl/").unwrap_or(gdal_path)
}

/// The version of a source: by the server's stamp, or by size and time of a file; stores that give neither have none.
fn stamp_of(client: &Client, source: &Source) -> Result<String, Error> {
    let path = io::file_behind(&source.gdal_path);
    if let Some(url) = path.strip_prefix("/vsicurl/") {
        let Stamp { etag, modified, length } = client.stamp(url)?;
        return Ok(format!("{etag:?} {modified:?} {length:?}"));
    }
    let known = std::fs::metadata(&*path).ok();
    Ok(format!("{:?}", known.map(|m| (m.len(), m.modified().ok()))))
}

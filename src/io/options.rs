//! What the user says about a scene that its files may not, and where classifications of scenes lie.

use super::{library, names};
use crate::scene::ElevationModel;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bands of Sentinel-2 that are taken from products and STAC items where none are asked for: those of 10 m.
pub(super) const DEFAULT_BANDS: [&str; 4] = ["B02", "B03", "B04", "B08"];

/// What the user says about a scene that its files may not.
#[derive(Debug, Clone, Default)]
pub struct SceneOptions {
    /// Band names: names of undescribed bands when there are as many, else the bands to take.
    pub bands: Option<Vec<String>>,
    /// Time of sensing; wins over what the files state.
    pub datetime: Option<Timestamp>,
    /// The ground's height, for radar that is laid on the map by control points.
    pub dem: Option<ElevationModel>,
    /// Where classifications beside the scenes are looked up; one for many scenes lists each folder once.
    pub classifications: Classifications,
}

impl SceneOptions {
    /// The bands that are asked for, by their own names whatever the user calls them; `None` where none are.
    pub(super) fn asked_bands(&self) -> Option<Vec<String>> {
        let own = |word: &String| names::band_of_word(word.trim()).unwrap_or_else(|| word.trim().to_owned());
        self.bands.as_ref().map(|bands| bands.iter().map(own).collect())
    }
}

/// Files of folders that may be classifications, each folder listed once: what comes into it later is not seen.
#[derive(Debug, Clone, Default)]
pub struct Classifications(Arc<Mutex<BTreeMap<PathBuf, Arc<[String]>>>>);

impl Classifications {
    /// The classification that lies beside the files under a like name, where exactly one does.
    pub(super) fn beside(&self, paths: &[String]) -> Option<String> {
        let first = paths.first().filter(|p| library::is_plain_path(p))?;
        let stem = names::stem(first);
        let date = names::datetime_of_name(&stem);
        let head = |s: &str| s.split('_').next().unwrap_or_default().to_owned();
        let only_bands = |s: &str| !names::bands_of_stem(s).is_empty() && !s.contains(['_', '-']);
        let fits = |other: &str| {
            let classified = names::bands_of_stem(other) == [names::SCL];
            let same_day = date.is_some()
                && names::datetime_of_name(other).map(names::day) == date.map(names::day)
                && head(other) == head(&stem);
            classified && (same_day || (only_bands(&stem) && only_bands(other)))
        };
        let listed = self.listed(Path::new(first).parent()?);
        let mut fitting = listed.iter().filter(|p| fits(&names::stem(p)));
        fitting.next().filter(|_| fitting.next().is_none()).cloned()
    }

    fn listed(&self, folder: &Path) -> Arc<[String]> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(folder.to_owned()).or_insert_with(|| may_classify(folder)))
    }
}

/// Rasters of a folder whose names hold the letters of a classification: there may be many thousand scenes, so that words are
/// parsed of few.
fn may_classify(folder: &Path) -> Arc<[String]> {
    let may_fit = |name: &OsStr| {
        name.as_encoded_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(names::SCL.as_bytes()))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|e| may_fit(&e.file_name()))
        .map(|e| e.path().display().to_string())
        .filter(|p| names::has_extension(p, &["tif", "jp2"]))
        .collect()
}

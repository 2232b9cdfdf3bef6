//! The scenes of a folder, by name and date, without opening their pixels.
//!
//! STAC items, SAFE products, folders with one item and rasters dated by name are scenes; rasters that an item
//! names belong to it, and rasters of one date and the same first word of the name are one scene (bands and
//! classification in files of their own).

use super::{Error, names, safe, stac};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A scene found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What [`super::open_scene`] opens.
    pub spec: String,
    /// Size and time of change of its files in one line: another line means another content.
    pub fingerprint: String,
    /// Time of sensing where the name states it.
    pub datetime: Option<Timestamp>,
    /// Processing baseline where the item or the name states it: newer is larger.
    pub processing_baseline: Option<String>,
}

/// Lists the scenes of `folder`, in order of their names; `pattern` (`*`, `?`, `[…]`) chooses entries by name.
///
/// # Errors
/// [`Error::NotFound`] when there is no folder, [`Error::Open`] when it cannot be listed, [`Error::Bands`] when the pattern is no glob.
pub fn list_scenes(folder: &Path, pattern: Option<&str>) -> Result<Vec<Listed>, Error> {
    let shown = folder.display().to_string();
    let pattern = pattern
        .map(|p| glob::Pattern::new(p).map_err(|e| Error::bands(p, format!("not a valid glob: {e}"))))
        .transpose()?;
    if !folder.exists() {
        return Err(Error::NotFound { path: shown, what: "a folder of scenes" });
    }
    let entries = std::fs::read_dir(folder).map_err(|e| Error::open(&shown, "folder", e))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::open(&shown, "folder", e))?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with('.') && pattern.as_ref().is_none_or(|p| p.matches(&name)) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    let mut rasters = Vec::new();
    let mut named: BTreeSet<String> = BTreeSet::new();
    for path in paths {
        let spec = path.display().to_string();
        if path.is_dir() {
            if let Some(item) = stac::item_in(&spec) {
                let baseline = stac::item_file(&item).and_then(|item| item.baseline);
                found.push(listed(spec, &[path], baseline));
            } else if safe::is_product(&spec) {
                found.push(listed(spec, &[path], None));
            }
        } else if names::has_extension(&spec, &["json"]) {
            if let Some(item) = stac::item_file(&spec) {
                named.extend(item.hrefs.iter().map(|href| names::stem(href)));
                found.push(listed(spec, &[path], item.baseline));
            }
        } else if names::has_extension(&spec, &["zip"]) {
            found.push(listed(spec, &[path], None));
        } else if names::has_extension(&spec, &["tif", "tiff", "jp2", "vrt"]) {
            rasters.push(path);
        }
    }
    rasters.retain(|path| !named.contains(&names::stem(&path.display().to_string())));
    found.extend(dated_groups(rasters));
    found.sort_by(|a, b| a.spec.cmp(&b.spec));
    Ok(found)
}

/// Rasters of one date whose names begin alike and state no different processing baselines, joined by `+`.
fn dated_groups(rasters: Vec<PathBuf>) -> Vec<Listed> {
    let mut groups: BTreeMap<_, Vec<PathBuf>> = BTreeMap::new();
    for path in rasters {
        let stem = names::stem(&path.display().to_string());
        let datetime = names::datetime_of_name(&stem);
        let first = stem.split(['_', '-']).next().unwrap_or(&stem).to_owned();
        // Without a date or bands in its name a raster is a scene by itself.
        let alone = datetime.is_none() || names::bands_of_stem(&stem).is_empty();
        let baseline = names::baseline_of_name(&stem).map(|b| format!("{b:05.2}"));
        let own = if alone { stem } else { String::new() };
        groups.entry((first, datetime, baseline, own)).or_default().push(path);
    }
    groups
        .into_values()
        .map(|paths| {
            let specs: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
            listed(specs.join("+"), &paths, None)
        })
        .collect()
}

/// A scene of `files`; `baseline` is what its item states, else its name is asked.
fn listed(spec: String, files: &[PathBuf], baseline: Option<f64>) -> Listed {
    let name = files.first().map(|p| names::stem(&p.display().to_string())).unwrap_or_default();
    let lines: Vec<String> = files.iter().map(|f| fingerprint(f)).collect();
    Listed {
        spec,
        fingerprint: lines.join(" "),
        datetime: names::datetime_of_name(&name),
        processing_baseline: baseline.or_else(|| names::baseline_of_name(&name)).map(|b| format!("{b:05.2}")),
    }
}

/// Size and time of change; of a folder those of its files together.
fn fingerprint(path: &Path) -> String {
    let Ok(meta) = std::fs::metadata(path) else { return "gone".to_owned() };
    let changed = |m: &std::fs::Metadata| {
        let since = m.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |d| d.as_millis())
    };
    if !meta.is_dir() {
        return format!("{}@{}", meta.len(), changed(&meta));
    }
    let files = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let (mut bytes, mut newest) = (0, changed(&meta));
    for file in files.filter_map(|f| f.metadata().ok()) {
        bytes += file.len();
        newest = newest.max(changed(&file));
    }
    format!("{bytes}@{newest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_date_are_one_scene_and_items_own_their_assets() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        for name in
            ["S2_L2A_20170804_B02B03B04B08_10m.tif", "S2_SCL_20170804_20m.tif", "S2_L2A_20170814_B02.tif"]
        {
            put(name, "x");
        }
        put("S1_GRD_20170804_VV.tif", "x");
        // Versions of one date are scenes of their own.
        put("S2A_20180804_N0206_B02.tif", "x");
        put("S2A_20180804_N0500_B02.tif", "x");
        put("S2A_20180804_N0500_B03.tif", "x");
        put("place_2020-01-02.tif", "x");
        put("item.json", r#"{"assets": {"a": {"href": "./owned_20200202_B02.tif"}}}"#);
        put("owned_20200202_B02.tif", "x");
        put("other.json", "{}");
        let found = list_scenes(folder.path(), None).unwrap();
        assert_eq!(found.len(), 7, "{found:#?}");
        let joined = found.iter().find(|f| f.spec.contains('+') && f.spec.contains("S2_")).unwrap();
        assert!(joined.spec.contains("SCL") && joined.datetime.is_some());
        let before = joined.fingerprint.clone();
        put("S2_SCL_20170804_20m.tif", "longer");
        let again = list_scenes(folder.path(), Some("S2_*")).unwrap();
        assert_eq!(again.len(), 2);
        assert_ne!(again[0].fingerprint, before);
        let missing = list_scenes(&folder.path().join("none"), None).unwrap_err().to_string();
        assert!(missing.contains("no such file or folder; give a folder of scenes"), "{missing}");
    }

    #[test]
    fn the_baseline_is_the_items_and_where_it_tells_none_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let item = |version: &str| {
            format!(r#"{{"assets": {{}}, "properties": {{"s2:processing_baseline": "{version}"}}}}"#)
        };
        put("a.json", &item("05.12"));
        put("b_N0511_c.json", &item("05.09"));
        put("c_N0511_c.json", r#"{"assets": {}, "properties": {}}"#);
        std::fs::create_dir(folder.path().join("d")).unwrap();
        put("d/item.json", &item("05.10"));
        let baselines: Vec<Option<String>> = list_scenes(folder.path(), None)
            .unwrap()
            .into_iter()
            .map(|scene| scene.processing_baseline)
            .collect();
        assert_eq!(baselines, ["05.12", "05.09", "05.11", "05.10"].map(|b| Some(b.to_owned())));
    }
}

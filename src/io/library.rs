//! GDAL as a library: settings, error messages, opening, bytes of virtual files.

use super::Error;
use crate::grid::Grid;
use gdal::errors::CplErrType;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use quick_xml::escape::{partial_escape, unescape};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::CString;
use std::path::Path;
use std::sync::Once;

thread_local! {
    /// Messages of GDAL on this thread since the last [`watched`] began; `true` marks failures.
    static MESSAGES: RefCell<Vec<(bool, String)>> = const { RefCell::new(Vec::new()) };
}

/// Sets GDAL's options and error handler for the whole process; further calls do nothing.
///
/// Options that the user set in the environment win. Remote reads get time-outs and retries.
pub fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let options = [
            ("GDAL_HTTP_CONNECTTIMEOUT", "15"),
            ("GDAL_HTTP_TIMEOUT", "120"),
            ("GDAL_HTTP_MAX_RETRY", "4"),
            ("GDAL_HTTP_RETRY_DELAY", "1"),
            ("GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", "YES"),
            ("GDAL_HTTP_MULTIPLEX", "YES"),
            ("CPL_VSIL_CURL_CHUNK_SIZE", "65536"),
            ("GTIFF_REPORT_COMPD_CS", "NO"),
            // Files beside a local raster are asked for by name: its folder may hold many thousand scenes.
            ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"),
            // Megabytes; the default of a share of the memory grows with the machine.
            ("GDAL_CACHEMAX", "160"),
            // The smaller versions of a COG wait in a file beside it: a third of its bytes for a twentieth of the time.
            ("COG_TMP_COMPRESSION", "NONE"),
        ];
        for (key, value) in options {
            let unset = gdal::config::get_config_option(key, "").is_ok_and(|v| v.is_empty());
            if unset && let Err(e) = gdal::config::set_config_option(key, value) {
                tracing::debug!("GDAL option {key} not set: {e}");
            }
        }
        gdal::config::set_error_handler(|kind, number, message| {
            tracing::debug!(number, "GDAL: {message}");
            let failed = matches!(kind, CplErrType::Failure | CplErrType::Fatal);
            if failed || matches!(kind, CplErrType::Warning) {
                MESSAGES.with_borrow_mut(|m| {
                    if m.len() < 64 {
                        m.push((failed, message.trim().to_owned()));
                    }
                });
            }
        });
    });
}

/// Runs `work` with an option of GDAL set on this thread, unless the user has set it.
pub(super) fn with_option<T>(key: &str, value: &str, work: impl FnOnce() -> T) -> T {
    let unset = gdal::config::get_config_option(key, "").is_ok_and(|v| v.is_empty());
    let is_set = unset && gdal::config::set_thread_local_config_option(key, value).is_ok();
    let done = work();
    if is_set && let Err(e) = gdal::config::clear_thread_local_config_option(key) {
        tracing::debug!("GDAL option {key} not taken back: {e}");
    }
    done
}

/// Forgets what was read of a remote file: the next read asks the server again. `prefix` is its GDAL path or a start of it.
#[expect(unsafe_code, reason = "GDAL's cache of remote files has no safe wrapper")]
pub fn forget_remote(prefix: &str) {
    if let Ok(prefix) = CString::new(prefix) {
        // SAFETY: the prefix is a NUL-terminated string that outlives the call.
        unsafe { gdal_sys::VSICurlPartialClearCache(prefix.as_ptr()) };
    }
}

/// Sets an option of GDAL for the remote paths that start with `prefix`, such as `/vsis3/eodata`.
///
/// An option that the user set in the environment wins.
#[expect(unsafe_code, reason = "options of a path have no safe wrapper")]
pub fn set_store_option(prefix: &str, key: &str, value: &str) {
    configure();
    let unset = gdal::config::get_config_option(key, "").is_ok_and(|v| v.is_empty());
    let text = (CString::new(prefix), CString::new(key), CString::new(value));
    if let (true, (Ok(prefix), Ok(key), Ok(value))) = (unset, text) {
        // SAFETY: all three are NUL-terminated strings that outlive the call; GDAL copies them.
        unsafe { gdal_sys::VSISetPathSpecificOption(prefix.as_ptr(), key.as_ptr(), value.as_ptr()) };
    }
}

/// What GDAL said while something ran.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Messages of failures: a write with one of these has failed, even where the call returned success.
    pub(super) failures: Vec<String>,
    /// Warnings.
    pub(super) warnings: Vec<String>,
}

/// Runs `work` and returns what GDAL said on this thread meanwhile.
pub(super) fn watched<T>(work: impl FnOnce() -> T) -> (T, Messages) {
    configure();
    let outer = MESSAGES.take();
    let result = work();
    let mut messages = Messages::default();
    for (failed, text) in MESSAGES.replace(outer) {
        if failed { messages.failures.push(text) } else { messages.warnings.push(text) }
    }
    (result, messages)
}

/// Whether what a user wrote, or a GDAL path, names a file of this machine as it is: no URL, and nothing that GDAL reads through
/// another file or the network. Only these may be joined to a folder.
#[must_use]
pub fn is_plain_path(spec: &str) -> bool {
    !spec.contains("://") && !spec.starts_with("/vsi")
}

/// Whether a GDAL path is read over the network.
#[must_use]
pub fn is_remote(gdal_path: &str) -> bool {
    ["/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsiswift", "/vsioss", "/vsiwebhdfs"]
        .iter()
        .any(|p| gdal_path.contains(p))
}

/// GDAL's path of what a user wrote: `https:` by `/vsicurl/`, `s3:` by `/vsis3/`; files as they are.
pub(super) fn gdal_path(spec: &str) -> String {
    if spec.starts_with("http://") || spec.starts_with("https://") {
        format!("/vsicurl/{spec}")
    } else if let Some(rest) = spec.strip_prefix("s3://") {
        format!("/vsis3/{rest}")
    } else if let Some(rest) = spec.strip_prefix("gs://") {
        format!("/vsigs/{rest}")
    } else if let Some(rest) = spec.strip_prefix("file://") {
        rest.to_owned()
    } else {
        spec.to_owned()
    }
}

/// Opens a raster for reading; siblings are not listed on remote stores.
pub(super) fn open_raster(path: &str) -> Result<Dataset, Error> {
    let local = is_plain_path(path) && !path.starts_with('<');
    if local && !Path::new(path).exists() {
        return Err(Error::NotFound { path: path.to_owned(), what: super::error::SCENE });
    }
    let (opened, messages) = watched(|| {
        let open_flags = GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
        let sibling_files: Option<&[&str]> = if is_remote(path) { Some(&[]) } else { None };
        Dataset::open_ex(path, DatasetOptions { open_flags, sibling_files, ..DatasetOptions::default() })
    });
    let dataset = opened.map_err(|e| {
        let reason = messages.failures.first().cloned().unwrap_or_else(|| e.to_string());
        Error::open(path, "raster", reason)
    })?;
    if dataset.raster_count() == 0 {
        return Err(Error::open(path, "raster", "it holds no raster bands of its own"));
    }
    Ok(dataset)
}

/// Whether the colour of a band is said to be alpha.
#[expect(unsafe_code, reason = "the safe wrapper panics at colours that newer versions of GDAL name")]
pub(super) fn is_alpha(band: &gdal::raster::RasterBand<'_>) -> bool {
    // SAFETY: the band is open as long as it is borrowed.
    unsafe {
        gdal_sys::GDALGetRasterColorInterpretation(band.c_rasterband())
            == gdal_sys::GDALColorInterp::GCI_AlphaBand
    }
}

/// A virtual raster (as XML, which GDAL opens like a path) that gives band 1 of a file its georeference.
pub(super) fn placed_raster(path: &str, grid: &Grid, kind: &str) -> String {
    let (rows, cols) = grid.shape;
    let transform = grid.affine.to_gdal().map(|v| v.to_string()).join(", ");
    format!(
        "<VRTDataset rasterXSize=\"{cols}\" rasterYSize=\"{rows}\"><SRS>{}</SRS><GeoTransform>{transform}\
         </GeoTransform><VRTRasterBand dataType=\"{kind}\" band=\"1\"><SimpleSource>\
         <SourceFilename relativeToVRT=\"0\">{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>\
         </VRTRasterBand></VRTDataset>",
        partial_escape(&grid.crs.wkt),
        partial_escape(path)
    )
}

/// The file behind a GDAL path: that of a virtual raster which gives it a georeference, else the path itself.
#[must_use]
pub fn file_of(gdal_path: &str) -> Cow<'_, str> {
    let inside = gdal_path.split_once("<SourceFilename relativeToVRT=\"0\">").map(|(_, rest)| rest);
    let Some(path) = inside.and_then(|rest| rest.split("</SourceFilename>").next()) else {
        return gdal_path.into();
    };
    unescape(path).unwrap_or_else(|_| path.into())
}

/// Bytes of a file that GDAL reaches, at most `limit` of them.
#[expect(unsafe_code, reason = "reading bytes of virtual files has no safe wrapper")]
pub(super) fn read_bytes(path: &str, limit: usize) -> Result<Vec<u8>, Error> {
    configure();
    let c_path = CString::new(path).map_err(|e| Error::open(path, "file", e))?;
    let mut bytes = Vec::new();
    let ((), messages) = watched(|| {
        // SAFETY: the path is a NUL-terminated string that outlives the call.
        let file = unsafe { gdal_sys::VSIFOpenL(c_path.as_ptr(), c"rb".as_ptr()) };
        if file.is_null() {
            return;
        }
        let mut chunk = vec![0_u8; 1 << 16];
        while bytes.len() < limit {
            let wanted = chunk.len().min(limit - bytes.len());
            // SAFETY: `file` is open and `chunk` has room for `wanted` bytes.
            let got =
                unsafe { gdal_sys::VSIFReadL(chunk.as_mut_ptr().cast(), 1, wanted as _, file) } as usize;
            if got == 0 {
                break;
            }
            bytes.extend_from_slice(&chunk[..got.min(wanted)]);
        }
        // SAFETY: `file` was opened above and is closed once.
        unsafe { gdal_sys::VSIFCloseL(file) };
    });
    if bytes.is_empty() {
        let reason =
            messages.failures.into_iter().next().unwrap_or_else(|| "empty or unreachable".to_owned());
        return Err(Error::open(path, "file", reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Affine, Crs};

    #[test]
    fn the_file_behind_a_virtual_raster_is_found_whatever_its_name() {
        let affine = Affine::from_gdal([0.0, 10.0, 0.0, 0.0, 0.0, -10.0]).unwrap();
        let grid =
            Grid { crs: Crs { epsg: None, wkt: "LOCAL_CS[\"a & b\"]".to_owned() }, affine, shape: (2, 3) };
        for path in ["/a/b.tif", "/a & b/<c>.tif", "/vsizip//a'b.zip/\"d\".tiff"] {
            assert_eq!(file_of(&placed_raster(path, &grid, "UInt16")), path);
            assert_eq!(file_of(path), path);
        }
    }
}

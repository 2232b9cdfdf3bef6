//! What can go wrong between files and memory, in words that say what to do.

use thiserror::Error;

/// What may stand for a scene.
pub(super) const SCENE: &str =
    "a scene: a raster file, one file per band joined by '+', a glob, a SAFE folder or zip, or a STAC item";

/// A failed read or write of a file.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Nothing is at the path.
    #[error("{path}: no such file or folder; give {what}")]
    NotFound {
        /// The path as given.
        path: String,
        /// What belongs there.
        what: &'static str,
    },
    /// The file exists but is not what it should be, or is damaged.
    #[error(
        "{path}: cannot be opened as {what}: {reason}; check that the file is complete and of a format GDAL reads"
    )]
    Open {
        /// The GDAL path.
        path: String,
        /// What was expected: `raster`, `vector`, `STAC item`, …
        what: &'static str,
        /// The library's words.
        reason: String,
    },
    /// Pixels could not be read: the file is cut off or damaged.
    #[error("{path}: pixels cannot be read: {reason}; the file seems cut off or damaged, fetch it again")]
    Read {
        /// The GDAL path.
        path: String,
        /// The library's words.
        reason: String,
    },
    /// A raster without CRS or affine transform.
    #[error("{path}: {reason}")]
    NotGeoreferenced {
        /// The GDAL path.
        path: String,
        /// What is missing and what to do.
        reason: String,
    },
    /// A band that was asked for, or every band, is missing.
    #[error("{path}: {reason}")]
    Bands {
        /// The scene as given.
        path: String,
        /// What is missing, what is there, what to do.
        reason: String,
    },
    /// Files of one scene do not lie on one map.
    #[error("{path}: {reason}; the files of one scene must share the CRS and cover the same ground")]
    Mixed {
        /// The file that does not fit.
        path: String,
        /// How it differs.
        reason: String,
    },
    /// Metadata (XML, JSON) that cannot be understood.
    #[error("{path}: {reason}")]
    Metadata {
        /// The metadata file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A window outside the scene.
    #[error("{path}: the window {window} lies outside the scene of {rows} rows and {cols} columns")]
    Window {
        /// The scene as given.
        path: String,
        /// The window in words.
        window: String,
        /// Rows of the scene.
        rows: usize,
        /// Columns of the scene.
        cols: usize,
    },
    /// A coordinate reference system that PROJ does not know, or no way from one to the other.
    #[error("coordinate reference system {crs}: {reason}")]
    Crs {
        /// Name of the system or of both.
        crs: String,
        /// The library's words.
        reason: String,
    },
    /// An elevation model that cannot give the heights that are needed.
    #[error("elevation model {path}: {reason}")]
    Elevation {
        /// The file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A vector file without what was asked for.
    #[error("{path}: {reason}")]
    Vector {
        /// The file.
        path: String,
        /// What is missing and what to do.
        reason: String,
    },
    /// An output that could not be written; nothing is left under its final name.
    #[error("{path}: cannot be written: {reason}; check that the folder exists, is writable and has space")]
    Write {
        /// The final path.
        path: String,
        /// The system's words.
        reason: String,
    },
}

impl Error {
    /// Whether what was asked for is not there (exit code 2), and not that what is there cannot be used (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Bands { .. } | Self::Elevation { .. })
    }

    /// What a server answered when a file was read over the network, where GDAL says so.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        let (Self::Open { reason, .. } | Self::Read { reason, .. }) = self else { return None };
        let (_, code) = reason.split_once("HTTP response code: ")?;
        code.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// An [`Error::Open`] from any reason.
    pub(super) fn open(path: &str, what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Open { path: path.to_owned(), what, reason: plain(&reason.to_string()) }
    }

    /// An [`Error::Read`] from any reason.
    pub(super) fn read(path: &str, reason: impl std::fmt::Display) -> Self {
        Self::Read { path: path.to_owned(), reason: plain(&reason.to_string()) }
    }

    /// An [`Error::Write`] from any reason.
    pub(super) fn write(path: &std::path::Path, reason: impl std::fmt::Display) -> Self {
        Self::Write { path: path.display().to_string(), reason: plain(&reason.to_string()) }
    }

    /// An [`Error::Bands`] from any reason.
    pub(super) fn bands(path: &str, reason: impl Into<String>) -> Self {
        Self::Bands { path: path.to_owned(), reason: reason.into() }
    }
}

/// GDAL's own words without the numbers that its Rust wrapper puts around them.
fn plain(reason: &str) -> String {
    match reason.split_once("rror msg: '") {
        Some((_, message)) if message.trim_end_matches([')', '\'']).trim().is_empty() => {
            "unknown reason".to_owned()
        }
        Some((_, message)) => message.trim_end_matches([')', '\'']).trim().to_owned(),
        None => reason.to_owned(),
    }
}

//! What can go wrong between a catalog and a folder of fetched scenes, in words that say what to do.

use crate::{io, units};
use std::path::Path;
use thiserror::Error;

/// A search or a fetch that failed.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The place to search is of no known kind.
    #[error(
        "{spec}: not a catalog; give {known}, the URL of a STAC API or of a static catalog, a catalog or item file, or a folder of items"
    )]
    Source {
        /// What was given.
        spec: String,
        /// Endpoints known by name.
        known: String,
    },
    /// The server could not be reached, or kept failing.
    #[error("{url}: {reason} (tried {tries} times); check the network and the URL, or try again later")]
    Unreachable {
        /// The request's URL, without signature.
        url: String,
        /// The last failure.
        reason: String,
        /// Requests made.
        tries: u32,
    },
    /// The server refused the request.
    #[error("{url}: the server answered {status}: {reason}{}", advice(*status))]
    Refused {
        /// The request's URL, without signature.
        url: String,
        /// HTTP status.
        status: u16,
        /// What its body says, shortened.
        reason: String,
    },
    /// The server asks to wait longer than is sensible.
    #[error("{url}: the server asks to wait {wait_s} s, more than {limit_s} s; try again later")]
    Busy {
        /// The request's URL, without signature.
        url: String,
        /// Asked by `Retry-After`, seconds.
        wait_s: u64,
        /// The longest wait, seconds.
        limit_s: u64,
    },
    /// An answer or a file that is not what it should be.
    #[error("{location}: {reason}")]
    Format {
        /// URL or path.
        location: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A search that cannot be asked.
    #[error("{what}: {reason}")]
    Query {
        /// The part that is wrong.
        what: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The server's pages do not end.
    #[error("{url}: {page_count} pages without a new item; the server does not end its list")]
    Paging {
        /// URL of the search.
        url: String,
        /// Pages read in vain.
        page_count: usize,
    },
    /// The links of a static catalog do not end.
    #[error(
        "{place}: its links lead to more than {count} documents; give the catalog or collection that holds the scenes itself"
    )]
    Endless {
        /// Where the search began.
        place: String,
        /// The most documents that are read.
        count: usize,
    },
    /// The item shows other ground.
    #[error("{item}: its grid does not cover the corridor; search with the same rails")]
    Outside {
        /// Item id.
        item: String,
    },
    /// A remote file changed while it was read.
    #[error(
        "{url}: the file changed while it was read, {tries} times; try again when the provider has finished"
    )]
    Changed {
        /// The asset's URL, without signature.
        url: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A number out of its range.
    #[error(transparent)]
    OutOfRange(#[from] units::OutOfRange),
    /// A file that could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What to do about an HTTP status, where that is clear.
fn advice(status: u16) -> &'static str {
    match status {
        404 => "; check the URL and the names of the collections",
        _ => "",
    }
}

impl Error {
    /// Whether what was asked for is at fault (exit code 2) and not the work (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Source { .. } | Self::Query { .. } | Self::OutOfRange(_) => true,
            Self::Io(error) => error.is_usage(),
            _ => false,
        }
    }

    /// A folder or file that could not be written.
    pub(super) fn write(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Io(io::Error::Write { path: path.display().to_string(), reason: reason.to_string() })
    }

    /// A folder or file that the system does not let read.
    pub(super) fn unreadable(place: &str, reason: &std::io::Error) -> Self {
        Self::format(
            place,
            format!("cannot be read: {reason}; check that it exists and that you may read it"),
        )
    }

    /// An answer or file that is not what it should be.
    pub(super) fn format(location: &str, reason: impl std::fmt::Display) -> Self {
        Self::Format { location: without_query(location).to_owned(), reason: reason.to_string() }
    }
}

/// A URL without its query, where signatures and tokens stand.
pub(super) fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

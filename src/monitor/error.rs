//! What can go wrong while sites are watched.

use crate::{io, pipeline, units};
use std::path::PathBuf;
use thiserror::Error;

/// A failure of the whole run; what concerns one site or one scene is recorded and does not stop the others.
#[derive(Debug, Error)]
pub enum Error {
    /// The configuration can be read and still makes no sense.
    #[error("the configuration {path}, {place}: {reason}")]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// Which part.
        place: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// Another run holds the lock.
    #[error(
        "another run is at work on {path} (it holds {lock}): nothing was done; start again when it has ended"
    )]
    Locked {
        /// The state.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// The state is damaged.
    #[error(
        "the state {path} is damaged ({reason}): nothing was changed. Restore it from a backup, or move it away: \
         the next run with --since then builds it anew from the scenes that the source still has"
    )]
    Damaged {
        /// The state.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The state was written by an older program.
    #[error(
        "the state {path} has schema {found}, this program knows {known}: `railwatch monitor run` without --dry-run brings it \
         up to date"
    )]
    Older {
        /// The state.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// The state was written by a newer program.
    #[error(
        "the state {path} has schema {found}, this program knows {known}: use the newer railwatch that wrote it"
    )]
    Newer {
        /// The state.
        path: PathBuf,
        /// Schema in the file.
        found: i64,
        /// Schema of this program.
        known: i64,
    },
    /// There is no state yet.
    #[error("there is no state {path} yet: run `railwatch monitor run --config FILE` first")]
    NoState {
        /// The state.
        path: PathBuf,
    },
    /// A site changed under its state.
    #[error(
        "site {site}: {what} changed since its state was made, and old and new dates cannot be compared: undo the change, or give the site a new id"
    )]
    SiteChanged {
        /// The site.
        site: String,
        /// What changed.
        what: &'static str,
    },
    /// A site asked for does not exist.
    #[error("no site {site} is configured; there are: {known}")]
    NoSite {
        /// What was asked.
        site: String,
        /// The ids.
        known: String,
    },
    /// The state cannot be written or read.
    #[error("the state {path}: {source}; {hint}")]
    Database {
        /// The state.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
        /// What to do.
        hint: &'static str,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; free some space or choose another place")]
    Output {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A stored value is not what this program writes.
    #[error(
        "the state holds {what} that cannot be understood: {reason}; see how to repair it in docs/monitor.md"
    )]
    Stored {
        /// Which value.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Ctrl-C.
    #[error("interrupted: what was finished is kept, the next run goes on from there")]
    Interrupted,
    /// A number out of its range.
    #[error(transparent)]
    OutOfRange(#[from] units::OutOfRange),
    /// Files.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::Error),
    /// The detector.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// Charts and pages.
    #[error(transparent)]
    Report(#[from] crate::report::Error),
}

impl Error {
    /// Whether the command or the configuration is at fault (exit code 2) and not the work (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Pipeline(pipeline::Error::ConfigRead { .. } | pipeline::Error::ConfigSyntax { .. })
                | Self::ConfigValue { .. }
                | Self::NoState { .. }
                | Self::NoSite { .. }
                | Self::OutOfRange(_)
        )
    }
}

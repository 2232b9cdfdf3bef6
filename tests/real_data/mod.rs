//! Where the real data lie that some tests and trials read.

use std::path::{Path, PathBuf};

/// The folder of real data: `RAILWATCH_REAL_DATA`, else `../shared/data` beside the repository.
#[allow(clippy::disallowed_methods, reason = "the place of test data is told by the environment")]
pub(crate) fn root() -> PathBuf {
    std::env::var_os("RAILWATCH_REAL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
}

/// A file or folder of it; `None`, said on stderr, where it is absent: a test then passes without having tested.
#[allow(dead_code, clippy::print_stderr, reason = "tests use it, trials only the folder")]
pub(crate) fn real(part: &str) -> Option<PathBuf> {
    let path = root().join(part);
    let found = path.exists();
    if !found {
        eprintln!("skipped: {} is not there", path.display());
    }
    found.then_some(path)
}

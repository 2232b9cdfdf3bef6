//! Outputs that exist whole or not at all: written beside their place, then renamed.

use super::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Calls `write` with a temporary path in the folder of `path`, then renames it to `path`; after a
/// failure neither is left. Folders must exist.
///
/// # Errors
/// [`Error::Write`] when the folder takes no file, and whatever `write` returns.
pub(super) fn write_beside<T>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| Error::write(path, "no file name"))?;
    let mut builder = tempfile::Builder::new();
    let suffix = format!(".{}", name.to_string_lossy());
    builder.prefix(".part-").suffix(&suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let place = builder.tempfile_in(folder).map_err(|e| Error::write(path, e))?.into_temp_path();
    let result = write(&place).map_err(|e| match e {
        // The user knows the final name, not the temporary one.
        Error::Write { reason, .. } => Error::write(path, reason),
        other => other,
    });
    let mut side = place.as_os_str().to_owned();
    side.push(".aux.xml");
    let side = Path::new(&side);
    if side.exists()
        && let Err(e) = std::fs::remove_file(side)
    {
        tracing::debug!("{} stays: {e}", side.display());
    }
    let value = result?;
    place.persist(path).map_err(|e| Error::write(path, e.error))?;
    Ok(value)
}

/// Writes text as a whole file.
///
/// # Errors
/// [`Error::Write`] when the folder takes no file or the disk is full.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes())
}

/// Writes bytes as a whole file.
///
/// # Errors
/// [`Error::Write`] when the folder takes no file or the disk is full.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_beside(path, |place| {
        let mut file = std::fs::File::create(place).map_err(|e| Error::write(path, e))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| Error::write(path, e))
    })
}

/// Writes files of these names and contents into `folder`, each whole; gives their paths in the same order.
///
/// # Errors
/// [`Error::Write`] when the folder takes no file or the disk is full; files before that one stay.
pub fn write_files<N: AsRef<Path>, B: AsRef<[u8]>>(
    folder: &Path,
    files: impl IntoIterator<Item = (N, B)>,
) -> Result<Vec<PathBuf>, Error> {
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            write_bytes(&path, bytes.as_ref())?;
            Ok(path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_failed_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let failed = write_beside(&path, |place| {
            std::fs::write(place, "half").unwrap();
            Err::<(), _>(Error::write(place, "disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("a.txt: cannot be written: disk full"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_text(&path, "one").unwrap();
        write_text(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_text(&folder.path().join("no/such/folder.txt"), "").is_err());
    }
}

//! Outputs that come under their names together: made in a hidden folder beside them, and renamed when all are made, the record last.

use super::Error;
use crate::io;
use crate::scene::Scene;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Makes the output folder and checks that it takes a file, before any work is done.
///
/// # Errors
/// [`Error::Output`] when it cannot be made or written to.
pub fn prepare_folder(out: &Path) -> Result<(), Error> {
    Staged::new(out).map(drop)
}

/// Refuses outputs that two results would share, that are inputs, or where a folder is.
///
/// # Errors
/// [`Error::OutputTaken`] naming the path.
pub(super) fn refuse_inputs<'a>(
    outputs: &[PathBuf],
    scenes: impl IntoIterator<Item = &'a Scene>,
    others: &[&str],
) -> Result<(), Error> {
    // Where a path leads, however it is written; what is not there yet by its folder.
    let place = |path: &Path| {
        std::fs::canonicalize(path).ok().or_else(|| {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let folder = std::fs::canonicalize(folder).or_else(|_absent| std::path::absolute(folder)).ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    let inputs: BTreeSet<PathBuf> = scenes
        .into_iter()
        .flat_map(|s| io::source_files(s).into_iter().chain([s.path.clone()]))
        .chain(others.iter().map(|&o| o.to_owned()))
        .filter_map(|p| place(Path::new(&p)))
        .collect();
    let mut taken_places = BTreeSet::new();
    for path in outputs {
        let taken = |why| Err(Error::OutputTaken { path: path.clone(), why });
        if place(path).is_some_and(|p| !taken_places.insert(p)) {
            return taken("two outputs would have that name");
        }
        if path.is_dir() {
            return taken("a folder is there");
        }
        if place(path).is_some_and(|p| inputs.contains(&p)) {
            return taken("it is an input");
        }
    }
    Ok(())
}

/// Files that wait in a hidden folder for their names.
pub(super) struct Staged {
    folder: tempfile::TempDir,
    out: PathBuf,
    names: Vec<String>,
}

impl Staged {
    /// Makes the folder `out` where it is missing, and the hidden one in it.
    pub(super) fn new(out: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Output { path: out.to_owned(), source };
        std::fs::create_dir_all(out).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix(".railwatch-")
            .tempdir_in(out)
            // The kind alone: the full error names the hidden folder.
            .map_err(|error| failed(error.kind().into()))?;
        Ok(Self { folder, out: out.to_owned(), names: Vec::new() })
    }

    /// Where the files come to lie.
    pub(super) fn out(&self) -> &Path {
        &self.out
    }

    /// Names so far.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// A file that `write` puts at the path it is given; its errors name the final one.
    pub(super) fn file<T>(
        &mut self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let made = self.unnamed(name, write)?;
        self.names.push(name.to_owned());
        Ok(made)
    }

    /// As [`Self::file`], for work that goes on beside other; the name must be given to [`Self::add`].
    pub(super) fn unnamed<T>(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let place = self.out.join(name);
        write(&self.folder.path().join(name)).map_err(|error| match error {
            Error::Io(io::Error::Write { reason, .. }) => {
                Error::Io(io::Error::Write { path: place.display().to_string(), reason })
            }
            Error::Output { source, .. } => Error::Output { path: place, source },
            other => other,
        })
    }

    /// A name for a file made by [`Self::unnamed`].
    pub(super) fn add(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    /// A file of these bytes.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.file(name, |path| {
            std::fs::write(path, bytes).map_err(|source| Error::Output { path: path.to_owned(), source })
        })
    }

    /// Renames everything into place, in the order in which it was made; before the first, sees that every name is free
    /// for a file, and removes an earlier run's last file, the record: should a rename fail, what is there does not look whole.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>, Error> {
        let paths: Vec<PathBuf> = self.names.iter().map(|name| self.out.join(name)).collect();
        if let Some(path) = paths.iter().find(|p| p.is_dir()) {
            return Err(Error::Output { path: path.clone(), source: ErrorKind::IsADirectory.into() });
        }
        if let Some(record) = paths.last()
            && let Err(source) = std::fs::remove_file(record)
            && source.kind() != ErrorKind::NotFound
        {
            return Err(Error::Output { path: record.clone(), source });
        }
        for (name, path) in self.names.iter().zip(&paths) {
            std::fs::rename(self.folder.path().join(name), path)
                .map_err(|source| Error::Output { path: path.clone(), source })?;
        }
        Ok(paths)
    }
}

/// Removes files that no longer belong to what lies beside them.
pub(super) fn remove(paths: &[PathBuf]) -> Result<(), Error> {
    paths.iter().try_for_each(|path| {
        std::fs::remove_file(path).map_err(|source| Error::Output { path: path.clone(), source })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_come_under_their_names_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let staged = |taken: bool| {
            let mut staged = Staged::new(dir.path()).unwrap();
            staged.bytes("a", b"new").unwrap();
            staged.bytes("run.json", b"new").unwrap();
            if taken {
                std::fs::create_dir(dir.path().join("run.json")).unwrap();
            }
            staged.finish()
        };
        assert!(matches!(staged(true), Err(Error::Output { path, .. }) if path.ends_with("run.json")));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the folder that was in the way");
        std::fs::remove_dir(dir.path().join("run.json")).unwrap();
        assert_eq!(staged(false).unwrap().len(), 2);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_output_is_no_input_and_no_other_output() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("in.tif"), "x").unwrap();
        let refused = |outputs: &[PathBuf]| {
            refuse_inputs(outputs, &[], &[at("in.tif").to_str().unwrap(), "https://a.b/c.tif"]).is_err()
        };
        assert!(!refused(&[at("a"), at("b")]));
        assert!(refused(&[at("a"), at("a")]));
        assert!(refused(&[at("a"), dir.path().join("./a")]));
        std::fs::create_dir(at("f")).unwrap();
        assert!(refused(&[at("a"), dir.path().join("f/../a")]));
        assert!(refused(&[dir.path().join(".").join("in.tif")]));
        assert!(refused(&[dir.path().to_owned()]));
    }
}

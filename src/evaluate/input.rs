//! Which cases are scored: folders, globs of folders, or a TOML list.

use super::{Error, truth_of};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A case before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseInput {
    /// Folder that `railwatch detect` wrote.
    pub run: PathBuf,
    /// Its truth; where absent, the truth.geojson in the folder or beside it.
    pub truth: Option<PathBuf>,
    /// What to call it; the folder where absent.
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    case: Vec<CaseInput>,
}

impl CaseInput {
    /// The truth file.
    ///
    /// # Errors
    /// [`Error::NoTruth`].
    pub fn truth_path(&self) -> Result<PathBuf, Error> {
        self.truth.clone().map_or_else(|| truth_of(&self.run), Ok)
    }
}

/// The cases that each of `given` names: a folder, a glob of folders, or a `.toml` list with one `[[case]]` each. A run that
/// is named twice, as by globs that overlap, is one case: counted twice it would make every interval too narrow.
///
/// # Errors
/// [`Error::NoCase`] for what matches nothing, [`Error::Pattern`] for what is neither a folder of a run nor a glob,
/// [`Error::Read`] for a folder or list that cannot be read, [`Error::List`] for a bad list.
pub fn case_inputs(given: &[String]) -> Result<Vec<CaseInput>, Error> {
    let mut inputs = named(given)?;
    let mut known = HashSet::new();
    inputs.retain(|case| {
        let place = std::fs::canonicalize(&case.run).unwrap_or_else(|_| case.run.clone());
        known.insert((place, case.truth.clone()))
    });
    Ok(inputs)
}

fn named(given: &[String]) -> Result<Vec<CaseInput>, Error> {
    let mut inputs = Vec::new();
    for text in given {
        let path = Path::new(text);
        // A folder of that very name comes first: it may hold signs that a glob gives a meaning.
        if path.join("run.json").is_file() {
            inputs.push(CaseInput { run: path.to_owned(), truth: None, name: None });
            continue;
        }
        if path.extension().is_some_and(|e| e == "toml") {
            inputs.extend(list(path)?);
            continue;
        }
        let matches = glob::glob(text).map_err(|source| Error::Pattern { what: text.clone(), source })?;
        let mut folders = matches
            .collect::<Result<Vec<PathBuf>, _>>()
            .map_err(|e| Error::Read { path: e.path().to_owned(), source: e.into() })?;
        folders.retain(|p| p.join("run.json").is_file());
        folders.sort();
        if folders.is_empty() {
            return Err(Error::NoCase { what: text.clone() });
        }
        inputs.extend(folders.into_iter().map(|run| CaseInput { run, truth: None, name: None }));
    }
    Ok(inputs)
}

fn list(path: &Path) -> Result<Vec<CaseInput>, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let list: List = toml::from_str(&text)
        .map_err(|source| Error::List { path: path.to_owned(), source: Box::new(source) })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let from_list = |case: CaseInput| CaseInput {
        run: folder.join(case.run),
        truth: case.truth.map(|t| folder.join(t)),
        name: case.name,
    };
    Ok(list.case.into_iter().map(from_list).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_before_the_glob_of_its_name_and_a_bad_glob_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("2024 [1] a*?");
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("run.json"), "{}").unwrap();
        let found = case_inputs(&[odd.display().to_string()]).unwrap();
        assert_eq!(found, [CaseInput { run: odd, truth: None, name: None }]);
        let bad = case_inputs(&[dir.path().join("run[1").display().to_string()]).unwrap_err();
        assert!(matches!(&bad, Error::Pattern { what, .. } if what.ends_with("run[1")), "{bad}");
    }

    #[test]
    fn globs_and_lists_name_the_same_folders() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("run.json"), "{}").unwrap();
        }
        let all = case_inputs(&[dir.path().join("*").display().to_string()]).unwrap();
        assert_eq!(
            all.iter().map(|c| c.run.clone()).collect::<Vec<_>>(),
            [dir.path().join("a"), dir.path().join("b")]
        );
        let again = ["*", "a", "./b"].map(|name| dir.path().join(name).display().to_string());
        assert_eq!(case_inputs(&again).unwrap(), all, "a run that is named twice counts once");
        assert!(matches!(all[0].truth_path(), Err(Error::NoTruth { .. })));
        std::fs::write(dir.path().join("truth.geojson"), "{}").unwrap();
        assert_eq!(all[0].truth_path().unwrap(), dir.path().join("truth.geojson"));
        let list = dir.path().join("cases.toml");
        std::fs::write(&list, "[[case]]\nrun = \"a\"\n[[case]]\nrun = \"b\"\nname = \"second\"\n").unwrap();
        let listed = case_inputs(&[list.display().to_string()]).unwrap();
        assert!(listed[0].run == all[0].run && listed[1].name.as_deref() == Some("second"));
        std::fs::write(&list, "[[case]]\nrum = \"a\"\n").unwrap();
        assert!(matches!(case_inputs(&[list.display().to_string()]), Err(Error::List { .. })));
        assert!(matches!(case_inputs(&["no/such".to_owned()]), Err(Error::NoCase { .. })));
    }
}

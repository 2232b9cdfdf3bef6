//! What the documents say must be true: citations and paths exist, and the README's commands parse.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// Folders whose files may be named in the documents.
const NAMED_FOLDERS: [&str; 6] = ["src/", "tests/", "docs/", "scripts/", "samples/", ".ci/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file of the repository with its text.
fn documents() -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let mut found = Vec::new();
    for folder in [".", "docs", "docs/methods", "samples"] {
        for entry in fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path)?;
                found.push((path, text));
            }
        }
    }
    assert!(found.len() >= 10, "only {} documents found", found.len());
    Ok(found)
}

/// What stands between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close).map(|(inside, _)| inside))
}

#[test]
fn every_citation_has_an_entry() -> Result<(), Box<dyn Error>> {
    let bibliography = fs::read_to_string(root().join("docs/references.bib"))?;
    let mut missing = Vec::new();
    let mut count = 0;
    for (path, text) in documents()? {
        for key in between(&text, "[@", "]") {
            count += 1;
            if !bibliography.contains(&format!("{{{key},")) {
                missing.push(format!("{}: [@{key}] is not in docs/references.bib", path.display()));
            }
        }
    }
    assert!(count > 5, "only {count} citations found");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}

#[test]
fn every_named_path_exists() -> Result<(), Box<dyn Error>> {
    let mut missing = Vec::new();
    for (path, text) in documents()? {
        let folder = path.parent().unwrap_or(root());
        // `src/grid` in backquotes is relative to the repository, [text](file.md) to the document.
        let prose: String = text.split("```").step_by(2).collect();
        let quoted = prose
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| NAMED_FOLDERS.iter().any(|folder| name.starts_with(folder)))
            .filter(|name| !name.contains([' ', '*', '<', '{', '…']))
            .map(|name| (name, root().join(name)));
        let linked = between(&prose, "](", ")")
            .filter(|name| !name.contains("://") && !name.starts_with('#'))
            .map(|name| (name, folder.join(name.split('#').next().unwrap_or(name))));
        for (name, file) in quoted.chain(linked) {
            if !file.exists() {
                missing.push(format!("{}: {name} does not exist", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}

#[test]
fn readme_names_the_two_commands_first() -> Result<(), Box<dyn Error>> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let first_screen: Vec<&str> = readme.lines().take(25).collect();
    for command in ["scripts/demo", "scripts/test"] {
        assert!(
            first_screen.iter().any(|line| line.starts_with(command)),
            "{command} is not on the first screen"
        );
        assert!(root().join(command).is_file(), "{command} does not exist");
    }
    Ok(())
}

/// The tool must accept each documented command line with `--help` at its end: unknown subcommands and options
/// before it are refused with exit code 2, and no scene is opened.
#[test]
fn documented_commands_parse() -> Result<(), Box<dyn Error>> {
    let mut count = 0;
    for (path, text) in documents()? {
        for block in between(&text, "```sh\n", "```") {
            for line in block.lines().map(str::trim).filter(|line| line.starts_with("railwatch ")) {
                count += 1;
                let output = Command::cargo_bin("railwatch")?
                    .args(line.split_whitespace().skip(1))
                    .arg("--help")
                    .output()?;
                assert!(
                    output.status.success(),
                    "{}: `{line}` does not parse:\n{}",
                    path.display(),
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
    }
    assert!(count >= 4, "only {count} commands found in the documents");
    Ok(())
}

//! The layer table of `docs/architecture.md` as a test: it reads the sources as text and lists every violation.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules and their layers: a module uses only modules of a strictly lower layer.
const LAYERS: [(&str, u8); 24] = [
    ("units", 0),
    ("grid", 1),
    ("stats", 1),
    ("raster", 2),
    ("signal", 2),
    ("sar", 2),
    ("scene", 3),
    ("corridor", 3),
    ("mask", 4),
    ("coreg", 4),
    ("change", 4),
    ("detect", 4),
    ("motion", 4),
    ("simulate", 4),
    ("io", 4),
    ("catalog", 5),
    ("report", 5),
    ("pipeline", 6),
    ("evaluate", 7),
    ("monitor", 7),
    ("serve", 7),
    ("cli", 8),
    ("main", 8),
    ("lib", 9),
];

/// External crates that only some modules may name.
const OWNERS: [(&str, &[&str]); 10] = [
    ("gdal", &["io"]),
    ("gdal_sys", &["io"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli", "main"]),
    ("clap_mangen", &["cli", "main"]),
    ("miette", &["cli", "main"]),
    ("rusqlite", &["monitor"]),
    ("axum", &["serve"]),
    ("ureq", &["catalog", "monitor"]),
    ("lettre", &["monitor"]),
];

const FORBIDDEN_NAMES: [&str; 5] = ["utils", "helpers", "common", "core", "manager"];
const MAX_CODE_LINES: usize = 500;

/// One source file: where it is, what it says, and its code with comments and literals blanked out.
struct Source {
    path: PathBuf,
    /// Module path below `src/`, without `mod`.
    module: Vec<String>,
    text: String,
    code: String,
}

impl Source {
    fn read(root: &Path, path: PathBuf) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(&path)?;
        let relative = path.strip_prefix(root)?.with_extension("");
        let mut module: Vec<String> =
            relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        let code = blank_literals(&text);
        Ok(Self { path, module, text, code })
    }

    fn top(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Replaces comments, strings and characters by blanks and keeps line ends.
fn blank_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself where none starts.
fn literal_end(chars: &[char], at: usize) -> usize {
    let peek = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], peek(1)) {
        ('/', '/') => (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len()),
        ('/', '*') => (at + 2..chars.len())
            .find(|&i| chars[i] == '*' && chars.get(i + 1) == Some(&'/'))
            .map_or(chars.len(), |i| i + 2),
        ('r', '"' | '#') if !word_before => raw_string_end(chars, at),
        ('"', _) => quoted_end(chars, at, '"'),
        // A lifetime has no closing quote right behind its first character.
        ('\'', '\\') => quoted_end(chars, at, '\''),
        ('\'', _) if peek(2) == '\'' => at + 3,
        _ => at,
    }
}

fn quoted_end(chars: &[char], at: usize, quote: char) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw_string_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let closes = |i: usize| chars[i] == '"' && (1..=hashes).all(|h| chars.get(i + h) == Some(&'#'));
    (at + 2 + hashes..chars.len()).find(|&i| closes(i)).map_or(chars.len(), |i| i + 1 + hashes)
}

/// Identifiers and single punctuation characters in order, each with its line; `::` is one token.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, content) in code.lines().enumerate() {
        let mut rest = content.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push((line + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Top-level modules that `crate::…` at token `at` names: one, or those of a brace list.
fn named_modules(tokens: &[(usize, String)], at: usize) -> Vec<String> {
    let word = |i: usize| tokens.get(i).map_or("", |(_, word)| word.as_str());
    if word(at + 2) != "{" {
        return vec![word(at + 2).to_owned()];
    }
    let (mut depth, mut i, mut expects, mut found) = (1, at + 3, true, Vec::new());
    while depth > 0 && i < tokens.len() {
        match word(i) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expects = true,
            name if expects => {
                found.push(name.to_owned());
                expects = false;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

fn check_imports(source: &Source, tokens: &[(usize, String)], violations: &mut Vec<String>) {
    let own = layer(source.top());
    if own.is_none() {
        violations.push(format!("{}: `{}` is not in the layer table", source.path.display(), source.top()));
    }
    // Depth of the module that each token stands in, with inline modules (`mod tests { … }`) counted.
    let mut open_modules: Vec<usize> = Vec::new();
    let mut braces = 0;
    for (i, (line, word)) in tokens.iter().enumerate() {
        let before = |back: usize| i.checked_sub(back).map_or("", |at| tokens[at].1.as_str());
        let after = |ahead: usize| tokens.get(i + ahead).map_or("", |(_, word)| word.as_str());
        let mut report = |what: String| {
            violations.push(format!("{}:{line}: {what}", source.path.display()));
        };
        match word.as_str() {
            "{" => {
                braces += 1;
                if before(2) == "mod" {
                    open_modules.push(braces);
                }
            }
            "}" => {
                if open_modules.last() == Some(&braces) {
                    open_modules.pop();
                }
                braces -= 1;
            }
            "crate" if after(1) == "::" && before(1) != "$" => {
                for used in named_modules(tokens, i) {
                    let allowed = layer(&used).is_some_and(|used| own.is_some_and(|own| used < own));
                    if used != source.top() && !allowed {
                        report(format!("`{}` may not use `crate::{used}`", source.top()));
                    }
                }
            }
            "super" if before(2) != "super" => {
                let ups = (0..tokens.len())
                    .take_while(|&k| after(2 * k) == "super" && after(2 * k + 1) == "::")
                    .count();
                if ups >= source.module.len() + open_modules.len() {
                    report("`super::` leads out of the top-level module".to_owned());
                }
            }
            "unsafe" if source.top() != "io" => report("`unsafe` outside `io`".to_owned()),
            name if before(1) != "::" && (after(1) == "::" || before(1) == "use") => {
                let owners = OWNERS.iter().find(|(owned, _)| *owned == name).map(|(_, owners)| *owners);
                if owners.is_some_and(|owners| !owners.contains(&source.top())) {
                    report(format!("`{}` may not name the crate `{name}`", source.top()));
                }
            }
            _ => {}
        }
    }
}

fn check_shape(source: &Source, violations: &mut Vec<String>) {
    let path = source.path.display();
    if !source.text.starts_with("//!") {
        violations.push(format!("{path}:1: does not start with `//!`"));
    }
    if let Some(name) = source.module.iter().find(|name| FORBIDDEN_NAMES.contains(&name.as_str())) {
        violations.push(format!("{path}: `{name}` says nothing about what is inside"));
    }
    let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > MAX_CODE_LINES {
        violations.push(format!("{path}: {lines} lines of code are more than {MAX_CODE_LINES}"));
    }
}

fn sources(folder: &str) -> Result<Vec<Source>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    rust_files(&root, &mut paths)?;
    paths.into_iter().map(|path| Source::read(&root, path)).collect()
}

#[test]
fn modules_use_only_lower_layers() -> Result<(), Box<dyn Error>> {
    let mut violations = Vec::new();
    for source in sources("src")? {
        check_imports(&source, &tokens(&source.code), &mut violations);
    }
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    Ok(())
}

#[test]
fn files_have_heads_names_and_sizes() -> Result<(), Box<dyn Error>> {
    let mut violations = Vec::new();
    for source in sources("src")?.iter().chain(&sources("tests")?) {
        check_shape(source, &mut violations);
    }
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    Ok(())
}

#[test]
fn the_checks_see_what_they_should() {
    let violations_of = |top: &str, code: &str| {
        let code = blank_literals(code);
        let source = Source {
            path: top.into(),
            module: vec![top.to_owned()],
            text: String::new(),
            code: code.clone(),
        };
        let mut violations = Vec::new();
        check_imports(&source, &tokens(&code), &mut violations);
        violations.len()
    };
    assert_eq!(violations_of("grid", "use crate::units::Metres;"), 0);
    assert_eq!(violations_of("grid", "use crate::{units::{Metres, Pixels}, stats::median, io};"), 2);
    assert_eq!(violations_of("change", "fn f() { crate::detect::g() }"), 1);
    assert_eq!(violations_of("change", "// crate::detect\nconst A: &str = \"crate::detect\";"), 0);
    assert_eq!(violations_of("change", "mod tests { use super::*; }"), 0);
    assert_eq!(violations_of("change", "use super::detect;"), 1);
    assert_eq!(violations_of("change", "mod tests { use super::super::detect; }"), 1);
    assert_eq!(violations_of("change", "use gdal::Dataset; unsafe {}"), 2);
    assert_eq!(violations_of("io", "use gdal::Dataset; fn f<'a>(c: &'a str) { unsafe {} }"), 0);
}

//! Licences and bans of all dependencies against `.deny.toml`, from `cargo metadata`: runs without cargo-deny.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

/// Whether an SPDX expression can be met with allowed licences; the old `/` means OR.
fn is_allowed(expression: &str, allow: &[String]) -> bool {
    let expression = expression.trim();
    if let Some(sides) = split_outside(expression, " OR ").or_else(|| split_outside(expression, "/")) {
        return is_allowed(sides.0, allow) || is_allowed(sides.1, allow);
    }
    if let Some(sides) = split_outside(expression, " AND ") {
        return is_allowed(sides.0, allow) && is_allowed(sides.1, allow);
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => is_allowed(inner, allow),
        None => allow.iter().any(|allowed| allowed == expression),
    }
}

/// Splits at the first `operator` that stands outside parentheses.
fn split_outside<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    expression.match_indices(operator).map(|(at, _)| expression.split_at(at)).find_map(|(left, right)| {
        let outside = left.matches('(').count() == left.matches(')').count();
        outside.then(|| (left, &right[operator.len()..]))
    })
}

#[test]
fn dependencies_have_allowed_licences_and_none_is_banned() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deny: Deny = toml::from_str(&std::fs::read_to_string(root.join(".deny.toml"))?)?;
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let verbose = String::from_utf8(rustc.stdout)?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()?;
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    assert!(metadata.packages.len() > 50, "cargo metadata lists {} packages only", metadata.packages.len());

    let mut violations = Vec::new();
    for Package { name, version, license } in &metadata.packages {
        let license = license.as_deref().unwrap_or("none");
        if !is_allowed(license, &deny.licenses.allow) {
            violations.push(format!("{name} {version}: licence {license} is not in .deny.toml"));
        }
        if deny.bans.deny.iter().any(|ban| ban.name == *name) {
            violations.push(format!("{name} {version}: banned by .deny.toml"));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    Ok(())
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allow = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allow));
    assert!(is_allowed("Unlicense/MIT", &allow));
    assert!(!is_allowed("MIT AND GPL-3.0", &allow));
    assert!(!is_allowed("AGPL-3.0", &allow));
}

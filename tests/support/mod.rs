//! What tests of the program share: a simulated pair, `detect` on it with one input replaced.

#![allow(dead_code, reason = "each test file uses its part")]

use assert_cmd::Command;
use predicates::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A simulated pair, made once for all tests.
pub(crate) fn pair() -> &'static Path {
    static PAIR: OnceLock<TempDir> = OnceLock::new();
    PAIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        railwatch()
            .args(["simulate", "--rails", "samples/tumangang_khasan_rails.geojson", "--seed", "3", "--out"])
            .arg(dir.path())
            .assert()
            .success();
        dir
    })
    .path()
}

/// The program, run from the crate's folder.
pub(crate) fn railwatch() -> Command {
    let mut command = Command::cargo_bin("railwatch").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// `detect` on the simulated pair with one input replaced.
pub(crate) struct Run {
    pub(crate) baseline: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) rails: PathBuf,
    pub(crate) out: TempDir,
}

impl Run {
    pub(crate) fn new() -> Self {
        let dir = pair();
        Self {
            baseline: dir.join("baseline.tif"),
            target: dir.join("target.tif"),
            rails: dir.join("rails.geojson"),
            out: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = railwatch();
        command.arg("detect").arg("--baseline").arg(&self.baseline).arg("--target").arg(&self.target);
        command.arg("--rails").arg(&self.rails).arg("--out").arg(self.out.path().join("out"));
        command
    }

    /// Asserts the exit code and a part of the message, and that nothing was left behind.
    pub(crate) fn fails(&self, code: i32, message: &str) {
        self.command().assert().code(code).stderr(predicate::str::contains(message));
        self.left_nothing();
    }

    pub(crate) fn left_nothing(&self) {
        let out = self.out.path().join("out");
        let left: Vec<_> = std::fs::read_dir(out).map_or_else(|_| Vec::new(), Iterator::collect);
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// A scene, opened.
pub(crate) fn opened(path: &Path) -> railwatch::scene::Scene {
    railwatch::io::open_scene(path.to_str().unwrap(), &railwatch::io::SceneOptions::default()).unwrap()
}

/// A GeoTIFF on the grid of the simulated target, filled by `value`.
pub(crate) fn scene_like_target(path: &Path, value: impl Fn(usize, usize, usize) -> u16) {
    railwatch::io::configure();
    let target = opened(&pair().join("target.tif"));
    let (h, w) = target.grid.shape;
    let names: Vec<String> = target.bands.iter().map(|b| b.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values = ndarray::Array3::from_shape_fn((names.len(), h, w), |(b, r, c)| value(b, r, c));
    railwatch::io::write_scene(path, &target.grid, &values, &names, &[]).unwrap();
}

/// The record of a run.
pub(crate) fn record(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap()
}

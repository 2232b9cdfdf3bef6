//! What `railwatch monitor` tells people who look only when something is wrong: sites and channels that are not ready.
#![expect(clippy::unwrap_used, reason = "tests")]

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SITE: &str = "[[site]]\nid = \"line\"\nrails = \"rails.geojson\"\nsource = { folder = \"scenes\" }\n";

fn monitor(folder: &Path, what: &str, more: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("railwatch"));
    command.args(["monitor", what, "--config"]).arg(folder.join("monitor.toml"));
    command.args(more).env("GDAL_PAM_ENABLED", "NO").output().unwrap()
}

fn write_rails(folder: &Path) {
    let line = "{ \"type\": \"LineString\", \"coordinates\": [[130.6, 42.4], [130.7, 42.4]] }";
    fs::write(folder.join("rails.geojson"), line).unwrap();
}

#[test]
fn a_site_without_rails_is_told_quietly_dry_and_by_the_status() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenes")).unwrap();
    fs::write(folder.path().join("monitor.toml"), SITE).unwrap();
    for more in [&["--dry-run", "-q"][..], &["-q"]] {
        let output = monitor(folder.path(), "run", more);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        for said in ["ERROR", "line", "rails.geojson: no such file or folder; give rail"] {
            assert!(told.contains(said), "{more:?}: {said}\n{told}");
        }
    }
    let told = String::from_utf8(monitor(folder.path(), "status", &[]).stderr).unwrap();
    assert!(told.contains("  error on 2") && told.contains("rails.geojson: no such file"), "{told}");
    write_rails(folder.path());
    assert!(monitor(folder.path(), "run", &[]).status.success());
    let json: serde_json::Value =
        serde_json::from_slice(&monitor(folder.path(), "status", &["--json"]).stdout).unwrap();
    let error = &json["sites"][0]["last_error"];
    assert!(error["is_over"] == true && error["reason"].as_str().unwrap().contains("rails"), "{json}");
}

#[test]
fn what_channels_lack_is_told_before_the_first_alert_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenes")).unwrap();
    write_rails(folder.path());
    let channels = "[[alerts.channel]]\nkind = \"webhook\"\nname = \"desk\"\nurl = \"http://localhost:9\"\n\
                    secret = { env = \"RAILWATCH_TEST_UNSET\" }\n[[alerts.channel]]\nkind = \"command\"\n\
                    name = \"hook\"\ncommand = [\"no-such-program\"]\n[[alerts.channel]]\nkind = \"command\"\n\
                    name = \"good\"\ncommand = [\"sh\"]\n";
    fs::write(folder.path().join("monitor.toml"), SITE.to_owned() + channels).unwrap();
    for more in [&["--dry-run", "-q", "--json"][..], &["-q", "--json"]] {
        let output = monitor(folder.path(), "run", more);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        let unset = "secret: the environment variable RAILWATCH_TEST_UNSET is not set";
        for said in ["ERROR", "desk", unset, "hook", "no program no-such-program"] {
            assert!(told.contains(said), "{more:?}: {said}\n{told}");
        }
        assert!(!told.contains("good"), "{told}");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["sites"][0]["problem"].is_null(), "{summary}");
        assert_eq!(summary["channel_problems"].as_array().unwrap().len(), 2);
    }
}

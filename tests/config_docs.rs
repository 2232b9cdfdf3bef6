//! `docs/config.md` names every key of the configuration files and its default, as the structs have them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error;
use std::fs;
use std::path::Path;

use railwatch::change::{ChangeParams, ObjectParams};
use railwatch::coreg::CoregParams;
use railwatch::corridor::TrackParams;
use railwatch::mask::MaskParams;
use railwatch::monitor::Config;
use railwatch::pipeline::{DetectConfig, DetectFile};
use railwatch::scene::RadarPlacement;
use railwatch::simulate::{RadarParams, SimulateParams};
use serde_json::{Value, json};

/// The rows under the heading `heading`: the names of keys and the cell of their default.
fn rows(text: &str, heading: &str) -> Vec<(String, String)> {
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "docs/config.md has no heading {heading:?}");
    let table = lines.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with("| `"));
    let mut found = Vec::new();
    for line in table {
        let cells: Vec<&str> = line.split(" |").map(|cell| cell.trim_start_matches('|').trim()).collect();
        assert!(cells.len() == 5 && !cells[3].is_empty(), "{heading}: a row needs four cells: {line}");
        for key in cells[0].split('`').skip(1).step_by(2) {
            found.push((key.to_owned(), cells[2].to_owned()));
        }
    }
    found
}

/// Numbers are equal whether they are written `60` or `60.0`.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => a == b || a.as_f64().is_some_and(|a| b.as_f64().is_some_and(|b| a.to_bits() == b.to_bits())),
    }
}

/// The default as it stands between backquotes, read as TOML.
fn written(cell: &str) -> Option<Value> {
    let text = cell.strip_prefix('`')?.strip_suffix('`')?;
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(&table["value"]).ok()
}

/// What differs between the table under `heading` and the defaults.
fn differences(text: &str, heading: &str, defaults: &Value) -> Vec<String> {
    let rows = rows(text, heading);
    let fields = defaults.as_object().unwrap();
    let unknown = rows.iter().filter(|(key, _)| !fields.contains_key(key));
    let mut wrong: Vec<String> = unknown.map(|(key, _)| format!("{heading}: no key {key}")).collect();
    for (key, default) in fields {
        let Some((_, cell)) = rows.iter().find(|row| row.0 == *key) else {
            wrong.push(format!("{heading}: {key} is missing"));
            continue;
        };
        let right = match default {
            Value::Null => cell == "—",
            // A table of its own.
            Value::Object(_) => cell.is_empty(),
            // A long list is told by its first value.
            Value::Array(list) if list.len() > 4 => cell.contains(list[0].as_str().unwrap()),
            _ => written(cell).is_some_and(|value| equal(&value, default)),
        };
        if !right {
            wrong.push(format!("{heading}: the default of {key} is {default}, not {cell}"));
        }
    }
    wrong
}

/// The defaults of `detect`, with the values that missing options get.
fn detect_defaults() -> Value {
    let least = "baseline = [\"a\"]\ntarget = \"b\"\nrails = \"c\"\nout = \"d\"";
    let config = DetectConfig::try_from(toml::from_str::<DetectFile>(least).unwrap()).unwrap();
    let mut defaults = json!(DetectFile::default());
    defaults["buffer_m"] = json!(config.buffer_m);
    defaults["false_alarms"] = json!(config.detect.false_alarms);
    defaults["min_length_m"] = json!(config.detect.min_length_m);
    defaults["no_register"] = json!(!config.register);
    defaults["change_map"] = json!(config.change_map);
    defaults["area"] = json!(false);
    defaults
}

/// A monitor file of every kind of source and channel, with what must be given taken out again.
fn monitor_defaults() -> Vec<(&'static str, Value)> {
    let least = r#"
        site = [
            { id = "a", rails = "r", source = { folder = "s" } },
            { id = "b", rails = "r", source = { catalog = "c" } },
        ]
        [[alerts.channel]]
        kind = "webhook"
        name = "w"
        url = "u"
        [[alerts.channel]]
        kind = "mail"
        name = "m"
        server = "s"
        from = "f"
        to = ["t"]
        [[alerts.channel]]
        kind = "atom"
        name = "a"
        path = "p"
        [[alerts.channel]]
        kind = "command"
        name = "c"
        command = ["c"]
    "#;
    let config = json!(toml::from_str::<Config>(least).unwrap());
    let given = |value: &Value, keys: &[&str]| {
        let mut value = value.clone();
        for key in keys {
            value[key] = Value::Null;
        }
        value
    };
    let mut top = given(&config, &["site"]);
    top["alerts"]["channel"] = json!([]);
    let (channel, site) = (&config["alerts"]["channel"], &config["site"]);
    let mut described = given(&site[0], &["id", "rails"]);
    described["source"] = Value::Null;
    vec![
        ("### `[alerts]`", top["alerts"].clone()),
        ("## `railwatch monitor --config`", top),
        ("### `[[alerts.channel]]` of kind `webhook`", given(&channel[0], &["name", "url"])),
        ("### `[[alerts.channel]]` of kind `mail`", given(&channel[1], &["name", "server", "from", "to"])),
        ("### `[[alerts.channel]]` of kind `atom`", given(&channel[2], &["name", "path"])),
        ("### `[[alerts.channel]]` of kind `command`", given(&channel[3], &["name", "command"])),
        ("### `[[site]]`", described),
        ("### `source` of a site: a folder", given(&site[0]["source"], &["folder"])),
        ("### `source` of a site: a catalog", given(&site[1]["source"], &["catalog"])),
        ("### `baseline` of a site", site[0]["baseline"].clone()),
        ("### `rates` of a site", site[0]["rates"].clone()),
        ("### `lives` of a site", site[0]["lives"].clone()),
    ]
}

#[test]
fn every_key_stands_in_the_documents_with_its_default() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md"))?;
    let (optical, radar) = (SimulateParams::default(), RadarParams::default());
    let mut tables = vec![
        ("## `railwatch detect --config`", detect_defaults()),
        ("### `[mask]`: clouds and shadows", json!(MaskParams::default())),
        ("### `[coreg]`: registration", json!(CoregParams::default())),
        ("### `[tracks]`: the rail network", json!(TrackParams::default())),
        ("### `[change]`: the change statistic off the track", json!(ChangeParams::default())),
        ("### `[objects]`: cargo off the track", json!(ObjectParams::default())),
        ("### `[radar]`: radar on the map", json!(RadarPlacement::default())),
        ("### Optical scenes", json!(optical)),
        ("### `[trains]` of optical scenes", json!(optical.trains)),
        ("### Radar scenes", json!(radar)),
        ("### `[trains]` of radar scenes", json!(radar.trains)),
        ("### `[[case]]`", json!({ "run": null, "truth": null, "name": null })),
    ];
    tables.extend(monitor_defaults());
    assert_eq!(text.lines().filter(|line| line.starts_with("| key |")).count(), tables.len());
    let wrong: Vec<String> =
        tables.iter().flat_map(|(head, value)| differences(&text, head, value)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

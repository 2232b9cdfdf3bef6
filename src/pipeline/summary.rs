//! What a run found, in lines for people.

use crate::report::{Findings, SceneCard, TrackCard};
use crate::units::total_m;
use std::path::Path;

/// Whether a scene is radar, to which clouds are nothing.
fn is_radar(scene: &SceneCard) -> bool {
    scene.bands.iter().all(|band| matches!(band.as_str(), "VV" | "VH" | "HH" | "HV"))
}

/// What was found, what limits it, and where it is written, in lines for people.
pub(super) fn summary(findings: &Findings, out: &Path) -> String {
    let count = |kind: &str, change: &str| {
        findings.detections.iter().filter(|d| d.kind == kind && d.change == change).count()
    };
    let km = |length_m: fn(&TrackCard) -> f64| total_m(findings.tracks.iter().map(length_m)) / 1000.0;
    let clouds = if is_radar(&findings.target) {
        String::new()
    } else {
        let newest = findings.baselines.first().map_or(0.0, |baseline| baseline.cloud_fraction);
        format!(
            "; under cloud: {:.0} % of the target's window, {:.0} % of the newest baseline's",
            100.0 * findings.target.cloud_fraction,
            100.0 * newest
        )
    };
    let mut lines = vec![
        format!(
            "trains: {} appeared, {} departed; cargo off the track: {} appeared, {} departed",
            count("train", "appeared"),
            count("train", "departed"),
            count("cargo", "appeared"),
            count("cargo", "departed"),
        ),
        surest(findings),
        format!("observed: {:.1} of {:.1} km of track{clouds}", km(|t| t.observed_m), km(|t| t.length_m)),
    ];
    lines.extend(findings.rails_step_m.map(|[east, north]| {
        format!(
            "rails: followed {east:.0} m east and {north:.0} m north of the given ones, on the bed that the scenes show"
        )
    }));
    let unmoved = findings.registration.iter().filter(|r| r.note.is_some()).count();
    if unmoved > 0 {
        lines.push(format!(
            "registration: no clear shift was measured for {unmoved} of {} baselines, which stay where the orbits place \
             them; details in run.json",
            findings.registration.len()
        ));
    }
    if !findings.skipped.is_empty() {
        let n = findings.skipped.len();
        lines
            .push(format!("left out: {n} of the scenes or steps; report.html and run.json give the reasons"));
    }
    let files = ["detections.geojson", "report.png", "report.html"];
    lines.extend(files.map(|name| out.join(name).display().to_string()));
    lines.join("\n") + "\n"
}

/// The surest detection, or what could have been found where there is none.
fn surest(findings: &Findings) -> String {
    let Some(d) = findings.detections.first() else {
        let limit = findings.detection_limit_unknown.as_ref().map_or_else(
            || "the detection limit is in report.html and run.json".to_owned(),
            |why| format!("no detection limit is known: {why}"),
        );
        return format!("nothing found at the false-alarm rate asked for; {limit}");
    };
    let rate = match d.false_alarms_per_100km {
        rate if rate < 0.01 => "below 0.01".to_owned(),
        rate => format!("{rate:.2}"),
    };
    let (length_m, interval_m) = d.told_lengths_m();
    let interval = interval_m.map_or_else(String::new, |[low, high]| format!(" (likely {low}–{high} m)"));
    format!(
        "surest: {} {}, about {length_m} m{interval}, {rate} false alarms expected per 100 km",
        d.kind, d.change
    )
}

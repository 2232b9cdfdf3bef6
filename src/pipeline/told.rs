//! What a run says of its scenes and rails before it begins: the lines of a dry run, and warnings.

use super::plan::{Plan, PlannedScene};
use super::run::UsedBaseline;
use crate::corridor::{RailLine, Track};
use crate::io::OffsetCheck;
use crate::scene::{BandName, Scene};
use std::collections::BTreeMap;

/// Share of the rails given below which it is said that the rest is not looked at: a scene's edge cuts a little off most networks.
const RAILS_USED_LEAST: f64 = 0.9;

impl Plan {
    /// What would be done, in lines for `--dry-run`.
    #[must_use]
    pub fn summary(&self) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        let mut line = |role: &str, p: &PlannedScene| {
            let when = when(&p.scene);
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "{role} {} ({when}): reads {} × {} of {} × {} px",
                p.scene.id, p.window.height, p.window.width, p.scene.grid.shape.0, p.scene.grid.shape.1
            );
        };
        line(TARGET, &self.target);
        for baseline in &self.baselines {
            line(BASELINE, baseline);
        }
        for skip in &self.skipped {
            let _ = writeln!(text, "skipped  {}: {}", skip.scene_id, skip.reason);
        }
        let km = self.tracks.iter().map(Track::length_m).sum::<f64>() / 1000.0;
        let _ = writeln!(text, "bands    {}", list_of(&self.bands));
        let _ = writeln!(text, "tracks   {} with {km:.1} km, in {}", self.tracks.len(), self.crs.name());
        let _ = writeln!(text, "outputs  {}", self.config.out.display());
        text
    }
}

/// Roles of scenes in the lines of a dry run.
pub(super) const TARGET: &str = "target  ";
pub(super) const BASELINE: &str = "baseline";

/// The time of a scene for a dry run.
pub(super) fn when(scene: &Scene) -> String {
    scene.datetime.map_or_else(|| "time unknown".to_owned(), |t| t.to_string())
}

/// The names of bands in one line.
pub(super) fn list_of(bands: &[BandName]) -> String {
    bands.iter().map(|b| b.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// Warns of what neither file nor option says: times, names of bands, the meaning of 8-bit numbers.
pub(super) fn warn_of_unstated(target: &Scene, baselines: &[&Scene], bands: &[BandName]) {
    let ids = |counts: fn(&Scene) -> bool| -> Option<String> {
        let scenes = std::iter::once(target).chain(baselines.iter().copied());
        let ids: Vec<&str> = scenes.filter(|s| counts(s)).map(|s| s.id.as_str()).collect();
        (!ids.is_empty()).then(|| ids.join(", "))
    };
    if let Some(scenes) = ids(|s| s.datetime.is_none()) {
        tracing::warn!(
            scenes,
            "time unknown: name the file by its date, such as place_2022-11-29.tif, or give --datetime for the target"
        );
    }
    if bands.iter().any(|name| name.0.starts_with("band")) {
        tracing::warn!(
            bands = list_of(bands),
            "the names of the bands are unknown, and with them colours, clouds and detection limits: give them in the order of the file, such \
             as --bands B02,B03,B04,B08"
        );
    }
    if let Some(scenes) = ids(is_picture) {
        tracing::warn!(
            scenes,
            "8-bit numbers are no reflectance: clouds are taken from a classification alone, and no detection limit is given for \
             such a target; choose clear dates, or give the files their scale and offset (gdal_edit.py -scale -offset)"
        );
    }
}

/// Says how much of the rails is looked at, and warns where it is little.
pub(super) fn note_rails(lines: &[RailLine], tracks: &[Track]) {
    let length =
        |v: &[(f64, f64)]| v.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum::<f64>();
    let given: f64 = lines.iter().map(|l| length(&l.vertices)).sum();
    let inside: f64 = tracks.iter().map(Track::length_m).sum();
    tracing::info!(given_km = given / 1000.0, inside_km = inside / 1000.0, "rails");
    if inside < RAILS_USED_LEAST * given {
        tracing::warn!(
            given_km = given / 1000.0,
            inside_km = inside / 1000.0,
            "some of the rails given are not looked at: they lie outside a scene, follow another track, or are too short"
        );
    }
}

/// Warns of scenes whose dark pixels speak against the offset in use, of each once.
pub(super) fn warn_of_offsets(plan: &Plan, used: &[UsedBaseline]) {
    let mut below_zero: BTreeMap<&str, (f64, &str)> = BTreeMap::new();
    for u in used {
        let baseline = &plan.baselines[u.index].scene;
        match u.offset {
            OffsetCheck::Agrees => {}
            OffsetCheck::Disagrees { difference_dn } => tracing::warn!(
                baseline = baseline.id,
                difference_dn = difference_dn.round(),
                "the darkest pixels of target and baseline differ by about the reflectance offset of processing baseline 04.00: if the scenes \
                 come from different providers, one of them may have it twice or not at all; tag the file with its offset"
            ),
            OffsetCheck::BelowZero { reflectances } => {
                for (scene, told) in [baseline, &plan.target.scene].into_iter().zip(reflectances) {
                    below_zero.extend(told.map(|r| (scene.id.as_str(), (r, scene.scaling.rule.as_str()))));
                }
            }
        }
    }
    for (scene, (reflectance, rule)) in below_zero {
        tracing::warn!(
            scene,
            reflectance = (reflectance * 1e3).round() / 1e3,
            rule,
            "the darkest pixels reflect less than nothing under the offset that the processing baseline asks for: the numbers were \
             stored without it, whatever name or tag says; state theirs in the file, for example with `gdal_edit.py -mo \
             BOA_ADD_OFFSET=0`"
        );
    }
}

/// Whether a scene is a picture of unknown gain and offset.
pub(super) fn is_picture(scene: &Scene) -> bool {
    scene.radar.is_none() && !scene.scaling.is_reflectance()
}

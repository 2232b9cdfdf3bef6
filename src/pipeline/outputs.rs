//! Results of a run: made in a hidden folder, put under their names when all are made.

use super::clock::peak_memory_bytes;
use super::findings::findings;
use super::origin::software_tag;
use super::staged::{Staged, prepare_folder, refuse_inputs, remove};
use super::summary::summary;
use super::{DetectConfig, Error, Plan, RunOutput};
use crate::io::{self, CogInput};
use crate::report::{self, Findings, Panel, PanelCard, panel};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the record of a run.
pub(super) const RECORD: &str = "run.json";
/// Objects of an area run.
pub(super) const OBJECTS: &str = "objects.geojson";
/// What a corridor run alone writes, beside the pages of the figure.
const CORRIDOR: [&str; 4] = ["detections.geojson", "report.html", "panel_before.png", "panel_after.png"];
/// Name of the change map.
pub(super) const CHANGE_MAP: &str = "change.tif";

/// Where the outputs of a run are.
#[derive(Debug, Clone)]
pub struct OutputPaths {
    /// The detections.
    pub geojson: PathBuf,
    /// First page of the figure.
    pub png: PathBuf,
    /// The page.
    pub html: PathBuf,
    /// Number of detections.
    pub detection_count: usize,
    /// What was found and where it is written, in lines for people.
    pub summary: String,
}

/// `run.json`: the keys of the interface, and all that the report needs to be made again.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: String,
    attribution: String,
    scenes: Vec<report::SceneCard>,
    registration: Vec<report::RegistrationCard>,
    tracks: Vec<TrackRecord>,
    null: report::NullCard,
    detection_count: usize,
    skipped: Vec<report::SkipCard>,
    timings_s: std::collections::BTreeMap<String, f64>,
    peak_memory_bytes: Option<u64>,
    /// The settings of the run, defaults included: with them `evaluate` compares the scenes again. A report needs none.
    #[serde(skip_deserializing)]
    settings: Option<DetectConfig>,
    findings: Findings,
    panels: [PanelCard; 2],
}

#[derive(Debug, Serialize, Deserialize)]
struct TrackRecord {
    track_id: String,
    length_m: f64,
    observed_m: f64,
    detection_limit_m: std::collections::BTreeMap<String, Option<f64>>,
}

impl Record {
    fn new(config: &DetectConfig, findings: &Findings, panels: [PanelCard; 2]) -> Self {
        let scenes = std::iter::once(&findings.target).chain(&findings.baselines).cloned().collect();
        let tracks = findings.tracks.iter().map(|t| TrackRecord {
            track_id: t.track_id.clone(),
            length_m: t.length_m,
            observed_m: t.observed_m,
            detection_limit_m: t.detection_limit_m.clone(),
        });
        Self {
            version: findings.version.clone(),
            attribution: findings.attribution.clone(),
            scenes,
            registration: findings.registration.clone(),
            tracks: tracks.collect(),
            null: findings.null.clone(),
            detection_count: findings.detections.len(),
            skipped: findings.skipped.clone(),
            timings_s: findings.timings_s.clone(),
            peak_memory_bytes: peak_memory_bytes(),
            settings: Some(config.clone()),
            findings: findings.clone(),
            panels,
        }
    }
}

/// Writes everything that a run found into its plan's output folder.
///
/// # Errors
/// [`Error`] when something cannot be drawn or written; then nothing is left under a final name.
pub fn write_outputs(output: &RunOutput, arguments: &[String]) -> Result<OutputPaths, Error> {
    let plan = &output.plan;
    let findings = findings(output, arguments)?;
    let names: Vec<String> = plan.bands.iter().map(ToString::to_string).collect();
    let source = |raster, scene: &report::SceneCard| panel::PanelSource {
        raster,
        band_names: &names,
        card: PanelCard {
            corners_lonlat: plan
                .lonlat(&output.baseline_map.grid.corners())
                .ok()
                .and_then(|corners| <[_; 4]>::try_from(corners).ok()),
            scene_id: scene.id.clone(),
            datetime: scene.datetime,
            platform: scene.platform.clone(),
            ..PanelCard::default()
        },
    };
    let (before, after) = panel::pair(
        source(&output.baseline_map, &findings.baselines[0]),
        source(&output.target_map, &findings.target),
    )?;
    let record = Record::new(&plan.config, &findings, [before.card.clone(), after.card.clone()]);
    let mut files = Files { staged: Staged::new(&plan.config.out)? };
    let panels = [&before, &after];
    let (map, (figures, (before_png, after_png))) = rayon::join(
        || files.change_map(output),
        || {
            let encoded = || rayon::join(|| before.to_png(), || after.to_png());
            rayon::join(|| report::figure::render(&findings, panels[0], panels[1]), encoded)
        },
    );
    map?;
    files.staged.add(CHANGE_MAP);
    let pngs = [before_png?, after_png?];
    files.staged.bytes("panel_before.png", &pngs[0])?;
    files.staged.bytes("panel_after.png", &pngs[1])?;
    files.report(&findings, &figures?, panels, [&pngs[0], &pngs[1]])?;
    let text = serde_json::to_string_pretty(&record).map_err(report::Error::Json)?;
    files.staged.bytes(RECORD, text.as_bytes())?;
    files.finish(&findings)
}

/// Draws figure and page again from the files that [`write_outputs`] left in `dir`.
///
/// # Errors
/// [`Error::NotARun`] when the folder does not hold a run.
pub fn report_again(dir: &Path) -> Result<OutputPaths, Error> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|e| Error::NotARun { path, reason: e.to_string() })
    };
    let bytes = read(RECORD)?;
    if RecordKind::of(&bytes) == RecordKind::Area {
        return Err(Error::AreaRun { path: dir.join(RECORD) });
    }
    let record: Record = serde_json::from_slice(&bytes)
        .map_err(|e| Error::NotARun { path: dir.join(RECORD), reason: e.to_string() })?;
    let [before, after] = record.panels;
    let pngs = [read("panel_before.png")?, read("panel_after.png")?];
    let before = Panel::from_png(&pngs[0], before)?;
    let after = Panel::from_png(&pngs[1], after)?;
    let mut files = Files { staged: Staged::new(dir)? };
    let figures = report::figure::render(&record.findings, &before, &after)?;
    files.report(&record.findings, &figures, [&before, &after], [&pngs[0], &pngs[1]])?;
    files.finish(&record.findings)
}

/// Files of a run on their way to their names.
struct Files {
    staged: Staged,
}

impl Files {
    /// The GeoJSON, the pages of the figure and the HTML page.
    fn report(
        &mut self,
        findings: &Findings,
        figures: &[report::Figure],
        panels: [&Panel; 2],
        pngs: [&[u8]; 2],
    ) -> Result<(), Error> {
        self.staged.bytes("detections.geojson", report::geojson::write(findings)?.as_bytes())?;
        for (i, figure) in figures.iter().enumerate() {
            self.staged.bytes(&page_name(i), &figure.png)?;
        }
        let page = report::html::render(findings, figures, panels, pngs)?;
        self.staged.bytes("report.html", page.as_bytes())
    }

    /// Writes the change statistic as a COG, NaN where there is none.
    fn change_map(&self, output: &RunOutput) -> Result<(), Error> {
        let statistic = match &output.off_track.map {
            Some(map) => map.statistic.clone(),
            None => Array2::from_elem(output.target_map.grid.shape, f32::NAN),
        };
        let input = CogInput {
            grid: &output.target_map.grid,
            bands: vec![("change statistic".to_owned(), statistic)],
            nodata: Some(f64::NAN),
            tags: vec![software_tag()],
            overviews: true,
        };
        self.staged.unnamed(CHANGE_MAP, |path| Ok(io::write_cog(path, &input)?))
    }

    /// Renames everything into place and removes pages of an earlier, longer report.
    fn finish(self, findings: &Findings) -> Result<OutputPaths, Error> {
        let out = self.staged.out().to_owned();
        let pages = self.staged.names().iter().filter(|n| n.starts_with("report") && *n != "report.html");
        let surplus = (pages.count()..).map(|page| out.join(page_name(page))).take_while(|p| p.is_file());
        let stale: Vec<PathBuf> = of_other_kind(&out, false).into_iter().chain(surplus).collect();
        self.staged.finish()?;
        remove(&stale)?;
        let at = |name: &str| out.join(name);
        Ok(OutputPaths {
            geojson: at("detections.geojson"),
            png: at("report.png"),
            html: at("report.html"),
            detection_count: findings.detections.len(),
            summary: summary(findings, &out),
        })
    }
}

/// What a `run.json` is the record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordKind {
    Corridor,
    Area,
    /// Not ours, or damaged.
    Unknown,
}

impl RecordKind {
    fn of(record: &[u8]) -> Self {
        match serde_json::from_slice::<serde_json::Value>(record) {
            Ok(r) if r["kind"] == "area" => Self::Area,
            Ok(r) if r["findings"].is_object() && r["panels"].is_array() => Self::Corridor,
            _ => Self::Unknown,
        }
    }
}

/// Files in `out` that a run of the other kind left there, by its record: they would stand beside a record that is not theirs.
pub(super) fn of_other_kind(out: &Path, now_area: bool) -> Vec<PathBuf> {
    let Ok(record) = std::fs::read(out.join(RECORD)) else { return Vec::new() };
    let names: Vec<String> = match (RecordKind::of(&record), now_area) {
        (RecordKind::Area, false) => vec![OBJECTS.to_owned()],
        (RecordKind::Corridor, true) => {
            let pages = (0..).map(page_name).take_while(|name| out.join(name).is_file());
            pages.chain(CORRIDOR.map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    names.into_iter().map(|name| out.join(name)).filter(|path| path.is_file()).collect()
}

/// Makes the output folder and checks, before any pixel is read, that it takes files and that none of them is an input.
///
/// # Errors
/// [`Error::OutputTaken`] and [`Error::Output`].
pub fn prepare_outputs(plan: &Plan) -> Result<(), Error> {
    let out = &plan.config.out;
    let names = CORRIDOR.into_iter().chain([RECORD, CHANGE_MAP]).map(str::to_owned).chain([page_name(0)]);
    let paths: Vec<PathBuf> = names.map(|name| out.join(name)).collect();
    let scenes = std::iter::once(&plan.target).chain(&plan.baselines).map(|p| &p.scene);
    let dem = plan.config.radar.dem.iter().map(|d| &d.path);
    let others: Vec<&str> = std::iter::once(&plan.config.rails)
        .chain(&plan.config.yards)
        .chain(dem)
        .map(String::as_str)
        .collect();
    refuse_inputs(&paths, scenes, &others)?;
    prepare_folder(out)
}

fn page_name(index: usize) -> String {
    if index == 0 { "report.png".to_owned() } else { format!("report-{}.png", index + 1) }
}

//! Figure and page of the scene of an alert: what `railwatch detect` makes of it and the dates before it.

use super::super::state::{AlertRow, State};
use super::super::{Config, SiteConfig, views};
use crate::io;
use crate::pipeline::{self, DetectConfig, Event, GdalSource, Plan, Sink};
use std::collections::BTreeMap;
use std::path::Path;

/// Why an alert has no figure.
#[derive(Debug, Clone)]
pub(super) struct NoFigure {
    pub(super) reason: String,
    /// Whether it could not be written alone, or the user asked to stop, so that the next run may succeed.
    pub(super) is_passing: bool,
}

impl From<pipeline::Error> for NoFigure {
    fn from(error: pipeline::Error) -> Self {
        use pipeline::Error::{Interrupted, Io, Output};
        let is_passing = matches!(&error, Interrupted | Output { .. } | Io(io::Error::Write { .. }));
        Self { reason: error.to_string(), is_passing }
    }
}

impl From<io::Error> for NoFigure {
    fn from(error: io::Error) -> Self {
        pipeline::Error::from(error).into()
    }
}

impl From<super::Error> for NoFigure {
    fn from(error: super::Error) -> Self {
        Self { reason: error.to_string(), is_passing: false }
    }
}

/// Folders of the scenes that this run has drawn, or why it could not. What an earlier run drew may be of a version that was
/// replaced.
pub(super) type Drawn = BTreeMap<String, Result<(), NoFigure>>;

/// Makes figure and page of the scene of an alert, once a scene, and the alert's own GeoJSON; gives the folder below that of
/// alerts.
pub(super) fn draw(
    state: &State,
    config: &Config,
    site: &SiteConfig,
    alert: &AlertRow,
    drawn: &mut Drawn,
    sink: &dyn Sink,
) -> Result<String, NoFigure> {
    let scene = state.scene(alert.scene_key)?;
    let scene = scene.ok_or(NoFigure { reason: "the scene is unknown".to_owned(), is_passing: false })?;
    let view = scene.view.as_deref().unwrap_or(views::OPTICAL);
    let is_radar = views::is_radar(view);
    let time = alert.datetime.strftime("%Y%m%dT%H%M%S");
    let name = format!("{}/{time}{}", site.id, if is_radar { "-radar" } else { "" });
    let folder = config.alerts.folder.join(&name);
    let result = if let Some(known) = drawn.get(&name) {
        known.clone()
    } else {
        let before = state.specs_before(&site.id, view, alert.datetime, site.baseline.count)?;
        let result = detect(site, scene.spec, before, is_radar, &folder, sink);
        drawn.insert(name.clone(), result.clone());
        result
    };
    result?;
    let path = folder.join(format!("alert-{}.geojson", alert.alert_id));
    io::write_text(&path, &(alert.feature.clone() + "\n"))?;
    Ok(name)
}

/// Passes on the wish to stop, and nothing of the steps of a figure.
struct Quiet<'a>(&'a dyn Sink);

impl Sink for Quiet<'_> {
    fn event(&self, _event: &Event) {}

    fn interrupted(&self) -> bool {
        self.0.interrupted()
    }
}

fn detect(
    site: &SiteConfig,
    target: String,
    baselines: Vec<String>,
    is_radar: bool,
    folder: &Path,
    sink: &dyn Sink,
) -> Result<(), NoFigure> {
    let mut detect = site.detect_config();
    detect.target = target;
    detect.baseline = baselines;
    if is_radar {
        detect.bands.clear();
    }
    folder.clone_into(&mut detect.out);
    // The page shows the ground beside the tracks as `railwatch detect` does.
    detect.buffer_m = DetectConfig::BUFFER_M;
    pipeline::prepare_folder(folder)?;
    let plan = Plan::new(detect)?;
    let output = pipeline::run(plan, &GdalSource, &Quiet(sink))?;
    pipeline::write_outputs(&output, &[])?;
    Ok(())
}

//! What a run hands to people: GeoJSON, the printed figure (SVG and PNG) and the HTML page.
//!
//! Every output is a pure function of [`Findings`] and two [`Panel`]s, both of which can be saved and read
//! again. One SVG template draws the figure, so the PNG, the SVG and the page cannot disagree. Nothing here
//! reads files, the clock or the network; the fonts are compiled in, and the machine's are read only for characters that
//! those lack.

mod axis;
pub mod csv;
pub mod curves;
mod drawing;
pub mod figure;
pub mod geojson;
pub mod html;
mod model;
mod outline;
pub mod panel;
pub mod quiver;
pub mod series;
mod text;

pub use figure::Figure;
pub use model::{
    DetectionCard, Findings, InputCard, NullCard, PanelCard, Point, Profile, RegistrationCard, SceneCard,
    SkipCard, TrackCard,
};
pub use panel::Panel;

use thiserror::Error;

/// Why an output could not be made.
#[derive(Debug, Error)]
pub enum Error {
    /// A template failed: a mistake of this program.
    #[error("the template of the report failed ({0}): report this as a bug with run.json")]
    Template(#[from] minijinja::Error),
    /// The drawn figure is not SVG: a mistake of this program.
    #[error("the figure cannot be drawn ({0}): report this as a bug with run.json")]
    Draw(#[from] resvg::usvg::Error),
    /// A picture cannot be encoded or decoded.
    #[error(
        "a picture of the report is not a readable PNG ({0}): run `railwatch detect` again to make it anew"
    )]
    Png(#[from] image::ImageError),
    /// A value cannot be written as JSON.
    #[error("the detections cannot be written as JSON ({0}): report this as a bug with run.json")]
    Json(#[from] serde_json::Error),
    /// A panel without pixels or with a useless georeference.
    #[error(
        "panel {scene_id}: {reason}; check that the scene overlaps the rails and run `railwatch detect` again"
    )]
    Panel {
        /// The scene of the panel.
        scene_id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Renders a compiled-in template with all strings escaped.
fn fill<T: serde::Serialize>(name: &str, source: &str, context: T) -> Result<String, Error> {
    let mut env = minijinja::Environment::new();
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    env.add_template(name, source)?;
    Ok(env.get_template(name)?.render(minijinja::value::Serde(context))?)
}

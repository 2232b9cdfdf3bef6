//! Sites watched day by day: new scenes are found, each is processed once, and what is known is kept in one file.
//!
//! `Config → State → run`: [`Config::read`] checks what is watched; [`State::open`] takes the lock and checks the
//! database (the only place that names `rusqlite`); [`run`] finds new scenes, compares each with the dates
//! before it, follows trains from date to date and writes one transaction a scene. `docs/monitor.md` describes
//! the tables and what happens when a run is killed, a scene comes late or is replaced.

mod agreement;
mod alerts;
mod arrivals;
mod bed;
mod compare;
mod config;
mod error;
mod evidence;
mod export;
mod eye;
mod ground;
mod lives;
mod occupancy;
mod overlooked;
mod references;
mod rows;
mod run;
mod schedule;
mod series;
mod site_run;
mod sources;
mod state;
mod status;
mod summary;
mod views;
mod words;

pub use alerts::{AlertParams, Channel, Encryption, Secret, Secrets};
pub use config::{Baseline, CatalogSource, Config, FolderSource, LifeParams, Rates, SiteConfig, SiteSource};
pub use error::Error;
pub use export::export;
pub use lives::{
    DateLook, EventKind, Evidence, Followed, Life, LifeEvent, LifeState, Sight, Sighting, Stretch, follow,
};
pub use run::{RunOptions, run};
pub use series::write_series;
pub use state::{
    AlertRow, DetectionRow, LifeRow, ObservationRow, ReferenceRadar, ReferenceScene, SceneRow, SceneStatus,
    SiteRow, State, StepRow, TrackRow, ViewRow,
};
pub use status::{SiteError, SiteStatus, Standing, Status, status};
pub use summary::{RunSummary, SiteSummary};

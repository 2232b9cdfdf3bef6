//! The main job from a configuration to a folder of outputs.
//!
//! `Config → Plan → run → outputs`: [`Plan::new`] checks everything that can be checked before a pixel is
//! read; [`run`] takes the plan through the stages; [`write_outputs`] puts the results under their names.

mod area;
mod clock;
mod config;
mod error;
mod findings;
mod gridded;
mod layover;
mod motion;
mod off_track;
mod origin;
mod outputs;
mod plan;
mod radar;
mod register;
mod run;
mod simulation;
mod sink;
mod site;
mod source;
mod staged;
mod stages;
mod summary;
mod told;

pub use area::{AreaOutput, AreaRequest, change_area, plan_area};
pub use config::{DetectConfig, DetectFile, parse_time, read_toml};
pub use error::Error;
pub use origin::Origin;
pub use outputs::{OutputPaths, prepare_outputs, report_again, write_outputs};
pub use plan::Plan;
pub use radar::in_db;
pub use register::{RegisterOutput, RegisterRequest, register};
pub use run::{RunOutput, run};
pub use simulation::{SimulateRequest, SimulatedSensor, simulate};
pub use sink::{Event, Silent, Sink};
pub use site::{Look, Site};
pub use source::{GdalSource, SceneSource};
pub use staged::prepare_folder;

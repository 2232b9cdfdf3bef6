//! railwatch reports from public Sentinel imagery when trains and cargo newly appear on rail corridors,
//! and how sure it is.
//!
//! The modules are layers: each uses only modules above it in this list (`docs/architecture.md`).

pub mod units;

pub mod grid;
pub mod stats;

pub mod raster;
pub mod sar;
pub mod signal;

pub mod corridor;
pub mod scene;

pub mod change;
pub mod coreg;
pub mod detect;
pub mod io;
pub mod mask;
pub mod motion;
pub mod simulate;

pub mod catalog;
pub mod report;

pub mod pipeline;

pub mod evaluate;
pub mod monitor;

pub mod cli;

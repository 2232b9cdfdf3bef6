//! What can go wrong on the way from a configuration to the outputs.

use crate::{change, coreg, corridor, detect, io, report, simulate, units};
use std::io::ErrorKind;
use std::path::PathBuf;
use thiserror::Error;

/// A failure of the main job.
#[derive(Debug, Error)]
pub enum Error {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    ConfigRead {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file is not what it should be.
    #[error("the configuration {path} has a mistake:\n{source}")]
    ConfigSyntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// Something needed was not given.
    #[error("{what} is missing: give {option} or set it in --config")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The option.
        option: &'static str,
    },
    /// A parameter is outside its range.
    #[error(transparent)]
    OutOfRange(#[from] units::OutOfRange),
    /// A time cannot be understood.
    #[error("cannot understand the time {text:?}: write 2022-11-29 or 2022-11-29T02:16:51Z")]
    Time {
        /// What was given.
        text: String,
        /// Why.
        source: jiff::Error,
    },
    /// No band is in every scene.
    #[error(
        "the scenes share no band: the target {target} has {target_bands}, the baseline {baseline} has \
         {baseline_bands}; name them alike with --bands, or take scenes of one sensor"
    )]
    NoCommonBand {
        /// Target id.
        target: String,
        /// Its bands.
        target_bands: String,
        /// Baseline id.
        baseline: String,
        /// Its bands.
        baseline_bands: String,
    },
    /// No radar baseline saw the ground as the target did.
    #[error(
        "no baseline is comparable with the radar target {target}; only the same relative orbit, pass, mode and kind of \
         backscatter are compared: {reasons}; take scenes of the target's orbit (12 days apart, or 6 with two satellites)"
    )]
    NoLikeBaseline {
        /// Target id.
        target: String,
        /// One reason a baseline.
        reasons: String,
    },
    /// A radar test asked of optical scenes.
    #[error(
        "change.method asks for a test of radar power, but {scene} is optical: leave it out or set it to \"auto\""
    )]
    RadarOnly {
        /// The target.
        scene: String,
    },
    /// An elevation model beside scenes that need none.
    #[error(
        "{path} is named as elevation model (`dem` under `[radar]`), but no scene is laid on the map by control points; \
         leave it out"
    )]
    DemUnused {
        /// The model.
        path: String,
    },
    /// Optical and radar scenes in one run.
    #[error(
        "{target} and {baseline} are of different sensors, one radar and one optical: compare each with earlier scenes of \
         its own sensor"
    )]
    SensorsMixed {
        /// Target id.
        target: String,
        /// Baseline id.
        baseline: String,
    },
    /// A band that was asked for is not in both scenes.
    #[error("band {band} is not in both scenes: {reference}, {moving}; name one that both have")]
    NoSuchBand {
        /// The band.
        band: String,
        /// The reference and its bands.
        reference: String,
        /// The moving scene and its bands.
        moving: String,
    },
    /// A scene lacks a band that is compared.
    #[error(
        "{scene} has no band {band}, which the earlier scenes are compared in; take scenes of one sensor"
    )]
    BandMissing {
        /// Scene id.
        scene: String,
        /// The band.
        band: String,
    },
    /// A scene is given more than once.
    #[error(
        "{path} is given twice: a scene cannot be compared with itself or count twice; give different scenes"
    )]
    SameScene {
        /// The path.
        path: String,
    },
    /// A baseline is the target itself.
    #[error("{scene} is the same acquisition as the target ({why}); give an earlier scene")]
    SameAcquisition {
        /// The baseline.
        scene: String,
        /// How that is known.
        why: &'static str,
    },
    /// The target and the tracks, or the target and a baseline, have no ground in common.
    #[error("{first} and {second} have no ground in common: {hint}")]
    NoOverlap {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// What to do.
        hint: &'static str,
    },
    /// Rails of another place that would be in the scene with longitude and latitude swapped.
    #[error(
        "no rail of {path} lies inside the scene as it stands, but with longitude and latitude swapped they do: write the \
         longitude first, then the latitude, as GeoJSON asks for"
    )]
    RailsSwapped {
        /// The vector.
        path: String,
    },
    /// No usable pixel on the corridor.
    #[error(
        "{scene} shows no ground along the tracks ({reason}): choose another date; nothing can be said about this one"
    )]
    NothingVisible {
        /// Scene id.
        scene: String,
        /// Fractions in words.
        reason: String,
    },
    /// A scene that cannot be registered, and shows little of the ground.
    #[error(
        "{scene} shows too little ground to be laid upon earlier dates ({percent:.0} % of the window is clear): {source}"
    )]
    TooClouded {
        /// Scene id.
        scene: String,
        /// Clear share of its window, percent.
        percent: f64,
        /// Why its shift cannot be trusted.
        source: coreg::Error,
    },
    /// The target cannot be compared with any baseline.
    #[error("no baseline can be compared with the target {target}: {reasons}; give another baseline")]
    NoBaseline {
        /// Target id.
        target: String,
        /// One reason a baseline.
        reasons: String,
    },
    /// An option of the corridor beside `--area`.
    #[error(
        "--{} (`{option}` in --config) applies to rails, and --area works without them: leave out one of the two",
        .option.replace('_', "-")
    )]
    NotWithArea {
        /// The option, as the configuration file names it.
        option: &'static str,
    },
    /// An area run compares two scenes.
    #[error("--area compares the target with one baseline, not {count}: give one --baseline")]
    AreaBaselines {
        /// Baselines that were given.
        count: usize,
    },
    /// Radar scenes of an area run.
    #[error("--area compares optical scenes; give --rails to compare radar scenes along a corridor")]
    AreaRadar,
    /// Ctrl-C.
    #[error("interrupted: nothing was written")]
    Interrupted,
    /// The outputs cannot be written.
    #[error("cannot write {path}: {source}; {} or choose another --out", way_out(source.kind()))]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A code that PROJ does not know.
    #[error("--epsg: coordinate reference system EPSG:{code}: {reason}")]
    Epsg {
        /// The code.
        code: u32,
        /// PROJ's words.
        reason: String,
    },
    /// A radar image that is no map, to be laid on another grid.
    #[error(
        "{scene} is in ground range: its shift can be measured (--dry-run), but laying it on a grid would interpolate it \
         twice; give a terrain-corrected product to write one"
    )]
    GroundRange {
        /// Scene id.
        scene: String,
    },
    /// A record without figures.
    #[error(
        "{path} is the record of a run with --area, which draws no figures: open change.tif and objects.geojson in a GIS"
    )]
    AreaRun {
        /// The file.
        path: PathBuf,
    },
    /// An output would replace what must stay.
    #[error("{path} cannot be an output: {why}; choose another name")]
    OutputTaken {
        /// The file.
        path: PathBuf,
        /// What is there.
        why: &'static str,
    },
    /// A folder does not hold a run.
    #[error("{path} is not the record of a run: {reason}; run `railwatch detect --out` first")]
    NotARun {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A scene that no trains can be put into.
    #[error("simulate: no trains can be put into {scene}: {reason}")]
    Implant {
        /// The scene.
        scene: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Reading or writing data.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The rails.
    #[error(transparent)]
    Corridor(#[from] corridor::Error),
    /// The registration.
    #[error(transparent)]
    Coreg(#[from] coreg::Error),
    /// The detector.
    #[error(transparent)]
    Detect(#[from] detect::Error),
    /// The change map.
    #[error(transparent)]
    Change(#[from] change::Error),
    /// The simulator.
    #[error(transparent)]
    Simulate(#[from] simulate::Error),
    /// The figures and pages.
    #[error(transparent)]
    Report(#[from] report::Error),
}

/// What helps against a failed write.
fn way_out(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "a file is in the way: move it",
        ErrorKind::IsADirectory => "a folder is in the way: move it",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "make it writable",
        _ => "free some space there",
    }
}

impl Error {
    /// Whether the user's command or configuration is at fault (exit code 2) and not the work (exit code 1): a value out
    /// of range, a file or band that is not there, an output where something else is.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        if let Self::Output { source, .. } = self {
            // Something else is where the output should be.
            return matches!(
                source.kind(),
                ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory
            );
        }
        if let Self::Io(error) = self {
            return error.is_usage();
        }
        matches!(
            self,
            Self::ConfigRead { .. }
                | Self::ConfigSyntax { .. }
                | Self::Missing { .. }
                | Self::NotWithArea { .. }
                | Self::AreaBaselines { .. }
                | Self::AreaRadar
                | Self::OutOfRange(_)
                | Self::Time { .. }
                | Self::NoSuchBand { .. }
                | Self::SameScene { .. }
                | Self::NotARun { .. }
                | Self::OutputTaken { .. }
                | Self::GroundRange { .. }
                | Self::Epsg { .. }
                | Self::AreaRun { .. }
                | Self::Coreg(coreg::Error::Parameter { .. })
                | Self::Detect(detect::Error::Parameter { .. })
                | Self::Change(change::Error::Parameter { .. })
                | Self::Simulate(simulate::Error::Parameter { .. })
                | Self::RadarOnly { .. }
                | Self::DemUnused { .. }
        )
    }
}

//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) use super::catalog_args::{ChoiceArgs, FetchArgs, SearchArgs};
pub(super) use super::monitor_args::{MonitorArgs, MonitorCommand, MonitorRunArgs, MonitorStatusArgs};

/// Finds trains and cargo that appeared on rail corridors, or left them, in free Sentinel imagery, and says how sure it is.
#[derive(Debug, Parser)]
#[command(
    name = "railwatch",
    version,
    propagate_version = true,
    after_help = "Example:\n  railwatch detect --baseline before.tif --target after.tif --rails rails.geojson --out out\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 done and something was found (with --fail-on-detect), \
    4 done but some scenes were skipped or a step failed."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Heading of the options of every command.
const COMMON: &str = "Common options";

/// Options of every command; under a heading of their own, so that the command's come first in its help.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Say more: -v names the stages, -vv the numbers that results rest on.
    #[arg(short, long, global = true, help_heading = COMMON, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Print errors only.
    #[arg(short, long, global = true, help_heading = COMMON, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Format of messages on stderr: lines for people, or one JSON object a line.
    #[arg(long, global = true, help_heading = COMMON, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    /// Progress: bars where stderr is a terminal, none, or one JSON object a line on stderr.
    #[arg(long, global = true, help_heading = COMMON, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(super) progress: ProgressMode,
    /// Number of threads, 1 to 1024 [default: all cores].
    #[arg(long, global = true, help_heading = COMMON, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    pub(super) threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressMode {
    Auto,
    Never,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find trains and cargo that appeared or departed between baseline and target scenes.
    Detect(Box<DetectArgs>),
    /// Measure the shift of one scene against another and lay it on the other's grid.
    Register(RegisterArgs),
    /// Find scenes of a corridor on STAC servers, in static catalogs and in folders.
    Search(Box<SearchArgs>),
    /// Fetch the part of each scene that shows the corridor.
    Fetch(Box<FetchArgs>),
    /// Make scenes with known trains, or put trains into real scenes.
    Simulate(SimulateArgs),
    /// Score runs of `detect` against known trains.
    Evaluate(EvaluateArgs),
    /// Draw the figures and the HTML page of a run again from its output folder.
    Report(ReportArgs),
    /// Watch sites from day to day: new scenes, trains, time series and alerts.
    Monitor(MonitorArgs),
    /// Print a shell's completion script to stdout.
    #[command(after_help = "Example:\n  railwatch completions bash > /etc/bash_completion.d/railwatch")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages.
    #[command(after_help = "Example:\n  railwatch man --out /usr/local/share/man/man1")]
    Man {
        /// Folder for one page per command; without it the main page goes to stdout.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

const SCENE_HELP: &str = "A SCENE is a GeoTIFF, COG, JPEG2000 or any other raster that GDAL reads (one file, or one file per band joined by + or \
matched by a glob), a Sentinel-1 GRD or Sentinel-2 SAFE folder or zip, or a STAC item (file or URL). Radar scenes are \
compared within one relative orbit only. Of remote files only the part that is needed is read.";

/// Find trains and cargo that appeared or departed between baseline and target scenes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = format!("{SCENE_HELP}\n\nExamples:\n  \
    railwatch detect --baseline 2022-11-19.tif --target 2022-11-29.tif --rails rails.geojson --out out\n  \
    railwatch detect --area --baseline 2022-11-19.tif --target 2022-11-29.tif --out changes\n  \
    railwatch detect --config corridor.toml --target new_item.json --false-alarms 10 --json --fail-on-detect"))]
pub(super) struct DetectArgs {
    /// Earlier scenes; several find more trains than one.
    #[arg(long, num_args = 1.., value_name = "SCENE")]
    pub(super) baseline: Vec<String>,
    /// Scene in which changes are looked for.
    #[arg(long, value_name = "SCENE")]
    pub(super) target: Option<String>,
    /// Rail lines: GeoJSON, GeoPackage, Shapefile, OSM PBF or anything else OGR reads.
    #[arg(long, value_name = "VECTOR")]
    pub(super) rails: Option<String>,
    /// Polygons in which to look for cargo off the track [default: the corridor].
    #[arg(long, value_name = "VECTOR")]
    pub(super) yards: Option<String>,
    /// Folder for the outputs; created if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Half width of the corridor, metres, 20 to 20000 [default: 250].
    #[arg(long, allow_negative_numbers = true, value_name = "M")]
    pub(super) buffer_m: Option<f64>,
    /// False alarms to accept per 100 km of track; a larger number also shows weaker detections. It holds for trains, and
    /// separately for cargo off the track along a corridor of 100 km [default: 2].
    #[arg(long, allow_negative_numbers = true, value_name = "R")]
    pub(super) false_alarms: Option<f64>,
    /// Shortest train to report, metres, 30 to 1000 [default: 60].
    #[arg(long, allow_negative_numbers = true, value_name = "M")]
    pub(super) min_length_m: Option<f64>,
    /// Bands to use, such as B02,B03,B04,B08; also names the bands of files that do not name them.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Time of the target (RFC 3339 or YYYY-MM-DD) [default: as its file or name says].
    #[arg(long, value_name = "TIME")]
    pub(super) datetime: Option<String>,
    /// Trust the georeference: neither measure nor correct the shift between scenes.
    #[arg(long)]
    pub(super) no_register: bool,
    /// Write change.tif over the whole overlap of the scenes, not only within twice --buffer-m of the rails.
    #[arg(long)]
    pub(super) change_map: bool,
    /// Without rails: find whatever changed anywhere between two optical scenes of any size. Writes change.tif,
    /// objects.geojson and run.json; --false-alarms then counts per 100 km² of ground.
    #[arg(long, conflicts_with_all = ["rails", "yards", "buffer_m", "min_length_m", "change_map"])]
    pub(super) area: bool,
    /// TOML file with these options and more (docs/config.md); options on the command line win.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check everything and say what would be done; read no pixels and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print detections.geojson (with --area objects.geojson) to stdout.
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with code 3 if something was found, also when scenes were skipped.
    #[arg(long)]
    pub(super) fail_on_detect: bool,
}

/// Measure the shift of one scene against another and lay it on the other's grid.
///
/// Tie points over the whole overlap give the shift to hundredths of a pixel, as one shift, an affine one or a smooth field,
/// whichever they support. The moving scene is then resampled once onto the reference's grid and written as a
/// cloud-optimised GeoTIFF, with the tie points (`.tie_points.geojson`, unless --tie-points says where), a report (`.json`) and a picture (`.png`) beside it.
/// A pair whose shift cannot be trusted is refused with exit code 1. Outputs never replace an input. A ground-range product
/// (Sentinel-1 GRD) can be the reference, or be measured with --dry-run, but is not laid on another grid.
#[derive(Debug, Args)]
#[command(after_help = format!("{SCENE_HELP}\n\nExamples:\n  \
    railwatch register --reference 2022-11-19.tif --moving 2022-11-29.tif --out registered.tif\n  \
    railwatch register --reference a.SAFE --moving b.SAFE --match-band B04 --dry-run --json"))]
pub(super) struct RegisterArgs {
    /// Scene whose geometry is kept.
    #[arg(long, value_name = "SCENE")]
    pub(super) reference: String,
    /// Scene that is laid on the reference's grid.
    #[arg(long, value_name = "SCENE")]
    pub(super) moving: String,
    /// Output on the reference's grid; with a name ending in .vrt the georeference is corrected and the pixels stay as they are.
    #[arg(long, value_name = "TIF", required_unless_present = "dry_run")]
    pub(super) out: Option<PathBuf>,
    /// File for the tie points: a GeoPackage if it ends in .gpkg, else GeoJSON [default: GeoJSON beside OUT].
    #[arg(long, value_name = "VECTOR", conflicts_with = "dry_run")]
    pub(super) tie_points: Option<PathBuf>,
    /// Bands to use, such as B02,B03,B04,B08; also names the bands of files that do not name them.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Band to measure on [default: the one that gives the shift most precisely].
    #[arg(long, value_name = "BAND")]
    pub(super) match_band: Option<String>,
    /// Form of the shift.
    #[arg(long, value_enum, default_value = "auto", value_name = "MODEL")]
    pub(super) model: ModelChoice,
    /// Largest shift to look for, px [default: 50].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) max_shift_px: Option<f64>,
    /// Side of a tie point's window, px [default: 64].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) window_px: Option<usize>,
    /// Distance between tie points, px [default: the side of the window; half of it in small scenes, more in large ones: at most about 4000 tie points].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) spacing_px: Option<NonZeroUsize>,
    /// Measure and print the result; write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the report to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModelChoice {
    /// The simplest that the tie points support.
    Auto,
    /// One shift.
    Translation,
    /// A shift that changes linearly.
    Affine,
    /// A shift that changes smoothly from place to place.
    Field,
}

/// What synthetic scenes are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SensorArg {
    /// Reflectance in B02, B03, B04, B08, as of Sentinel-2.
    Optical,
    /// Linear power in VV and VH, as of Sentinel-1: eight baselines and a target.
    Radar,
}

/// Make scenes with known trains, or put trains into real scenes.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes baseline and target scenes, the rails, and truth.geojson, against which `railwatch evaluate` scores runs.\n\n\
    Examples:\n  \
    railwatch simulate --rails samples/tumangang_khasan_rails.geojson --seed 7 --out sim\n  \
    railwatch simulate --sensor radar --rails samples/tumangang_khasan_rails.geojson --out sim\n  \
    railwatch simulate --into 2022-11-19.tif 2022-11-29.tif --rails rails.geojson --out sim"
)]
pub(super) struct SimulateArgs {
    /// Kind of synthetic scenes to make.
    #[arg(long, value_enum, default_value_t = SensorArg::Optical, conflicts_with = "into")]
    pub(super) sensor: SensorArg,
    /// Put trains into these real scenes instead, optical or radar: the baselines, then the target. What is written keeps
    /// the satellite's name, with `, trains simulated` appended.
    #[arg(long, num_args = 2.., value_name = "SCENE", conflicts_with = "epsg")]
    pub(super) into: Vec<String>,
    /// Rail lines on which the trains stand.
    #[arg(long, value_name = "VECTOR")]
    pub(super) rails: String,
    /// Folder for the outputs.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Seed: the same one gives the same scenes [default: that of --config, else 1].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// EPSG code of synthetic scenes [default: the UTM zone of the rails].
    #[arg(long, value_name = "CODE")]
    pub(super) epsg: Option<u32>,
    /// Ground around the rails, metres, 0 to 50000.
    #[arg(long, allow_negative_numbers = true, default_value_t = 1000.0, value_name = "M")]
    pub(super) margin_m: f64,
    /// TOML file with the parameters of the simulation (docs/config.md); with --into those of its [trains].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Score runs of `detect` against known trains.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints precision, recall by length and cargo, false alarms asked for and measured with exact intervals, recall at 2, 10 \
    and 50 false alarms per 100 km, the error of both ends and the length found with 90 % probability. Run `railwatch detect` \
    with --false-alarms 50 to have all three rates measured.\n\nExample:\n  \
    railwatch simulate --rails samples/tumangang_khasan_rails.geojson --seed 7 --out sim\n  \
    railwatch detect --baseline sim/baseline.tif --target sim/target.tif --rails sim/rails.geojson --false-alarms 50 --out sim/run\n  \
    railwatch evaluate sim/run --references --out sim/score"
)]
pub(super) struct EvaluateArgs {
    /// Output folders of `railwatch detect`, globs of them, or .toml lists with one [[case]] (run, truth, name) per run.
    #[arg(required = true, value_name = "CASE")]
    pub(super) cases: Vec<String>,
    /// Truth of all cases without one of their own [default: truth.geojson in the folder or beside it].
    #[arg(long, value_name = "VECTOR")]
    pub(super) truth: Option<PathBuf>,
    /// Also score CVA and IR-MAD on the registered scenes, and plain differencing; reads the scenes of the runs again.
    #[arg(long)]
    pub(super) references: bool,
    /// Folder for evaluation.json, evaluation.csv and curves.png.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Print the evaluation as JSON to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

/// Draw the figures and the HTML page of a run again from its output folder.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch report out")]
pub(super) struct ReportArgs {
    /// Output folder of `railwatch detect`.
    pub(super) dir: PathBuf,
}

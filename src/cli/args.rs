//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) use super::monitor_args::{MonitorArgs, MonitorCommand, MonitorRunArgs, MonitorStatusArgs};

/// Tells from public Sentinel imagery when trains and cargo newly appear on rail corridors, and how sure it is.
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

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Say more (-v stages, -vv what verdicts rest on).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say only errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Messages for people or for machines.
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    /// Progress bars on a terminal, none, or one JSON object a line on stderr.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(super) progress: ProgressMode,
    /// Threads to work with [default: all cores].
    #[arg(long, global = true, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
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
    /// Measure how a scene lies against another and lay it on the other's grid.
    Register(RegisterArgs),
    /// Find scenes of a corridor in STAC servers, static catalogs and folders.
    Search(Box<super::search::SearchArgs>),
    /// Fetch the corridor's windows of scenes.
    Fetch(Box<super::fetch::FetchArgs>),
    /// Make scenes with trains whose truth is known.
    Simulate(SimulateArgs),
    /// Score runs against what is known to be there.
    Evaluate(EvaluateArgs),
    /// Draw figures and the HTML page again from a run's outputs.
    Report(ReportArgs),
    /// Watch sites day by day: new scenes, trains' lives, series and alerts.
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
        /// Folder for one page a command; without it the main page goes to stdout.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

const SCENE_HELP: &str = "A SCENE is a GeoTIFF, COG, JPEG2000 or any raster that GDAL reads (several one-band files joined by + or \
matched by a glob), a Sentinel-1 GRD or Sentinel-2 SAFE folder or zip, or a STAC item (file or URL). Radar is compared within one relative orbit only. Remote paths are read by window.";

/// Find trains and cargo that appeared or departed between baseline and target scenes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = format!("{SCENE_HELP}\n\nExamples:\n  \
    railwatch detect --baseline 2022-11-19.tif --target 2022-11-29.tif --rails rails.geojson --out out\n  \
    railwatch detect --area --baseline 2022-11-19.tif --target 2022-11-29.tif --out changes\n  \
    railwatch detect --config corridor.toml --target new_item.json --false-alarms 10 --json --fail-on-detect"))]
pub(super) struct DetectArgs {
    /// Earlier scene; give several for a stack.
    #[arg(long, num_args = 1.., value_name = "SCENE")]
    pub(super) baseline: Vec<String>,
    /// Scene under test.
    #[arg(long, value_name = "SCENE")]
    pub(super) target: Option<String>,
    /// Rail lines: GeoJSON, GeoPackage, Shapefile, OSM PBF, anything OGR reads.
    #[arg(long, value_name = "VECTOR")]
    pub(super) rails: Option<String>,
    /// Polygons in which cargo off the track is looked for [default: the corridor].
    #[arg(long, value_name = "VECTOR")]
    pub(super) yards: Option<String>,
    /// Folder for the outputs; made where it is missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Half width of the corridor, metres, 20 to 20000 [default: 250].
    #[arg(long, allow_negative_numbers = true, value_name = "M")]
    pub(super) buffer_m: Option<f64>,
    /// Expected false alarms per 100 km of track, larger gives more, weaker detections; trains are held to it, and so is cargo
    /// by itself, on the ground of a corridor of 100 km [default: 2].
    #[arg(long, allow_negative_numbers = true, value_name = "R")]
    pub(super) false_alarms: Option<f64>,
    /// Shortest train to report, metres, 30 to 1000 [default: 60].
    #[arg(long, allow_negative_numbers = true, value_name = "M")]
    pub(super) min_length_m: Option<f64>,
    /// Bands to use, such as B02,B03,B04,B08; names the bands of files that do not.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Time of the target, in place of what its file tells (RFC 3339 or YYYY-MM-DD).
    #[arg(long, value_name = "TIME")]
    pub(super) datetime: Option<String>,
    /// Trust the georeference: do not measure and correct the shift between scenes.
    #[arg(long)]
    pub(super) no_register: bool,
    /// Write change.tif over the whole overlap of the scenes, not only within twice --buffer-m of the rails.
    #[arg(long)]
    pub(super) change_map: bool,
    /// No rails: everything that changed anywhere between two optical scenes of any size. Writes change.tif, objects.geojson
    /// and run.json; false alarms are then counted per 100 km² of ground.
    #[arg(long, conflicts_with_all = ["rails", "yards", "buffer_m", "min_length_m", "change_map"])]
    pub(super) area: bool,
    /// TOML file with the same names; what is typed wins.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check everything, say what would be done, read no pixels and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print detections.geojson (with --area objects.geojson) to stdout.
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with code 3 when something was found.
    #[arg(long)]
    pub(super) fail_on_detect: bool,
}

/// Measure how a scene lies against another and lay it on the other's grid.
///
/// Tie points over the whole overlap tell the shift to hundredths of a pixel: one shift, an affine one or a smooth field,
/// whichever they ask for. The moving scene is then resampled once onto the reference's grid and written as a
/// cloud-optimised GeoTIFF, with its tie points (`.tie_points.geojson`, unless --tie-points says where), a report (`.json`) and a picture (`.png`) beside it.
/// A pair whose shift cannot be trusted is refused with exit code 1. Outputs never replace an input. A product in ground range
/// (Sentinel-1 GRD) can be the reference, or be measured with --dry-run; it is not laid on another grid.
#[derive(Debug, Args)]
#[command(after_help = format!("{SCENE_HELP}\n\nExamples:\n  \
    railwatch register --reference 2022-11-19.tif --moving 2022-11-29.tif --out registered.tif\n  \
    railwatch register --reference a.SAFE --moving b.SAFE --match-band B04 --dry-run --json"))]
pub(super) struct RegisterArgs {
    /// Scene whose geometry is kept.
    #[arg(long, value_name = "SCENE")]
    pub(super) reference: String,
    /// Scene that is laid on it.
    #[arg(long, value_name = "SCENE")]
    pub(super) moving: String,
    /// Output on the reference's grid; a name that ends in .vrt corrects the georeference and leaves the pixels as they are.
    #[arg(long, value_name = "TIF", required_unless_present = "dry_run")]
    pub(super) out: Option<PathBuf>,
    /// File of the tie points: a GeoPackage where it ends in .gpkg, else GeoJSON [default: beside OUT, as GeoJSON].
    #[arg(long, value_name = "VECTOR", conflicts_with = "dry_run")]
    pub(super) tie_points: Option<PathBuf>,
    /// Bands to use, such as B02,B03,B04,B08; names the bands of files that do not.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Band to measure on [default: the one whose windows know the shift best].
    #[arg(long, value_name = "BAND")]
    pub(super) match_band: Option<String>,
    /// Form of the shift.
    #[arg(long, value_enum, default_value = "auto", value_name = "MODEL")]
    pub(super) model: ModelChoice,
    /// Largest shift looked for, px [default: 50].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) max_shift_px: Option<f64>,
    /// Side of a tie point's window, px [default: 64].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) window_px: Option<usize>,
    /// Distance of tie points, px [default: the window, or more for at most about 4000 of them].
    #[arg(long, allow_negative_numbers = true, value_name = "PX")]
    pub(super) spacing_px: Option<std::num::NonZeroUsize>,
    /// Measure and say what was found; write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the report to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModelChoice {
    /// The simplest that the tie points ask for.
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

/// Make scenes with trains whose truth is known.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes baseline and target scenes, the rails and truth.geojson, which `railwatch evaluate` scores runs against.\n\n\
    Examples:\n  \
    railwatch simulate --rails samples/tumangang_khasan_rails.geojson --seed 7 --out sim\n  \
    railwatch simulate --sensor radar --rails samples/tumangang_khasan_rails.geojson --out sim\n  \
    railwatch simulate --into 2022-11-19.tif 2022-11-29.tif --rails rails.geojson --out sim"
)]
pub(super) struct SimulateArgs {
    /// What kind of synthetic scenes to make.
    #[arg(long, value_enum, default_value_t = SensorArg::Optical, conflicts_with = "into")]
    pub(super) sensor: SensorArg,
    /// Put trains into these real scenes instead, optical or radar: the baselines, then the target. The platform of what is
    /// written is the satellite's with `, trains simulated`.
    #[arg(long, num_args = 2.., value_name = "SCENE", conflicts_with = "epsg")]
    pub(super) into: Vec<String>,
    /// Rail lines that the trains stand on.
    #[arg(long, value_name = "VECTOR")]
    pub(super) rails: String,
    /// Folder for the outputs.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The same seed gives the same scenes [default: the configuration's, else 1].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// EPSG code of synthetic scenes [default: the UTM zone of the rails].
    #[arg(long, value_name = "CODE")]
    pub(super) epsg: Option<u32>,
    /// Ground around the rails, metres, 0 to 50000.
    #[arg(long, allow_negative_numbers = true, default_value_t = 1000.0, value_name = "M")]
    pub(super) margin_m: f64,
    /// Parameters of the simulation (TOML); with --into those of its [trains].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Score runs against what is known to be there.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints precision, recall by length and cargo, false alarms asked and measured with exact intervals, recall at 2, 10 \
    and 50 false alarms per 100 km, the error of both ends and the length found with 90 % probability. Ask `railwatch detect` \
    for --false-alarms 50 to have all three rates measured.\n\nExample:\n  \
    railwatch simulate --rails samples/tumangang_khasan_rails.geojson --seed 7 --out sim\n  \
    railwatch detect --baseline sim/baseline.tif --target sim/target.tif --rails sim/rails.geojson --false-alarms 50 --out sim/run\n  \
    railwatch evaluate sim/run --references --out sim/score"
)]
pub(super) struct EvaluateArgs {
    /// Folders that `railwatch detect` wrote, globs of them, or a .toml list with one [[case]] (run, truth, name) each.
    #[arg(required = true, value_name = "CASE")]
    pub(super) cases: Vec<String>,
    /// Truth of all cases that have none of their own [default: truth.geojson in the folder or beside it].
    #[arg(long, value_name = "VECTOR")]
    pub(super) truth: Option<PathBuf>,
    /// Also score registered pixelwise CVA, IR-MAD and plain differencing; reads the scenes of the runs again.
    #[arg(long)]
    pub(super) references: bool,
    /// Folder for evaluation.json, evaluation.csv and curves.png.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Print the evaluation as JSON to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

/// Draw figures and the HTML page again from a run's outputs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch report out")]
pub(super) struct ReportArgs {
    /// Folder that `railwatch detect` wrote.
    pub(super) dir: PathBuf,
}

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
    4 done but some scenes were skipped."
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
    /// Say more (-v stages, -vv details).
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
    /// Make scenes with trains whose truth is known.
    Simulate(SimulateArgs),
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
matched by a glob), a Sentinel-2 SAFE folder or zip, or a STAC item (file or URL). Remote paths are read by window.";

/// Find trains and cargo that appeared or departed between baseline and target scenes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = format!("{SCENE_HELP}\n\nExamples:\n  \
    railwatch detect --baseline 2022-11-19.tif --target 2022-11-29.tif --rails rails.geojson --out out\n  \
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
    /// Half width of the corridor, metres [default: 250].
    #[arg(long, value_name = "M")]
    pub(super) buffer_m: Option<f64>,
    /// Expected false alarms per 100 km of track; larger gives more, weaker detections [default: 2].
    #[arg(long, value_name = "R")]
    pub(super) false_alarms: Option<f64>,
    /// Shortest train to report, metres [default: 60].
    #[arg(long, value_name = "M")]
    pub(super) min_length_m: Option<f64>,
    /// Bands to use, such as B02,B03,B04,B08; names the bands of files that do not.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Time of the target where its file does not tell (RFC 3339 or YYYY-MM-DD).
    #[arg(long, value_name = "TIME")]
    pub(super) datetime: Option<String>,
    /// Trust the georeference: do not measure and correct the shift between scenes.
    #[arg(long)]
    pub(super) no_register: bool,
    /// Write change.tif over the whole overlap of the scenes, not over the corridor alone.
    #[arg(long)]
    pub(super) change_map: bool,
    /// TOML file with the same names; what is typed wins.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check everything, say what would be done, read no pixels and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print detections.geojson to stdout.
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with code 3 when something was found.
    #[arg(long)]
    pub(super) fail_on_detect: bool,
}

/// Make scenes with trains whose truth is known.
#[derive(Debug, Args)]
#[command(after_help = "Writes a baseline and a target scene, the rails and truth.geojson.\n\nExample:\n  \
    railwatch simulate --rails samples/tumangang_khasan_rails.geojson --seed 7 --out sim")]
pub(super) struct SimulateArgs {
    /// Rail lines along which the landscape is made.
    #[arg(long, value_name = "VECTOR")]
    pub(super) rails: String,
    /// Folder for the outputs.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The same seed gives the same scenes [default: the configuration's, else 1].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// EPSG code of the scenes [default: the UTM zone of the rails].
    #[arg(long, value_name = "CODE")]
    pub(super) epsg: Option<u32>,
    /// Ground around the rails, metres.
    #[arg(long, default_value_t = 1000.0, value_name = "M")]
    pub(super) margin_m: f64,
    /// Parameters of the simulation (TOML).
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Draw figures and the HTML page again from a run's outputs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch report out")]
pub(super) struct ReportArgs {
    /// Folder that `railwatch detect` wrote.
    pub(super) dir: PathBuf,
}

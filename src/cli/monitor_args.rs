//! What can be typed after `railwatch monitor`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Watch sites from day to day: new scenes, trains, time series and alerts.
#[derive(Debug, Args)]
#[command(
    after_help = "A TOML file names what is watched; docs/monitor.md describes it and the state that is kept.\n\nExamples:\n  \
    railwatch monitor run --config monitor.toml\n  \
    railwatch monitor run --config monitor.toml --since 2017-01-01 --json\n  \
    railwatch monitor status --config monitor.toml\n  \
    railwatch monitor series --config monitor.toml --out series"
)]
pub(super) struct MonitorArgs {
    #[command(subcommand)]
    pub(super) command: MonitorCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum MonitorCommand {
    /// Process what is new since the last run and exit; for cron and systemd timers.
    Run(MonitorRunArgs),
    /// Show what is known about each site: scenes and why some were skipped, trains, alerts, the last run.
    Status(MonitorStatusArgs),
    /// Write the series of occupied track: CSV, JSON, charts (PNG, SVG) and a page per site.
    Series(MonitorSeriesArgs),
    /// Write detections and trains as GeoJSON and CSV.
    Export(MonitorExportArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "A run can be killed at any moment and started again. Two runs at once do no harm: the second ends with code 1.\n\
    Exit codes: 0 done, 1 failed, 2 configuration, 4 done, but a source, a scene or an alert channel failed.\n\nExamples:\n  \
    railwatch monitor run --config monitor.toml --dry-run\n  \
    railwatch monitor run --config monitor.toml --site khasan --since 2022-01-01"
)]
pub(super) struct MonitorRunArgs {
    /// TOML file with the sites.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Oldest date to process (RFC 3339 or YYYY-MM-DD), even if it lies before the dates that are kept [default: all dates
    /// of a folder, the newest days of a catalog].
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Only this site; may be given more than once.
    #[arg(long = "site", value_name = "ID")]
    pub(super) sites: Vec<String>,
    /// Say what would be done; read no pixels and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the summary as JSON to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch monitor status --config monitor.toml --json")]
pub(super) struct MonitorStatusArgs {
    /// TOML file with the sites.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Print the status as JSON to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch monitor series --config monitor.toml --out series")]
pub(super) struct MonitorSeriesArgs {
    /// TOML file with the sites.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Only this site; may be given more than once.
    #[arg(long = "site", value_name = "ID")]
    pub(super) sites: Vec<String>,
    /// Folder for the files; created if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  railwatch monitor export --config monitor.toml --out export")]
pub(super) struct MonitorExportArgs {
    /// TOML file with the sites.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Folder for the files; created if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
}

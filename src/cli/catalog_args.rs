//! What can be typed after `railwatch search` and `railwatch fetch`.

use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

const SOURCE_HELP: &str = "SOURCE is earth-search, planetary-computer or cdse, the URL of any other STAC API or of a static \
catalog, a catalog or item file, or a folder of items.";

/// Where, when and how clear.
#[derive(Debug, Args)]
pub(super) struct ChoiceArgs {
    /// Where to search: earth-search, planetary-computer, cdse, a URL, a file or a folder.
    #[arg(long, value_name = "SOURCE", default_value = "earth-search")]
    pub(super) source: String,
    /// Rail lines that the scenes must show; cloud is counted along them.
    #[arg(long, value_name = "VECTOR", required_unless_present = "bbox")]
    pub(super) rails: Option<String>,
    /// A box instead of rails: west,south,east,north in degrees.
    #[arg(
        long,
        value_name = "W,S,E,N",
        value_delimiter = ',',
        allow_hyphen_values = true,
        conflicts_with = "rails"
    )]
    pub(super) bbox: Vec<f64>,
    /// First day or moment (YYYY-MM-DD or RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// Last day or moment, inclusive.
    #[arg(long, value_name = "TIME")]
    pub(super) to: Option<String>,
    /// Collections, such as sentinel-2-l2a,sentinel-1-rtc [default: Sentinel-2 L2A of a known source, else all].
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) collections: Vec<String>,
    /// Largest share of cloud and shadow along the corridor, 0 to 1; reads that part of each scene's classification.
    #[arg(long, allow_negative_numbers = true, value_name = "F")]
    pub(super) max_cloud: Option<f64>,
    /// Largest share of cloud over the whole tile, 0 to 1, as stated by the provider.
    #[arg(long, allow_negative_numbers = true, value_name = "F")]
    pub(super) max_tile_cloud: Option<f64>,
    /// Largest number of scenes; the newest are taken.
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    pub(super) limit: Option<NonZeroUsize>,
    /// MGRS tiles to use, such as 52TFM [default: the fewest that cover the corridor].
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) tiles: Vec<String>,
    /// Half width of the corridor in which cloud is counted, metres.
    #[arg(long, allow_negative_numbers = true, value_name = "M", default_value_t = 250.0)]
    pub(super) buffer_m: f64,
    /// Width of the surroundings that are fetched with the corridor, metres; registration needs them.
    #[arg(long, allow_negative_numbers = true, value_name = "M", default_value_t = 3000.0)]
    pub(super) margin_m: f64,
}

/// Find scenes of a corridor on STAC servers, in static catalogs and in folders.
#[derive(Debug, Args)]
#[command(after_help = format!("{SOURCE_HELP}\nCopies of a scene are listed once, strips of a split tile as one \
    scene; overlapping tiles are left out.\n\nExamples:\n  \
    railwatch search --rails rails.geojson --from 2022-11-01 --to 2022-12-01 --max-cloud 0.2\n  \
    railwatch search --source planetary-computer --bbox 130.5,42.3,130.8,42.6 --from 2024-06-01 --json > found.json"))]
pub(super) struct SearchArgs {
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// Print the items as a STAC item collection to stdout.
    #[arg(long)]
    pub(super) json: bool,
}

/// Fetch the corridor's windows of scenes: a folder with COGs and a STAC item each, which `detect` takes as SCENE.
#[derive(Debug, Args)]
#[command(
    after_help = "Only the bytes of the window are transferred. Files that are there already are not fetched again, and an interrupted fetch \
    continues where it stopped. DIR/ID/ID.json holds the SHA-256 of every file.\n\nExamples:\n  \
    railwatch fetch --rails rails.geojson --from 2022-11-01 --to 2022-12-01 --max-cloud 0.2 --out scenes\n  \
    railwatch fetch --source planetary-computer --rails rails.geojson --from 2024-06-01 --limit 5 --out scenes"
)]
pub(super) struct FetchArgs {
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// Bands, such as B02,B03,B04,B08 [default: these four, or VV,VH]; the classification is fetched as well.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(super) bands: Vec<String>,
    /// Folder for the scenes; created if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
}

//! What a report is made of: plain values, saved as JSON, so that every output can be made again from them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A point, `[x, y]` in the figure's CRS or `[longitude, latitude]` in degrees.
pub type Point = [f64; 2];

/// Everything a run found, and everything that says how far to trust it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Hash of the contents of all inputs and of the settings: the same wherever inputs and outputs lie.
    pub run_id: String,
    /// Version of the program that ran.
    pub version: String,
    /// Name of the place or site, as the analyst calls it.
    pub title: String,
    /// Whether pixels, or trains put into them, are synthetic; every figure then says so.
    pub simulated: bool,
    /// Whether satellite pixels are under the simulated trains.
    pub implanted: bool,
    /// Line that the data's licence asks for, as far as the scenes say whose they are.
    pub attribution: String,
    /// The acquisition under test.
    pub target: SceneCard,
    /// The earlier scenes, newest first.
    pub baselines: Vec<SceneCard>,
    /// One entry a baseline scene.
    pub registration: Vec<RegistrationCard>,
    /// Step east and north, m, by which the rails were moved onto the bed that the baselines show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rails_step_m: Option<[f64; 2]>,
    /// The rail lines looked at.
    pub tracks: Vec<TrackCard>,
    /// Why no track has a detection limit, where none can be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection_limit_unknown: Option<String>,
    /// What was found, in any order.
    pub detections: Vec<DetectionCard>,
    /// How the false-alarm rate was calibrated.
    pub null: NullCard,
    /// Scenes and stages that were left out, with reasons.
    pub skipped: Vec<SkipCard>,
    /// Seconds by stage.
    pub timings_s: BTreeMap<String, f64>,
    /// Command line arguments.
    pub arguments: Vec<String>,
    /// Files read besides the scenes: rails first, then yards and elevation model where they are named.
    pub inputs: Vec<InputCard>,
}

/// A scene as the report speaks of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneCard {
    /// Product or file name.
    pub id: String,
    /// Where it was read from.
    pub path: String,
    /// Checksum of the file, where it was computed.
    pub sha256: Option<String>,
    /// Acquisition time.
    pub datetime: Option<Timestamp>,
    /// Satellite, such as `Sentinel-2A`.
    pub platform: Option<String>,
    /// Names of the bands used.
    pub bands: Vec<String>,
    /// How stored numbers became physical ones.
    pub offset_rule: String,
    /// Share of usable pixels in the corridor window, 0…1.
    pub valid_fraction: f64,
    /// Share of clouded pixels in the corridor window, 0…1.
    pub cloud_fraction: f64,
    /// Share of pixels under water on what is land in the other scene, 0…1.
    pub flood_fraction: f64,
}

/// How one baseline scene was registered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistrationCard {
    /// The baseline scene.
    pub scene_id: String,
    /// Added to the target's row to get the baseline's, px.
    pub shift_row_px: f64,
    /// Added to the target's column to get the baseline's, px.
    pub shift_col_px: f64,
    /// Root mean square of what the shift leaves over, px.
    pub residual_rmse_px: f64,
    /// Standard error of the shift, px: what averages out over the tie points, and the change that may not.
    pub uncertainty_px: f64,
    /// Tie points that the fit rests on.
    pub tie_point_count: usize,
    /// Whether the shift was trusted and used.
    pub accepted: bool,
    /// Why a measured shift is not applied, or none was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One rail line, its statistic and what could have been seen on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackCard {
    /// Stable name of the track.
    pub track_id: String,
    /// Name in the rail vector, where it has one.
    pub name: Option<String>,
    /// Length inside the scene, m.
    pub length_m: f64,
    /// Length with usable pixels in both dates, m.
    pub observed_m: f64,
    /// Vertices in the CRS of the panels.
    pub vertices_xy: Vec<Point>,
    /// The same vertices, degrees.
    pub vertices_lonlat: Vec<Point>,
    /// The score along the track.
    pub profile: Profile,
    /// Shortest train found with 90 % probability, m, by cargo; `None` where no length up to the longest suffices, empty where none is given.
    pub detection_limit_m: BTreeMap<String, Option<f64>>,
}

/// The score of the best window over each place along a track.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Chainage of the first value, m.
    pub start_m: f64,
    /// Spacing of the values, m.
    pub step_m: f64,
    /// Scores; `None` where the track could not be observed.
    #[serde(alias = "statistic")]
    pub score: Vec<Option<f32>>,
    /// Score from which a detection is reported at the asked false-alarm rate.
    pub threshold: f64,
}

/// One detection with all its properties.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectionCard {
    /// Stable hash of place, time and scenes.
    pub id: String,
    /// Number in figures and tables, from 1 by descending score.
    pub number: usize,
    /// `train` or `cargo`.
    pub kind: String,
    /// `appeared` or `departed`.
    pub change: String,
    /// The change is older than the newest baseline, which shows the place as the target does.
    pub before_newest_baseline: bool,
    /// The track, for what lies on one.
    pub track_id: Option<String>,
    /// First chainage, m.
    pub chainage_start_m: Option<f64>,
    /// Last chainage, m.
    pub chainage_end_m: Option<f64>,
    /// Length on the ground, m.
    pub length_m: f64,
    /// Likely range of the length, m, for what lies on a track.
    pub length_interval_m: Option<[f64; 2]>,
    /// Offset from the rail line, right positive, m.
    pub offset_m: Option<f64>,
    /// Higher is surer; comparable across runs.
    pub score: f64,
    /// Tail probability under the placebo null.
    pub p_value: f64,
    /// False discovery rate when this and everything surer is believed.
    pub q_value: f64,
    /// Expected false alarms at this score or above per 100 km of track and target scene.
    pub false_alarms_per_100km: f64,
    /// Time of the target.
    pub datetime: Option<Timestamp>,
    /// Times of the baselines.
    pub baseline_datetimes: Vec<Timestamp>,
    /// Satellite of the target.
    pub platform: Option<String>,
    /// Target first, then baselines.
    pub scene_ids: Vec<String>,
    /// Clouded share of the target within 100 m of the footprint's box, 0…1.
    pub cloud_fraction: f64,
    /// Area, m², for what lies off the track.
    pub area_m2: Option<f64>,
    /// Mean difference per band in `contrast_unit`.
    pub contrast: BTreeMap<String, f64>,
    /// `reflectance` or `dB`.
    pub contrast_unit: String,
    /// `bright`, `dark` or `coloured`.
    pub appearance: String,
    /// `standing` or `moving`, where the bands show it.
    pub motion: Option<String>,
    /// One standard error of the speed along the track, of what stands as of what moves, m/s.
    pub speed_sigma_m_s: Option<f64>,
    /// Whether the train may as well go the opposite way: the detector's footprint, which decides, is not known.
    pub heading_ambiguous: Option<bool>,
    /// Speed where motion was measured, m/s.
    pub speed_m_s: Option<f64>,
    /// Heading where motion was measured, degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// Of radar: how far towards the satellite the top of a wagon may appear from its place, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layover_m: Option<f64>,
    /// Direction of it, degrees clockwise from true north, where the pass is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layover_toward_deg: Option<f64>,
    /// Its part along the track, m, positive to higher chainage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layover_along_m: Option<f64>,
    /// Its part across the track, m, positive to the right of increasing chainage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layover_across_m: Option<f64>,
    /// Outline on the ground in the CRS of the panels; closed or not, any sense.
    pub footprint_xy: Vec<Point>,
    /// The same outline, degrees.
    pub footprint_lonlat: Vec<Point>,
}

impl DetectionCard {
    /// Length and its likely range as every output tells them: whole metres, so that figure, page, layer and terminal agree.
    #[must_use]
    pub fn told_lengths_m(&self) -> (f64, Option<[f64; 2]>) {
        (self.length_m.round(), self.length_interval_m.map(|interval| interval.map(f64::round)))
    }
}

/// How the false-alarm rate was calibrated.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NullCard {
    /// Placebo tracks that the null rests on.
    pub placebo_track_count: usize,
    /// Their length, m.
    pub placebo_length_m: f64,
    /// The rate that was asked for.
    pub false_alarms_per_100km_asked: f64,
}

/// Something left out, and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SkipCard {
    /// The scene.
    pub scene_id: String,
    /// The stage that gave it up.
    pub stage: String,
    /// Why.
    pub reason: String,
}

/// A file that the run read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputCard {
    /// Where it was read from.
    pub path: String,
    /// Its checksum, where it was computed.
    pub sha256: Option<String>,
}

/// Where a panel's pixels lie and what they show; saved beside the panel's PNG.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PanelCard {
    /// GDAL's geotransform of the panel (corner convention).
    pub geotransform: [f64; 6],
    /// Name of the CRS, such as `EPSG:32652`.
    pub crs_name: String,
    /// Outer corners clockwise from the first pixel's, degrees; without them the figure has no graticule.
    pub corners_lonlat: Option<[Point; 4]>,
    /// The scene shown.
    pub scene_id: String,
    /// Acquisition time.
    pub datetime: Option<Timestamp>,
    /// Satellite.
    pub platform: Option<String>,
}

//! Simulated scenes put under their names: rails in, scenes, rails and truth out.

mod optical;
mod radar;
mod real;

use super::Error;
use super::config::read_toml;
use super::motion::heading_deg;
use super::origin::Tags;
use super::staged::{Staged, refuse_inputs};
use crate::corridor::{Track, TrackParams, build_tracks};
use crate::grid::{Affine, Crs, Grid};
use crate::io;
use crate::report::Point;
use crate::report::geojson::position;
use crate::simulate;
use geo::{BoundingRect, MultiPoint};
use jiff::Timestamp;
use ndarray::Array3;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Side of a simulated pixel, metres.
const PIXEL_M: f64 = 10.0;
/// Largest side of a simulated scene, pixels: a Sentinel-2 tile.
const SIDE_MAX_PX: f64 = 10_980.0;

/// What kind of scenes are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimulatedSensor {
    /// Reflectance as Sentinel-2 products store it, by [`simulate::SimulateParams`].
    Optical,
    /// Linear power in VV and VH as terrain-corrected Sentinel-1 products store it, by [`simulate::RadarParams`].
    Radar,
    /// Trains put into these scenes, oldest first and the target last, optical or radar; by [`simulate::ImplantParams`] or
    /// [`simulate::ScattererParams`].
    Real(Vec<String>),
}

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulateRequest {
    /// What kind of scenes.
    pub sensor: SimulatedSensor,
    /// Rail vector.
    pub rails: String,
    /// Output folder.
    pub out: PathBuf,
    /// Wins over the configuration's.
    pub seed: Option<u64>,
    /// EPSG code of synthetic scenes; the UTM zone of the rails where `None`.
    pub epsg: Option<u32>,
    /// Ground around the rails, metres.
    pub margin_m: f64,
    /// TOML of the parameters that `sensor` names.
    pub config: Option<PathBuf>,
}

/// Writes `baseline.tif` (or `baseline_1.tif`, … oldest first), `target.tif`, `rails.geojson` and `truth.geojson`.
///
/// # Errors
/// [`Error`] when the request cannot be met or written.
pub fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    // Whatever is made, these two files are.
    let beside = ["rails.geojson", "truth.geojson"].map(|name| request.out.join(name));
    refuse_inputs(&beside, &[], &[request.rails.as_str()])?;
    match &request.sensor {
        SimulatedSensor::Optical => optical::simulate(request),
        SimulatedSensor::Radar => radar::simulate(request),
        SimulatedSensor::Real(specs) => real::implant(request, specs),
    }
}

/// Where synthetic scenes lie.
struct SyntheticGround {
    tracks: Vec<Track>,
    grid: Grid,
    /// Longitude and latitude of the middle, degrees.
    middle_lonlat: (f64, f64),
}

/// The rails of the request with a grid around them.
fn ground(request: &SimulateRequest) -> Result<SyntheticGround, Error> {
    let wgs84 = io::crs_from_epsg(4326)?;
    let lines = io::read_lines(&request.rails, &wgs84)?;
    let points: MultiPoint<f64> =
        lines.iter().flat_map(|l| l.vertices.iter().map(|&v| geo::Point::from(v))).collect();
    let centre = points.bounding_rect().map(geo::Rect::center).ok_or(simulate::Error::NoTracks)?;
    let crs = match request.epsg {
        Some(code) => io::crs_from_epsg(code).map_err(|error| {
            let reason = match error {
                io::Error::Crs { reason, .. } => reason,
                other => other.to_string(),
            };
            Error::Epsg { code, reason }
        })?,
        None => io::utm_of(centre.x, centre.y)?,
    };
    if let (Some(code), false) = (request.epsg, io::in_metres(&crs)?) {
        let reason =
            "its lengths are not in metres; give a projected system in metres, such as a UTM zone".to_owned();
        return Err(Error::Epsg { code, reason });
    }
    let lines = io::read_lines(&request.rails, &crs)?;
    let grid = grid_around(lines.iter().flat_map(|l| l.vertices.iter().copied()), request.margin_m, crs)?;
    let tracks = build_tracks(&lines, &io::outline(&grid, &grid.crs)?, &TrackParams::default())?;
    Ok(SyntheticGround { tracks, grid, middle_lonlat: (centre.x, centre.y) })
}

/// The parameters of the configuration, else the usual ones.
fn params<T: DeserializeOwned + Default>(request: &SimulateRequest) -> Result<T, Error> {
    request.config.as_ref().map_or_else(|| Ok(T::default()), |path| read_toml(path))
}

/// Names of `count` scenes, oldest first, the target last.
fn scene_names(count: usize) -> Vec<String> {
    let baseline =
        |i: usize| if count == 2 { "baseline.tif".to_owned() } else { format!("baseline_{i}.tif") };
    (1..count).map(baseline).chain(["target.tif".to_owned()]).collect()
}

/// Pixels of a scene on their way to a file.
struct Pixels<'a> {
    grid: &'a Grid,
    /// Values `(band, row, col)`.
    values: &'a Array3<f32>,
    /// Names of the bands.
    bands: &'a [&'a str],
}

/// What a written scene says of itself.
struct About {
    datetime: Timestamp,
    platform: String,
    description: &'static str,
}

impl About {
    /// Of a scene made from nothing.
    fn nothing(datetime: Timestamp) -> Self {
        let description = "simulated by railwatch: no satellite data";
        Self { datetime, platform: simulate::PLATFORM.to_owned(), description }
    }

    fn tags(&self) -> Tags {
        vec![
            ("TIFFTAG_DATETIME".to_owned(), self.datetime.strftime("%Y:%m:%d %H:%M:%S").to_string()),
            ("TIFFTAG_IMAGEDESCRIPTION".to_owned(), self.description.to_owned()),
            ("PLATFORM".to_owned(), self.platform.clone()),
        ]
    }
}

/// Warns of what was asked for and found no room.
fn warn_left_out(what: &str, asked: usize, placed: usize) {
    if placed < asked {
        tracing::warn!(
            asked,
            placed,
            "{} of {asked} {what} found no room along the tracks and were left out: ask for fewer or shorter ones in --config, or \
             give longer rails",
            asked - placed
        );
    }
}

/// Puts rails and truth beside the scenes, all under their names, and says what was written.
fn conclude(
    mut staged: Staged,
    crs: &Crs,
    tracks: &[Track],
    truth: &[impl Serialize],
) -> Result<String, Error> {
    staged.bytes("rails.geojson", feature_collection(&rail_features(crs, tracks)?).as_bytes())?;
    staged.bytes("truth.geojson", feature_collection(&truth_features(crs, tracks, truth)?).as_bytes())?;
    Ok(staged.finish()?.iter().map(|path| path.display().to_string() + "\n").collect())
}

/// A 10 m grid on whole pixels around the points.
fn grid_around(points: impl Iterator<Item = (f64, f64)>, margin_m: f64, crs: Crs) -> Result<Grid, Error> {
    let rect = points.map(geo::Point::from).collect::<MultiPoint<f64>>().bounding_rect();
    let rect = rect.ok_or(simulate::Error::NoTracks)?;
    let low = |v: f64| ((v - margin_m) / PIXEL_M).floor() * PIXEL_M;
    let high = |v: f64| ((v + margin_m) / PIXEL_M).ceil() * PIXEL_M;
    let (x0, y1) = (low(rect.min().x), high(rect.max().y));
    let (width, height) = ((high(rect.max().x) - x0) / PIXEL_M, (y1 - low(rect.min().y)) / PIXEL_M);
    for (name, value) in [("the width in pixels", width), ("the height in pixels", height)] {
        if !(8.0..=SIDE_MAX_PX).contains(&value) {
            return Err(simulate::Error::Parameter { name, value, low: 8.0, high: SIDE_MAX_PX }.into());
        }
    }
    let affine = Affine::from_gdal([x0, PIXEL_M, 0.0, y1, 0.0, -PIXEL_M])
        .map_err(|e| io::Error::Crs { crs: crs.name(), reason: e.to_string() })?;
    Ok(Grid { crs, affine, shape: (height as usize, width as usize) })
}

fn feature_collection(features: &[Value]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string() + "\n"
}

fn line(crs: &Crs, points: &[(f64, f64)]) -> Result<Value, Error> {
    let lonlat: Vec<Point> =
        io::to_wgs84(crs, points)?.into_iter().map(|(lon, lat)| position([lon, lat])).collect();
    Ok(json!({ "type": "LineString", "coordinates": lonlat }))
}

fn rail_features(crs: &Crs, tracks: &[Track]) -> Result<Vec<Value>, Error> {
    let feature = |track: &Track| {
        let properties = json!({ "railway": "rail", "name": track.name, "track_id": track.id });
        Ok(json!({ "type": "Feature", "properties": properties, "geometry": line(crs, track.vertices())? }))
    };
    tracks.iter().map(feature).collect()
}

fn truth_features(crs: &Crs, tracks: &[Track], truth: &[impl Serialize]) -> Result<Vec<Value>, Error> {
    let mut features = Vec::new();
    for implant in truth {
        let mut properties = json!(implant);
        let number = |key: &str| properties[key].as_f64().unwrap_or(0.0);
        let (start, end) = (number("chainage_start_m"), number("chainage_end_m"));
        let Some(track) = tracks.iter().find(|t| properties["track_id"] == *t.id.as_str()) else { continue };
        let points = [start, 0.5 * (start + end), end].map(|s| track.at(s).at_offset(number("offset_m")));
        if let Some(velocity) = properties["velocity_m_s"].as_f64() {
            let along = track.at(0.5 * (start + end)).along;
            properties["speed_m_s"] = json!(velocity.abs());
            properties["heading_deg"] = json!(heading_deg(crs, points[1], along, velocity)?);
        }
        properties["simulated"] = json!(true);
        features
            .push(json!({ "type": "Feature", "properties": properties, "geometry": line(crs, &points)? }));
    }
    Ok(features)
}

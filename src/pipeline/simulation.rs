//! Simulated scenes put under their names: rails in, scenes, rails and truth out.

use super::{Error, prepare_folder};
use crate::corridor::{Track, TrackParams, build_tracks};
use crate::grid::{Affine, Crs, Grid};
use crate::io;
use crate::simulate::{self, Implant, SimScene, SimulateParams};
use geo::{BoundingRect, MultiPoint};
use ndarray::Array3;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Side of a simulated pixel, metres.
const PIXEL_M: f64 = 10.0;
/// Largest side of a simulated scene, pixels: a Sentinel-2 tile.
const SIDE_MAX_PX: f64 = 10_980.0;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulateRequest {
    /// Rail vector.
    pub rails: String,
    /// Output folder.
    pub out: PathBuf,
    /// Wins over the configuration's.
    pub seed: Option<u64>,
    /// EPSG code of the scenes; the UTM zone of the rails where `None`.
    pub epsg: Option<u32>,
    /// Ground around the rails, metres.
    pub margin_m: f64,
    /// TOML of [`SimulateParams`].
    pub config: Option<PathBuf>,
}

/// Writes `baseline.tif` (or `baseline_1.tif`, … oldest first), `target.tif`, `rails.geojson` and `truth.geojson`.
///
/// # Errors
/// [`Error`] when the request cannot be met or written.
pub fn simulate(request: &SimulateRequest) -> Result<String, Error> {
    let mut params = params(request)?;
    let wgs84 = io::crs_from_epsg(4326)?;
    let lines = io::read_lines(&request.rails, &wgs84)?;
    let points: MultiPoint<f64> =
        lines.iter().flat_map(|l| l.vertices.iter().map(|&v| geo::Point::from(v))).collect();
    let centre = points.bounding_rect().map(geo::Rect::center).ok_or(simulate::Error::NoTracks)?;
    let crs = match request.epsg {
        Some(code) => io::crs_from_epsg(code)?,
        None => io::utm_of(centre.x, centre.y)?,
    };
    let lines = io::read_lines(&request.rails, &crs)?;
    let grid = grid_around(lines.iter().flat_map(|l| l.vertices.iter().copied()), request.margin_m, crs)?;
    let tracks = build_tracks(&lines, &io::outline(&grid, &grid.crs)?, &TrackParams::default())?;
    let tracks = [tracks.clone(), simulate::yard_tracks(&params, &tracks)].concat();
    params.place_lonlat = params.place_lonlat.or(Some((centre.x, centre.y)));
    let simulated = simulate::scene_pair(&params, &tracks, &grid)?;
    prepare_folder(&request.out)?;
    let last = simulated.scenes.len() - 1;
    let mut written = Vec::new();
    for (i, scene) in simulated.scenes.iter().enumerate() {
        let name = match i {
            i if i == last => "target.tif".to_owned(),
            0 if last == 1 => "baseline.tif".to_owned(),
            i => format!("baseline_{}.tif", i + 1),
        };
        let path = request.out.join(&name);
        write_scene(&path, &grid, scene)?;
        written.push(path);
    }
    let rails = request.out.join("rails.geojson");
    io::write_text(&rails, &feature_collection(&rail_features(&grid.crs, &tracks)?))?;
    let truth = request.out.join("truth.geojson");
    io::write_text(&truth, &feature_collection(&truth_features(&grid.crs, &tracks, &simulated.truth)?))?;
    written.extend([rails, truth]);
    Ok(written.iter().map(|path| path.display().to_string() + "\n").collect())
}

fn params(request: &SimulateRequest) -> Result<SimulateParams, Error> {
    let mut params = match &request.config {
        None => SimulateParams::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| Error::ConfigRead { path: path.clone(), source })?;
            toml::from_str(&text)
                .map_err(|source| Error::ConfigSyntax { path: path.clone(), source: Box::new(source) })?
        }
    };
    if let Some(seed) = request.seed {
        params.seed = seed;
        params.trains.seed = seed;
    }
    Ok(params)
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

/// 16-bit reflectance × 10 000, as Sentinel-2 products store it; 0 is no data.
fn write_scene(path: &Path, grid: &Grid, scene: &SimScene) -> Result<(), Error> {
    let stored: Array3<u16> = scene.values.mapv(|v| (v * 10_000.0).round().clamp(1.0, 65_534.0) as u16);
    let tags = [
        ("TIFFTAG_DATETIME".to_owned(), scene.datetime.strftime("%Y:%m:%d %H:%M:%S").to_string()),
        ("TIFFTAG_IMAGEDESCRIPTION".to_owned(), "simulated by railwatch: no satellite data".to_owned()),
        ("PLATFORM".to_owned(), simulate::PLATFORM.to_owned()),
    ];
    Ok(io::write_scene(path, grid, &stored, &["B02", "B03", "B04", "B08"], &tags)?)
}

fn feature_collection(features: &[Value]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string() + "\n"
}

fn line(crs: &Crs, points: &[(f64, f64)]) -> Result<Value, Error> {
    let rounded = |v: f64| (v * 1e7).round() / 1e7;
    let lonlat: Vec<[f64; 2]> =
        io::to_wgs84(crs, points)?.into_iter().map(|(lon, lat)| [rounded(lon), rounded(lat)]).collect();
    Ok(json!({ "type": "LineString", "coordinates": lonlat }))
}

fn rail_features(crs: &Crs, tracks: &[Track]) -> Result<Vec<Value>, Error> {
    let feature = |track: &Track| {
        let properties = json!({ "railway": "rail", "name": track.name, "track_id": track.id });
        Ok(json!({ "type": "Feature", "properties": properties, "geometry": line(crs, track.vertices())? }))
    };
    tracks.iter().map(feature).collect()
}

fn truth_features(crs: &Crs, tracks: &[Track], truth: &[Implant]) -> Result<Vec<Value>, Error> {
    let mut features = Vec::new();
    for implant in truth {
        let Some(track) = tracks.iter().find(|t| t.id == implant.track_id) else { continue };
        let (start, end) = (implant.chainage_start_m, implant.chainage_end_m);
        let points = [start, 0.5 * (start + end), end].map(|s| track.at(s).at_offset(implant.offset_m));
        let mut properties = json!(implant);
        if let Some(velocity) = implant.velocity_m_s {
            let along = track.at(0.5 * (start + end)).along;
            properties["speed_m_s"] = json!(velocity.abs());
            properties["heading_deg"] =
                json!((along.0 * velocity).atan2(along.1 * velocity).to_degrees().rem_euclid(360.0));
        }
        properties["simulated"] = json!(true);
        features
            .push(json!({ "type": "Feature", "properties": properties, "geometry": line(crs, &points)? }));
    }
    Ok(features)
}

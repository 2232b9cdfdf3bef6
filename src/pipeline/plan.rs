//! Everything that can be decided before a pixel is read.

use super::told::{is_picture, note_rails, warn_of_unstated};
use super::{DetectConfig, Error, radar};
use crate::change::ChangeMethod;
use crate::corridor::{self, RailLine, StripGeometry, Track, build_tracks};
use crate::detect::{self, Cargo, DetectOutput, DetectParams, TrackStrips};
use crate::grid::{Bounds, Crs, Grid, Window};
use crate::io::{self, SceneOptions};
use crate::report::SkipCard as Skip;
use crate::scene::{BandName, Scene};
use geo::{Area, BooleanOps, Contains, Intersects, Polygon, Translate};
use rayon::prelude::*;

/// Pixels around the corridor that registration looks at, so that a bank with texture in one direction
/// is not all it sees.
pub(super) const REGISTRATION_MARGIN_PX: f64 = 256.0;

/// A run that has been checked: scenes opened, bands chosen, rails made into tracks, windows laid.
#[derive(Debug)]
pub struct Plan {
    /// The configuration that it follows.
    pub config: DetectConfig,
    /// Scene under test.
    pub target: PlannedScene,
    /// Earlier scenes, newest first.
    pub baselines: Vec<PlannedScene>,
    /// Baselines that must not be compared with the target, and why.
    pub skipped: Vec<Skip>,
    /// Bands that all scenes have.
    pub bands: Vec<BandName>,
    /// Projected CRS of the tracks, metres.
    pub crs: Crs,
    /// The rail lines inside the scenes, where they are followed.
    pub tracks: Vec<Track>,
    /// Map metres `(x, y)` from the rails as given to those lines: by as much the newest baseline lies beside the map.
    pub rails_moved_m: Option<(f64, f64)>,
    /// Some of the rails come from OpenStreetMap.
    pub rails_are_osm: bool,
    /// Polygons for cargo, in the working CRS; `None` for the whole corridor.
    pub yards: Option<Vec<Polygon>>,
    /// Side of a pixel on the ground, metres.
    pub pixel_m: f64,
}

/// A scene with the part of it that will be read.
#[derive(Debug)]
pub struct PlannedScene {
    /// The scene.
    pub scene: Scene,
    /// Index into `scene.bands` of each common band.
    pub bands: Vec<usize>,
    /// Part that is read.
    pub window: Window,
}

/// Scenes that can be compared with each other.
struct Compared {
    target: Scene,
    baselines: Vec<Scene>,
    skipped: Vec<Skip>,
    /// Bands that all have.
    bands: Vec<BandName>,
}

impl Plan {
    /// Opens the scenes (metadata only) and the rails, and checks that they fit together.
    ///
    /// # Errors
    /// Whatever makes the run impossible: unreadable files, no common band, no common ground.
    pub fn new(config: DetectConfig) -> Result<Self, Error> {
        for (i, spec) in config.baseline.iter().enumerate() {
            if is_same_scene(spec, &config.target)
                || config.baseline[..i].iter().any(|s| is_same_scene(s, spec))
            {
                return Err(Error::SameScene { path: spec.clone() });
            }
        }
        let wanted = (!config.bands.is_empty()).then(|| config.bands.clone());
        let options =
            SceneOptions { bands: wanted, dem: config.radar.dem.clone(), ..SceneOptions::default() };
        let open =
            |spec: &String, datetime| io::open_scene(spec, &SceneOptions { datetime, ..options.clone() });
        let (target, baselines): (_, Vec<_>) = rayon::join(
            || open(&config.target, config.datetime),
            || config.baseline.par_iter().map(|spec| open(spec, None)).collect(),
        );
        let target = target?;
        let mut baselines = baselines.into_iter().collect::<Result<Vec<_>, io::Error>>()?;
        // Scenes without a time keep the order in which they were given, the last given is the newest.
        baselines.reverse();
        baselines.sort_by_key(|s| std::cmp::Reverse(s.datetime));
        let in_ground_range = |s: &Scene| s.radar.as_ref().is_some_and(radar::is_ground_range);
        if let Some(dem) = &config.radar.dem
            && !std::iter::once(&target).chain(&baselines).any(in_ground_range)
        {
            return Err(Error::DemUnused { path: dem.path.clone() });
        }
        Self::of_scenes(config, target, baselines)
    }

    /// Plans with scenes that are open already, newest baseline first.
    pub(super) fn of_scenes(
        config: DetectConfig,
        target: Scene,
        baselines: Vec<Scene>,
    ) -> Result<Self, Error> {
        if target.radar.is_none() && config.change.method != ChangeMethod::Auto {
            return Err(Error::RadarOnly { scene: target.id });
        }
        if let Some(later) =
            baselines.iter().find(|b| b.datetime > target.datetime && target.datetime.is_some())
        {
            tracing::warn!(
                baseline = later.id,
                target = target.id,
                "the baseline is later than the target: what is reported to have appeared was there first"
            );
        }
        let (baselines, mut skipped) = radar::like_with_like(&target, baselines)?;
        let baselines = some_of(baselines, &mut skipped, |scene| earlier(scene, &target))?;
        let baselines = newest(sharing_ground(&target, baselines, &mut skipped)?, &mut skipped);
        let bands = common_bands(&target, &baselines)?;
        warn_of_unstated(&target, &baselines.iter().collect::<Vec<_>>(), &bands);
        let crs = io::working_crs(&baselines[0].grid)?;
        let lines = io::read_lines(&config.rails, &crs)?;
        let area = common_ground(&target, &baselines[0], &crs)?;
        let tracks = build_tracks(&lines, &area, &config.tracks)
            .map_err(|error| swapped(error, &config.rails, &lines, &area, &crs))?;
        note_rails(&lines, &tracks);
        let scenes = Compared { target, baselines, skipped, bands };
        let mut plan = Self::of_tracks(config, scenes, crs, tracks)?;
        plan.rails_are_osm = lines.iter().any(|line| line.is_osm);
        if let (Some(yards), Some(path)) = (&plan.yards, &plan.config.yards)
            && !yards.iter().any(|yard| yard.intersects(&area))
        {
            return Err(Error::NoOverlap {
                first: path.clone(),
                second: "the scenes".to_owned(),
                hint: "give yards of this place, longitude first, then latitude",
            });
        }
        Ok(plan)
    }

    /// Plans one reference scene of a place whose tracks are known.
    pub(super) fn of_reference(
        config: DetectConfig,
        reference: Scene,
        crs: Crs,
        tracks: Vec<Track>,
    ) -> Result<Self, Error> {
        let bands = reference.bands.iter().map(|b| b.name.clone()).collect();
        let (target, baselines) = (reference.clone(), vec![reference]);
        Self::of_tracks(config, Compared { target, baselines, skipped: Vec::new(), bands }, crs, tracks)
    }

    fn of_tracks(
        config: DetectConfig,
        scenes: Compared,
        crs: Crs,
        tracks: Vec<Track>,
    ) -> Result<Self, Error> {
        let Compared { target, baselines, mut skipped, bands } = scenes;
        let yards = config.yards.as_ref().map(|path| io::read_polygons(path, &crs)).transpose()?;
        let pixel_m = io::ground_pixel_m(&baselines[0].grid)?;
        let ground = NeededGround::new(&config, &crs, &tracks, pixel_m);
        let target = ground.planned(target, &bands)?;
        let baselines = some_of(baselines, &mut skipped, |scene| ground.planned(scene, &bands))?;
        Ok(Self {
            config,
            target,
            baselines,
            skipped,
            bands,
            crs,
            tracks,
            rails_moved_m: None,
            rails_are_osm: false,
            yards,
            pixel_m,
        })
    }

    /// Whether the run is of radar scenes.
    #[must_use]
    pub fn is_radar(&self) -> bool {
        self.target.scene.radar.is_some()
    }

    /// A scene as it would be read in place of the target; it must have all bands of the plan.
    pub(super) fn planned(&self, scene: Scene) -> Result<PlannedScene, Error> {
        if let Some(missing) = self.bands.iter().find(|name| !scene.bands.iter().any(|b| b.name == **name)) {
            return Err(Error::BandMissing { scene: scene.id, band: missing.to_string() });
        }
        NeededGround::new(&self.config, &self.crs, &self.tracks, self.pixel_m).planned(scene, &self.bands)
    }

    /// Follows the rails, and looks into the yards, so many map metres to the east and north of where they are given.
    pub(super) fn move_rails(&mut self, (east_m, north_m): (f64, f64)) {
        self.tracks = self.tracks.iter().map(|track| track.moved(east_m, north_m)).collect();
        self.yards.iter_mut().flatten().for_each(|yard| yard.translate_mut(east_m, north_m));
        self.rails_moved_m = Some((east_m, north_m));
    }

    /// Longitudes and latitudes of map points as the pictures show them, by the map that the rails are from.
    ///
    /// # Errors
    /// [`Error::Io`] when PROJ cannot carry them to WGS 84.
    pub fn lonlat(&self, points: &[(f64, f64)]) -> Result<Vec<[f64; 2]>, Error> {
        let (east, north) = self.rails_moved_m.unwrap_or_default();
        let on_map: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x - east, y - north)).collect();
        Ok(io::to_wgs84(&self.crs, &on_map)?.into_iter().map(|(lon, lat)| [lon, lat]).collect())
    }

    /// How the strips are sampled.
    #[must_use]
    pub fn geometry(&self) -> StripGeometry {
        StripGeometry::for_pixel_m(self.pixel_m)
    }

    /// What the detector is given: the configuration, the cargoes as the bands of the plan see them, the looks of radar.
    fn detect_params(&self, looks: Option<f64>) -> DetectParams {
        let mut params = self.config.detect.clone();
        params.looks = params.looks.or(looks);
        if params.cargoes.is_empty() && params.looks.is_none() {
            let names: Vec<&str> = self.bands.iter().map(|b| b.0.as_str()).collect();
            params.cargoes = Cargo::usual(&names);
        }
        params
    }

    /// Why no detection limit can be given; `None` where they can. Cargoes of the configuration are in the scene's own numbers.
    pub(super) fn limits_unknown(&self) -> Option<&'static str> {
        (self.config.detect.cargoes.is_empty() && is_picture(&self.target.scene)).then_some(
            "the target's 8-bit numbers are no reflectance, so the contrast of a cargo in them is unknown",
        )
    }

    /// Looks for trains in the strips of all tracks; `looks` are those of radar.
    ///
    /// # Errors
    /// As [`detect::detect`].
    pub(super) fn detect(
        &self,
        tracks: &[TrackStrips<'_>],
        looks: Option<f64>,
    ) -> Result<DetectOutput, detect::Error> {
        let mut found = detect::detect(tracks, &self.detect_params(looks))?;
        if self.limits_unknown().is_some() {
            found.tracks.iter_mut().for_each(|track| track.detection_limits.clear());
        }
        Ok(found)
    }
}

/// Whether two arguments name the same file or folder.
pub(super) fn is_same_scene(a: &str, b: &str) -> bool {
    let place = |spec: &str| std::fs::canonicalize(spec).ok();
    a == b || place(a).is_some_and(|a| place(b) == Some(a))
}

/// The ground that both scenes cover, in the working CRS; tracks are cut at its edge.
fn common_ground(target: &Scene, baseline: &Scene, crs: &Crs) -> Result<Polygon, Error> {
    let shared = io::outline(&target.grid, crs)?.intersection(&io::outline(&baseline.grid, crs)?);
    shared.into_iter().max_by(|a, b| a.unsigned_area().total_cmp(&b.unsigned_area())).ok_or_else(|| {
        Error::NoOverlap {
            first: format!("the target {}", target.id),
            second: format!("the baseline {}", baseline.id),
            hint: "give scenes that show the same place (one tile, or neighbours that share the rails)",
        }
    })
}

/// The baselines that share ground with the target; the others are skips unless none is left.
fn sharing_ground(
    target: &Scene,
    baselines: Vec<Scene>,
    skipped: &mut Vec<Skip>,
) -> Result<Vec<Scene>, Error> {
    let crs = io::working_crs(&target.grid)?;
    some_of(baselines, skipped, |scene| common_ground(target, &scene, &crs).map(|_| scene))
}

/// As many baselines as the detector takes, newest first; older ones are skips.
fn newest(mut baselines: Vec<Scene>, skipped: &mut Vec<Skip>) -> Vec<Scene> {
    let older = baselines.split_off(baselines.len().min(detect::BASELINES_MAX));
    let reason = format!("only the {} newest baselines are compared; give fewer", detect::BASELINES_MAX);
    let skip = |s: Scene| Skip { scene_id: s.id, stage: "plan".to_owned(), reason: reason.clone() };
    skipped.extend(older.into_iter().map(skip));
    baselines
}

/// What `keep` makes of the scenes; those without overlap are skips, and an error when none is left.
fn some_of<T>(
    scenes: Vec<Scene>,
    skipped: &mut Vec<Skip>,
    keep: impl Fn(Scene) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let (mut kept, mut first_error) = (Vec::new(), None);
    for scene in scenes {
        let scene_id = scene.id.clone();
        match keep(scene) {
            Ok(scene) => kept.push(scene),
            Err(error @ (Error::NoOverlap { .. } | Error::SameAcquisition { .. })) => {
                skipped.push(Skip { scene_id, stage: "plan".to_owned(), reason: error.to_string() });
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match first_error {
        Some(error) if kept.is_empty() => Err(error),
        _ => Ok(kept),
    }
}

/// The scene, unless it was taken when the target was: a copy, another version or another tile of it tells nothing of time. One scene
/// as both is how a place is planned.
fn earlier(scene: Scene, target: &Scene) -> Result<Scene, Error> {
    if scene.datetime.is_some() && scene.datetime == target.datetime && scene.path != target.path {
        return Err(Error::SameAcquisition { scene: scene.id, why: "taken at the same time" });
    }
    Ok(scene)
}

/// Metres around the tracks that must be read: the corridor, or the strip with its placebos if that is wider.
fn reach_m(config: &DetectConfig, pixel_m: f64) -> f64 {
    config.buffer_m.max(StripGeometry::for_pixel_m(pixel_m).half_width_m)
}

/// The tracks with their strips around, in the working CRS.
pub(super) fn track_bounds(plan: &Plan) -> Bounds {
    grown_bounds(&plan.tracks, 2.0 * reach_m(&plan.config, plan.pixel_m))
}

fn grown_bounds(tracks: &[Track], reach_m: f64) -> Bounds {
    Bounds::around(tracks.iter().flat_map(Track::vertices).copied()).grown(reach_m)
}

/// The error, or that rails outside the scene would be in it with longitude and latitude swapped.
fn swapped(error: corridor::Error, path: &str, lines: &[RailLine], area: &Polygon, crs: &Crs) -> Error {
    let corridor::Error::OutsideScene { .. } = error else { return error.into() };
    let inside = |line: &RailLine| {
        let other_way: Vec<(f64, f64)> = line.lonlat.iter().map(|(lon, lat)| (*lat, *lon)).collect();
        // What lies outside the domain of the map is not inside either.
        let points = io::from_wgs84(crs, &other_way).unwrap_or_default();
        points.into_iter().any(|(x, y)| area.contains(&geo::Point::new(x, y)))
    };
    if lines.iter().any(inside) { Error::RailsSwapped { path: path.to_owned() } } else { error.into() }
}

/// The ground that a run needs.
struct NeededGround<'a> {
    crs: &'a Crs,
    tracks: &'a [Track],
    reach_m: f64,
    margin_px: f64,
    all: bool,
}

impl<'a> NeededGround<'a> {
    fn new(config: &DetectConfig, crs: &'a Crs, tracks: &'a [Track], pixel_m: f64) -> Self {
        let margin_px = config.registration_margin_px;
        Self { crs, tracks, reach_m: reach_m(config, pixel_m), margin_px, all: config.change_map }
    }

    fn planned(&self, scene: Scene, bands: &[BandName]) -> Result<PlannedScene, Error> {
        let window = if self.all { Some(scene.grid.window()) } else { self.window(&scene.grid)? };
        let window = window.ok_or_else(|| Error::NoOverlap {
            first: scene.id.clone(),
            second: "the rails".to_owned(),
            hint: "check that the scene and the rails show the same place",
        })?;
        let bands =
            bands.iter().filter_map(|name| scene.bands.iter().position(|b| &b.name == name)).collect();
        Ok(PlannedScene { scene, bands, window })
    }

    /// The window of a scene around the tracks.
    fn window(&self, grid: &Grid) -> Result<Option<Window>, Error> {
        let bounds = grown_bounds(self.tracks, self.reach_m);
        let mapping = io::mapping(self.crs, grid, bounds)?;
        let edge = bounds.edge(16).map(|(x, y)| mapping.row_col(x, y));
        Ok(Window::around(edge, self.margin_px, grid.shape))
    }
}

/// The bands that every scene has, in the target's order.
fn common_bands(target: &Scene, baselines: &[Scene]) -> Result<Vec<BandName>, Error> {
    let mut common: Vec<BandName> = target.bands.iter().map(|b| b.name.clone()).collect();
    for baseline in baselines {
        common.retain(|name| baseline.bands.iter().any(|b| &b.name == name));
        if common.is_empty() {
            return Err(Error::NoCommonBand {
                target: target.id.clone(),
                target_bands: target.band_list(),
                baseline: baseline.id.clone(),
                baseline_bands: baseline.band_list(),
            });
        }
    }
    Ok(common)
}

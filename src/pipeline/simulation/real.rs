//! Trains put into real scenes: the pixels stay the satellite's, only the trains are made.

use super::{About, Pixels, SimulateRequest, conclude, optical, params, radar, scene_names, warn_left_out};
use crate::corridor::{Track, TrackParams, build_tracks};
use crate::grid::{Grid, Window};
use crate::io::{self, SceneOptions};
use crate::pipeline::Error;
use crate::pipeline::origin::implanted;
use crate::pipeline::staged::{Staged, refuse_inputs};
use crate::raster::{Raster, Validity};
use crate::scene::Scene;
use crate::simulate::{self, DateView, ImplantParams, RadarView, Role, ScattererParams, SpectralBand};
use ndarray::Axis;
use std::path::PathBuf;

/// Puts trains into the scenes `specs`, oldest first and the target last, and writes them.
pub(super) fn implant(request: &SimulateRequest, specs: &[String]) -> Result<String, Error> {
    let bad = |scene: &str, reason: String| Error::Implant { scene: scene.to_owned(), reason };
    let scenes: Vec<Scene> =
        specs.iter().map(|s| io::open_scene(s, &SceneOptions::default())).collect::<Result<_, _>>()?;
    let outputs: Vec<PathBuf> = scene_names(scenes.len()).iter().map(|n| request.out.join(n)).collect();
    refuse_inputs(&outputs, &scenes, &[])?;
    let (Some(first), true) = (scenes.first(), scenes.len() > 1) else {
        return Err(simulate::Error::Dates { count: scenes.len() }.into());
    };
    let crs = first.grid.crs.clone();
    if io::working_crs(&first.grid)? != crs {
        let reason = format!("it is in {}: give scenes in a projected system in metres", crs.name());
        return Err(bad(&first.id, reason));
    }
    for scene in &scenes {
        if scene.radar.is_some() != first.radar.is_some() || scene.grid.crs != crs {
            let reason = format!(
                "it is of another sensor or reference system than {}; put trains into each separately",
                first.id
            );
            return Err(bad(&scene.id, reason));
        }
        if scene.datetime.is_none() {
            return Err(bad(&scene.id, "its time is unknown: name the file by its date".to_owned()));
        }
    }
    let lines = io::read_lines(&request.rails, &crs)?;
    let tracks = build_tracks(&lines, &io::outline(&first.grid, &crs)?, &TrackParams::default())?;
    let mut rasters = Vec::new();
    for scene in &scenes {
        let window = window(&scene.grid, &tracks, request.margin_m)
            .ok_or_else(|| bad(&scene.id, "the rails lie outside it".to_owned()))?;
        rasters.push(io::read_raster(scene, window, &bands_of(scene).map_err(|r| bad(&scene.id, r))?)?);
    }
    let staged = Staged::new(&request.out)?;
    if first.radar.is_some() {
        into_radar(request, &scenes, rasters, &tracks, staged)
    } else {
        into_optical(request, &scenes, rasters, &tracks, staged)
    }
}

/// A satellite's scene with trains keeps its platform, and says what was put in.
fn about(scene: &Scene, datetime: jiff::Timestamp) -> About {
    let platform = implanted(scene.platform.as_deref());
    About { datetime, platform, description: "satellite data with trains simulated by railwatch" }
}

fn into_radar(
    request: &SimulateRequest,
    scenes: &[Scene],
    mut rasters: Vec<Raster>,
    tracks: &[Track],
    mut staged: Staged,
) -> Result<String, Error> {
    let mut params: ScattererParams = params(request)?;
    params.seed = request.seed.unwrap_or(params.seed);
    let last = rasters.len() - 1;
    let mut views: Vec<RadarView<'_>> = (rasters.iter_mut().enumerate())
        .map(|(i, r)| RadarView { values: r.values.view_mut(), grid: &r.grid, role: role(i, last) })
        .collect();
    let truth = simulate::implant_radar(&mut views, tracks, &params)?;
    warn_left_out("trains", params.train_count(), truth.len());
    for ((scene, raster), name) in scenes.iter().zip(&rasters).zip(scene_names(scenes.len())) {
        let names: Vec<&str> = scene.bands.iter().map(|b| b.name.0.as_str()).collect();
        let (Some(datetime), Some(radar)) = (scene.datetime, &scene.radar) else { continue };
        let about = about(scene, datetime);
        radar::write(&mut staged, &name, &pixels(raster, &names), &about, radar)?;
    }
    conclude(staged, &scenes[0].grid.crs, tracks, &truth)
}

fn into_optical(
    request: &SimulateRequest,
    scenes: &[Scene],
    mut rasters: Vec<Raster>,
    tracks: &[Track],
    mut staged: Staged,
) -> Result<String, Error> {
    let mut params: ImplantParams = params(request)?;
    params.seed = request.seed.unwrap_or(params.seed);
    let bands: Vec<Vec<SpectralBand>> = scenes
        .iter()
        .map(|s| s.bands.iter().filter_map(|b| SpectralBand::by_name(&b.name.0)).collect())
        .collect();
    for raster in &mut rasters {
        for mut plane in raster.values.axis_iter_mut(Axis(0)) {
            ndarray::azip!((v in &mut plane, &f in &raster.validity) if f.contains(Validity::NO_DATA) {
                *v = f32::NAN;
            });
        }
    }
    let last = rasters.len() - 1;
    let mut views: Vec<DateView<'_>> = (rasters.iter_mut().zip(&bands).enumerate())
        .map(|(i, (r, bands))| DateView {
            values: r.values.view_mut(),
            grid: &r.grid,
            bands,
            shift_px: (0.0, 0.0),
            role: role(i, last),
        })
        .collect();
    let truth = simulate::implant(&mut views, tracks, &params)?;
    warn_left_out("trains", params.train_count(), truth.len());
    for (i, name) in scene_names(scenes.len()).into_iter().enumerate() {
        let names: Vec<String> = bands[i].iter().map(|b| format!("{b:?}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(datetime) = scenes[i].datetime else { continue };
        let (raster, about) = (&rasters[i], about(&scenes[i], datetime));
        optical::write(&mut staged, &name, &pixels(raster, &names), &about)?;
    }
    conclude(staged, &scenes[0].grid.crs, tracks, &truth)
}

fn pixels<'a>(raster: &'a Raster, bands: &'a [&'a str]) -> Pixels<'a> {
    Pixels { grid: &raster.grid, values: &raster.values, bands }
}

fn role(index: usize, last: usize) -> Role {
    if index == last { Role::Target } else { Role::Baseline }
}

/// The bands that trains can be put into: all polarisations, or the 10 m bands of Sentinel-2.
fn bands_of(scene: &Scene) -> Result<Vec<usize>, String> {
    let known = |name: &str| scene.radar.is_some() || SpectralBand::by_name(name).is_some();
    let bands: Vec<usize> = (0..scene.bands.len()).filter(|&b| known(&scene.bands[b].name.0)).collect();
    if bands.is_empty() {
        return Err(
            "it has none of B02, B03, B04, B08, the only bands in which trains are modelled; give these"
                .to_owned(),
        );
    }
    Ok(bands)
}

/// The pixels within `margin_m` of the tracks.
fn window(grid: &Grid, tracks: &[Track], margin_m: f64) -> Option<Window> {
    let points = tracks.iter().flat_map(|t| t.vertices().iter().copied());
    grid.window_around(points, margin_m / grid.pixel_size())
}

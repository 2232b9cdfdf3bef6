//! A run's results in the words of the report.

use super::layover::Layover;
use super::motion::heading_deg;
use super::run::UsedBaseline;
use super::{DetectConfig, Error, Origin, Plan, RunOutput};
use crate::change::{self, ChangeObject};
use crate::corridor::{StripGeometry, Track};
use crate::detect::{Change, TrackDetection, TrackResult};
use crate::grid::Grid;
use crate::io;
use crate::mask::MaskSummary;
use crate::motion::Motion;
use crate::report::{
    DetectionCard, Findings, InputCard, NullCard, Point, Profile, RegistrationCard, SceneCard, SkipCard,
    TrackCard,
};
use crate::scene::{BandName, Scene};
use std::collections::BTreeMap;

/// Half the width of a footprint, metres: one pixel either side of the rails.
const FOOTPRINT_HALF_WIDTH_M: f64 = 10.0;
/// Clouds this near to a footprint are reported with it, metres: their edges and shadows reach a few pixels beyond the mask.
const CLOUD_REACH_M: f64 = 100.0;
/// What the licence of `OpenStreetMap` asks for.
const OSM: &str = "; rails © OpenStreetMap contributors";

/// Says of a scene why its offset is doubted.
fn doubt_offset(card: &mut SceneCard, why: &str) {
    card.offset_rule = format!("{}; doubtful: {why}", card.offset_rule);
}

fn impossibly_dark(reflectance: f64) -> String {
    format!("its darkest pixels would reflect {reflectance:.3}")
}

/// Everything a run found, ready to be written.
///
/// # Errors
/// [`Error::Io`] when PROJ cannot carry the results to WGS 84 or a checksum cannot be read.
pub(super) fn findings(output: &RunOutput, arguments: &[String]) -> Result<Findings, Error> {
    let plan = &output.plan;
    let (target, baselines) = scene_cards(plan, output)?;
    let detections = detection_cards(plan, output, &target, &baselines)?;
    let (inputs, skipped) = (inputs(plan), skip_cards(plan, output));
    let origin = Origin::of(std::iter::once(&plan.target).chain(&plan.baselines).map(|p| &p.scene.platform));
    Ok(Findings {
        run_id: run_id(&plan.config, &target, &baselines, &inputs, &skipped),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: title(plan, &output.trains.tracks),
        simulated: origin.is_simulated(),
        implanted: origin.is_implanted(),
        attribution: origin.attribution_at(target.datetime) + if plan.rails_are_osm { OSM } else { "" },
        registration: output.used.iter().map(|u| registration_card(plan, u)).collect(),
        rails_step_m: output.rails_step_m().map(|(east, north)| [east, north]),
        tracks: track_cards(plan, output)?,
        detection_limit_unknown: plan.limits_unknown().map(str::to_owned),
        detections,
        null: NullCard {
            placebo_track_count: output.trains.null.placebo_track_count,
            placebo_length_m: output.trains.null.placebo_length_m,
            false_alarms_per_100km_asked: output.trains.null.false_alarms_per_100km_asked,
        },
        skipped,
        timings_s: output.timings_s.clone(),
        arguments: arguments.to_vec(),
        inputs,
        target,
        baselines,
    })
}

/// The target and the baselines that were used, with doubts about their reflectance offsets.
fn scene_cards(plan: &Plan, output: &RunOutput) -> Result<(SceneCard, Vec<SceneCard>), Error> {
    let mut target = scene_card(&plan.bands, &plan.target.scene, &output.target_mask)?;
    let mut baselines = Vec::new();
    let mut targets_below_zero = None;
    for used in &output.used {
        let mut card = scene_card(&plan.bands, &plan.baselines[used.index].scene, &used.mask)?;
        match used.offset {
            io::OffsetCheck::Agrees => {}
            io::OffsetCheck::Disagrees { difference_dn } => {
                let doubt = format!("its dark end is {difference_dn:+.0} stored units from the target's");
                doubt_offset(&mut card, &doubt);
            }
            io::OffsetCheck::BelowZero { reflectances: [own, targets] } => {
                targets_below_zero = targets_below_zero.or(targets);
                if let Some(reflectance) = own {
                    doubt_offset(&mut card, &impossibly_dark(reflectance));
                }
            }
        }
        baselines.push(card);
    }
    if let Some(reflectance) = targets_below_zero {
        doubt_offset(&mut target, &impossibly_dark(reflectance));
    }
    Ok((target, baselines))
}

/// Trains and cargo, the surest first.
fn detection_cards(
    plan: &Plan,
    output: &RunOutput,
    target: &SceneCard,
    baselines: &[SceneCard],
) -> Result<Vec<DetectionCard>, Error> {
    let trains = output.trains.detections.iter().zip(&output.motions);
    let mut detections = trains
        .map(|(d, motion)| train_card(plan, d, *motion))
        .chain(output.off_track.objects.iter().map(|o| cargo_card(plan, &output.baseline_map.grid, o)))
        .collect::<Result<Vec<_>, Error>>()?;
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let scene_ids: Vec<String> = std::iter::once(target).chain(baselines).map(|s| s.id.clone()).collect();
    for (i, card) in detections.iter_mut().enumerate() {
        card.number = i + 1;
        lay_over(plan, card)?;
        card.datetime = target.datetime;
        card.baseline_datetimes = baselines.iter().filter_map(|b| b.datetime).collect();
        card.platform.clone_from(&target.platform);
        card.scene_ids.clone_from(&scene_ids);
        card.cloud_fraction = cloud_at(&card.footprint_xy, output, plan.pixel_m);
        card.id = stable_id(card);
    }
    Ok(detections)
}

/// Adds to a radar detection how far the top of a wagon may appear from its place.
fn lay_over(plan: &Plan, card: &mut DetectionCard) -> Result<(), Error> {
    let (Some(radar), Some(&[lon, lat])) = (&plan.target.scene.radar, card.footprint_lonlat.first()) else {
        return Ok(());
    };
    let layover = Layover::of(radar, (lon, lat));
    card.layover_m = Some(layover.size_m);
    card.layover_toward_deg = layover.toward_deg;
    let track = plan.tracks.iter().find(|t| Some(&t.id) == card.track_id.as_ref());
    if let (Some(track), Some(start), Some(end)) = (track, card.chainage_start_m, card.chainage_end_m) {
        let place = track.at(f64::midpoint(start, end));
        let heading_deg = heading_deg(&plan.crs, place.at_offset(0.0), place.along, 1.0)?;
        (card.layover_along_m, card.layover_across_m) = layover.on_track(heading_deg).unzip();
    }
    Ok(())
}

/// What was read besides the scenes, with checksums of what is a file.
fn inputs(plan: &Plan) -> Vec<InputCard> {
    let dem = plan.config.radar.dem.iter().map(|d| &d.path);
    let paths = std::iter::once(&plan.config.rails).chain(&plan.config.yards).chain(dem);
    paths.map(|path| InputCard { path: path.clone(), sha256: io::sum_of(path).ok() }).collect()
}

fn skip_cards(plan: &Plan, output: &RunOutput) -> Vec<SkipCard> {
    let off_track = output.off_track.problem.iter().map(|reason| SkipCard {
        scene_id: plan.target.scene.id.clone(),
        stage: "change".to_owned(),
        reason: reason.clone(),
    });
    output.skipped.iter().cloned().chain(off_track).collect()
}

/// The name that was given, else that of the track of which most was seen; empty where neither is there, for a file's name is none
/// for people, nor is a number.
fn title(plan: &Plan, tracks: &[TrackResult]) -> String {
    let most_seen = tracks.iter().max_by(|a, b| a.observed_m.total_cmp(&b.observed_m));
    let named = || most_seen.and_then(|track| plan.tracks[track.track_index].name.clone());
    let for_people = |name: &String| name.chars().any(char::is_alphabetic);
    plan.config.title.clone().or_else(|| named().filter(for_people)).unwrap_or_default()
}

/// A scene of which the bands `names` were used.
pub(super) fn scene_card(names: &[BandName], scene: &Scene, mask: &MaskSummary) -> Result<SceneCard, Error> {
    Ok(SceneCard {
        id: scene.id.clone(),
        path: scene.path.clone(),
        sha256: io::sha256(scene)?,
        datetime: scene.datetime,
        platform: scene.platform.clone(),
        bands: names.iter().map(ToString::to_string).collect(),
        offset_rule: scene.scaling.rule.clone(),
        valid_fraction: mask.valid_fraction,
        cloud_fraction: mask.cloud_fraction,
        flood_fraction: mask.flood_fraction,
    })
}

fn registration_card(plan: &Plan, used: &UsedBaseline) -> RegistrationCard {
    let scene_id = plan.baselines[used.index].scene.id.clone();
    let note = used.registration_note.clone();
    match &used.registration {
        Some(r) => RegistrationCard {
            scene_id,
            shift_row_px: r.shift_row_px,
            shift_col_px: r.shift_col_px,
            residual_rmse_px: r.residual_rmse_px,
            uncertainty_px: r.uncertainty_px,
            tie_point_count: r.tie_points.len(),
            accepted: note.is_none(),
            note,
        },
        None => RegistrationCard { scene_id, note, ..RegistrationCard::default() },
    }
}

fn track_cards(plan: &Plan, output: &RunOutput) -> Result<Vec<TrackCard>, Error> {
    let step_m = plan.geometry().along_step_m;
    output
        .trains
        .tracks
        .iter()
        .map(|result| {
            let track = &plan.tracks[result.track_index];
            Ok(TrackCard {
                track_id: track.id.clone(),
                name: track.name.clone(),
                length_m: result.length_m,
                observed_m: result.observed_m,
                vertices_xy: track.vertices().iter().map(|&(x, y)| [x, y]).collect(),
                vertices_lonlat: plan.lonlat(track.vertices())?,
                profile: Profile {
                    start_m: 0.0,
                    step_m,
                    score: result.profile.iter().map(|v| v.is_finite().then_some(*v)).collect(),
                    threshold: output.trains.null.threshold_score,
                },
                detection_limit_m: result
                    .detection_limits
                    .iter()
                    .map(|l| (l.cargo.clone(), l.length_m))
                    .collect(),
            })
        })
        .collect()
}

fn train_card(plan: &Plan, d: &TrackDetection, motion: Option<Motion>) -> Result<DetectionCard, Error> {
    let track = &plan.tracks[d.track_index];
    // What moves is smeared over the bands: its place is that of one instant.
    let moving = motion.filter(|m| m.is_moving);
    let (start_m, end_m) = moving.map_or((d.chainage_start_m, d.chainage_end_m), |m| {
        (m.chainage_m.0.max(0.0), m.chainage_m.1.min(track.length_m()))
    });
    let smear_m = (d.chainage_end_m - d.chainage_start_m) - (end_m - start_m);
    let ring = footprint(track, (start_m, end_m), d.offset_m, plan.geometry());
    let place = track.at(f64::midpoint(start_m, end_m));
    let (middle, along) = (place.at_offset(0.0), place.along);
    Ok(DetectionCard {
        motion: motion.map(|m| if m.is_moving { "moving" } else { "standing" }.to_owned()),
        speed_m_s: moving.map(|m| m.velocity_m_s.abs()),
        speed_sigma_m_s: motion.map(|m| m.sigma_m_s),
        heading_deg: moving.map(|m| heading_deg(&plan.crs, middle, along, m.velocity_m_s)).transpose()?,
        heading_ambiguous: moving.map(|_| true),
        kind: "train".to_owned(),
        change: change_word(d.change == Change::Appeared),
        before_newest_baseline: d.shown_on.is_before_newest(),
        track_id: Some(track.id.clone()),
        chainage_start_m: Some(start_m),
        chainage_end_m: Some(end_m),
        length_m: end_m - start_m,
        length_interval_m: Some(
            [d.length_interval_m.0, d.length_interval_m.1].map(|m| (m - smear_m).max(0.0)),
        ),
        offset_m: Some(d.offset_m),
        score: d.score,
        p_value: d.p_value,
        q_value: d.q_value,
        false_alarms_per_100km: 10f64.powf(-d.score),
        contrast: by_band(plan, &d.contrast),
        contrast_unit: contrast_unit(plan),
        appearance: d.appearance.word().to_owned(),
        footprint_lonlat: plan.lonlat(&ring)?,
        footprint_xy: ring.iter().map(|&(x, y)| [x, y]).collect(),
        ..DetectionCard::default()
    })
}

/// Outline of a train: both sides of the track between its ends.
pub(super) fn footprint(
    track: &Track,
    (start_m, end_m): (f64, f64),
    across_m: f64,
    geometry: StripGeometry,
) -> Vec<(f64, f64)> {
    let length_m = end_m - start_m;
    let count = (length_m / geometry.along_step_m).ceil().max(1.0) as usize;
    let side = |offset_m: f64| {
        (0..=count).map(move |i| {
            let s = start_m + length_m * i as f64 / count as f64;
            track.at(s).at_offset(across_m + offset_m)
        })
    };
    // Right side forward, left side back: counterclockwise on the map.
    let back: Vec<(f64, f64)> = side(-FOOTPRINT_HALF_WIDTH_M).collect();
    side(FOOTPRINT_HALF_WIDTH_M).chain(back.into_iter().rev()).collect()
}

fn cargo_card(plan: &Plan, grid: &Grid, object: &ChangeObject) -> Result<DetectionCard, Error> {
    let o = &object.changed;
    let ring: Vec<(f64, f64)> = o.outline.iter().map(|&(row, col)| grid.xy(row, col)).collect();
    let corridor_per_100km = 100_000.0 / plan.tracks.iter().map(Track::length_m).sum::<f64>();
    let per_100km = (o.expected_false_alarms * corridor_per_100km).max(1e-12);
    let extent = |pick: fn(&(f64, f64)) -> f64| {
        let (low, high) = ring.iter().map(pick).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        high - low
    };
    Ok(DetectionCard {
        kind: "cargo".to_owned(),
        change: change_word(o.direction == change::Direction::Appeared),
        length_m: extent(|p| p.0).max(extent(|p| p.1)),
        score: -per_100km.log10(),
        p_value: object.p_value,
        q_value: object.q_value,
        false_alarms_per_100km: per_100km,
        area_m2: Some(o.area_m2),
        contrast: by_band(plan, &o.contrast),
        contrast_unit: contrast_unit(plan),
        appearance: o.appearance.word().to_owned(),
        footprint_lonlat: plan.lonlat(&ring)?,
        footprint_xy: ring.iter().map(|&(x, y)| [x, y]).collect(),
        ..DetectionCard::default()
    })
}

/// Unit of every contrast of the run.
fn contrast_unit(plan: &Plan) -> String {
    if plan.is_radar() { "dB" } else { "reflectance" }.to_owned()
}

fn change_word(appeared: bool) -> String {
    if appeared { "appeared" } else { "departed" }.to_owned()
}

fn by_band(plan: &Plan, contrast: &[f64]) -> BTreeMap<String, f64> {
    plan.bands.iter().map(ToString::to_string).zip(contrast.iter().copied()).collect()
}

/// Clouded share of the target within [`CLOUD_REACH_M`] of a footprint's bounding box; pixels are `pixel_m` wide.
fn cloud_at(ring: &[Point], output: &RunOutput, pixel_m: f64) -> f64 {
    use crate::raster::Validity;
    let grid = &output.target_map.grid;
    let margin_px = CLOUD_REACH_M / pixel_m.max(1e-9);
    let Some(w) = grid.window_around(ring.iter().map(|p| (p[0], p[1])), margin_px) else { return 0.0 };
    let part = output.target_map.validity.slice(ndarray::s![w.row..w.row + w.height, w.col..w.col + w.width]);
    let clouded = part.iter().filter(|v| v.intersects(Validity::CLOUD)).count();
    clouded as f64 / part.len().max(1) as f64
}

fn stable_id(card: &DetectionCard) -> String {
    let rest = format!("{}|{}|{:?}|{}", card.kind, card.change, card.datetime, card.scene_ids.join("|"));
    place_id(&card.footprint_lonlat, &rest)
}

/// Sixteen hex digits that stay the same for the same ring of longitudes and latitudes and the same `rest`.
pub(super) fn place_id(ring: &[Point], rest: &str) -> String {
    let ring: Vec<String> = ring.iter().map(|p| format!("{:.6},{:.6};", p[0], p[1])).collect();
    io::short_hash(&(ring.concat() + rest))
}

/// Sixteen hex digits that are the same for the same contents and settings, wherever inputs and outputs lie. What has no
/// checksum, such as a remote file, counts by its name.
fn run_id(
    config: &DetectConfig,
    target: &SceneCard,
    baselines: &[SceneCard],
    inputs: &[InputCard],
    skipped: &[SkipCard],
) -> String {
    let scenes = std::iter::once(target).chain(baselines).map(|s| s.sha256.as_ref().unwrap_or(&s.id));
    let others = inputs.iter().map(|i| i.sha256.as_ref().unwrap_or(&i.path));
    let left_out = skipped.iter().map(|s| &s.scene_id);
    let mut parts: Vec<&str> = scenes.chain(others).chain(left_out).map(String::as_str).collect();
    let settings = serde_json::to_string(&config.without_places()).unwrap_or_default();
    parts.push(&settings);
    io::short_hash(&parts.join("|"))
}

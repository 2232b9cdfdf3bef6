//! A plan taken through the stages.

use super::clock::{Clock, timed};
use super::gridded::{map_grid, shift_on};
use super::off_track::{self, OffTrack};
use super::plan::PlannedScene;
use super::stages::{self, Masked, Registered, Target};
use super::told::warn_of_offsets;
use super::{Error, Event, Plan, SceneSource, Sink, motion, radar};
use crate::coreg::Registration;
use crate::corridor::{Strip, exclusions};
use crate::detect::{self, DetectOutput, TrackStrips};
use crate::io::OffsetCheck;
use crate::mask::MaskSummary;
use crate::motion::Motion;
use crate::raster::{Raster, Validity};
use crate::report::SkipCard as Skip;
use ndarray::Array2;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Below this share of a scene's window in sight there is nothing to compare.
pub(super) const LEAST_VALID_FRACTION: f64 = 0.02;
/// Placebo columns keep this distance from other rails, metres.
pub(super) const PLACEBO_CLEARANCE_M: f64 = 25.0;

/// Shift between baseline and target from which rails may fit one of the two alone, px.
const RAILS_MOVED_LEAST_PX: f64 = 0.75;
/// Signal of a bed that is seen, in standard deviations of that of placebo tracks.
const RAILS_MOVED_SIGMAS: f64 = 4.0;

/// A baseline that was compared with the target.
#[derive(Debug)]
pub struct UsedBaseline {
    /// Index into the plan's baselines.
    pub index: usize,
    /// The shift, `None` where registration was switched off or speckle hides the shift.
    pub registration: Option<Registration>,
    /// Why a measured shift is not applied, or none was measured.
    pub registration_note: Option<String>,
    /// What it shows.
    pub mask: MaskSummary,
    /// Whether its reflectance offset fits the target's.
    pub offset: OffsetCheck,
}

/// What a run found.
#[derive(Debug)]
pub struct RunOutput {
    /// Baselines that were used; the first kept its geometry and is the reference.
    pub used: Vec<UsedBaseline>,
    /// Scenes that were not.
    pub skipped: Vec<Skip>,
    /// What the target shows.
    pub target_mask: MaskSummary,
    /// Trains.
    pub trains: DetectOutput,
    /// Motion of each train in `trains`, `None` where it is unknown.
    pub motions: Vec<Option<Motion>>,
    /// Change off the track.
    pub off_track: OffTrack,
    /// The reference and the target in its geometry, on the grid of maps and figures.
    pub baseline_map: Raster,
    /// The target, on the same grid.
    pub target_map: Raster,
    /// Seconds by stage.
    pub timings_s: BTreeMap<String, f64>,
    /// What was done: the plan, with the tracks where they were followed.
    pub plan: Plan,
}

impl RunOutput {
    /// Step `(x, y)`, map metres, from the given rails to those that were followed; `None` where they stayed.
    pub(super) fn rails_step_m(&self) -> Option<(f64, f64)> {
        let steps = [self.plan.rails_moved_m, self.trains.rails_step_m];
        steps.into_iter().flatten().reduce(|a, b| (a.0 + b.0, a.1 + b.1))
    }
}

/// Runs the plan. Nothing is written; see [`super::write_outputs`].
///
/// # Errors
/// When the target or every baseline is unusable, or the user interrupts. One bad baseline among several is
/// a skip, not an error.
pub fn run(mut plan: Plan, source: &dyn SceneSource, sink: &dyn Sink) -> Result<RunOutput, Error> {
    let mut run = Run { plan: &plan, source, sink, clock: Clock::start(), done: 0 };
    run.step("read", &plan.target.scene.id)?;
    let (target, newest) = rayon::join(
        || Target::read(&plan.target, source),
        || plan.baselines.first().map(|planned| stages::read(planned, source)),
    );
    let target = target?;
    run.clock.lap("read");

    let mut skipped = plan.skipped.clone();
    let (mut reference, reference_index) = run.reference(&target, newest, &mut skipped)?;
    let Run { clock, done, .. } = run;
    if let Some(moved_m) = rails_moved_m(&plan, &reference.registered)? {
        plan.move_rails(moved_m);
    }
    let mut run = Run { plan: &plan, source, sink, clock, done };
    run.clock.lap("register");
    let rest = run.others(&target, reference_index, &reference.registered, &mut skipped)?;
    run.clock.lap("stack");
    let hidden: Vec<_> = rest.iter().map(|o| (&o.target_flags, &o.validity)).collect();
    reference.registered.amend(&hidden);
    let target_mask = reference.registered.masked.target_summary();
    let shift = reference.registered.shift_px();
    let (baseline_map, target_map, looks) = maps(&plan, &reference.registered, &target)?;
    let mut strips: Vec<Vec<Strip>> =
        vec![reference.registered.baseline_strips(&plan, (&reference.registered.baseline().grid, shift))?];
    let target_strips = reference.registered.target_strips(&plan, &target)?;
    run.clock.lap("sample");
    let mut used = vec![reference.used(reference_index)];
    let mut stack = vec![baseline_map.clone()];
    for other in rest {
        used.push(other.used);
        strips.push(other.strips);
        stack.push(other.gridded);
    }
    warn_of_offsets(&plan, &used);

    run.step("detect", "tracks")?;
    let tracks = track_strips(&plan, target_strips, strips);
    run.step("change", "corridor")?;
    let ((trains, detect_s), (off_track, change_s)) = rayon::join(
        || timed(|| plan.detect(&tracks, looks)),
        || timed(|| off_track::search(&plan, &target_map, &stack)),
    );
    let (trains, off_track) = (trains?, off_track?);
    let motions = motion::motions(&plan, &tracks, &trains.detections, &plan.baselines[reference_index].scene);
    run.clock.note("detect", detect_s);
    run.clock.note("change", change_s);
    run.step("done", "")?;
    let output = RunOutput {
        used,
        skipped,
        target_mask,
        trains,
        motions,
        off_track,
        baseline_map,
        target_map,
        timings_s: run.clock.laps_s,
        plan,
    };
    note_details(&output);
    Ok(output)
}

/// What the verdicts rest on, for `-vv`; all of it is in `run.json`, too.
fn note_details(output: &RunOutput) {
    let plan = &output.plan;
    let (mask, null) = (&output.target_mask, &output.trains.null);
    tracing::debug!(
        target = plan.target.scene.id,
        values = plan.target.scene.scaling.rule,
        valid_fraction = mask.valid_fraction,
        cloud_fraction = mask.cloud_fraction,
        shadow_fraction = mask.shadow_fraction,
        flood_fraction = mask.flood_fraction,
        "seen"
    );
    tracing::debug!(
        placebo_track_count = null.placebo_track_count,
        placebo_length_m = null.placebo_length_m,
        placebo_event_count = null.placebo_event_count,
        threshold_statistic = null.threshold_statistic,
        extrapolated = null.extrapolated,
        rails_step_m = ?output.rails_step_m(),
        "null"
    );
    for track in &output.trains.tracks {
        let limits_m: BTreeMap<_, _> =
            track.detection_limits.iter().map(|l| (&l.cargo, l.length_m)).collect();
        let track_id = &plan.tracks[track.track_index].id;
        tracing::debug!(
            track_id,
            observed_m = track.observed_m,
            length_m = track.length_m,
            ?limits_m,
            "track"
        );
    }
    for (stage, seconds) in &output.timings_s {
        tracing::debug!(stage, seconds, "took");
    }
}

/// Reference and target on the grid of the maps, and the looks of radar, estimated before its pixels are interpolated for them.
fn maps(
    plan: &Plan,
    reference: &Registered<'_>,
    target: &Target,
) -> Result<(Raster, Raster, Option<f64>), Error> {
    let baseline = reference.baseline();
    let on_its_grid = reference.target_on(target, &baseline.grid)?;
    let looks = plan.is_radar().then(|| radar::looks(&on_its_grid));
    let grid = map_grid(&baseline.grid, &plan.crs, plan.pixel_m)?;
    if grid == baseline.grid {
        return Ok((baseline.clone(), on_its_grid, looks));
    }
    let shift_px = shift_on(&grid, &baseline.grid, reference.shift_px())?;
    Ok((reference.baseline_on(&grid, shift_px)?, reference.target_on(target, &grid)?, looks))
}

/// By how many map metres `(x, y)` rails that fit the target lie beside their bed in the newest baseline; `None` where they do not, or
/// where the detector finds the bed by itself.
///
/// A map fits one of two displaced scenes at best. All strips are laid out on the baseline, which may be the other.
fn rails_moved_m(plan: &Plan, reference: &Registered<'_>) -> Result<Option<(f64, f64)>, Error> {
    let (shift, grid) = (reference.shift_px(), &reference.baseline().grid);
    let maps = map_grid(grid, &plan.crs, plan.pixel_m)?;
    let (row, col) = shift_on(&maps, grid, shift)?;
    if plan.is_radar() || row.hypot(col) < RAILS_MOVED_LEAST_PX {
        return Ok(None);
    }
    let bed = |strips: Vec<Strip>| {
        let of_track = |(track, strip): (_, Strip)| TrackStrips {
            track,
            exclusion: Array2::from_elem(strip.valid.dim(), false),
            target: strip.clone(),
            baselines: vec![strip],
        };
        let tracks: Vec<TrackStrips<'_>> = plan.tracks.iter().zip(strips).map(of_track).collect();
        detect::bed_sigmas(&tracks)
    };
    let (given, moved) =
        rayon::join(|| reference.bed_strips(plan, (0.0, 0.0)), || reference.bed_strips(plan, shift));
    let (given, moved) = (bed(given?), bed(moved?));
    tracing::debug!(
        given,
        moved,
        "bed below the rails in the newest baseline, as given and as they fit the target"
    );
    let ((x0, y0), (x, y)) = (maps.xy(0.0, 0.0), maps.xy(row, col));
    Ok((moved > given.max(RAILS_MOVED_SIGMAS)).then_some((x - x0, y - y0)))
}

/// The strips of one track, from all scenes.
fn track_strips(plan: &Plan, target: Vec<Strip>, stack: Vec<Vec<Strip>>) -> Vec<TrackStrips<'_>> {
    let geometry = plan.geometry();
    let mut by_track: Vec<Vec<Strip>> = plan.tracks.iter().map(|_| Vec::new()).collect();
    for scene in stack {
        for (of_track, strip) in by_track.iter_mut().zip(scene) {
            of_track.push(strip);
        }
    }
    let exclusions = exclusions(&plan.tracks, geometry, PLACEBO_CLEARANCE_M);
    let of_tracks = plan.tracks.iter().zip(target).zip(by_track).zip(exclusions);
    of_tracks
        .map(|(((track, target), baselines), exclusion)| TrackStrips { track, target, baselines, exclusion })
        .collect()
}

/// A baseline that can be compared with the target.
struct Compared {
    registered: Registered<'static>,
    mask: MaskSummary,
    offset: OffsetCheck,
}

impl Compared {
    fn used(self, index: usize) -> UsedBaseline {
        UsedBaseline {
            index,
            registration: self.registered.shift,
            registration_note: self.registered.note,
            mask: self.mask,
            offset: self.offset,
        }
    }
}

/// A further baseline.
struct Other {
    used: UsedBaseline,
    strips: Vec<Strip>,
    /// On the grid of the maps.
    gridded: Raster,
    /// On the reference's grid.
    validity: Array2<Validity>,
    /// Clouds and shadows of the target, seen against this baseline; on the reference's grid.
    target_flags: Array2<Validity>,
}

struct Run<'a> {
    plan: &'a Plan,
    source: &'a dyn SceneSource,
    sink: &'a dyn Sink,
    clock: Clock,
    done: usize,
}

impl Run<'_> {
    fn step(&mut self, stage: &'static str, what: &str) -> Result<(), Error> {
        if self.sink.interrupted() {
            return Err(Error::Interrupted);
        }
        let total = self.plan.baselines.len() + 4;
        self.done = (self.done + 1).min(total);
        self.sink.event(&Event { stage, what: what.to_owned(), done: self.done, total });
        Ok(())
    }

    /// The newest baseline that can be compared with the target; the `newest` of all was read beside it.
    fn reference(
        &mut self,
        target: &Target,
        mut newest: Option<Result<Raster, Error>>,
        skipped: &mut Vec<Skip>,
    ) -> Result<(Compared, usize), Error> {
        for (index, planned) in self.plan.baselines.iter().enumerate() {
            self.step("register", &planned.scene.id)?;
            let read = newest.take().unwrap_or_else(|| stages::read(planned, self.source));
            match self.compare(planned, read, target) {
                Ok(reference) => return Ok((reference, index)),
                Err(Trouble::Target(error)) => return Err(error),
                Err(Trouble::Baseline(skip)) => skipped.push(skip),
            }
        }
        let reasons: Vec<String> =
            skipped.iter().map(|s| format!("{} ({}): {}", s.scene_id, s.stage, s.reason)).collect();
        Err(Error::NoBaseline { target: self.plan.target.scene.id.clone(), reasons: reasons.join("; ") })
    }

    /// All baselines after the reference, in parallel; their pixels are dropped as soon as they are sampled.
    fn others(
        &mut self,
        target: &Target,
        reference_index: usize,
        reference: &Registered<'_>,
        skipped: &mut Vec<Skip>,
    ) -> Result<Vec<Other>, Error> {
        let (grid, shift) = (&reference.baseline().grid, reference.shift_px());
        let maps = map_grid(grid, &self.plan.crs, self.plan.pixel_m)?;
        let shift_on_maps = shift_on(&maps, grid, shift)?;
        let results: Vec<Result<Other, Trouble>> = self.plan.baselines[reference_index + 1..]
            .par_iter()
            .enumerate()
            .map(|(i, planned)| {
                if self.sink.interrupted() {
                    return Err(Trouble::Target(Error::Interrupted));
                }
                let found = self.compare(planned, stages::read(planned, self.source), target)?;
                let strips =
                    found.registered.baseline_strips(self.plan, (grid, shift)).map_err(Trouble::Target)?;
                let gridded = found.registered.baseline_on(&maps, shift_on_maps).map_err(Trouble::Target)?;
                let validity = if maps == *grid {
                    gridded.validity.clone()
                } else {
                    found.registered.baseline_on(grid, shift).map_err(Trouble::Target)?.validity
                };
                let target_flags = found.registered.target_flags_on(grid).map_err(Trouble::Target)?;
                let index = reference_index + 1 + i;
                Ok(Other { used: found.used(index), strips, gridded, validity, target_flags })
            })
            .collect();
        let mut others = Vec::new();
        for (result, planned) in results.into_iter().zip(&self.plan.baselines[reference_index + 1..]) {
            self.step("register", &planned.scene.id)?;
            match result {
                Ok(other) => others.push(other),
                Err(Trouble::Baseline(skip)) => skipped.push(skip),
                Err(Trouble::Target(error)) => return Err(error),
            }
        }
        Ok(others)
    }

    /// Masks one baseline that was read and registers it against the target.
    fn compare(
        &self,
        planned: &PlannedScene,
        read: Result<Raster, Error>,
        target: &Target,
    ) -> Result<Compared, Trouble> {
        let skip = |stage: &str| {
            let stage = stage.to_owned();
            let scene_id = planned.scene.id.clone();
            move |error: Error| {
                let reason = error.to_string();
                Trouble::Baseline(Skip { scene_id, stage, reason })
            }
        };
        let masked = read
            .and_then(|baseline| Masked::new(self.plan, planned, baseline, target))
            .map_err(skip("read"))?;
        let (mask, target_mask) = masked.summaries();
        if target_mask.valid_fraction < LEAST_VALID_FRACTION {
            return Err(Trouble::Target(nothing_visible(&self.plan.target.scene.id, &target_mask)));
        }
        if mask.valid_fraction < LEAST_VALID_FRACTION {
            return Err(skip("mask")(nothing_visible(&planned.scene.id, &mask)));
        }
        if masked.is_one_picture() {
            let scene = planned.scene.id.clone();
            return Err(skip("read")(Error::SameAcquisition { scene, why: "the same pixels" }));
        }
        let offset = masked.check_offset(&planned.scene, &self.plan.target.scene);
        let registered = masked.register(self.plan).map_err(skip("register"))?;
        let (shift_row_px, shift_col_px) = registered.shift_px();
        tracing::debug!(
            baseline = planned.scene.id,
            values = planned.scene.scaling.rule,
            valid_fraction = mask.valid_fraction,
            cloud_fraction = mask.cloud_fraction,
            shift_row_px,
            shift_col_px,
            tie_point_count = registered.shift.as_ref().map(|s| s.tie_points.len()),
            residual_rmse_px = registered.shift.as_ref().map(|s| s.residual_rmse_px),
            note = registered.note,
            "registered"
        );
        Ok(Compared { registered, mask, offset })
    }
}

/// Whose fault it is when two scenes cannot be compared.
enum Trouble {
    Target(Error),
    Baseline(Skip),
}

pub(super) fn nothing_visible(scene: &str, mask: &MaskSummary) -> Error {
    Error::NothingVisible {
        scene: scene.to_owned(),
        reason: format!(
            "{:.0} % cloud, {:.0} % shadow, {:.0} % flood, {:.0} % without data",
            100.0 * mask.cloud_fraction,
            100.0 * mask.shadow_fraction,
            100.0 * mask.flood_fraction,
            100.0 * mask.no_data_fraction
        ),
    }
}

//! One site, as far as its source goes: looks at scenes in parallel, compares them in order of time.
//!
//! While a batch of scenes is compared, one transaction a scene, the pixels of the next one are read. A run
//! that is killed loses at most the reading of two batches.

use super::compare::{Compared, Comparison};
use super::references::{self, Sites};
use super::schedule::{self, Fresh, Schedule, schedule};
use super::sources::Scenes;
use super::state::{SceneRow, SceneStatus, State, drop_strips, move_scenes, put_scene, rewind, set_status};
use super::summary::SiteSummary;
use super::words::Word;
use super::{Config, Error, RunOptions, SiteConfig};
use crate::io::Listed;
use crate::pipeline::{self, Event, GdalSource, Look, Sink};
use rayon::prelude::*;

/// Scenes that are read while as many are compared, a thread.
const BATCH_PER_THREAD: usize = 4;

/// A scene to be compared.
struct Work {
    row: SceneRow,
    /// Whether its pixels have to be read; else its strips are kept.
    is_fresh: bool,
}

/// A scene to be compared: with fresh strips, or with those that are kept.
struct Sampled {
    row: SceneRow,
    look: Option<Look>,
}

/// Watches one site; `summary` says what was done also after an error.
pub(super) fn watch(
    state: &mut State,
    whole: &Config,
    config: &SiteConfig,
    options: &RunOptions,
    sink: &dyn Sink,
    summary: &mut SiteSummary,
) -> Result<(), Error> {
    let source = Scenes::of(config, options)?;
    if options.dry_run {
        return plan(state, config, &source, options, sink, summary);
    }
    follow_moves(state, config, &source)?;
    let mut schedule = schedule(state, config, &source, options.since, sink)?;
    summary.known_count = schedule.known_count;
    warn_unread(config, &schedule);
    let sites = references::open(state, config, &source, &mut schedule)?;
    for row in schedule.noted.iter().chain(&schedule.unread) {
        count(summary, row.status);
    }
    let Some(sites) = sites else {
        summary.problem = no_reference(config, &schedule);
        return Ok(());
    };
    take_back(state, config, &schedule, options)?;
    let mut comparison = Comparison::new(&sites, config, &whole.alerts, options.now);
    let sample = |work: &Work| sample(&sites, config, &source, work, sink);
    compare_all(state, &mut comparison, &in_order(schedule), sample, sink, summary)
}

/// What a run would do. Where scenes would have to be fetched first, they are not opened.
fn plan(
    state: &State,
    config: &SiteConfig,
    source: &Scenes,
    options: &RunOptions,
    sink: &dyn Sink,
    summary: &mut SiteSummary,
) -> Result<(), Error> {
    if source.are_remote() {
        let fresh = schedule::fresh(state, config, &source.listed, options.since)?;
        summary.known_count = fresh.known_count;
        summary.planned = to_fetch(&fresh);
    } else {
        let schedule = schedule(state, config, source, options.since, sink)?;
        summary.known_count = schedule.known_count;
        summary.planned = planned(&schedule);
    }
    Ok(())
}

/// Why a site without a reference cannot be watched yet; `None` where nothing is there to become one.
fn no_reference(config: &SiteConfig, schedule: &Schedule) -> Option<String> {
    if !schedule.looks.is_empty() {
        return Some(format!(
            "none of {} scenes shows {:.0} % of the site, as the reference must: wait for a clear date, or lower \
             baseline.reference_valid_fraction",
            schedule.looks.len(),
            100.0 * config.baseline.reference_valid_fraction
        ));
    }
    let unread = schedule.noted.iter().find(|row| row.status == SceneStatus::Failed)?;
    Some(format!("no scene can be read yet: {}", unread.reason.as_ref()?))
}

/// All scenes to be compared, in order of time: each is held against the dates before it.
fn in_order(schedule: Schedule) -> Vec<Work> {
    let fresh = schedule.looks.into_iter().map(|row| Work { row, is_fresh: true });
    let again = schedule.again.into_iter().map(|row| Work { row, is_fresh: false });
    let mut work: Vec<Work> = fresh.chain(again).collect();
    work.sort_by_cached_key(|w| (w.row.datetime, w.row.view.clone(), w.row.spec.clone()));
    work
}

/// Compares all scenes in their order; `sample` reads the next batch of them meanwhile.
fn compare_all(
    state: &mut State,
    comparison: &mut Comparison<'_>,
    work: &[Work],
    sample: impl Fn(&Work) -> Sampled + Sync,
    sink: &dyn Sink,
    summary: &mut SiteSummary,
) -> Result<(), Error> {
    let mut batches = work.chunks(BATCH_PER_THREAD * rayon::current_num_threads());
    let mut ready: Vec<Sampled> = Vec::new();
    let mut done = 0;
    loop {
        let next = batches.next();
        let (sampled, compared) = rayon::join(
            || next.map(|batch| batch.par_iter().map(&sample).collect()),
            || -> Result<(), Error> {
                for Sampled { row, look } in ready.drain(..) {
                    if sink.interrupted() {
                        return Err(Error::Interrupted);
                    }
                    done += 1;
                    let what = row.scene_id.clone();
                    sink.event(&Event { stage: "compare", what, done, total: work.len() });
                    add(summary, &comparison.compare(state, row, look)?);
                }
                Ok(())
            },
        );
        compared?;
        let Some(sampled) = sampled else { return Ok(()) };
        ready = sampled;
    }
}

/// Takes scenes for the same whose folder was moved or renamed.
fn follow_moves(state: &mut State, config: &SiteConfig, source: &Scenes) -> Result<(), Error> {
    let kept = source.kept();
    let here = source.listed.iter().map(|scene| &scene.spec).chain(&kept).map(String::as_str);
    let moves = schedule::moved(&state.scenes(&config.id)?, here);
    if moves.is_empty() {
        return Ok(());
    }
    tracing::info!(
        site = config.id,
        count = moves.len(),
        "scenes were moved and are read from their new place"
    );
    state.transaction(|t| move_scenes(t, &config.id, &moves))
}

fn warn_unread(config: &SiteConfig, schedule: &Schedule) {
    for row in &schedule.unread {
        let (scene, reason) = (&row.scene_id, &row.reason);
        tracing::warn!(site = config.id, scene, reason, "the new version cannot be read");
    }
}

/// Adds what became of one scene.
fn add(summary: &mut SiteSummary, compared: &Compared) {
    count(summary, compared.status);
    summary.detection_count += compared.detection_count;
    summary.alert_count += compared.new_alert_count;
}

fn count(summary: &mut SiteSummary, status: SceneStatus) {
    match status {
        SceneStatus::Used | SceneStatus::Sampled => summary.used_count += 1,
        SceneStatus::Hidden => summary.hidden_count += 1,
        SceneStatus::Refused | SceneStatus::Late => summary.refused_count += 1,
        SceneStatus::Failed => summary.failed_count += 1,
        SceneStatus::Duplicate => summary.duplicate_count += 1,
    }
}

/// Lines of a dry run where nothing is there yet to be opened.
fn to_fetch(fresh: &Fresh) -> Vec<String> {
    let line = |(scene, _): &(Listed, u32)| {
        let when = scene.datetime.map_or_else(|| "time unknown".to_owned(), |t| t.to_string());
        format!("{when} fetch and read {}", scene.spec)
    };
    let mut lines: Vec<String> = fresh.scenes.iter().map(line).collect();
    lines.sort();
    lines
}

/// Lines of a dry run.
fn planned(schedule: &Schedule) -> Vec<String> {
    let line = |row: &SceneRow, what: &str| {
        let when = row.datetime.map_or_else(|| "time unknown".to_owned(), |t| t.to_string());
        let reason = row.reason.as_deref().map(|r| format!(" ({r})")).unwrap_or_default();
        (row.datetime, format!("{when} {what} {}{reason}", row.scene_id))
    };
    let mut lines: Vec<_> = (schedule.looks.iter().map(|r| line(r, "read")))
        .chain(schedule.again.iter().map(|r| line(r, "compare again")))
        .chain(schedule.replaced.iter().map(|r| line(r, "replace")))
        .chain(schedule.noted.iter().map(|r| line(r, &Word(r.status).to_string())))
        .chain(schedule.unread.iter().map(|r| line(r, "keep the old version of")))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Takes back what late, changed and replaced scenes make doubtful, and notes what is not processed; in one transaction,
/// so that the next run sees the same work to do when this one is killed.
fn take_back(
    state: &mut State,
    config: &SiteConfig,
    schedule: &Schedule,
    options: &RunOptions,
) -> Result<(), Error> {
    if schedule.count() + schedule.noted.len() + schedule.replaced.len() == 0 {
        return Ok(());
    }
    state.transaction(|t| {
        for row in &schedule.noted {
            put_scene(t, &config.id, row, options.now)?;
        }
        for row in &schedule.replaced {
            set_status(t, row.scene_key, SceneStatus::Duplicate, row.reason.as_deref())?;
            drop_strips(t, row.scene_key)?;
        }
        if let Some(from) = schedule.rewind_to {
            tracing::info!(site = config.id, %from, "results are withdrawn and computed again");
            rewind(t, &config.id, from, options.now)?;
        }
        Ok(())
    })
}

/// Reads one scene; what goes wrong becomes its status.
fn sample(sites: &Sites, config: &SiteConfig, source: &Scenes, work: &Work, sink: &dyn Sink) -> Sampled {
    let mut row = work.row.clone();
    if !work.is_fresh || sink.interrupted() {
        return Sampled { row, look: None };
    }
    let Some(site) = row.view.as_ref().and_then(|name| sites.get(name)) else {
        return Sampled { row, look: None };
    };
    // Windows of scenes that are read again may have been deleted.
    if let Err(error) = source.bring(&row.spec) {
        row.status = SceneStatus::Failed;
        row.reason = Some(error.to_string());
        return Sampled { row, look: None };
    }
    let result = source
        .open(config, &row.spec)
        .map_err(pipeline::Error::from)
        .and_then(|scene| site.look(scene, &GdalSource));
    match result {
        Ok(look) => {
            row.valid_fraction = Some(look.mask.valid_fraction);
            row.cloud_fraction = Some(look.mask.cloud_fraction);
            row.shift_px = look.registration.as_ref().map(|r| (r.shift_row_px, r.shift_col_px));
            Sampled { row, look: Some(look) }
        }
        Err(error) => {
            row.status = match &error {
                pipeline::Error::NothingVisible { .. } | pipeline::Error::TooClouded { .. } => {
                    SceneStatus::Hidden
                }
                pipeline::Error::Io(_) => SceneStatus::Failed,
                _ => SceneStatus::Refused,
            };
            row.reason = Some(error.to_string());
            Sampled { row, look: None }
        }
    }
}

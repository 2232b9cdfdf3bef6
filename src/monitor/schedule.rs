//! What has to be done: new scenes, scenes that changed, versions that replace others.
//!
//! Two scenes of one platform and one second of sensing are versions of one acquisition; the newest processing
//! baseline is used, of equals the one whose name comes first, but none whose pixels cannot be read. A scene that could
//! not be read is tried again.

use super::sources::Scenes;
use super::state::{SceneRow, SceneStatus, State};
use super::views::{ViewKind, Views};
use super::{Error, SiteConfig};
use crate::catalog;
use crate::io::Listed;
use crate::pipeline::Sink;
use jiff::Timestamp;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How often a scene that cannot be read is tried.
const ATTEMPTS: u32 = 10;

/// What one site needs, in order of time.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Scenes whose pixels have to be read.
    pub(super) looks: Vec<SceneRow>,
    /// Scenes to be noted without being read: undated ones, duplicates, late ones.
    pub(super) noted: Vec<SceneRow>,
    /// Scenes that others replace.
    pub(super) replaced: Vec<SceneRow>,
    /// Scenes whose strips are kept and have to be compared again.
    pub(super) again: Vec<SceneRow>,
    /// First date whose results have to be taken back.
    pub(super) rewind_to: Option<Timestamp>,
    /// Scenes in use whose new version cannot be read; the old one stays, and the next run tries again.
    pub(super) unread: Vec<SceneRow>,
    /// Scenes of the source that need nothing.
    pub(super) known_count: usize,
}

impl Schedule {
    /// Number of scenes to be processed.
    pub(super) fn count(&self) -> usize {
        self.looks.len() + self.again.len()
    }
}

/// What the state does not know yet, or has to be tried again.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// Scenes and how often they were tried.
    pub(super) scenes: Vec<(Listed, u32)>,
    /// Scenes of the source that need nothing.
    pub(super) known_count: usize,
    known: BTreeMap<String, SceneRow>,
}

/// Compares what the source lists with what the state knows; nothing is opened.
pub(super) fn fresh(
    state: &State,
    site: &SiteConfig,
    listed: &[Listed],
    since: Option<Timestamp>,
) -> Result<Fresh, Error> {
    let mut rows = state.scenes(&site.id)?;
    let moves: BTreeMap<String, String> =
        moved(&rows, listed.iter().map(|s| s.spec.as_str())).into_iter().collect();
    for row in &mut rows {
        if let Some(to) = moves.get(&row.spec) {
            row.spec.clone_from(to);
        }
    }
    let known = rows.into_iter().map(|row| (row.spec.clone(), row)).collect();
    let mut fresh = Fresh { known, ..Fresh::default() };
    for scene in listed {
        // The name states the day at least; what is surely too old is not even opened.
        if scene.datetime.zip(since).is_some_and(|(t, s)| t.as_second() + 86_400 <= s.as_second()) {
            continue;
        }
        let attempts = match fresh.known.get(&scene.spec) {
            Some(row) if row.fingerprint == scene.fingerprint => match row.status {
                SceneStatus::Failed if row.attempts < ATTEMPTS => row.attempts,
                SceneStatus::Late if since.is_some() => 0,
                _ => {
                    fresh.known_count += 1;
                    continue;
                }
            },
            _ => 0,
        };
        fresh.scenes.push((scene.clone(), attempts));
    }
    Ok(fresh)
}

/// Scenes of the state that lie elsewhere now, because a folder above them was moved or renamed: their path as it was, and as it
/// is. Such a scene is gone from where it was, and one `here` that is new has the same names of files; only where both
/// are the only ones of their names.
pub(super) fn moved<'a>(known: &[SceneRow], here: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let is_known: BTreeSet<&str> = known.iter().map(|row| row.spec.as_str()).collect();
    let mut new: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for spec in here.filter(|spec| !is_known.contains(spec)) {
        new.entry(names_of(spec)).or_default().push(spec);
    }
    if new.is_empty() {
        return Vec::new();
    }
    let mut gone: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let is_there =
        |spec: &str| Path::new(spec).exists() || spec.split('+').any(|part| Path::new(part).exists());
    for row in known.iter().filter(|row| !is_there(&row.spec)) {
        gone.entry(names_of(&row.spec)).or_default().push(&row.spec);
    }
    gone.into_iter()
        .filter_map(|(names, from)| match (from.as_slice(), new.get(&names)?.as_slice()) {
            ([from], [to]) => Some(((*from).to_owned(), (*to).to_owned())),
            _ => None,
        })
        .collect()
}

/// The names of a scene's files without their folders.
fn names_of(spec: &str) -> String {
    let name = |part: &str| part.rsplit('/').next().unwrap_or(part).to_owned();
    spec.split('+').map(name).collect::<Vec<_>>().join("+")
}

/// Opens what is new in the source and settles what has to be done.
pub(super) fn schedule(
    state: &State,
    site: &SiteConfig,
    source: &Scenes,
    since: Option<Timestamp>,
    sink: &dyn Sink,
) -> Result<Schedule, Error> {
    let Fresh { scenes, known_count, known } = fresh(state, site, &source.listed, since)?;
    let mut schedule = Schedule { known_count, ..Schedule::default() };
    let opened: Result<Vec<(SceneRow, Option<ViewKind>)>, Error> = scenes
        .into_par_iter()
        .map(|(scene, attempts)| {
            if sink.interrupted() {
                Err(Error::Interrupted)
            } else {
                Ok(candidate(site, source, &scene, attempts))
            }
        })
        .collect();
    let in_use = |row: &SceneRow| {
        let before = known.get(&row.spec).map(|k| k.status);
        matches!(before, Some(SceneStatus::Used | SceneStatus::Sampled))
    };
    let mut looks = Vec::new();
    for (row, kind) in opened? {
        match (kind, row.datetime) {
            (Some(kind), Some(time)) if since.is_none_or(|s| time >= s) => looks.push((row, kind)),
            (Some(_), Some(_)) => {}
            _ if row.status == SceneStatus::Failed && in_use(&row) => schedule.unread.push(row),
            _ => schedule.noted.push(row),
        }
    }
    looks.sort_by(|a, b| a.0.datetime.cmp(&b.0.datetime).then_with(|| a.0.spec.cmp(&b.0.spec)));
    let mut views = Views::of(&state.references(&site.id)?);
    let looks =
        looks.into_iter().map(|(row, kind)| SceneRow { view: Some(views.name_of(&kind)), ..row }).collect();
    versions(&mut schedule, looks, &known, &|row| source.unreadable(site, &row.spec));
    late(state, site, &mut schedule, &known, since)?;
    let again = state.scenes_with(&site.id, SceneStatus::Sampled)?;
    let used = state.scenes_with(&site.id, SceneStatus::Used)?;
    let first = schedule.looks.iter().chain(&schedule.replaced).filter_map(|s| s.datetime).min();
    schedule.rewind_to = first.filter(|f| used.iter().any(|u| u.datetime >= Some(*f)));
    let to_again = used.into_iter().filter(|u| schedule.rewind_to.is_some_and(|r| u.datetime >= Some(r)));
    let touched = specs(&schedule.looks, &schedule.replaced);
    schedule.again = again.into_iter().chain(to_again).filter(|row| !touched.contains(&row.spec)).collect();
    Ok(schedule)
}

/// Specs of the scenes of two lists.
fn specs(a: &[SceneRow], b: &[SceneRow]) -> BTreeSet<String> {
    a.iter().chain(b).map(|row| row.spec.clone()).collect()
}

/// A scene with its metadata, and its kind where it is to be looked at.
fn candidate(
    site: &SiteConfig,
    source: &Scenes,
    listed: &Listed,
    attempts: u32,
) -> (SceneRow, Option<ViewKind>) {
    let mut row = SceneRow {
        scene_key: 0,
        spec: listed.spec.clone(),
        fingerprint: listed.fingerprint.clone(),
        scene_id: listed.spec.rsplit('/').next().unwrap_or(&listed.spec).to_owned(),
        datetime: listed.datetime,
        platform: None,
        view: None,
        processing_baseline: listed.processing_baseline.clone(),
        status: SceneStatus::Sampled,
        reason: None,
        attempts: attempts + 1,
        valid_fraction: None,
        cloud_fraction: None,
        shift_px: None,
    };
    let mut kind = None;
    if let Err(error) = source.bring(&listed.spec) {
        row.status = match error {
            catalog::Error::Outside { .. } => SceneStatus::Refused,
            _ => SceneStatus::Failed,
        };
        // A provider may be down for longer than a file stays unreadable: fetching is tried by every run.
        row.attempts = attempts;
        row.reason = Some(error.to_string());
        return (row, None);
    }
    match source.open(site, &listed.spec) {
        Ok(scene) => {
            // To the second, as times are stored.
            row.datetime =
                scene.datetime.or(listed.datetime).and_then(|t| Timestamp::from_second(t.as_second()).ok());
            kind = Some(ViewKind::of_scene(&scene, row.datetime));
            row.scene_id = scene.id;
            row.platform = scene.platform;
            if row.datetime.is_none() {
                kind = None;
                row.status = SceneStatus::Refused;
                row.reason = Some("its time is unknown: put the date into its name or set a tag".to_owned());
            }
        }
        Err(error) => {
            row.status = SceneStatus::Failed;
            row.reason = Some(error.to_string());
        }
    }
    (row, kind)
}

/// Whether two rows are versions of one acquisition.
fn same_acquisition(a: &SceneRow, b: &SceneRow) -> bool {
    a.datetime.is_some() && a.datetime == b.datetime && a.platform == b.platform && a.view == b.view
}

/// Sorts out versions of one acquisition among new scenes and between them and known ones. What takes the place of another
/// must be readable, or a damaged file would cost the date; `unreadable` says why it is not.
fn versions(
    schedule: &mut Schedule,
    looks: Vec<SceneRow>,
    known: &BTreeMap<String, SceneRow>,
    unreadable: &dyn Fn(&SceneRow) -> Option<String>,
) {
    let mut by_time: BTreeMap<Option<Timestamp>, Vec<&SceneRow>> = BTreeMap::new();
    for row in known.values() {
        let stands_back =
            matches!(row.status, SceneStatus::Duplicate | SceneStatus::Late | SceneStatus::Failed);
        if !stands_back {
            by_time.entry(row.datetime).or_default().push(row);
        }
    }
    let mut kept: Vec<SceneRow> = Vec::new();
    for mut row in looks {
        let rival = by_time
            .get(&row.datetime)
            .into_iter()
            .flatten()
            .find(|r| r.spec != row.spec && same_acquisition(r, &row));
        if let Some(rival) = rival {
            if row.processing_baseline <= rival.processing_baseline {
                duplicate(&mut row, rival);
                schedule.noted.push(row);
                continue;
            }
            if let Some(reason) = unreadable(&row) {
                schedule.noted.push(failed(row, reason));
                continue;
            }
            if !schedule.replaced.iter().any(|r| r.spec == rival.spec) {
                let mut old = (*rival).clone();
                duplicate(&mut old, &row);
                schedule.replaced.push(old);
            }
        }
        // They come in order of time.
        let twin = (0..kept.len())
            .rev()
            .take_while(|at| kept[*at].datetime == row.datetime)
            .find(|at| same_acquisition(&kept[*at], &row));
        let Some(at) = twin else {
            kept.push(row);
            continue;
        };
        if row.processing_baseline > kept[at].processing_baseline {
            std::mem::swap(&mut row, &mut kept[at]);
        }
        if let Some(reason) = unreadable(&kept[at]) {
            let better = std::mem::replace(&mut kept[at], row);
            schedule.noted.push(failed(better, reason));
        } else {
            duplicate(&mut row, &kept[at]);
            schedule.noted.push(row);
        }
    }
    schedule.looks = kept;
}

fn failed(row: SceneRow, reason: String) -> SceneRow {
    SceneRow { status: SceneStatus::Failed, reason: Some(reason), ..row }
}

fn duplicate(row: &mut SceneRow, of: &SceneRow) {
    row.status = SceneStatus::Duplicate;
    row.reason = Some(format!("{} is used for the same acquisition", of.scene_id));
}

/// Scenes from before the kept history: noted as late, or, with `--since`, everything after them is read again.
fn late(
    state: &State,
    site: &SiteConfig,
    schedule: &mut Schedule,
    known: &BTreeMap<String, SceneRow>,
    since: Option<Timestamp>,
) -> Result<(), Error> {
    let need = site.baseline.count + site.baseline.empty_count.max(1);
    // A scene takes back what follows it in all views: the newest of their firsts decides.
    let mut late_to = None;
    for (view, dropped) in state.dropped_to(&site.id)? {
        let mut used: Vec<Timestamp> = known
            .values()
            .filter(|r| matches!(r.status, SceneStatus::Used | SceneStatus::Sampled))
            .filter(|r| r.view.as_ref() == Some(&view))
            .filter_map(|r| r.datetime)
            .filter(|t| *t > dropped)
            .collect();
        used.sort_unstable();
        // The first date that has all dates that it is compared with.
        late_to = late_to.max(Some(used.get(need.saturating_sub(1)).copied().unwrap_or(Timestamp::MAX)));
    }
    let Some(late_to) = late_to else { return Ok(()) };
    let is_late = |row: &SceneRow| row.datetime.is_none_or(|t| t <= late_to);
    if !schedule.looks.iter().any(is_late) {
        return Ok(());
    }
    if since.is_some() {
        let from = schedule.looks.iter().filter_map(|r| r.datetime).min();
        let touched = specs(&schedule.looks, &schedule.replaced);
        let later = known.values().filter(|r| r.status == SceneStatus::Used && r.datetime >= from);
        let untouched = later.filter(|row| !touched.contains(&row.spec));
        let to_read = |row: &SceneRow| SceneRow { status: SceneStatus::Sampled, ..row.clone() };
        schedule.looks.extend(untouched.map(to_read));
        schedule.looks.sort_by(|a, b| a.datetime.cmp(&b.datetime).then_with(|| a.spec.cmp(&b.spec)));
        return Ok(());
    }
    let (late, looks) = std::mem::take(&mut schedule.looks).into_iter().partition(is_late);
    schedule.looks = looks;
    schedule.noted.extend(late.into_iter().map(|row: SceneRow| SceneRow {
        status: SceneStatus::Late,
        reason: Some(format!(
            "strips of the dates before {late_to} were dropped: run again with --since, or keep more with \
             baseline.kept_count"
        )),
        ..row
    }));
    Ok(())
}

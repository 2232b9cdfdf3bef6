//! One scene compared with the dates before it, and everything that follows, written in one transaction.
//!
//! The baselines are the newest dates before the scene, and a few from before the oldest train that still stands; where
//! trains stood on a date its cells become what the empty dates show, so that a bed is compared with the empty bed
//! however long a train stays. What stays for good is taken out of the dates before it came instead.

use super::arrivals::arrivals;
use super::eye::{Eye, Found};
use super::lives::{DateLook, EventKind, Followed, Life, Sighting, Stay, days_between, follow};
use super::overlooked::overlooked;
use super::references::Sites;
use super::rows::{alert, observations, sighting};
use super::state::{
    AlertRow, DetectionRow, SceneAt, SceneRow, SceneStatus, State, departed_lives, drop_strips,
    drop_strips_before, idle_before, lives_since, open_lives, permanent_lives, put_detections, put_life,
    put_observations, put_scene, put_strips, raise, recount, scenes_seen, standing_on, stays_since,
    stretches_on, used_before,
};
use super::words::Word;
use super::{AlertParams, Error, SiteConfig};
use crate::corridor::Strip;
use crate::io;
use crate::pipeline::Look;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Newest trains whose beds are taken from dates shortly before each came; those of older ones are from before the oldest.
const BEDS_MAX: usize = 8;
/// Clear dates before each of them.
const BED_DATES: usize = 2;
/// Share of its window that a date shows which tells what beds are like.
const CLEAR_FRACTION: f64 = 0.5;

/// What became of one scene.
pub(super) struct Compared {
    pub(super) status: SceneStatus,
    pub(super) detection_count: usize,
    pub(super) new_alert_count: usize,
}

/// What is needed to compare the scenes of one site.
pub(super) struct Comparison<'a> {
    sites: &'a Sites,
    config: &'a SiteConfig,
    now: Timestamp,
    alerts: &'a AlertParams,
    /// Strips of the dates that were used last, by view.
    strips: BTreeMap<String, BTreeMap<i64, Vec<Strip>>>,
}

/// What is known from before a scene.
struct Before {
    /// Keys and times of scenes: those that it is compared with, newest first, then those that only tell what beds are like.
    dates: Vec<(i64, Timestamp)>,
    /// How many it is compared with.
    compared: usize,
    /// Whether the site has been watched for longer than those.
    watched_long: bool,
    /// What stays for good.
    permanent: Vec<Life>,
    /// Trains that were known only by their departure.
    departed: Vec<Life>,
    /// Where trains were seen on these dates.
    stays: Vec<Stay>,
}

/// What follows from a scene, ready to be stored.
struct Results {
    found: Found,
    followed: Followed,
    detections: Vec<DetectionRow>,
    /// GeoJSON features of the events, in their order.
    features: Vec<serde_json::Value>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        sites: &'a Sites,
        config: &'a SiteConfig,
        alerts: &'a AlertParams,
        now: Timestamp,
    ) -> Self {
        Self { sites, config, now, alerts, strips: BTreeMap::new() }
    }

    fn eye(&self, view: &str) -> Option<Eye<'a>> {
        self.sites.get_key_value(view).map(|(name, site)| Eye::new(name, site))
    }

    /// Compares one scene, freshly looked at or with the strips that are kept, and stores what follows.
    pub(super) fn compare(
        &mut self,
        state: &mut State,
        row: SceneRow,
        look: Option<Look>,
    ) -> Result<Compared, Error> {
        let (mut row, status) = self.in_use(state, row, look.is_none())?;
        let Some(eye) = row.view.as_deref().and_then(|view| self.eye(view)) else {
            return self.note(state, &row);
        };
        let is_fresh = look.is_some();
        let strips = eye.strips(state, &row, look)?;
        let (Some(strips), Some(datetime)) = (strips, row.datetime) else {
            return self.note(state, &row);
        };
        let results = match self.detect(state, &eye, &strips, datetime)? {
            Ok(found) => {
                row.reason = None;
                Some(self.results(state, &eye, found, datetime)?)
            }
            Err(reason) => {
                row.reason = Some(reason);
                None
            }
        };
        row.status = SceneStatus::Used;
        let detection_count = results.as_ref().map_or(0, |r| r.detections.len());
        let fresh = is_fresh.then_some(strips.as_slice());
        let (key, new_alert_count) = self.store(state, &eye, (&row, datetime, fresh), results)?;
        self.strips.entry(eye.name.to_owned()).or_default().insert(key, strips);
        tracing::debug!(scene = row.scene_id, detections = detection_count, "compared");
        Ok(Compared { status, detection_count, new_alert_count })
    }

    /// The row to go on with and what the summary counts it as: where a new version cannot be read, the one that was in use
    /// before and whose strips are kept.
    fn in_use(
        &self,
        state: &State,
        row: SceneRow,
        is_unread: bool,
    ) -> Result<(SceneRow, SceneStatus), Error> {
        let was_used = |old: &SceneRow| matches!(old.status, SceneStatus::Used | SceneStatus::Sampled);
        let old = if is_unread && row.status == SceneStatus::Failed {
            state.scene_at(&self.config.id, &row.spec)?.filter(was_used)
        } else {
            None
        };
        let Some(old) = old else { return Ok((row, SceneStatus::Used)) };
        tracing::warn!(scene = row.scene_id, reason = row.reason, "the new version cannot be read");
        Ok((old, SceneStatus::Failed))
    }

    /// What follows from what was found in a scene.
    fn results(
        &self,
        state: &State,
        eye: &Eye<'_>,
        found: Found,
        datetime: Timestamp,
    ) -> Result<Results, Error> {
        let open = state.read(|c| open_lives(c, &self.config.id))?;
        let followed = self.follow(eye, open, &found, datetime);
        let detections = eye.detections(&found, datetime)?;
        let features = eye.features(self.config, &followed)?;
        Ok(Results { found, followed, detections, features })
    }

    /// Stores a scene and all that follows from it in one transaction; gives its key and the number of new alerts.
    fn store(
        &self,
        state: &mut State,
        eye: &Eye<'_>,
        (row, datetime, fresh): (&SceneRow, Timestamp, Option<&[Strip]>),
        results: Option<Results>,
    ) -> Result<(i64, usize), Error> {
        let site_id = &self.config.id;
        state.transaction(|t| {
            let key = put_scene(t, site_id, row, self.now)?;
            if let Some(strips) = fresh {
                put_strips(t, key, strips, eye.scale)?;
            }
            let mut raised = 0;
            if let Some(mut results) = results {
                results.detections.iter_mut().for_each(|d| d.scene_key = key);
                put_detections(t, site_id, &results.detections)?;
                let scene = SceneAt { key, datetime, view: eye.name };
                raised = self.put_lives(t, scene, &results.followed, &results.features)?;
                let trains = stretches_on(t, key)?;
                put_observations(t, site_id, &observations(scene, &results.found, &trains))?;
            }
            self.prune(t, eye.name)?;
            Ok((key, raised))
        })
    }

    /// Stores that a scene cannot be used.
    fn note(&self, state: &mut State, row: &SceneRow) -> Result<Compared, Error> {
        state.transaction(|t| {
            let key = put_scene(t, &self.config.id, row, self.now)?;
            drop_strips(t, key)
        })?;
        let reason = row.reason.as_deref().unwrap_or_default();
        tracing::info!(scene = row.scene_id, status = %Word(row.status), reason, "not used");
        Ok(Compared { status: row.status, detection_count: 0, new_alert_count: 0 })
    }

    /// Compares strips with those of earlier dates; the inner error says why that cannot be done.
    fn detect(
        &mut self,
        state: &State,
        eye: &Eye<'_>,
        target: &[Strip],
        datetime: Timestamp,
    ) -> Result<Result<Found, String>, Error> {
        let before = state.read(|c| self.before(c, eye.name, datetime))?;
        let Some(&(_, earlier)) = before.dates.first() else {
            return Ok(Err("there is no earlier date to compare it with".to_owned()));
        };
        let held = self.strips.entry(eye.name.to_owned()).or_default();
        held.retain(|key, _| before.dates.iter().any(|d| d.0 == *key));
        let (mut baselines, mut covered) = (Vec::new(), Vec::new());
        for &(key, date) in &before.dates {
            if let std::collections::btree_map::Entry::Vacant(free) = held.entry(key) {
                free.insert(state.strips(key, eye.site.geometry(), eye.scale)?);
            }
            baselines.push(held.get(&key).cloned().unwrap_or_default());
            let mut stretches = state.read(|c| standing_on(c, key))?;
            stretches.extend(before.permanent.iter().filter(|l| date < l.first_seen).map(|l| l.place));
            stretches.extend(before.departed.iter().filter(|l| date <= l.last_seen).map(|l| l.place));
            covered.push(stretches);
        }
        let times: Vec<Timestamp> = before.dates.iter().map(|d| d.1).collect();
        overlooked(eye, (&times, &baselines), &mut covered, &before.stays);
        eye.empty(&mut baselines, &times, &covered);
        baselines.truncate(before.compared);
        Ok(match eye.site.detect(target, &baselines) {
            Ok(mut output) => {
                if before.watched_long {
                    arrivals(&mut output, self.known_score());
                }
                Ok(Found { output, earlier })
            }
            Err(error) => Err(error.to_string()),
        })
    }

    /// The dates of a view that say what a scene of `datetime` should look like without trains.
    fn before(&self, c: &Connection, view: &str, datetime: Timestamp) -> rusqlite::Result<Before> {
        let (id, baseline) = (self.config.id.as_str(), &self.config.baseline);
        // One more than is compared: whoever stood on all of those would have been seen coming.
        let mut dates = used_before(c, id, view, datetime, baseline.count + 1, 0.0)?;
        let watched_long = dates.len() > baseline.count;
        dates.truncate(baseline.count);
        let open = open_lives(c, id)?;
        let mut add = |first_seen: Timestamp, count: usize| -> rusqlite::Result<usize> {
            let empty = used_before(c, id, view, first_seen, count, CLEAR_FRACTION)?;
            dates.extend(empty.into_iter().filter(|date| !dates.contains(date)).collect::<Vec<_>>());
            Ok(dates.len())
        };
        let compared = match open.first() {
            Some(oldest) => add(oldest.first_seen, baseline.empty_count)?,
            None => baseline.count,
        };
        for life in open.iter().rev().take(BEDS_MAX) {
            add(life.first_seen, BED_DATES)?;
        }
        let oldest = dates.iter().map(|d| d.1).min().unwrap_or(datetime);
        Ok(Before {
            dates,
            compared,
            watched_long,
            permanent: permanent_lives(c, id)?,
            departed: departed_lives(c, id, oldest)?,
            stays: stays_since(c, id, oldest)?,
        })
    }

    /// Score from which something counts at a place that is known.
    fn known_score(&self) -> f64 {
        -self.config.rates.false_alarms_known.get().log10()
    }

    /// Links what was found to the trains that are known.
    fn follow(&self, eye: &Eye<'_>, open: Vec<Life>, found: &Found, datetime: Timestamp) -> Followed {
        let step_m = eye.site.geometry().along_step_m;
        let sightings: Vec<Sighting> = found.output.detections.iter().map(sighting).collect();
        let look = DateLook {
            datetime,
            view: eye.name,
            earlier: found.earlier,
            sightings: &sightings,
            evidence: &|stretch, contrast| found.evidence(stretch, contrast, step_m),
            overlap: &|a, b| eye.ground.overlap(a, b),
            known_score: self.known_score(),
        };
        follow(open, &look, &self.config.lives, &|number| {
            io::short_hash(&format!("{}|{datetime}|{number}", self.config.id))
        })
    }

    /// Stores lives and raises alerts; gives the number of new ones.
    fn put_lives(
        &self,
        c: &Connection,
        scene: SceneAt<'_>,
        followed: &Followed,
        features: &[serde_json::Value],
    ) -> rusqlite::Result<usize> {
        for (i, life) in followed.lives.iter().enumerate() {
            let event = followed.events.iter().rev().find(|e| e.life == i).map(|e| e.kind);
            put_life(c, &self.config.id, life, scene, followed.sights[i], event)?;
        }
        let mut reactivates = self.reactivates(c, scene.datetime)?;
        let mut raised = 0;
        for (event, feature) in followed.events.iter().zip(features) {
            let life = &followed.lives[event.life];
            let idle = if event.kind == EventKind::First { reactivates.take() } else { None };
            let alert = alert(self.config, scene, (event, life), feature, idle);
            raised += usize::from(raise(c, &alert, &self.channels(&alert), self.now)?);
            if event.kind == EventKind::Permanent {
                for key in scenes_seen(c, &life.id)? {
                    recount(c, key)?;
                }
            }
        }
        Ok(raised)
    }

    /// Days without a train before `datetime`, where they are enough for a reactivation.
    fn reactivates(&self, c: &Connection, datetime: Timestamp) -> rusqlite::Result<Option<f64>> {
        let lives = &self.config.lives;
        let idle = idle_before(c, &self.config.id, datetime, lives.idle_dates)?;
        Ok(idle
            .map(|(since, dates)| (days_between(since, datetime), dates))
            .filter(|(days, dates)| *days >= lives.idle_days && *dates >= lives.idle_dates)
            .map(|(days, _)| days))
    }

    /// Names of the channels that an alert goes to.
    fn channels(&self, alert: &AlertRow) -> Vec<String> {
        let wanted = self.alerts.kinds.contains(&alert.kind)
            && days_between(alert.datetime, self.now) <= self.alerts.newest_days;
        self.alerts.channel.iter().filter(|_| wanted).map(|c| c.name().to_owned()).collect()
    }

    /// Drops strips that no later scene, and no scene that is not too late, is compared with.
    fn prune(&self, c: &Connection, view: &str) -> rusqlite::Result<()> {
        let (id, baseline) = (self.config.id.as_str(), &self.config.baseline);
        let far = Timestamp::MAX - SignedDuration::from_hours(1);
        let kept = used_before(c, id, view, far, baseline.kept_count, 0.0)?;
        let Some(&(_, oldest)) = kept.last().filter(|_| kept.len() == baseline.kept_count) else {
            return Ok(());
        };
        let first = lives_since(c, id, oldest)?.iter().map(|l| l.first_seen).min();
        let empty = match first {
            Some(first) => {
                used_before(c, id, view, first, baseline.empty_count, CLEAR_FRACTION)?.last().map(|d| d.1)
            }
            None => None,
        };
        drop_strips_before(c, id, view, empty.map_or(oldest, |e| e.min(oldest)))
    }
}

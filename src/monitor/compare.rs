//! One scene compared with the dates before it, and everything that follows, written in one transaction.
//!
//! The baselines are the newest dates before the scene, and a few from before the oldest train that still stands; where
//! trains stood on a date its cells become what the empty dates show, so that a bed is compared with the empty bed
//! however long a train stays. What stays for good is taken out of the dates before it came instead.

use super::ground::{Ground, emptied};
use super::lives::{DateLook, Event, EventKind, Followed, Life, Sighting, Stretch, days_between, follow};
use super::occupancy::{Occupancy, occupancy, usual_limit};
use super::site_run::hex;
use super::state::{
    AlertRow, DetectionRow, ObservationRow, SceneRow, SceneStatus, State, dates_seen, drop_strips,
    drop_strips_before, idle_before, lives_since, open_lives, permanent_lives, put_detections, put_life,
    put_observations, put_scene, put_strips, raise, recount, standing_on, stored_strip, stretches_on,
    used_before,
};
use super::{AlertParams, Config, Error, SiteConfig};
use crate::corridor::Strip;
use crate::detect::{Appearance, Change, DetectOutput, TrackDetection};
use crate::pipeline::{Look, Site};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What became of one scene.
pub(super) struct Compared {
    pub(super) status: SceneStatus,
    pub(super) detection_count: usize,
    pub(super) new_alert_count: usize,
}

/// What is needed to compare the scenes of one site.
pub(super) struct Comparison<'a> {
    site: &'a Site,
    config: &'a SiteConfig,
    now: Timestamp,
    ground: Ground<'a>,
    alerts: &'a AlertParams,
    /// Strips of the dates that were used last.
    strips: BTreeMap<i64, Vec<Strip>>,
}

/// What a date shows, before it is linked to the dates before it.
struct Found {
    output: DetectOutput,
    /// Newest date that it was compared with.
    earlier: Timestamp,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(site: &'a Site, (whole, config): (&'a Config, &'a SiteConfig), now: Timestamp) -> Self {
        Self {
            site,
            config,
            now,
            ground: Ground::new(site.tracks(), site.geometry()),
            alerts: &whole.alerts,
            strips: BTreeMap::new(),
        }
    }

    /// Compares one scene, freshly looked at or with the strips that are kept, and stores what follows.
    pub(super) fn compare(
        &mut self,
        state: &mut State,
        mut row: SceneRow,
        look: Option<Look>,
    ) -> Result<Compared, Error> {
        let fresh: Option<Vec<Strip>> =
            look.map(|look| look.strips.iter().map(stored_strip).collect::<Result<_, _>>()).transpose()?;
        let kept = match (&fresh, row.status) {
            (Some(strips), _) => Some(strips.clone()),
            (None, SceneStatus::Sampled | SceneStatus::Used) => {
                Some(state.strips(row.scene_key, self.site.geometry())?)
            }
            _ => None,
        };
        let (Some(strips), Some(datetime)) = (kept, row.datetime) else {
            return self.note(state, &row);
        };
        let found = match self.detect(state, &strips, datetime)? {
            Ok(found) => {
                row.reason = None;
                Some(found)
            }
            Err(reason) => {
                row.reason = Some(reason);
                None
            }
        };
        row.status = SceneStatus::Used;
        let open = state.read(|c| open_lives(c, &self.config.id))?;
        let followed = found.as_ref().map(|found| self.follow(open, found, datetime));
        let rows = found.as_ref().map(|f| self.detection_rows(f, datetime)).transpose()?.unwrap_or_default();
        let features = self.features(followed.as_ref())?;
        let new_alert_count = state.transaction(|t| {
            let key = put_scene(t, &self.config.id, &row, self.now)?;
            row.scene_key = key;
            if let Some(fresh) = &fresh {
                put_strips(t, key, fresh)?;
            }
            let mut raised = 0;
            if let (Some(found), Some(followed)) = (&found, &followed) {
                let rows: Vec<DetectionRow> =
                    rows.iter().map(|d| DetectionRow { scene_key: key, ..d.clone() }).collect();
                put_detections(t, &self.config.id, &rows)?;
                raised = self.put_lives(t, (key, datetime), followed, &features)?;
                self.put_series(t, (key, datetime), found)?;
            }
            self.prune(t)?;
            Ok(raised)
        })?;
        self.strips.insert(row.scene_key, strips);
        tracing::debug!(scene = row.scene_id, detections = rows.len(), "compared");
        Ok(Compared { status: SceneStatus::Used, detection_count: rows.len(), new_alert_count })
    }

    /// Stores that a scene cannot be used.
    fn note(&self, state: &mut State, row: &SceneRow) -> Result<Compared, Error> {
        state.transaction(|t| {
            let key = put_scene(t, &self.config.id, row, self.now)?;
            drop_strips(t, key)
        })?;
        let reason = row.reason.as_deref().unwrap_or_default();
        tracing::info!(scene = row.scene_id, status = row.status.word(), reason, "not used");
        Ok(Compared { status: row.status, detection_count: 0, new_alert_count: 0 })
    }

    /// Compares strips with those of earlier dates; the inner error says why that cannot be done.
    fn detect(
        &mut self,
        state: &State,
        target: &[Strip],
        datetime: Timestamp,
    ) -> Result<Result<Found, String>, Error> {
        let id = &self.config.id;
        let baseline = &self.config.baseline;
        let (dates, permanent) = state.read(|c| {
            let mut dates = used_before(c, id, datetime, baseline.count)?;
            if let Some(oldest) = open_lives(c, id)?.first() {
                let empty = used_before(c, id, oldest.first_seen, baseline.empty_count)?;
                let known: Vec<i64> = dates.iter().map(|d| d.0).collect();
                dates.extend(empty.into_iter().filter(|d| !known.contains(&d.0)));
            }
            Ok((dates, permanent_lives(c, id)?))
        })?;
        let Some(&(_, earlier)) = dates.first() else {
            return Ok(Err("there is no earlier date to compare it with".to_owned()));
        };
        self.strips.retain(|key, _| dates.iter().any(|d| d.0 == *key));
        let (mut baselines, mut covered) = (Vec::new(), Vec::new());
        for (key, date) in dates {
            if !self.strips.contains_key(&key) {
                self.strips.insert(key, state.strips(key, self.site.geometry())?);
            }
            baselines.push(self.strips.get(&key).cloned().unwrap_or_default());
            let mut stretches = state.read(|c| standing_on(c, id, date))?;
            stretches.extend(permanent.iter().filter(|l| date < l.first_seen).map(|l| l.place));
            covered.push(stretches);
        }
        self.empty(&mut baselines, &covered);
        Ok(match self.site.detect(target, &baselines) {
            Ok(output) => Ok(Found { output, earlier }),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Takes the trains out of the baselines: `covered` has the stretches of each date.
    fn empty(&self, baselines: &mut [Vec<Strip>], covered: &[Vec<Stretch>]) {
        for track in 0..self.site.tracks().len() {
            let mut strips: Vec<Strip> = baselines.iter().filter_map(|b| b.get(track).cloned()).collect();
            if strips.len() != covered.len() {
                continue;
            }
            let occupied: Vec<Vec<bool>> = covered
                .iter()
                .zip(&strips)
                .map(|(stretches, strip)| {
                    let mut rows = vec![false; strip.valid.nrows()];
                    for stretch in stretches {
                        for s in self.ground.covered(stretch, track, rows.len()) {
                            rows[s] = true;
                        }
                    }
                    rows
                })
                .collect();
            emptied(&mut strips, &occupied);
            for (baseline, strip) in baselines.iter_mut().zip(strips) {
                baseline[track] = strip;
            }
        }
    }

    /// Links what was found to the trains that are known.
    fn follow(&self, open: Vec<Life>, found: &Found, datetime: Timestamp) -> Followed {
        let step_m = self.site.geometry().along_step_m;
        let sightings: Vec<Sighting> = found.output.detections.iter().map(sighting).collect();
        let look = DateLook {
            datetime,
            earlier: found.earlier,
            sightings: &sightings,
            evidence: &|stretch| evidence(&found.output, stretch, step_m),
            overlap: &|a, b| self.ground.overlap(a, b),
            known_score: -self.config.rates.false_alarms_known.get().log10(),
        };
        follow(open, &look, &self.config.lives, &|number| {
            let text = format!("{}|{datetime}|{number}", self.config.id);
            hex(&Sha256::digest(text), 16)
        })
    }

    fn detection_rows(&self, found: &Found, datetime: Timestamp) -> Result<Vec<DetectionRow>, Error> {
        let bands = self.site.band_names();
        (found.output.detections.iter().enumerate())
            .map(|(i, d)| {
                let contrast: serde_json::Map<_, _> =
                    bands.iter().cloned().zip(d.contrast.iter().map(|c| json!(c))).collect();
                Ok(DetectionRow {
                    scene_key: 0,
                    number: i + 1,
                    datetime,
                    track_index: d.track_index,
                    start_m: d.chainage_start_m,
                    end_m: d.chainage_end_m,
                    offset_m: d.offset_m,
                    change: if d.change == Change::Appeared { "appeared" } else { "departed" }.to_owned(),
                    score: d.score,
                    p_value: d.p_value,
                    q_value: d.q_value,
                    appearance: appearance_word(d.appearance).to_owned(),
                    contrast: serde_json::Value::Object(contrast).to_string(),
                    geometry: self
                        .polygon(d.track_index, (d.chainage_start_m, d.chainage_end_m), d.offset_m)?
                        .to_string(),
                })
            })
            .collect()
    }

    fn polygon(&self, track: usize, ends_m: (f64, f64), offset_m: f64) -> Result<serde_json::Value, Error> {
        let rounded = |v: f64| (v * 1e7).round() / 1e7;
        let mut ring: Vec<[f64; 2]> = self
            .site
            .outline(track, ends_m, offset_m)?
            .into_iter()
            .map(|(lon, lat)| [rounded(lon), rounded(lat)])
            .collect();
        ring.extend(ring.first().copied());
        Ok(json!({ "type": "Polygon", "coordinates": [ring] }))
    }

    /// GeoJSON features of the events, in their order.
    fn features(&self, followed: Option<&Followed>) -> Result<Vec<serde_json::Value>, Error> {
        let Some(followed) = followed else { return Ok(Vec::new()) };
        (followed.events.iter())
            .map(|event| {
                let life = &followed.lives[event.life];
                let place = life.place;
                let track = self.site.tracks().get(place.track);
                Ok(json!({
                    "type": "Feature",
                    "geometry": self.polygon(place.track, (place.start_m, place.end_m), 0.0)?,
                    "properties": {
                        "site": self.config.id,
                        "life_id": life.id,
                        "state": life.state,
                        "track_id": track.map(|t| t.id.clone()),
                        "chainage_start_m": place.start_m.round(),
                        "chainage_end_m": place.end_m.round(),
                        "length_m": place.length_m().round(),
                        "first_seen": life.first_seen,
                        "last_seen": life.last_seen,
                        "first_missed": life.first_missed,
                        "seen_count": life.seen_count,
                        "score": (life.score * 100.0).round() / 100.0,
                        "appearance": life.appearance,
                    },
                }))
            })
            .collect()
    }

    /// Stores lives and raises alerts; gives the number of new ones.
    fn put_lives(
        &self,
        c: &Connection,
        (scene_key, datetime): (i64, Timestamp),
        followed: &Followed,
        features: &[serde_json::Value],
    ) -> rusqlite::Result<usize> {
        for (i, life) in followed.lives.iter().enumerate() {
            let event = followed.events.iter().rev().find(|e| e.life == i).map(|e| event_word(e.kind));
            put_life(c, &self.config.id, life, (datetime, followed.seen[i], event))?;
        }
        let mut reactivates = self.reactivates(c, datetime)?;
        let mut raised = 0;
        for (event, feature) in followed.events.iter().zip(features) {
            let life = &followed.lives[event.life];
            let idle = if event.kind == EventKind::Appeared { reactivates.take() } else { None };
            let alert = self.alert((scene_key, datetime), (event, life), feature, idle);
            raised += usize::from(raise(c, &alert, &self.channels(&alert), self.now)?);
            if event.kind == EventKind::Permanent {
                for date in dates_seen(c, &life.id)? {
                    recount(c, &self.config.id, &date)?;
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

    fn alert(
        &self,
        (scene_key, datetime): (i64, Timestamp),
        (event, life): (&Event, &Life),
        feature: &serde_json::Value,
        idle_days: Option<f64>,
    ) -> AlertRow {
        let kind = if idle_days.is_some() { "reactivation" } else { event_word(event.kind) };
        let (length_m, date) = (life.place.length_m(), datetime.strftime("%Y-%m-%d"));
        let what = match event.kind {
            EventKind::Appeared => format!("train of about {length_m:.0} m appeared"),
            EventKind::Confirmed => format!("train of about {length_m:.0} m still there"),
            EventKind::Moved => format!("train of about {length_m:.0} m moved along the line"),
            EventKind::Finished => {
                format!(
                    "train of about {length_m:.0} m gone, last seen {}",
                    life.last_seen.strftime("%Y-%m-%d")
                )
            }
            EventKind::Permanent => format!("change of about {length_m:.0} m stays: no train"),
            EventKind::Departed => format!("train of about {length_m:.0} m that stood there before departed"),
        };
        let idle = idle_days.map(|d| format!(" after {d:.0} days without one")).unwrap_or_default();
        let mut feature = feature.clone();
        feature["properties"]["kind"] = json!(kind);
        feature["properties"]["datetime"] = json!(datetime);
        // A move may happen more than once; everything else once a life.
        let id = format!("{}|{}|{:?}|{}", self.config.id, life.id, event.kind, life.move_count);
        AlertRow {
            alert_id: hex(&Sha256::digest(id), 16),
            site_id: self.config.id.clone(),
            life_id: life.id.clone(),
            scene_key,
            kind: kind.to_owned(),
            datetime,
            title: format!("{} {date}: {what}{idle}", self.config.title()),
            feature: feature.to_string(),
            evidence: None,
            withdrawn: false,
        }
    }

    /// Names of the channels that an alert goes to.
    fn channels(&self, alert: &AlertRow) -> Vec<String> {
        let wanted = self.alerts.kinds.contains(&alert.kind)
            && days_between(alert.datetime, self.now) <= self.alerts.newest_days;
        self.alerts.channel.iter().filter(|_| wanted).map(|c| c.name().to_owned()).collect()
    }

    fn put_series(
        &self,
        c: &Connection,
        (scene_key, datetime): (i64, Timestamp),
        found: &Found,
    ) -> rusqlite::Result<()> {
        let trains = stretches_on(c, &self.config.id, &super::state::text_of(datetime))?;
        let rows: Vec<ObservationRow> = (found.output.tracks.iter())
            .map(|track| {
                let on: Vec<Stretch> =
                    trains.iter().copied().filter(|t| t.track == track.track_index).collect();
                let limits: serde_json::Map<_, _> =
                    (track.detection_limits.iter()).map(|l| (l.cargo.clone(), json!(l.length_m))).collect();
                let mut row = ObservationRow {
                    track_index: track.track_index,
                    datetime,
                    scene_key,
                    length_m: track.length_m,
                    observed_m: track.observed_m,
                    occupied_m: 0.0,
                    occupied_low_m: 0.0,
                    occupied_high_m: 0.0,
                    wagons_low: 0,
                    wagons_high: 0,
                    train_count: 0,
                    limit_m: usual_limit(&track.detection_limits),
                    limits: serde_json::Value::Object(limits).to_string(),
                };
                let occupied: Occupancy = occupancy(&on, track.length_m);
                row.occupy(&occupied);
                row
            })
            .collect();
        put_observations(c, &self.config.id, &rows)
    }

    /// Drops strips that no later scene, and no scene that is not too late, is compared with.
    fn prune(&self, c: &Connection) -> rusqlite::Result<()> {
        let (id, baseline) = (&self.config.id, &self.config.baseline);
        let far = Timestamp::MAX - SignedDuration::from_hours(1);
        let kept = used_before(c, id, far, baseline.kept_count)?;
        let Some(&(_, oldest)) = kept.last().filter(|_| kept.len() == baseline.kept_count) else {
            return Ok(());
        };
        let first = lives_since(c, id, oldest)?.iter().map(|l| l.first_seen).min();
        let empty = match first {
            Some(first) => used_before(c, id, first, baseline.empty_count)?.last().map(|d| d.1),
            None => None,
        };
        drop_strips_before(c, id, empty.map_or(oldest, |e| e.min(oldest)))
    }
}

fn sighting(d: &TrackDetection) -> Sighting {
    Sighting {
        place: Stretch { track: d.track_index, start_m: d.chainage_start_m, end_m: d.chainage_end_m },
        score: d.score,
        appearance: appearance_word(d.appearance).to_owned(),
        appeared: d.change == Change::Appeared,
    }
}

fn appearance_word(appearance: Appearance) -> &'static str {
    match appearance {
        Appearance::Bright => "bright",
        Appearance::Dark => "dark",
        Appearance::Coloured => "coloured",
    }
}

fn event_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Appeared => "first",
        EventKind::Confirmed => "confirmed",
        EventKind::Moved => "moved",
        EventKind::Finished => "finished",
        EventKind::Permanent => "permanent",
        EventKind::Departed => "departed",
    }
}

/// Share of a stretch that is clear, and the median score where it is.
fn evidence(output: &DetectOutput, stretch: &Stretch, step_m: f64) -> (f64, f64) {
    let Some(track) = output.tracks.get(stretch.track) else { return (0.0, f64::NEG_INFINITY) };
    let from = (stretch.start_m / step_m).round().max(0.0) as usize;
    let to = ((stretch.end_m / step_m).round() as usize).min(track.profile.len().saturating_sub(1));
    let cells = track.profile.get(from..=to).unwrap_or(&[]);
    let mut clear: Vec<f64> = cells.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    let share = clear.len() as f64 / cells.len().max(1) as f64;
    if clear.is_empty() {
        return (0.0, f64::NEG_INFINITY);
    }
    (share, crate::stats::median(&mut clear))
}

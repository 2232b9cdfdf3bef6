//! What a compared scene becomes in the state: detections, observations, and what alerts say.

use super::SiteConfig;
use super::error::Error;
use super::eye::{Eye, Found};
use super::lives::{EventKind, Followed, Life, LifeEvent, Sighting, Stretch};
use super::occupancy::{occupancy, usual_limit};
use super::state::{AlertRow, DetectionRow, ObservationRow, SceneAt};
use super::views;
use super::words::Word;
use crate::detect::{Change, TrackDetection};
use crate::io;
use crate::report::Point;
use crate::report::geojson::position;
use jiff::Timestamp;
use serde_json::json;

impl Eye<'_> {
    /// Detections of a scene; its key is put in when it is known.
    pub(super) fn detections(&self, found: &Found, datetime: Timestamp) -> Result<Vec<DetectionRow>, Error> {
        let bands = self.site.band_names();
        (found.output.detections.iter().enumerate())
            .map(|(i, d)| {
                let contrast: serde_json::Map<_, _> =
                    bands.iter().cloned().zip(d.contrast.iter().map(|c| json!(c))).collect();
                Ok(DetectionRow {
                    scene_key: 0,
                    number: i + 1,
                    datetime,
                    view: self.name.to_owned(),
                    track_index: d.track_index,
                    start_m: d.chainage_start_m,
                    end_m: d.chainage_end_m,
                    offset_m: d.offset_m,
                    change: if d.change == Change::Appeared { "appeared" } else { "departed" }.to_owned(),
                    score: d.score,
                    p_value: d.p_value,
                    q_value: d.q_value,
                    appearance: d.appearance.word().to_owned(),
                    contrast: serde_json::Value::Object(contrast).to_string(),
                    geometry: self
                        .polygon(d.track_index, (d.chainage_start_m, d.chainage_end_m), d.offset_m)?
                        .to_string(),
                })
            })
            .collect()
    }

    fn polygon(&self, track: usize, ends_m: (f64, f64), offset_m: f64) -> Result<serde_json::Value, Error> {
        let corners = self.site.outline(track, ends_m, offset_m)?;
        let mut ring: Vec<Point> = corners.into_iter().map(|(lon, lat)| position([lon, lat])).collect();
        ring.extend(ring.first().copied());
        Ok(json!({ "type": "Polygon", "coordinates": [ring] }))
    }

    /// GeoJSON features of the events, in their order.
    pub(super) fn features(
        &self,
        site: &SiteConfig,
        followed: &Followed,
    ) -> Result<Vec<serde_json::Value>, Error> {
        (followed.events.iter())
            .map(|event| {
                let life = &followed.lives[event.life];
                let place = life.place;
                let track = self.site.tracks().get(place.track);
                Ok(json!({
                    "type": "Feature",
                    "geometry": self.polygon(place.track, (place.start_m, place.end_m), 0.0)?,
                    "properties": {
                        "site": site.id,
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
                        "false_alarms_per_100km": 10f64.powf(-life.score),
                        "appearance": life.appearance,
                        "seen_by": life.seen_by,
                        "seen_now_by": self.name,
                    },
                }))
            })
            .collect()
    }
}

/// The alert of an event; `idle_days` makes it a reactivation.
pub(super) fn alert(
    site: &SiteConfig,
    scene: SceneAt<'_>,
    (event, life): (&LifeEvent, &Life),
    feature: &serde_json::Value,
    idle_days: Option<f64>,
) -> AlertRow {
    let kind = if idle_days.is_some() { "reactivation".to_owned() } else { Word(event.kind).to_string() };
    let (length_m, date) = (life.place.length_m(), scene.datetime.strftime("%Y-%m-%d"));
    let what = match event.kind {
        EventKind::First => format!("train of about {length_m:.0} m appeared"),
        EventKind::Confirmed => format!("train of about {length_m:.0} m still there"),
        EventKind::Moved => format!("train of about {length_m:.0} m moved along the line"),
        EventKind::Finished => {
            format!("train of about {length_m:.0} m gone, last seen {}", life.last_seen.strftime("%Y-%m-%d"))
        }
        EventKind::Permanent => format!("change of about {length_m:.0} m is permanent: no train"),
        EventKind::Departed => format!("train of about {length_m:.0} m that stood there before departed"),
    };
    let idle = idle_days.map(|d| format!(" after {d:.0} days without one")).unwrap_or_default();
    let by = if views::is_radar(scene.view) { " (radar)" } else { "" };
    let mut feature = feature.clone();
    feature["properties"]["kind"] = json!(kind);
    feature["properties"]["datetime"] = json!(scene.datetime);
    AlertRow {
        alert_id: alert_id(&site.id, &life.id, event.kind, life.move_count),
        site_id: site.id.clone(),
        life_id: life.id.clone(),
        scene_key: scene.key,
        kind,
        datetime: scene.datetime,
        title: format!("{} {date}: {what}{idle}{by}", site.title()),
        feature: feature.to_string(),
        figure_folder: None,
        withdrawn_at: None,
    }
}

/// Name of the alert of an event, the same in every run and of every version of this program: channels that were told of it drop
/// a second copy by it. A move may happen more than once; everything else once a life.
fn alert_id(site_id: &str, life_id: &str, kind: EventKind, move_count: u32) -> String {
    io::short_hash(&format!("{site_id}|{life_id}|{}|{move_count}", kind.key()))
}

/// What the scene shows of each track, on which `trains` stand.
pub(super) fn observations(scene: SceneAt<'_>, found: &Found, trains: &[Stretch]) -> Vec<ObservationRow> {
    (found.output.tracks.iter())
        .map(|track| {
            let on: Vec<Stretch> = trains.iter().copied().filter(|t| t.track == track.track_index).collect();
            let limits: serde_json::Map<_, _> =
                (track.detection_limits.iter()).map(|l| (l.cargo.clone(), json!(l.length_m))).collect();
            let mut row = ObservationRow {
                track_index: track.track_index,
                datetime: scene.datetime,
                scene_key: scene.key,
                view: scene.view.to_owned(),
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
            row.occupy(&occupancy(&on, track.length_m));
            row
        })
        .collect()
}

pub(super) fn sighting(d: &TrackDetection) -> Sighting {
    let place = Stretch { track: d.track_index, start_m: d.chainage_start_m, end_m: d.chainage_end_m };
    Sighting {
        place,
        score: d.score,
        appearance: d.appearance.word().to_owned(),
        contrast: d.contrast.clone(),
        appeared: d.change == Change::Appeared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_the_id_under_which_it_was_delivered() {
        // printf 'site|life|Appeared|2' | sha256sum | cut -c 1-16
        for (kind, id) in [
            (EventKind::First, "5cada2e78acf1d39"),
            (EventKind::Confirmed, "ce38fe6279e67d8e"),
            (EventKind::Moved, "64ca64ad70f4bf2a"),
            (EventKind::Finished, "8fe2e6911cc5abc2"),
            (EventKind::Permanent, "8bc395ab0b7b0cb8"),
            (EventKind::Departed, "7984fff4770d0606"),
        ] {
            assert_eq!(alert_id("site", "life", kind, 2), id, "{kind:?}");
        }
    }
}

//! What each date shows: detections, and the series of occupied track.

use super::{Error, State, text_of, time_of};
use crate::monitor::occupancy::Occupancy;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

/// A detection as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectionRow {
    /// The scene.
    pub scene_key: i64,
    /// Place by score among the scene's detections, from 1.
    pub number: usize,
    /// The date.
    pub datetime: Timestamp,
    /// What saw it: the name of the scene's view.
    pub view: String,
    /// The track.
    pub track_index: usize,
    /// First end, metres.
    pub start_m: f64,
    /// Other end, metres.
    pub end_m: f64,
    /// Across, metres, right positive.
    pub offset_m: f64,
    /// `appeared` or `departed`.
    pub change: String,
    /// −log10 of the expected false alarms per 100 km.
    pub score: f64,
    /// Tail probability.
    pub p_value: f64,
    /// False discovery rate.
    pub q_value: f64,
    /// `bright`, `dark` or `coloured`.
    pub appearance: String,
    /// JSON object by band: reflectance, of radar dB.
    pub contrast: String,
    /// GeoJSON Polygon.
    pub geometry: String,
}

/// One track in one scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservationRow {
    /// The track.
    pub track_index: usize,
    /// The date.
    pub datetime: Timestamp,
    /// The scene.
    pub scene_key: i64,
    /// Name of the scene's view.
    pub view: String,
    /// Length of the track, metres.
    pub length_m: f64,
    /// Length that could be seen, metres.
    pub observed_m: f64,
    /// Length that trains stand on, metres.
    pub occupied_m: f64,
    /// Lower end of its 90 % range, metres.
    pub occupied_low_m: f64,
    /// Upper end of its 90 % range, metres.
    pub occupied_high_m: f64,
    /// The range in wagons.
    pub wagons_low: u32,
    /// The range in wagons.
    pub wagons_high: u32,
    /// Trains.
    pub train_count: u32,
    /// Detection limit of the middle cargo, metres.
    pub limit_m: Option<f64>,
    /// JSON object of metres by cargo.
    pub limits: String,
}

impl ObservationRow {
    /// Puts what trains occupy into the row.
    pub(in crate::monitor) fn occupy(&mut self, o: &Occupancy) {
        self.occupied_m = o.occupied_m;
        (self.occupied_low_m, self.occupied_high_m) = o.range_m;
        (self.wagons_low, self.wagons_high) = o.wagons;
        self.train_count = o.train_count;
    }
}

/// Stores the detections of a scene.
pub(in crate::monitor) fn put_detections(
    c: &Connection,
    site_id: &str,
    detections: &[DetectionRow],
) -> rusqlite::Result<()> {
    let mut put = c.prepare_cached(
        "INSERT OR REPLACE INTO detection (scene_key, number, site_id, datetime, track_index, start_m, end_m, offset_m, \
         change, score, p_value, q_value, appearance, contrast, geometry, view) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    for d in detections {
        put.execute(rusqlite::params![
            d.scene_key,
            d.number,
            site_id,
            text_of(d.datetime),
            d.track_index,
            d.start_m,
            d.end_m,
            d.offset_m,
            d.change,
            d.score,
            d.p_value,
            d.q_value,
            d.appearance,
            d.contrast,
            d.geometry,
            d.view,
        ])?;
    }
    Ok(())
}

/// Stores the observations of a scene.
pub(in crate::monitor) fn put_observations(
    c: &Connection,
    site_id: &str,
    rows: &[ObservationRow],
) -> rusqlite::Result<()> {
    let mut put = c.prepare_cached(
        "INSERT OR REPLACE INTO observation (site_id, track_index, datetime, scene_key, length_m, observed_m, occupied_m, \
         occupied_low_m, occupied_high_m, wagons_low, wagons_high, train_count, limit_m, limits, view) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    for o in rows {
        put.execute(rusqlite::params![
            site_id,
            o.track_index,
            text_of(o.datetime),
            o.scene_key,
            o.length_m,
            o.observed_m,
            o.occupied_m,
            o.occupied_low_m,
            o.occupied_high_m,
            o.wagons_low,
            o.wagons_high,
            o.train_count,
            o.limit_m,
            o.limits,
            o.view,
        ])?;
    }
    Ok(())
}

/// Counts a scene's trains anew, after one of them turned out to be none.
pub(in crate::monitor) fn set_occupancy(
    c: &Connection,
    scene_key: i64,
    track_index: usize,
    o: &Occupancy,
) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE observation SET occupied_m = ?3, occupied_low_m = ?4, occupied_high_m = ?5, wagons_low = ?6, \
         wagons_high = ?7, train_count = ?8 WHERE scene_key = ?1 AND track_index = ?2",
    )?
    .execute(rusqlite::params![
        scene_key,
        track_index,
        o.occupied_m,
        o.range_m.0,
        o.range_m.1,
        o.wagons.0,
        o.wagons.1,
        o.train_count,
    ])?;
    Ok(())
}

/// Tracks that a scene shows, with their lengths.
pub(in crate::monitor) fn tracks_observed(
    c: &Connection,
    scene_key: i64,
) -> rusqlite::Result<Vec<(usize, f64)>> {
    c.prepare_cached("SELECT track_index, length_m FROM observation WHERE scene_key = ?1")?
        .query_map([scene_key], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// Forgets what was found from `from` on; the scenes stay.
pub(in crate::monitor) fn rewind_series(
    c: &Connection,
    site_id: &str,
    from: Timestamp,
) -> rusqlite::Result<()> {
    let from = text_of(from);
    c.execute("DELETE FROM detection WHERE site_id = ?1 AND datetime >= ?2", (site_id, &from))?;
    c.execute("DELETE FROM observation WHERE site_id = ?1 AND datetime >= ?2", (site_id, &from))?;
    Ok(())
}

/// Last date before `before` with a train, or the first date at all, with the number of dates since (counted to
/// `count_max`) on which most of the tracks could be seen.
pub(in crate::monitor) fn idle_before(
    c: &Connection,
    site_id: &str,
    before: Timestamp,
    count_max: u32,
) -> rusqlite::Result<Option<(Timestamp, u32)>> {
    let before = text_of(before);
    let last: Option<String> = c
        .prepare_cached(
            "SELECT max(datetime) FROM observation WHERE site_id = ?1 AND datetime < ?2 AND occupied_m > 0",
        )?
        .query_row((site_id, &before), |r| r.get(0))?;
    let since = match last {
        Some(date) => Some(date),
        None => c
            .prepare_cached("SELECT min(datetime) FROM observation WHERE site_id = ?1 AND datetime < ?2")?
            .query_row((site_id, &before), |r| r.get(0))
            .optional()?
            .flatten(),
    };
    let Some(since) = since else { return Ok(None) };
    let sql = "SELECT count(*) FROM (SELECT 1 FROM observation WHERE site_id = ?1 AND datetime > ?2 AND datetime < ?3 \
               GROUP BY scene_key HAVING sum(observed_m) >= 0.5 * sum(length_m) LIMIT ?4)";
    let count = c.prepare_cached(sql)?.query_row((site_id, &since, &before, count_max), |r| r.get(0))?;
    Ok(Some((time_of(&since)?, count)))
}

impl State {
    /// The series of a site in order of time, view, scene and track.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn observations(&self, site_id: &str) -> Result<Vec<ObservationRow>, Error> {
        let sql = "SELECT track_index, datetime, scene_key, length_m, observed_m, occupied_m, occupied_low_m, \
                   occupied_high_m, wagons_low, wagons_high, train_count, limit_m, limits, view FROM observation \
                   WHERE site_id = ?1 ORDER BY datetime, view, scene_key, track_index";
        self.read(|c| {
            c.prepare_cached(sql)?
                .query_map([site_id], |r| {
                    Ok(ObservationRow {
                        track_index: r.get(0)?,
                        datetime: time_of(&r.get::<_, String>(1)?)?,
                        scene_key: r.get(2)?,
                        length_m: r.get(3)?,
                        observed_m: r.get(4)?,
                        occupied_m: r.get(5)?,
                        occupied_low_m: r.get(6)?,
                        occupied_high_m: r.get(7)?,
                        wagons_low: r.get(8)?,
                        wagons_high: r.get(9)?,
                        train_count: r.get(10)?,
                        limit_m: r.get(11)?,
                        limits: r.get(12)?,
                        view: r.get(13)?,
                    })
                })?
                .collect()
        })
    }

    /// Detections of a site in order of time, view and number.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn detections(&self, site_id: &str) -> Result<Vec<DetectionRow>, Error> {
        let sql = "SELECT scene_key, number, datetime, track_index, start_m, end_m, offset_m, change, score, p_value, \
                   q_value, appearance, contrast, geometry, view FROM detection WHERE site_id = ?1 ORDER BY datetime, view, number";
        self.read(|c| {
            c.prepare_cached(sql)?
                .query_map([site_id], |r| {
                    Ok(DetectionRow {
                        scene_key: r.get(0)?,
                        number: r.get(1)?,
                        datetime: time_of(&r.get::<_, String>(2)?)?,
                        track_index: r.get(3)?,
                        start_m: r.get(4)?,
                        end_m: r.get(5)?,
                        offset_m: r.get(6)?,
                        change: r.get(7)?,
                        score: r.get(8)?,
                        p_value: r.get(9)?,
                        q_value: r.get(10)?,
                        appearance: r.get(11)?,
                        contrast: r.get(12)?,
                        geometry: r.get(13)?,
                        view: r.get(14)?,
                    })
                })?
                .collect()
        })
    }
}

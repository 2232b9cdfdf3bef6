//! Scenes that were seen, what became of them, and the strips of the newest.

use super::{Error, State, blob, text_of, time_of};
use crate::corridor::{Strip, StripGeometry};
use crate::monitor::words::Word;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

/// What became of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SceneStatus {
    /// Compared; its results are in the state.
    Used,
    /// Its strips are kept, it has to be compared (again).
    Sampled,
    /// It shows nothing of the tracks.
    Hidden,
    /// It cannot be registered or compared.
    Refused,
    /// It could not be read; the next run tries again.
    Failed,
    /// Another version of the same acquisition is used.
    Duplicate,
    /// It came after the dates that it would be compared with were dropped.
    Late,
}

/// A scene as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SceneRow {
    /// Key; 0 before it is stored.
    pub scene_key: i64,
    /// Where it is read from.
    pub spec: String,
    /// Another one means another content under the same name.
    pub fingerprint: String,
    /// Scene id.
    pub scene_id: String,
    /// Time of sensing.
    pub datetime: Option<Timestamp>,
    /// Satellite.
    pub platform: Option<String>,
    /// Name of its view; `None` where it could not be opened.
    pub view: Option<String>,
    /// Processing baseline, `04.00`.
    #[serde(rename = "baseline")]
    pub processing_baseline: Option<String>,
    /// What became of it.
    pub status: SceneStatus,
    /// Why.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Share of the window that shows ground.
    pub valid_fraction: Option<f64>,
    /// Share under clouds.
    pub cloud_fraction: Option<f64>,
    /// Shift against the reference, px.
    pub shift_px: Option<(f64, f64)>,
}

/// A stored scene, as what follows from it names it.
#[derive(Debug, Clone, Copy)]
pub(in crate::monitor) struct SceneAt<'a> {
    /// Its key.
    pub(in crate::monitor) key: i64,
    /// Time of sensing.
    pub(in crate::monitor) datetime: Timestamp,
    /// Name of its view.
    pub(in crate::monitor) view: &'a str,
}

const COLUMNS: &str = "scene_key, spec, fingerprint, scene_id, datetime, platform, baseline, status, reason, attempts, \
                       valid_fraction, cloud_fraction, shift_row_px, shift_col_px, view";

fn scene_of(row: &Row<'_>) -> rusqlite::Result<SceneRow> {
    Ok(SceneRow {
        scene_key: row.get(0)?,
        spec: row.get(1)?,
        fingerprint: row.get(2)?,
        scene_id: row.get(3)?,
        datetime: row.get::<_, Option<String>>(4)?.as_deref().map(time_of).transpose()?,
        platform: row.get(5)?,
        processing_baseline: row.get(6)?,
        status: row.get::<_, Word<_>>(7)?.0,
        reason: row.get(8)?,
        attempts: row.get(9)?,
        valid_fraction: row.get(10)?,
        cloud_fraction: row.get(11)?,
        shift_px: row.get::<_, Option<f64>>(12)?.zip(row.get::<_, Option<f64>>(13)?),
        view: row.get(14)?,
    })
}

/// Stores a scene, over an earlier row of the same spec; gives its key.
pub(in crate::monitor) fn put_scene(
    c: &Connection,
    site_id: &str,
    scene: &SceneRow,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO scene (site_id, spec, fingerprint, scene_id, datetime, platform, baseline, status, reason, \
               attempts, valid_fraction, cloud_fraction, shift_row_px, shift_col_px, recorded_at, view) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
               ON CONFLICT (site_id, spec) DO UPDATE SET fingerprint = excluded.fingerprint, \
               scene_id = excluded.scene_id, datetime = excluded.datetime, platform = excluded.platform, \
               baseline = excluded.baseline, status = excluded.status, reason = excluded.reason, \
               attempts = excluded.attempts, valid_fraction = excluded.valid_fraction, \
               cloud_fraction = excluded.cloud_fraction, shift_row_px = excluded.shift_row_px, \
               shift_col_px = excluded.shift_col_px, recorded_at = excluded.recorded_at, \
               view = excluded.view RETURNING scene_key";
    c.prepare_cached(sql)?.query_row(
        rusqlite::params![
            site_id,
            scene.spec,
            scene.fingerprint,
            scene.scene_id,
            scene.datetime.map(text_of),
            scene.platform,
            scene.processing_baseline,
            Word(scene.status),
            scene.reason,
            scene.attempts,
            scene.valid_fraction,
            scene.cloud_fraction,
            scene.shift_px.map(|s| s.0),
            scene.shift_px.map(|s| s.1),
            text_of(now),
            scene.view,
        ],
        |row| row.get(0),
    )
}

/// Gives scenes the paths at which they lie now; each pair is the path as it was, and as it is.
pub(in crate::monitor) fn move_scenes(
    c: &Connection,
    site_id: &str,
    moves: &[(String, String)],
) -> rusqlite::Result<()> {
    let mut put = c.prepare_cached("UPDATE scene SET spec = ?3 WHERE site_id = ?1 AND spec = ?2")?;
    for (from, to) in moves {
        put.execute((site_id, from, to))?;
    }
    Ok(())
}

/// Marks a scene.
pub(in crate::monitor) fn set_status(
    c: &Connection,
    scene_key: i64,
    status: SceneStatus,
    reason: Option<&str>,
) -> rusqlite::Result<()> {
    c.prepare_cached("UPDATE scene SET status = ?2, reason = ?3 WHERE scene_key = ?1")?.execute((
        scene_key,
        Word(status),
        reason,
    ))?;
    Ok(())
}

/// Stores the strips of a scene in place of earlier ones.
pub(in crate::monitor) fn put_strips(
    c: &Connection,
    scene_key: i64,
    strips: &[Strip],
    scale: blob::Scale,
) -> rusqlite::Result<()> {
    let mut put = c.prepare_cached("INSERT OR REPLACE INTO strip VALUES (?1, ?2, ?3)")?;
    for (i, strip) in strips.iter().enumerate() {
        put.execute((scene_key, i, blob::of_strip(strip, scale)))?;
    }
    Ok(())
}

/// Forgets the strips of a scene.
pub(in crate::monitor) fn drop_strips(c: &Connection, scene_key: i64) -> rusqlite::Result<()> {
    c.prepare_cached("DELETE FROM strip WHERE scene_key = ?1")?.execute([scene_key])?;
    Ok(())
}

/// Keys and times of the used scenes before `before` that show `least_valid_fraction` of their window, newest first, at most `count`,
/// that have strips.
pub(in crate::monitor) fn used_before(
    c: &Connection,
    site_id: &str,
    view: &str,
    before: Timestamp,
    count: usize,
    least_valid_fraction: f64,
) -> rusqlite::Result<Vec<(i64, Timestamp)>> {
    let sql = "SELECT scene_key, datetime FROM scene s WHERE site_id = ?1 AND view = ?4 AND status = 'used' AND datetime < ?2 \
               AND coalesce(valid_fraction, 1) >= ?5 \
               AND EXISTS (SELECT 1 FROM strip WHERE strip.scene_key = s.scene_key) ORDER BY datetime DESC LIMIT ?3";
    c.prepare_cached(sql)?
        .query_map((site_id, text_of(before), count, view, least_valid_fraction), |r| {
            Ok((r.get(0)?, time_of(&r.get::<_, String>(1)?)?))
        })?
        .collect()
}

/// Marks the scenes from `from` on to be compared again.
pub(in crate::monitor) fn rewind_scenes(
    c: &Connection,
    site_id: &str,
    from: Timestamp,
) -> rusqlite::Result<()> {
    let from = text_of(from);
    c.execute(
        "UPDATE scene SET status = 'sampled', reason = NULL WHERE site_id = ?1 AND status = 'used' AND datetime >= ?2",
        (site_id, &from),
    )?;
    // Only a backfill goes back behind what was dropped: then the scenes from there on are read again.
    c.execute(
        "UPDATE view SET dropped_to = (SELECT max(datetime) FROM scene s WHERE s.site_id = ?1 AND s.view = view.name AND \
         status = 'used' AND datetime < ?2 AND NOT EXISTS (SELECT 1 FROM strip WHERE strip.scene_key = s.scene_key)) \
         WHERE site_id = ?1 AND dropped_to >= ?2",
        (site_id, &from),
    )?;
    Ok(())
}

/// Drops the strips of used scenes before `before` and notes how far.
pub(in crate::monitor) fn drop_strips_before(
    c: &Connection,
    site_id: &str,
    view: &str,
    before: Timestamp,
) -> rusqlite::Result<()> {
    // Strips reach back only a few dozen dates, so that this looks at few rows however long the history is.
    let sql = "SELECT scene_key, datetime FROM scene s WHERE site_id = ?1 AND view = ?3 AND status = 'used' AND \
               datetime < ?2 AND datetime > coalesce((SELECT dropped_to FROM view WHERE site_id = ?1 AND name = ?3), '') \
               ORDER BY datetime";
    let old: Vec<(i64, String)> = c
        .prepare_cached(sql)?
        .query_map((site_id, text_of(before), view), |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (key, _) in &old {
        drop_strips(c, *key)?;
    }
    if let Some((_, newest)) = old.last() {
        c.prepare_cached("UPDATE view SET dropped_to = ?2 WHERE site_id = ?1 AND name = ?3")?
            .execute((site_id, newest, view))?;
    }
    Ok(())
}

impl State {
    /// All scenes of a site, in order of their specs.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn scenes(&self, site_id: &str) -> Result<Vec<SceneRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM scene WHERE site_id = ?1 ORDER BY spec");
        self.read(|c| c.prepare_cached(&sql)?.query_map([site_id], scene_of)?.collect())
    }

    /// Scenes of a site with this status, in order of time.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn scenes_with(&self, site_id: &str, status: SceneStatus) -> Result<Vec<SceneRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM scene WHERE site_id = ?1 AND status = ?2 ORDER BY datetime");
        self.read(|c| c.prepare_cached(&sql)?.query_map((site_id, Word(status)), scene_of)?.collect())
    }

    /// One scene.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn scene(&self, scene_key: i64) -> Result<Option<SceneRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM scene WHERE scene_key = ?1");
        self.read(|c| c.prepare_cached(&sql)?.query_row([scene_key], scene_of).optional())
    }

    /// The scene of a site that is read from `spec`.
    pub(in crate::monitor) fn scene_at(&self, site_id: &str, spec: &str) -> Result<Option<SceneRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM scene WHERE site_id = ?1 AND spec = ?2");
        self.read(|c| c.prepare_cached(&sql)?.query_row((site_id, spec), scene_of).optional())
    }

    /// Number of scenes of a site by status.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn scene_counts(&self, site_id: &str) -> Result<Vec<(String, usize)>, Error> {
        let sql = "SELECT status, count(*) FROM scene WHERE site_id = ?1 GROUP BY status ORDER BY status";
        self.read(|c| c.prepare_cached(sql)?.query_map([site_id], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
    }

    /// Specs of the used scenes before `before`, newest first, at most `count`.
    pub(in crate::monitor) fn specs_before(
        &self,
        site_id: &str,
        view: &str,
        before: Timestamp,
        count: usize,
    ) -> Result<Vec<String>, Error> {
        let sql = "SELECT spec FROM scene WHERE site_id = ?1 AND view = ?4 AND status = 'used' AND datetime < ?2 \
                   ORDER BY datetime DESC LIMIT ?3";
        self.read(|c| {
            c.prepare_cached(sql)?.query_map((site_id, text_of(before), count, view), |r| r.get(0))?.collect()
        })
    }

    /// Newest date that was compared.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn newest_used(&self, site_id: &str) -> Result<Option<Timestamp>, Error> {
        self.read(|c| {
            let sql = "SELECT max(datetime) FROM scene WHERE site_id = ?1 AND status = 'used'";
            let text: Option<String> = c.query_row(sql, [site_id], |r| r.get(0))?;
            text.as_deref().map(time_of).transpose()
        })
    }

    /// Newest scenes that could not be used, newest first: id, status, reason.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn newest_skipped(
        &self,
        site_id: &str,
        count: usize,
    ) -> Result<Vec<(String, String, String)>, Error> {
        let sql = "SELECT scene_id, status, coalesce(reason, '') FROM scene WHERE site_id = ?1 AND reason IS NOT NULL AND status <> 'used' \
                   ORDER BY datetime DESC LIMIT ?2";
        self.read(|c| {
            c.prepare_cached(sql)?
                .query_map((site_id, count), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                .collect()
        })
    }

    /// The strips of a scene, one a track.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`].
    pub(in crate::monitor) fn strips(
        &self,
        scene_key: i64,
        geometry: StripGeometry,
        scale: blob::Scale,
    ) -> Result<Vec<Strip>, Error> {
        let blobs: Vec<Vec<u8>> = self.read(|c| {
            c.prepare_cached("SELECT data FROM strip WHERE scene_key = ?1 ORDER BY track_index")?
                .query_map([scene_key], |r| r.get(0))?
                .collect()
        })?;
        blobs.iter().map(|bytes| blob::to_strip(bytes, geometry, scale)).collect()
    }

    /// Views of which strips were dropped, with the newest date of these.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn dropped_to(&self, site_id: &str) -> Result<Vec<(String, Timestamp)>, Error> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT name, dropped_to FROM view WHERE site_id = ?1 AND dropped_to IS NOT NULL ORDER BY name",
            )?
            .query_map([site_id], |r| Ok((r.get(0)?, time_of(&r.get::<_, String>(1)?)?)))?
            .collect()
        })
    }
}

//! Lives of trains, each with all its steps, so that a late date can take back what followed from it.

use super::{Error, SceneAt, State, text_of, time_of};
use crate::monitor::lives::{EventKind, Life, Sight, Stay, Stretch};
use crate::monitor::words::Word;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A life with the id of its track, for those who read the state.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeRow {
    /// The life.
    pub life: Life,
    /// The track.
    pub track_id: String,
}

const COLUMNS: &str = "life_id, track_index, start_m, end_m, state, first_seen, last_seen, first_missed, seen_count, \
                       misses, move_count, score, appearance, seen_by, contrasts";

/// Between the names of views that have seen a life.
const BETWEEN: &str = ", ";

/// What one scene says of a life.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// The life.
    pub life_id: String,
    /// The scene.
    pub scene_key: i64,
    /// Whether the scene shows it.
    pub sight: Sight,
    /// Where it stands, as far as the scene shows it.
    pub place: Stretch,
}

fn life_of(r: &Row<'_>) -> rusqlite::Result<Life> {
    Ok(Life {
        id: r.get(0)?,
        place: Stretch { track: r.get(1)?, start_m: r.get(2)?, end_m: r.get(3)? },
        state: r.get::<_, Word<_>>(4)?.0,
        first_seen: time_of(&r.get::<_, String>(5)?)?,
        last_seen: time_of(&r.get::<_, String>(6)?)?,
        first_missed: r.get::<_, Option<String>>(7)?.as_deref().map(time_of).transpose()?,
        seen_count: r.get(8)?,
        misses: r.get(9)?,
        move_count: r.get(10)?,
        score: r.get(11)?,
        appearance: r.get(12)?,
        seen_by: r.get::<_, String>(13)?.split(BETWEEN).map(str::to_owned).collect::<BTreeSet<_>>(),
        contrasts: contrasts_of(&r.get::<_, String>(14)?)?,
    })
}

/// Contrasts by view from JSON.
fn contrasts_of(text: &str) -> rusqlite::Result<BTreeMap<String, Vec<f64>>> {
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(14, rusqlite::types::Type::Text, e.into()))
}

/// Stores a life as it is after a scene, with what the scene says of it.
pub(in crate::monitor) fn put_life(
    c: &Connection,
    site_id: &str,
    life: &Life,
    scene: SceneAt<'_>,
    sight: Sight,
    event: Option<EventKind>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO life (life_id, track_index, start_m, end_m, state, first_seen, last_seen, first_missed, \
               seen_count, misses, move_count, score, appearance, site_id, seen_by, contrasts) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
               ON CONFLICT (life_id) DO UPDATE SET track_index = excluded.track_index, start_m = excluded.start_m, \
               end_m = excluded.end_m, state = excluded.state, last_seen = excluded.last_seen, \
               first_missed = excluded.first_missed, seen_count = excluded.seen_count, misses = excluded.misses, \
               move_count = excluded.move_count, score = excluded.score, appearance = excluded.appearance, \
               seen_by = excluded.seen_by, contrasts = excluded.contrasts";
    // Views without a clear cell on the place give no number, which JSON writes as null.
    let finite = life.contrasts.iter().filter(|(_, c)| c.iter().all(|v| v.is_finite()));
    let contrasts = json!(finite.collect::<BTreeMap<_, _>>()).to_string();
    let seen_by = life.seen_by.iter().map(String::as_str).collect::<Vec<_>>().join(BETWEEN);
    c.prepare_cached(sql)?.execute(rusqlite::params![
        life.id,
        life.place.track,
        life.place.start_m,
        life.place.end_m,
        Word(life.state),
        text_of(life.first_seen),
        text_of(life.last_seen),
        life.first_missed.map(text_of),
        life.seen_count,
        life.misses,
        life.move_count,
        life.score,
        life.appearance,
        site_id,
        seen_by,
        contrasts,
    ])?;
    let sql = "INSERT OR REPLACE INTO life_step (life_id, datetime, site_id, sight, event, state, track_index, start_m, \
               end_m, last_seen, first_missed, seen_count, misses, move_count, score, appearance, seen_by, scene_key, view, \
               contrasts) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
    c.prepare_cached(sql)?.execute(rusqlite::params![
        life.id,
        text_of(scene.datetime),
        site_id,
        Word(sight),
        event.map(Word),
        Word(life.state),
        life.place.track,
        life.place.start_m,
        life.place.end_m,
        text_of(life.last_seen),
        life.first_missed.map(text_of),
        life.seen_count,
        life.misses,
        life.move_count,
        life.score,
        life.appearance,
        seen_by,
        scene.key,
        scene.view,
        contrasts,
    ])?;
    Ok(())
}

/// Takes back what was known of lives from `from` on: steps, lives that began then, states of the others.
pub(in crate::monitor) fn rewind_lives(
    c: &Connection,
    site_id: &str,
    from: Timestamp,
) -> rusqlite::Result<()> {
    let from = text_of(from);
    let touched: Vec<String> = c
        .prepare_cached("SELECT DISTINCT life_id FROM life_step WHERE site_id = ?1 AND datetime >= ?2")?
        .query_map((site_id, &from), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    c.execute("DELETE FROM life_step WHERE site_id = ?1 AND datetime >= ?2", (site_id, &from))?;
    let mut restore = c.prepare_cached(
        "UPDATE life SET (state, track_index, start_m, end_m, last_seen, first_missed, seen_count, misses, move_count, \
         score, appearance, seen_by, contrasts) = (SELECT state, track_index, start_m, end_m, last_seen, first_missed, \
         seen_count, misses, move_count, score, appearance, seen_by, contrasts FROM life_step s WHERE s.life_id = ?1 \
         ORDER BY datetime DESC, view DESC LIMIT 1) \
         WHERE life_id = ?1",
    )?;
    let mut forget = c.prepare_cached(
        "DELETE FROM life WHERE life_id = ?1 AND NOT EXISTS (SELECT 1 FROM life_step WHERE life_id = ?1)",
    )?;
    for id in &touched {
        if forget.execute([id])? == 0 {
            restore.execute([id])?;
        }
    }
    Ok(())
}

/// Lives that may still stand, oldest first.
pub(in crate::monitor) fn open_lives(c: &Connection, site_id: &str) -> rusqlite::Result<Vec<Life>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM life WHERE site_id = ?1 AND state IN ('first', 'provisional', 'confirmed') \
         ORDER BY first_seen, life_id"
    );
    c.prepare_cached(&sql)?.query_map([site_id], life_of)?.collect()
}

/// Stretches on which trains stood when a scene was taken, by all that is known now: a train that was missed and seen again
/// stood there meanwhile, and one that clouds cut short had its whole length.
pub(in crate::monitor) fn standing_on(c: &Connection, scene_key: i64) -> rusqlite::Result<Vec<Stretch>> {
    let sql = "SELECT s.track_index, s.start_m, s.end_m, l.start_m, l.end_m, \
               s.track_index = l.track_index AND s.move_count = l.move_count \
               FROM life_step s JOIN life l USING (life_id) WHERE s.scene_key = ?1 AND l.state <> 'permanent' \
               AND (s.misses = 0 AND s.state IN ('first', 'provisional', 'confirmed') OR l.last_seen >= s.datetime) \
               ORDER BY life_id";
    let place = |r: &Row<'_>| -> rusqlite::Result<Stretch> {
        let then = Stretch { track: r.get(0)?, start_m: r.get(1)?, end_m: r.get(2)? };
        let (start_m, end_m): (f64, f64) = (r.get(3)?, r.get(4)?);
        let has_moved = !r.get::<_, bool>(5)?;
        if has_moved {
            return Ok(then);
        }
        Ok(Stretch { start_m: then.start_m.min(start_m), end_m: then.end_m.max(end_m), ..then })
    };
    c.prepare_cached(sql)?.query_map([scene_key], place)?.collect()
}

/// Trains that were known only by their departure, last seen since `since`, oldest first.
pub(in crate::monitor) fn departed_lives(
    c: &Connection,
    site_id: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<Life>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM life WHERE site_id = ?1 AND state = 'finished' AND last_seen >= ?2 AND life_id IN \
         (SELECT life_id FROM life_step WHERE site_id = ?1 AND datetime >= ?2 AND event = 'departed') \
         ORDER BY first_seen, life_id"
    );
    c.prepare_cached(&sql)?.query_map((site_id, text_of(since)), life_of)?.collect()
}

/// What turned out to stay, oldest first.
pub(in crate::monitor) fn permanent_lives(c: &Connection, site_id: &str) -> rusqlite::Result<Vec<Life>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM life WHERE site_id = ?1 AND state = 'permanent' ORDER BY first_seen, life_id"
    );
    c.prepare_cached(&sql)?.query_map([site_id], life_of)?.collect()
}

/// Lives with a step since `since`, and those that may still stand, oldest first.
pub(in crate::monitor) fn lives_since(
    c: &Connection,
    site_id: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<Life>> {
    let sql = format!(
        // With OR in place of UNION all lives that there ever were would be looked at, for every scene.
        "SELECT {COLUMNS} FROM life WHERE life_id IN \
         (SELECT life_id FROM life WHERE site_id = ?1 AND state IN ('first', 'provisional', 'confirmed') UNION \
         SELECT life_id FROM life_step WHERE site_id = ?1 AND datetime >= ?2) ORDER BY first_seen, life_id"
    );
    c.prepare_cached(&sql)?.query_map((site_id, text_of(since)), life_of)?.collect()
}

/// Stretches seen in one scene: what the series is made of; permanent changes are none.
pub(in crate::monitor) fn stretches_on(c: &Connection, scene_key: i64) -> rusqlite::Result<Vec<Stretch>> {
    let sql = "SELECT s.track_index, s.start_m, s.end_m FROM life_step s JOIN life l USING (life_id) \
               WHERE s.scene_key = ?1 AND s.sight = 'seen' AND l.state <> 'permanent'";
    c.prepare_cached(sql)?
        .query_map([scene_key], |r| Ok(Stretch { track: r.get(0)?, start_m: r.get(1)?, end_m: r.get(2)? }))?
        .collect()
}

/// Where trains were seen to stand since `since`, in order of time; a place that a train left for another is a stay of its own.
pub(in crate::monitor) fn stays_since(
    c: &Connection,
    site_id: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<Stay>> {
    let sql = "SELECT s.track_index, MIN(s.start_m), MAX(s.end_m), MIN(s.datetime) AS first, MAX(s.datetime), l.contrasts \
               FROM life_step s JOIN life l USING (life_id) \
               WHERE s.site_id = ?1 AND s.datetime >= ?2 AND s.sight = 'seen' AND l.state <> 'permanent' \
               GROUP BY s.life_id, s.move_count, s.track_index ORDER BY first, s.life_id";
    let stay = |r: &Row<'_>| -> rusqlite::Result<Stay> {
        Ok(Stay {
            place: Stretch { track: r.get(0)?, start_m: r.get(1)?, end_m: r.get(2)? },
            first_seen: time_of(&r.get::<_, String>(3)?)?,
            last_seen: time_of(&r.get::<_, String>(4)?)?,
            contrasts: contrasts_of(&r.get::<_, String>(5)?)?,
        })
    };
    c.prepare_cached(sql)?.query_map((site_id, text_of(since)), stay)?.collect()
}

/// Scenes that show a life.
pub(in crate::monitor) fn scenes_seen(c: &Connection, life_id: &str) -> rusqlite::Result<Vec<i64>> {
    c.prepare_cached(
        "SELECT scene_key FROM life_step WHERE life_id = ?1 AND sight = 'seen' ORDER BY scene_key",
    )?
    .query_map([life_id], |r| r.get(0))?
    .collect()
}

impl State {
    /// All lives of a site, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn lives(&self, site_id: &str) -> Result<Vec<LifeRow>, Error> {
        let columns = COLUMNS.replace("track_index", "l.track_index");
        let sql = format!(
            "SELECT {columns}, t.track_id FROM life l JOIN track t ON t.site_id = l.site_id AND \
             t.track_index = l.track_index WHERE l.site_id = ?1 ORDER BY first_seen, life_id"
        );
        self.read(|c| {
            c.prepare_cached(&sql)?
                .query_map([site_id], |r| Ok(LifeRow { life: life_of(r)?, track_id: r.get(15)? }))?
                .collect()
        })
    }

    /// What every scene says of every life of a site that is no permanent change, by scene.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn steps(&self, site_id: &str) -> Result<Vec<StepRow>, Error> {
        let sql = "SELECT life_id, scene_key, sight, s.track_index, s.start_m, s.end_m FROM life_step s \
                   JOIN life l USING (life_id) WHERE s.site_id = ?1 AND l.state <> 'permanent' ORDER BY scene_key, life_id";
        self.read(|c| {
            c.prepare_cached(sql)?
                .query_map([site_id], |r| {
                    Ok(StepRow {
                        life_id: r.get(0)?,
                        scene_key: r.get(1)?,
                        sight: r.get::<_, Word<_>>(2)?.0,
                        place: Stretch { track: r.get(3)?, start_m: r.get(4)?, end_m: r.get(5)? },
                    })
                })?
                .collect()
        })
    }
}

//! Lives of trains, each with all its steps, so that a late date can take back what followed from it.

use super::{Error, State, text_of, time_of};
use crate::monitor::lives::{Life, LifeState, Stretch};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// A life with the id of its track, for those who read the state.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeRow {
    /// The life.
    pub life: Life,
    /// The track.
    pub track_id: String,
}

const COLUMNS: &str = "life_id, track_index, start_m, end_m, state, first_seen, last_seen, first_missed, seen_count, \
                       misses, move_count, score, appearance";

fn life_of(r: &Row<'_>) -> rusqlite::Result<Life> {
    let word: String = r.get(4)?;
    Ok(Life {
        id: r.get(0)?,
        place: Stretch { track: r.get(1)?, start_m: r.get(2)?, end_m: r.get(3)? },
        state: LifeState::of_word(&word).ok_or(rusqlite::Error::InvalidQuery)?,
        first_seen: time_of(&r.get::<_, String>(5)?)?,
        last_seen: time_of(&r.get::<_, String>(6)?)?,
        first_missed: r.get::<_, Option<String>>(7)?.as_deref().map(time_of).transpose()?,
        seen_count: r.get(8)?,
        misses: r.get(9)?,
        move_count: r.get(10)?,
        score: r.get(11)?,
        appearance: r.get(12)?,
    })
}

/// Stores a life as it is after `datetime`.
pub(in crate::monitor) fn put_life(
    c: &Connection,
    site_id: &str,
    life: &Life,
    (datetime, seen, event): (Timestamp, bool, Option<&str>),
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO life (life_id, track_index, start_m, end_m, state, first_seen, last_seen, first_missed, \
               seen_count, misses, move_count, score, appearance, site_id) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
               ON CONFLICT (life_id) DO UPDATE SET track_index = excluded.track_index, start_m = excluded.start_m, \
               end_m = excluded.end_m, state = excluded.state, last_seen = excluded.last_seen, \
               first_missed = excluded.first_missed, seen_count = excluded.seen_count, misses = excluded.misses, \
               move_count = excluded.move_count, score = excluded.score, appearance = excluded.appearance";
    c.prepare_cached(sql)?.execute(rusqlite::params![
        life.id,
        life.place.track,
        life.place.start_m,
        life.place.end_m,
        life.state.word(),
        text_of(life.first_seen),
        text_of(life.last_seen),
        life.first_missed.map(text_of),
        life.seen_count,
        life.misses,
        life.move_count,
        life.score,
        life.appearance,
        site_id,
    ])?;
    let sql = "INSERT OR REPLACE INTO life_step (life_id, datetime, site_id, seen, event, state, track_index, start_m, \
               end_m, last_seen, first_missed, seen_count, misses, move_count, score, appearance) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    c.prepare_cached(sql)?.execute(rusqlite::params![
        life.id,
        text_of(datetime),
        site_id,
        seen,
        event,
        life.state.word(),
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
         score, appearance) = (SELECT state, track_index, start_m, end_m, last_seen, first_missed, seen_count, misses, \
         move_count, score, appearance FROM life_step s WHERE s.life_id = ?1 ORDER BY datetime DESC LIMIT 1) \
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

/// Stretches on which trains stood on a date, as far as it was known on the next one.
pub(in crate::monitor) fn standing_on(
    c: &Connection,
    site_id: &str,
    datetime: Timestamp,
) -> rusqlite::Result<Vec<Stretch>> {
    let sql = "SELECT s.track_index, s.start_m, s.end_m FROM life_step s JOIN life l USING (life_id) WHERE s.site_id = ?1 \
               AND s.datetime = ?2 AND s.misses = 0 AND s.state IN ('first', 'provisional', 'confirmed') \
               AND l.state <> 'permanent' ORDER BY life_id";
    c.prepare_cached(sql)?
        .query_map((site_id, text_of(datetime)), |r| {
            Ok(Stretch { track: r.get(0)?, start_m: r.get(1)?, end_m: r.get(2)? })
        })?
        .collect()
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
        "SELECT {COLUMNS} FROM life WHERE site_id = ?1 AND (state IN ('first', 'provisional', 'confirmed') OR life_id IN \
         (SELECT life_id FROM life_step WHERE site_id = ?1 AND datetime >= ?2)) ORDER BY first_seen, life_id"
    );
    c.prepare_cached(&sql)?.query_map((site_id, text_of(since)), life_of)?.collect()
}

/// Stretches seen on one date: what the series is made of; permanent changes are none.
pub(in crate::monitor) fn stretches_on(
    c: &Connection,
    site_id: &str,
    datetime: &str,
) -> rusqlite::Result<Vec<Stretch>> {
    let sql = "SELECT s.track_index, s.start_m, s.end_m FROM life_step s JOIN life l USING (life_id) \
               WHERE s.site_id = ?1 AND s.datetime = ?2 AND s.seen AND l.state <> 'permanent'";
    c.prepare_cached(sql)?
        .query_map((site_id, datetime), |r| {
            Ok(Stretch { track: r.get(0)?, start_m: r.get(1)?, end_m: r.get(2)? })
        })?
        .collect()
}

/// Dates on which a life was seen.
pub(in crate::monitor) fn dates_seen(c: &Connection, life_id: &str) -> rusqlite::Result<Vec<String>> {
    c.prepare_cached("SELECT datetime FROM life_step WHERE life_id = ?1 AND seen ORDER BY datetime")?
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
                .query_map([site_id], |r| Ok(LifeRow { life: life_of(r)?, track_id: r.get(13)? }))?
                .collect()
        })
    }
}

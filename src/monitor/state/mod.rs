//! The state: one SQLite file, locked by one run at a time, checked when it is opened.

mod alerts;
mod blob;
mod lives;
mod runs;
mod scenes;
mod series;
mod sites;
mod views;

pub use alerts::AlertRow;
pub use lives::{LifeRow, StepRow};
pub use scenes::{SceneRow, SceneStatus};
pub use series::{DetectionRow, ObservationRow};
pub use sites::{SiteRow, TrackRow};
pub use views::{ReferenceRadar, ReferenceScene, ViewRow};

pub(super) use alerts::raise;
pub(super) use blob::{Scale, stored_strip};
pub(super) use lives::{
    departed_lives, lives_since, open_lives, permanent_lives, put_life, scenes_seen, standing_on,
    stays_since, stretches_on,
};
pub(super) use scenes::{
    SceneAt, drop_strips, drop_strips_before, move_scenes, put_scene, put_strips, set_status, used_before,
};
pub(super) use series::{idle_before, put_detections, put_observations};

use super::Error;
use super::lives::Stretch;
use super::occupancy::occupancy;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Schema of this program.
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// Marks the file as railwatch's (`PRAGMA application_id`): "rwat".
const APPLICATION_ID: i64 = 0x7277_6174;
/// What leads from schema n to n + 1, n the index.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// The open state.
#[derive(Debug)]
pub struct State {
    connection: Connection,
    path: PathBuf,
    /// Held while a run is at work; the system lets go of it when the process ends in whatever way.
    _lock: Option<File>,
}

impl State {
    /// Opens the state to write: takes the lock, checks the file, brings its schema up to date; makes it where
    /// there is none.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run is at work, [`Error::Damaged`], [`Error::Newer`]: nothing is changed then.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::Output { path: folder.to_owned(), source })?;
        }
        let lock = lock(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let mut state = Self { connection, path: path.to_owned(), _lock: Some(lock) };
        state.check()?;
        state.pragma("journal_mode", "WAL")?;
        state.pragma("synchronous", "NORMAL")?;
        state.pragma("foreign_keys", "ON")?;
        state.migrate()?;
        Ok(state)
    }

    /// Opens the state to read; a run may be at work meanwhile. The file stays as it is, byte for byte.
    ///
    /// # Errors
    /// [`Error::NoState`] where there is none, [`Error::Damaged`], [`Error::Newer`], [`Error::Older`].
    pub fn open_to_read(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::NoState { path: path.to_owned() });
        }
        // What a run that was killed left in the log is read from there and taken over by the next run.
        let has_log = beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
        // Readers of a WAL database write to its shared memory, hence not read-only.
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)
            .map_err(|e| database_error(path, e))?;
        let state = Self { connection, path: path.to_owned(), _lock: None };
        state.check()?;
        match state.version()? {
            0 => Err(Error::NoState { path: path.to_owned() }),
            found if found < SCHEMA => Err(Error::Older { path: path.to_owned(), found, known: SCHEMA }),
            _ => Ok(state),
        }
    }

    /// What a dry run looks at: the state as it is, or an empty one in memory where there is none yet.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Newer`], [`Error::Older`].
    pub(super) fn open_for_dry_run(path: &Path) -> Result<Self, Error> {
        match Self::open_to_read(path) {
            Err(Error::NoState { .. }) => Self::in_memory(path),
            opened => opened,
        }
    }

    fn in_memory(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open_in_memory().map_err(|e| database_error(path, e))?;
        let mut state = Self { connection, path: path.to_owned(), _lock: None };
        state.migrate()?;
        Ok(state)
    }

    /// Where the state is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is a database, railwatch's, of a known schema and whole.
    fn check(&self) -> Result<(), Error> {
        let damaged = |reason: String| Error::Damaged { path: self.path.clone(), reason };
        let verdict: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|e| match e.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DiskFull) => self.failed(e),
                _ => damaged(e.to_string()),
            })?;
        if verdict != "ok" {
            return Err(damaged(verdict));
        }
        let version = self.version()?;
        if version > SCHEMA {
            return Err(Error::Newer { path: self.path.clone(), found: version, known: SCHEMA });
        }
        let id: i64 = self.get("PRAGMA application_id")?;
        let tables: i64 = self.get("SELECT count(*) FROM sqlite_master")?;
        if id != APPLICATION_ID && tables > 0 {
            return Err(damaged("it is a database of another program".to_owned()));
        }
        Ok(())
    }

    fn version(&self) -> Result<i64, Error> {
        self.get("PRAGMA user_version")
    }

    fn get(&self, sql: &str) -> Result<i64, Error> {
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|e| self.failed(e))
    }

    fn pragma(&self, name: &str, value: &str) -> Result<(), Error> {
        self.connection
            .pragma_update_and_check(None, name, value, |_| Ok(()))
            .or_else(|e| if e == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(e) })
            .map_err(|e| self.failed(e))
    }

    fn migrate(&mut self) -> Result<(), Error> {
        let from = self.version()?;
        for (version, sql) in (0..).zip(MIGRATIONS).skip(usize::try_from(from).unwrap_or(0)) {
            self.transaction(|t| {
                t.execute_batch(sql)?;
                t.pragma_update(None, "application_id", APPLICATION_ID)?;
                t.pragma_update(None, "user_version", version + 1)
            })?;
        }
        Ok(())
    }

    /// Does `work` whole or not at all.
    ///
    /// # Errors
    /// [`Error::Database`] when the disk is full or the file cannot be written.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        let result = (|| {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        result.map_err(|e| database_error(&path, e))
    }

    /// Reads by `work`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        work(&self.connection).map_err(|e| self.failed(e))
    }

    fn failed(&self, source: rusqlite::Error) -> Error {
        database_error(&self.path, source)
    }

    /// Notes that a run begins; gives its key.
    pub(super) fn begin_run(&mut self, now: Timestamp) -> Result<i64, Error> {
        self.transaction(|t| {
            t.execute("INSERT INTO run (started_at) VALUES (?1)", [text_of(now)])?;
            Ok(t.last_insert_rowid())
        })
    }

    /// When the last run began and ended.
    pub(super) fn last_run(&self) -> Result<Option<(String, Option<String>)>, Error> {
        self.read(|c| {
            let sql = "SELECT started_at, ended_at FROM run ORDER BY run_key DESC LIMIT 1";
            c.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).optional()
        })
    }

    /// Notes how a run ended.
    pub(super) fn end_run(&mut self, key: i64, now: Timestamp, summary: &str) -> Result<(), Error> {
        self.transaction(|t| {
            let sql = "UPDATE run SET ended_at = ?2, summary = ?3 WHERE run_key = ?1";
            t.execute(sql, (key, text_of(now), summary))?;
            Ok(())
        })
    }
}

/// Takes back everything that was found from `from` on; scenes and their strips stay, to be compared again.
pub(super) fn rewind(c: &Connection, site_id: &str, from: Timestamp, now: Timestamp) -> rusqlite::Result<()> {
    let permanent = permanent_lives(c, site_id)?;
    lives::rewind_lives(c, site_id, from)?;
    series::rewind_series(c, site_id, from)?;
    alerts::withdraw(c, site_id, from, now)?;
    scenes::rewind_scenes(c, site_id, from)?;
    // What was no train for a while is one again.
    for life in permanent {
        for scene_key in scenes_seen(c, &life.id)? {
            recount(c, scene_key)?;
        }
    }
    Ok(())
}

/// Counts the occupied metres of a scene anew, from what the lives say.
pub(super) fn recount(c: &Connection, scene_key: i64) -> rusqlite::Result<()> {
    let trains = stretches_on(c, scene_key)?;
    for (track, length_m) in series::tracks_observed(c, scene_key)? {
        let on: Vec<Stretch> = trains.iter().copied().filter(|t| t.track == track).collect();
        series::set_occupancy(c, scene_key, track, &occupancy(&on, length_m))?;
    }
    Ok(())
}

/// The file whose name is that of the state with an ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn lock(path: &Path) -> Result<File, Error> {
    let place = beside(path, ".lock");
    let output = |source| Error::Output { path: place.clone(), source };
    let file = File::options().create(true).append(true).open(&place).map_err(output)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned(), lock: place }),
        Err(std::fs::TryLockError::Error(e)) => Err(output(e)),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags).map_err(|e| database_error(path, e))?;
    connection.busy_timeout(Duration::from_secs(20)).map_err(|e| database_error(path, e))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn database_error(path: &Path, source: rusqlite::Error) -> Error {
    let hint = match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => "free some space: the next run goes on where this one stopped",
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "another program holds it: close it and start again"
        }
        Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen) => {
            "check that its folder exists and may be written"
        }
        _ => "free space and rights are the usual reasons; the next run goes on where this one stopped",
    };
    Error::Database { path: path.to_owned(), source, hint }
}

/// The value of a stored JSON text: one that cannot be understood is damage and no empty value.
pub(super) fn of_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::Stored { what, reason: e.to_string() })
}

/// RFC 3339 to the second, so that text sorts by time.
#[must_use]
pub(super) fn text_of(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// The time of a stored text, as a value that rusqlite's rows give.
pub(super) fn time_of(text: &str) -> rusqlite::Result<Timestamp> {
    text.parse().map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::<jiff::Error>::new(e))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Sight;

    #[test]
    fn one_run_at_a_time_and_readers_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        assert!(matches!(State::open_to_read(&path), Err(Error::NoState { .. })));
        let first = State::open(&path).unwrap();
        assert!(matches!(State::open(&path), Err(Error::Locked { .. })));
        assert!(State::open_to_read(&path).is_ok());
        drop(first);
        assert!(State::open(&path).is_ok());
    }

    #[test]
    fn readers_and_dry_runs_change_no_byte_also_after_a_run_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let mut state = State::open(&path).unwrap();
        state.begin_run(Timestamp::UNIX_EPOCH).unwrap();
        // What lies there when a run is killed: the run is in the log and not yet in the file.
        let killed = folder.path().join("killed.sqlite");
        let files = [(path.clone(), killed.clone()), (beside(&path, "-wal"), beside(&killed, "-wal"))];
        for (from, to) in &files {
            std::fs::copy(from, to).unwrap();
        }
        // Also while the lock is held.
        for place in [&killed, &path] {
            let bytes = || [place.clone(), beside(place, "-wal")].map(|file| std::fs::read(file).unwrap());
            let before = bytes();
            assert!(!before[1].is_empty());
            for open in [State::open_to_read, State::open_for_dry_run] {
                assert!(open(place).unwrap().last_run().unwrap().is_some());
                assert!(bytes() == before, "{}", place.display());
            }
        }
        assert!(State::open(&killed).unwrap().last_run().unwrap().is_some());
        let none = folder.path().join("none.sqlite");
        assert!(State::open_for_dry_run(&none).unwrap().last_run().unwrap().is_none());
        assert!(!none.exists() && !beside(&none, ".lock").exists());
    }

    #[test]
    fn what_is_no_state_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        std::fs::write(
            &path,
            "not a database at all, but long enough to be taken for a header of one ......",
        )
        .unwrap();
        let before = std::fs::read(&path).unwrap();
        let message = State::open(&path).unwrap_err().to_string();
        assert!(message.contains("damaged") && message.contains("backup"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let other = folder.path().join("other.sqlite");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
        assert!(State::open(&other).unwrap_err().to_string().contains("another program"));

        let newer = folder.path().join("newer.sqlite");
        drop(State::open(&newer).unwrap());
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(State::open(&newer), Err(Error::Newer { found: 99, .. })));
    }

    #[test]
    fn an_older_state_is_brought_up_to_date_by_a_run_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let alert = |id: &str, figure: &str, withdrawn: u8| {
            format!(
                "INSERT INTO alert VALUES ('{id}', 's', 'l', 1, 'first', '2021-01-01T00:00:00Z', 't', '{{}}', {figure}, \
                 {withdrawn}, '2021-01-02T00:00:00Z'); INSERT INTO delivery (alert_id, channel) VALUES ('{id}', 'c');"
            )
        };
        let rows = alert("a", "'/srv/s/alerts/s/20210101T000000-radar'", 0)
            + &alert("b", "NULL", 1)
            + &alert("c", "''", 0)
            + "INSERT INTO life VALUES ('l', 's', 'first', 0, 1, 9, '2021-01-01T00:00:00Z', '2021-01-01T00:00:00Z', NULL, 1, 0, 0, \
               2, 'dark', 'optical'); \
               INSERT INTO site VALUES ('s', 's', ''); INSERT INTO track VALUES ('s', 0, 't', NULL, 9, ''); \
               INSERT INTO scene (scene_key, site_id, spec, fingerprint, scene_id, status, recorded_at) \
               VALUES (1, 's', '', '', '', 'used', ''); \
               INSERT INTO life_step VALUES ('l', 1, '2021-01-01T00:00:00Z', 'optical', 's', 'hidden', NULL, 'first', 0, 1, 9, \
               '2021-01-01T00:00:00Z', NULL, 1, 0, 0, 2, 'dark', 'optical');";
        old.execute_batch(&rows).unwrap();
        drop(old);
        assert!(matches!(State::open_to_read(&path), Err(Error::Older { found: 1, .. })));
        let state = State::open(&path).unwrap();
        let alerts = state.alerts("s", 9).unwrap();
        let withdrawn: Vec<bool> = alerts.iter().map(|a| a.withdrawn_at.is_some()).collect();
        assert_eq!(withdrawn, [false, true, false]);
        let folders: Vec<Option<&str>> = alerts.iter().map(|a| a.figure_folder.as_deref()).collect();
        assert_eq!(folders, [Some("s/20210101T000000-radar"), None, Some("")]);
        let step = &state.steps("s").unwrap()[0];
        assert_eq!((step.sight, step.place.end_m), (Sight::Hidden, 9.0));
        drop(state);
        assert!(State::open_to_read(&path).is_ok());
    }

    #[test]
    fn a_page_of_rubbish_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let mut state = State::open(&path).unwrap();
        for _ in 0..2000 {
            state.begin_run(Timestamp::UNIX_EPOCH).unwrap();
        }
        drop(state);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 4096 / 2 * 4096;
        bytes[middle..].iter_mut().take(4096).for_each(|b| *b = 0xA5);
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(State::open(&path), Err(Error::Damaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

//! What analysts get to know, and whether it reached them.

use super::{Error, State, text_of, time_of};
use crate::monitor::SiteConfig;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertRow {
    /// Stable name: the same alert is never raised twice.
    pub alert_id: String,
    /// The site.
    pub site_id: String,
    /// The train.
    pub life_id: String,
    /// The scene that gave rise to it.
    pub scene_key: i64,
    /// `first`, `confirmed`, `moved`, `finished`, `departed`, `reactivation`, `permanent`.
    pub kind: String,
    /// Date of the scene.
    pub datetime: Timestamp,
    /// One line for people.
    pub title: String,
    /// GeoJSON Feature.
    pub feature: String,
    /// Folder of figure and page below the folder of alerts, `SITE/TIME`; empty where there are none, `None` until they are
    /// made.
    #[serde(rename = "evidence")]
    pub figure_folder: Option<String>,
    /// When a late or replaced scene took it back.
    pub withdrawn_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "alert_id, site_id, life_id, scene_key, kind, datetime, title, feature, evidence, withdrawn_at";

/// What a channel of `delivery d` has not taken of `alert a`. A withdrawal waits while dates of its site are still to be
/// compared again, for these may raise the alert anew.
const OPEN: &str = "(d.delivered_at IS NOT NULL OR a.withdrawn_at IS NULL) AND \
     (d.delivered_at IS NULL OR d.withdrawn <> (a.withdrawn_at IS NOT NULL)) AND \
     (a.withdrawn_at IS NULL OR NOT EXISTS \
      (SELECT 1 FROM scene s WHERE s.site_id = a.site_id AND s.status = 'sampled'))";

fn alert_of(r: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        alert_id: r.get(0)?,
        site_id: r.get(1)?,
        life_id: r.get(2)?,
        scene_key: r.get(3)?,
        kind: r.get(4)?,
        datetime: time_of(&r.get::<_, String>(5)?)?,
        title: r.get(6)?,
        feature: r.get(7)?,
        figure_folder: r.get(8)?,
        withdrawn_at: r.get::<_, Option<String>>(9)?.map(|t| time_of(&t)).transpose()?,
    })
}

/// Raises an alert, to be delivered over `channels`; one that was raised before is not raised again, but what it says
/// is brought up to date, and its figure drawn anew where that changed. Whether it is new.
pub(in crate::monitor) fn raise(
    c: &Connection,
    alert: &AlertRow,
    channels: &[String],
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let known = c
        .prepare_cached(
            // A figure of another scene, or of other findings, is drawn anew.
            "UPDATE alert SET withdrawn_at = NULL, scene_key = ?2, datetime = ?3, title = ?4, feature = ?5, \
             evidence = CASE WHEN scene_key = ?2 AND feature = ?5 THEN evidence END WHERE alert_id = ?1",
        )?
        .execute((&alert.alert_id, alert.scene_key, text_of(alert.datetime), &alert.title, &alert.feature))?;
    if known > 0 {
        return Ok(false);
    }
    c.prepare_cached(
        "INSERT INTO alert (alert_id, site_id, life_id, scene_key, kind, datetime, title, feature, raised_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(rusqlite::params![
        alert.alert_id,
        alert.site_id,
        alert.life_id,
        alert.scene_key,
        alert.kind,
        text_of(alert.datetime),
        alert.title,
        alert.feature,
        text_of(now),
    ])?;
    let mut deliver = c.prepare_cached("INSERT INTO delivery (alert_id, channel) VALUES (?1, ?2)")?;
    for channel in channels {
        deliver.execute((&alert.alert_id, channel))?;
    }
    Ok(true)
}

/// Takes back the alerts from `from` on, until the dates are compared again and raise them anew.
pub(in crate::monitor) fn withdraw(
    c: &Connection,
    site_id: &str,
    from: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql =
        "UPDATE alert SET withdrawn_at = ?3 WHERE site_id = ?1 AND datetime >= ?2 AND withdrawn_at IS NULL";
    c.execute(sql, (site_id, text_of(from), text_of(now)))?;
    Ok(())
}

impl State {
    /// Alerts that have to be delivered and whose figure has not been tried yet.
    pub(in crate::monitor) fn without_figure(&self, site_id: &str) -> Result<Vec<AlertRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM alert WHERE site_id = ?1 AND evidence IS NULL AND EXISTS \
             (SELECT 1 FROM delivery d WHERE d.alert_id = alert.alert_id) ORDER BY datetime, alert_id"
        );
        self.read(|c| c.prepare_cached(&sql)?.query_map([site_id], alert_of)?.collect())
    }

    /// Notes in which folder below that of alerts figure and page are; an empty text says that there are none.
    pub(in crate::monitor) fn set_figure_folder(
        &mut self,
        alert_id: &str,
        folder: &str,
    ) -> Result<(), Error> {
        self.transaction(|t| {
            t.execute("UPDATE alert SET evidence = ?2 WHERE alert_id = ?1", (alert_id, folder)).map(drop)
        })
    }

    /// What a channel has not taken yet, oldest first, and the messages of each alert that it took before: alerts that
    /// stand and were never delivered, and those that were withdrawn, or stand again, since. Alerts of other sites wait.
    pub(in crate::monitor) fn undelivered(
        &self,
        channel: &str,
        sites: &[SiteConfig],
    ) -> Result<Vec<(AlertRow, u32)>, Error> {
        let sql = format!(
            "SELECT {COLUMNS}, told FROM delivery d JOIN alert a USING (alert_id) WHERE d.channel = ?1 AND {OPEN} \
             ORDER BY a.datetime, alert_id"
        );
        let row = |r: &Row<'_>| Ok((alert_of(r)?, r.get(10)?));
        let mut open: Vec<(AlertRow, u32)> =
            self.read(|c| c.prepare_cached(&sql)?.query_map([channel], row)?.collect())?;
        open.retain(|(a, _)| sites.iter().any(|s| s.id == a.site_id));
        Ok(open)
    }

    /// Notes when a channel took an alert, as it stands or as withdrawn, or why it did not.
    pub(in crate::monitor) fn set_delivered(
        &mut self,
        alert: &AlertRow,
        channel: &str,
        result: Result<Timestamp, String>,
    ) -> Result<(), Error> {
        let set = match &result {
            Ok(_) if alert.withdrawn_at.is_some() => {
                "delivered_at = ?3, withdrawn = 1, told = told + 1, last_error = NULL"
            }
            Ok(_) => "delivered_at = ?3, withdrawn = 0, told = told + 1, last_error = NULL",
            Err(_) => "last_error = ?3",
        };
        let what = result.map_or_else(|error| error, text_of);
        let sql = format!(
            "UPDATE delivery SET attempts = attempts + 1, {set} WHERE alert_id = ?1 AND channel = ?2"
        );
        self.transaction(|t| t.execute(&sql, (&alert.alert_id, channel, what)).map(drop))
    }

    /// Deliveries that failed so far: alert, channel, attempts, last reason.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn failed_deliveries(&self) -> Result<Vec<(String, String, u32, String)>, Error> {
        let sql = format!(
            "SELECT alert_id, channel, attempts, last_error FROM delivery d JOIN alert a USING (alert_id) \
             WHERE last_error IS NOT NULL AND {OPEN} ORDER BY channel, alert_id"
        );
        self.read(|c| {
            c.prepare_cached(&sql)?
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
                .collect()
        })
    }

    /// The newest alerts that a channel took or will take, newest first, each with the time since which the channel shows it
    /// as it does: that of its last message, of none yet that of raising.
    pub(in crate::monitor) fn alerts_of_channel(
        &self,
        channel: &str,
        count: usize,
    ) -> Result<Vec<(AlertRow, Timestamp)>, Error> {
        let sql = format!(
            "SELECT {COLUMNS}, coalesce(d.delivered_at, a.raised_at) FROM delivery d JOIN alert a USING (alert_id) \
             WHERE d.channel = ?1 AND (d.delivered_at IS NOT NULL OR a.withdrawn_at IS NULL) \
             ORDER BY datetime DESC, alert_id LIMIT ?2"
        );
        let row = |r: &Row<'_>| Ok((alert_of(r)?, time_of(&r.get::<_, String>(10)?)?));
        self.read(|c| c.prepare_cached(&sql)?.query_map((channel, count), row)?.collect())
    }

    /// The newest alerts of a site, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn alerts(&self, site_id: &str, count: usize) -> Result<Vec<AlertRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM alert WHERE site_id = ?1 ORDER BY datetime DESC, alert_id LIMIT ?2"
        );
        self.read(|c| c.prepare_cached(&sql)?.query_map((site_id, count), alert_of)?.collect())
    }
}

//! Sites and their tracks.

use super::{Error, State};
use rusqlite::OptionalExtension;
use serde::Serialize;

/// A site as it is stored.
#[derive(Debug, Clone)]
pub struct SiteRow {
    /// Key.
    pub site_id: String,
    /// Name for people.
    pub title: String,
    /// Hash of what all dates must have in common.
    pub fingerprint: String,
}

/// A track as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackRow {
    /// Place in the site's order.
    pub track_index: usize,
    /// Stable name.
    pub track_id: String,
    /// Name in the rail vector.
    pub name: Option<String>,
    /// Length, metres.
    pub length_m: f64,
    /// GeoJSON line.
    pub geometry: String,
}

impl State {
    /// The stored site; `None` before its first clear scene.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn site(&self, site_id: &str) -> Result<Option<SiteRow>, Error> {
        self.read(|c| {
            let sql = "SELECT title, fingerprint FROM site WHERE site_id = ?1";
            let row = |r: &rusqlite::Row<'_>| {
                Ok(SiteRow { site_id: site_id.to_owned(), title: r.get(0)?, fingerprint: r.get(1)? })
            };
            c.query_row(sql, [site_id], row).optional()
        })
    }

    /// Stores a site with its tracks and the view that fixes them.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`].
    pub(in crate::monitor) fn add_site(
        &mut self,
        site: &SiteRow,
        tracks: &[TrackRow],
        view: &super::ViewRow,
    ) -> Result<(), Error> {
        let (reference, pixels) = view.stored()?;
        self.transaction(|t| {
            t.execute(
                "INSERT INTO site (site_id, title, fingerprint) VALUES (?1, ?2, ?3)",
                (&site.site_id, &site.title, &site.fingerprint),
            )?;
            for track in tracks {
                t.execute(
                    "INSERT INTO track VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    (
                        &site.site_id,
                        track.track_index,
                        &track.track_id,
                        &track.name,
                        track.length_m,
                        &track.geometry,
                    ),
                )?;
            }
            super::views::put_view(t, &site.site_id, &view.name, &reference, &pixels)
        })
    }

    /// The tracks of a site, in order.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn tracks(&self, site_id: &str) -> Result<Vec<TrackRow>, Error> {
        self.read(|c| {
            let sql = "SELECT track_index, track_id, name, length_m, geometry FROM track WHERE site_id = ?1 ORDER BY 1";
            c.prepare_cached(sql)?
                .query_map([site_id], |r| {
                    Ok(TrackRow {
                        track_index: r.get(0)?,
                        track_id: r.get(1)?,
                        name: r.get(2)?,
                        length_m: r.get(3)?,
                        geometry: r.get(4)?,
                    })
                })?
                .collect()
        })
    }
}

//! Sites, their tracks and the reference that every scene is laid upon.

use super::{Error, State, blob, text_of, time_of};
use crate::grid::{Affine, Crs, Grid};
use crate::raster::Raster;
use crate::scene::{Band, BandName, Scaling, Scene, Source};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

/// A site as it is stored.
#[derive(Debug, Clone)]
pub struct SiteRow {
    /// Key.
    pub site_id: String,
    /// Name for people.
    pub title: String,
    /// Hash of what all dates must have in common.
    pub fingerprint: String,
    /// The reference.
    pub reference: ReferenceScene,
    /// Its pixels, clouds flagged.
    pub pixels: Raster,
}

/// Metadata of the reference scene, as JSON in the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceScene {
    /// Scene id.
    pub scene_id: String,
    /// Where it was read from.
    pub spec: String,
    /// Time of sensing.
    pub datetime: Option<String>,
    /// Satellite.
    pub platform: Option<String>,
    /// Names of the bands, in the order of the pixels.
    pub bands: Vec<String>,
    /// EPSG code of the grid.
    pub epsg: Option<u32>,
    /// WKT of the grid where it has no code.
    pub wkt: String,
    /// Geotransform of the whole scene (corner convention).
    pub scene_transform: [f64; 6],
    /// (rows, cols) of the whole scene.
    pub scene_shape: (usize, usize),
    /// Geotransform of the pixels that are kept.
    pub transform: [f64; 6],
}

impl ReferenceScene {
    /// What is stored of a scene whose window is `pixels`.
    #[must_use]
    pub fn new(scene: &Scene, bands: &[String], pixels: &Raster) -> Self {
        Self {
            scene_id: scene.id.clone(),
            spec: scene.path.clone(),
            datetime: scene.datetime.map(text_of),
            platform: scene.platform.clone(),
            bands: bands.to_vec(),
            epsg: scene.grid.crs.epsg,
            wkt: scene.grid.crs.wkt.clone(),
            scene_transform: scene.grid.affine.to_gdal(),
            scene_shape: scene.grid.shape,
            transform: pixels.grid.affine.to_gdal(),
        }
    }

    fn crs(&self) -> Crs {
        Crs { epsg: self.epsg, wkt: self.wkt.clone() }
    }

    fn affine(transform: [f64; 6]) -> Result<Affine, Error> {
        Affine::from_gdal(transform)
            .map_err(|e| Error::Stored { what: "the reference's geotransform", reason: e.to_string() })
    }

    /// The scene without a way to read it again: its pixels are in the state.
    ///
    /// # Errors
    /// [`Error::Stored`].
    pub fn scene(&self) -> Result<Scene, Error> {
        let source = Source { gdal_path: self.spec.clone(), band_index: 1 };
        let datetime = self
            .datetime
            .as_deref()
            .map(time_of)
            .transpose()
            .map_err(|e| Error::Stored { what: "the reference's time", reason: e.to_string() })?;
        let band = |name: &String| Band { name: BandName(name.clone()), source: source.clone() };
        Ok(Scene {
            id: self.scene_id.clone(),
            path: self.spec.clone(),
            datetime,
            platform: self.platform.clone(),
            bands: self.bands.iter().map(band).collect(),
            classification: None,
            grid: Grid {
                crs: self.crs(),
                affine: Self::affine(self.scene_transform)?,
                shape: self.scene_shape,
            },
            scaling: Scaling { offset: 0.0, scale: 1.0, rule: "kept in the state".to_owned() },
            radar: None,
        })
    }
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
    /// A site, `None` where it is new.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`].
    pub fn site(&self, site_id: &str) -> Result<Option<SiteRow>, Error> {
        let row = self.read(|c| {
            c.query_row(
                "SELECT title, fingerprint, reference, pixels FROM site WHERE site_id = ?1",
                [site_id],
                |r| {
                    Ok((
                        r.get::<_, String>(0)?,
                        r.get::<_, String>(1)?,
                        r.get::<_, String>(2)?,
                        r.get::<_, Vec<u8>>(3)?,
                    ))
                },
            )
            .optional()
        })?;
        let Some((title, fingerprint, reference, bytes)) = row else { return Ok(None) };
        let reference: ReferenceScene = serde_json::from_str(&reference)
            .map_err(|e| Error::Stored { what: "a reference scene", reason: e.to_string() })?;
        let (values, validity) = blob::to_pixels(&bytes)?;
        let grid = Grid {
            crs: reference.crs(),
            affine: ReferenceScene::affine(reference.transform)?,
            shape: validity.dim(),
        };
        let pixels = Raster { values, validity, grid };
        Ok(Some(SiteRow { site_id: site_id.to_owned(), title, fingerprint, reference, pixels }))
    }

    /// Stores a new site with its tracks.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn add_site(&mut self, site: &SiteRow, tracks: &[TrackRow]) -> Result<(), Error> {
        let reference = serde_json::to_string(&site.reference)
            .map_err(|e| Error::Stored { what: "a reference scene", reason: e.to_string() })?;
        let pixels = blob::of_pixels(&site.pixels.values.view(), &site.pixels.validity);
        self.transaction(|t| {
            t.execute(
                "INSERT INTO site (site_id, title, fingerprint, reference, pixels) VALUES (?1, ?2, ?3, ?4, ?5)",
                (&site.site_id, &site.title, &site.fingerprint, reference, pixels),
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
            Ok(())
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

//! Views of a site: the reference scene of each, with its pixels.

use super::{Error, State, blob, of_json, text_of, time_of};
use crate::grid::{Affine, Crs, Grid};
use crate::raster::Raster;
use crate::scene::{Backscatter, Band, BandName, Pass, Radar, Scaling, Scene, Source, Storage};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// A view as it is stored: scenes that see the ground alike.
#[derive(Debug, Clone)]
pub struct ViewRow {
    /// `optical`, or `radar` with what sets its geometry apart.
    pub name: String,
    /// The reference.
    pub reference: ReferenceScene,
    /// Its pixels, clouds flagged; radar as linear power.
    pub pixels: Raster,
}

/// The radar side of a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRadar {
    /// Instrument mode.
    pub mode: Option<String>,
    /// Direction of flight.
    pub pass: Option<Pass>,
    /// Relative orbit.
    pub relative_orbit: Option<u16>,
    /// What the power is normalised by.
    pub backscatter: Backscatter,
}

impl ReferenceRadar {
    fn new(radar: &Radar) -> Self {
        Self {
            mode: radar.mode.clone(),
            pass: radar.pass,
            relative_orbit: radar.relative_orbit,
            backscatter: radar.backscatter,
        }
    }

    /// As a scene has it; the pixels that are kept are linear power.
    #[must_use]
    pub fn radar(&self) -> Radar {
        Radar {
            mode: self.mode.clone(),
            pass: self.pass,
            relative_orbit: self.relative_orbit,
            backscatter: self.backscatter,
            storage: Storage::Linear,
        }
    }
}

/// Metadata of the reference scene, as JSON in the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceScene {
    /// Scene id.
    pub scene_id: String,
    /// Where it was read from.
    pub spec: String,
    /// Radar geometry; `None` for optical scenes.
    #[serde(default)]
    pub radar: Option<ReferenceRadar>,
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
            radar: scene.radar.as_ref().map(ReferenceRadar::new),
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
        let source = Source { gdal_path: self.spec.clone(), band_index: 1, alpha_index: None };
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
            radar: self.radar.as_ref().map(ReferenceRadar::radar),
        })
    }
}

impl ViewRow {
    /// Metadata and pixels as they are stored.
    pub(super) fn stored(&self) -> Result<(String, Vec<u8>), Error> {
        let reference = serde_json::to_string(&self.reference)
            .map_err(|e| Error::Stored { what: "a reference scene", reason: e.to_string() })?;
        let scale = blob::Scale::of_radar(self.reference.radar.is_some());
        Ok((reference, blob::of_pixels(&self.pixels.values.view(), &self.pixels.validity, scale)))
    }

    /// The view as it comes back from the state: pixels are stored in steps.
    pub(in crate::monitor) fn after_storage(self) -> Result<Self, Error> {
        let (reference, pixels) = self.stored()?;
        Self::of(self.name, &reference, &pixels)
    }

    fn of(name: String, reference: &str, bytes: &[u8]) -> Result<Self, Error> {
        let reference: ReferenceScene = of_json("a reference scene", reference)?;
        let (values, validity) = blob::to_pixels(bytes, blob::Scale::of_radar(reference.radar.is_some()))?;
        let grid = Grid {
            crs: reference.crs(),
            affine: ReferenceScene::affine(reference.transform)?,
            shape: validity.dim(),
        };
        Ok(Self { name, reference, pixels: Raster { values, validity, grid } })
    }
}

/// Stores a view: its name, metadata and pixels.
pub(super) fn put_view(
    c: &Connection,
    site_id: &str,
    name: &str,
    reference: &str,
    pixels: &[u8],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO view (site_id, name, reference, pixels) VALUES (?1, ?2, ?3, ?4)";
    c.execute(sql, (site_id, name, reference, pixels))?;
    Ok(())
}

impl State {
    /// The views of a site in the order in which they were made; the first one fixed the tracks.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`] where the blob is broken.
    pub fn views(&self, site_id: &str) -> Result<Vec<ViewRow>, Error> {
        let rows: Vec<(String, String, Vec<u8>)> = self.read(|c| {
            c.prepare_cached("SELECT name, reference, pixels FROM view WHERE site_id = ?1 ORDER BY view_key")?
                .query_map([site_id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                .collect()
        })?;
        rows.into_iter().map(|(name, reference, bytes)| ViewRow::of(name, &reference, &bytes)).collect()
    }

    /// Names and references of the views of a site, without their pixels, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`].
    pub fn references(&self, site_id: &str) -> Result<Vec<(String, ReferenceScene)>, Error> {
        let rows: Vec<(String, String)> = self.read(|c| {
            c.prepare_cached("SELECT name, reference FROM view WHERE site_id = ?1 ORDER BY view_key")?
                .query_map([site_id], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        })?;
        rows.into_iter()
            .map(|(name, reference)| Ok((name, of_json("a reference scene", &reference)?)))
            .collect()
    }

    /// Stores one more view of a site, and forgets its scenes that were noted while it had no reference: the next run
    /// finds them like late ones.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Stored`].
    pub(in crate::monitor) fn add_view(&mut self, site_id: &str, view: &ViewRow) -> Result<(), Error> {
        let (reference, pixels) = view.stored()?;
        self.transaction(|t| {
            t.execute("DELETE FROM scene WHERE site_id = ?1 AND view = ?2", (site_id, &view.name))?;
            put_view(t, site_id, &view.name, &reference, &pixels)
        })
    }
}

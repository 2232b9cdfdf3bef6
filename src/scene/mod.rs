//! An acquisition's metadata: what it is and where its pixels are, but no pixels.

mod appearance;
mod cargo;
mod delays;
mod elevation;
mod product;
mod radar;
mod time;

pub use appearance::Appearance;
pub use cargo::{BALLAST, Cargo, SpectralBand, Spectrum};
pub use delays::band_delay_s;
pub use elevation::{ElevationModel, RadarPlacement};
pub use product::{ProductName, is_tile};
pub use radar::{Annotation, Backscatter, ControlPoint, GroundRange, Pass, Radar, Storage, relative_orbit};
pub use time::{first_moment, last_moment};

use crate::grid::Grid;
use jiff::Timestamp;

/// Behind the platform of satellite scenes that trains were put into.
pub const IMPLANTED: &str = ", trains simulated";

/// What the numbers of 8-bit pictures that state no unit are multiplied by.
pub const PICTURE_SCALE: f64 = 1.0 / 255.0;

/// Reflectance of one stored unit of Sentinel-2.
pub const REFLECTANCE_SCALE: f64 = 1e-4;

/// One acquisition of one sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Product id, STAC id or file stem.
    pub id: String,
    /// As the user wrote it.
    pub path: String,
    /// Start of sensing.
    pub datetime: Option<Timestamp>,
    /// `Sentinel-2A`, `Sentinel-1C`, …; `None` where nothing states it.
    pub platform: Option<String>,
    /// Bands in the order of the raster's first axis.
    pub bands: Vec<Band>,
    /// Scene classification (SCL) where there is one.
    pub classification: Option<Source>,
    /// Grid of the finest band; every band is read onto it.
    pub grid: Grid,
    /// How stored numbers become physical values.
    pub scaling: Scaling,
    /// What radar needs beyond; `None` for optical scenes.
    pub radar: Option<Radar>,
}

impl Scene {
    /// Names of its bands in order, `B02, B03`.
    #[must_use]
    pub fn band_list(&self) -> String {
        self.bands.iter().map(|b| b.name.0.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// One band and where its pixels are.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Name in the sensor's own words: `B04`, `VV`; `band1` where nothing states it.
    pub name: BandName,
    /// Where the pixels are.
    pub source: Source,
}

/// A band's name, compared as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BandName(pub String);

impl std::fmt::Display for BandName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A raster band inside a file that GDAL opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// GDAL path: a file, `/vsizip/…`, `/vsicurl/…`.
    pub gdal_path: String,
    /// Band index, from 1.
    pub band_index: usize,
    /// Index of the file's alpha band, from 1: where it is 0 the others hold nothing.
    pub alpha_index: Option<usize>,
}

/// Stored number to physical value: `value = (stored + offset) * scale`, with the rule that chose them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Added to stored numbers, −1000 for Sentinel-2 from processing baseline 04.00 on.
    pub offset: f64,
    /// Factor after the offset, [`REFLECTANCE_SCALE`] for Sentinel-2.
    pub scale: f64,
    /// Which document or test says so; goes into the provenance.
    pub rule: String,
}

impl Scaling {
    /// Whether values of an optical scene are reflectance: those of an 8-bit picture are of a gain and offset that nobody knows.
    #[must_use]
    pub fn is_reflectance(&self) -> bool {
        (self.scale - PICTURE_SCALE).abs() > 1e-12
    }
}

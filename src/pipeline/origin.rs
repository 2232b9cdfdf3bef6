//! What scenes are made of, satellite data or simulation, and what a raster made of a scene says of it.

use crate::io::{BlockBand, Kind};
use crate::scene::{Backscatter, IMPLANTED, REFLECTANCE_SCALE, Radar, Scene, Storage};
use crate::simulate;

/// Before it where nothing tells the satellite.
const UNKNOWN: &str = "unknown satellite";

/// First year of the Sentinels.
const SENTINEL_YEAR: i32 = 2014;

/// Name and value of dataset tags.
pub(super) type Tags = Vec<(String, String)>;

/// Where the pixels of some scenes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From a satellite, all of them.
    Satellite,
    /// From a satellite, with trains put into at least one scene.
    Implanted,
    /// At least one scene is made from nothing.
    Simulated,
}

impl Origin {
    /// Origin of scenes of these platforms together.
    pub fn of<'a>(platforms: impl IntoIterator<Item = &'a Option<String>>) -> Self {
        let mut origin = Self::Satellite;
        for platform in platforms.into_iter().flatten() {
            if platform == simulate::PLATFORM {
                return Self::Simulated;
            }
            if platform.ends_with(IMPLANTED) {
                origin = Self::Implanted;
            }
        }
        origin
    }

    /// The line that the data's licence asks for; `years` are those of the scenes, empty where unknown.
    #[must_use]
    pub fn attribution(self, years: &str) -> String {
        let licence = format!("Contains modified Copernicus Sentinel data {years}").trim_end().to_owned();
        match self {
            Self::Simulated => "Simulated scenes: no satellite data".to_owned(),
            Self::Implanted => format!("{licence}; trains simulated"),
            Self::Satellite => licence,
        }
    }

    /// [`Self::attribution`] of scenes about one time.
    pub(super) fn attribution_at(self, datetime: Option<jiff::Timestamp>) -> String {
        let year = datetime.map_or_else(String::new, |t| t.strftime("%Y").to_string());
        if self == Self::Satellite && year.parse::<i32>().is_ok_and(|y| y < SENTINEL_YEAR) {
            return format!("Scenes of {year}, before the Sentinels: add what their licence asks for");
        }
        self.attribution(&year)
    }
}

/// The platform of a scene that trains are put into.
pub(super) fn implanted(platform: Option<&str>) -> String {
    match platform {
        Some(simulate::PLATFORM) => simulate::PLATFORM.to_owned(),
        Some(platform) if platform.ends_with(IMPLANTED) => platform.to_owned(),
        platform => format!("{}{IMPLANTED}", platform.unwrap_or(UNKNOWN)),
    }
}

/// The satellite of a platform, `None` where nothing tells it.
pub(super) fn satellite_of(platform: Option<&str>) -> Option<&str> {
    platform.map(|p| p.strip_suffix(IMPLANTED).unwrap_or(p)).filter(|p| *p != UNKNOWN)
}

/// What a raster of a scene's own stored numbers says: program, time, platform, and what is needed to compare it
/// as the scene itself.
pub(super) fn scene_tags(scene: &Scene) -> Tags {
    let mut tags = vec![("TIFFTAG_SOFTWARE".to_owned(), format!("railwatch {}", env!("CARGO_PKG_VERSION")))];
    let mut tag = |key: &str, value: Option<String>| tags.extend(value.map(|v| (key.to_owned(), v)));
    tag("TIFFTAG_DATETIME", scene.datetime.map(|t| t.strftime("%Y:%m:%d %H:%M:%S").to_string()));
    tag("PLATFORM", scene.platform.clone());
    match &scene.radar {
        Some(radar) => tags.extend(radar_tags(radar)),
        // Without it the new file's name would decide, or nothing.
        None => tags.push(("BOA_ADD_OFFSET".to_owned(), scene.scaling.offset.to_string())),
    }
    tags
}

/// What makes radar scenes comparable: mode, pass, relative orbit, unit, kind of backscatter.
pub(super) fn radar_tags(radar: &Radar) -> Tags {
    let mut tags = Tags::new();
    let mut tag = |key: &str, value: Option<String>| tags.extend(value.map(|v| (key.to_owned(), v)));
    tag("MODE", radar.mode.clone());
    tag("ORBIT_PASS_DIRECTION", radar.pass.map(|p| p.to_string()));
    tag("RELATIVE_ORBIT", radar.relative_orbit.map(|n| n.to_string()));
    let unit = match radar.storage {
        Storage::Linear => Some("linear"),
        Storage::Decibel => Some("dB"),
        Storage::Amplitude | Storage::GroundRange(_) => None,
    };
    tag("UNITS", unit.map(str::to_owned));
    let known = matches!(radar.backscatter, Backscatter::Sigma0 | Backscatter::Gamma0);
    tag("BACKSCATTER", known.then(|| radar.backscatter.to_string()));
    tags
}

/// A band of `scene` as a raster of its stored numbers must describe it, so that they become the same values again.
pub(super) fn described(scene: &Scene, band: &BlockBand) -> BlockBand {
    let scaling = &scene.scaling;
    let as_itself = scaling.scale.to_bits() == 1.0_f64.to_bits() && scaling.offset == 0.0;
    // The factor of Sentinel-2 needs no mention.
    let usual = band.kind != Kind::UInt8 && (scaling.scale - REFLECTANCE_SCALE).abs() < 1e-12;
    let told = scene.radar.is_some() || (band.scale.is_none() && (usual || as_itself));
    let scale = if told { band.scale } else { Some((scaling.scale, scaling.offset * scaling.scale)) };
    BlockBand { scale, ..band.clone() }
}

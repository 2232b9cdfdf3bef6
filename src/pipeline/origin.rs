//! What scenes are made of, satellite data or simulation, and what a raster made of a scene says of it.

use crate::io::{BandFormat, Kind};
use crate::scene::{Backscatter, IMPLANTED, REFLECTANCE_SCALE, Radar, Scene, Storage};
use crate::simulate;

/// What the names of platforms begin with whose data are of Copernicus.
const SENTINEL: &str = "Sentinel-";

/// Before it where nothing states the satellite.
const UNKNOWN: &str = "unknown satellite";

/// Name and value of dataset tags.
pub(super) type Tags = Vec<(String, String)>;

/// Where the pixels of some scenes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    made: Made,
    /// How many of the scenes are of a Sentinel or name no satellite: none, some, all.
    sentinel: Share,
    /// Whether one names no satellite; it is taken for a Sentinel's, whose scenes this program is for.
    unnamed: bool,
}

/// What was simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Nothing,
    /// Trains in satellite scenes.
    Trains,
    /// At least one whole scene.
    Scenes,
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

impl Origin {
    /// Origin of scenes of these platforms together.
    pub fn of<'a>(platforms: impl IntoIterator<Item = &'a Option<String>>) -> Self {
        let (mut made, mut all, mut sentinels, mut unnamed) = (Made::Nothing, 0, 0, false);
        for platform in platforms {
            let platform = platform.as_deref();
            all += 1;
            let satellite = satellite_of(platform);
            unnamed |= satellite.is_none();
            sentinels += usize::from(satellite.is_none_or(|p| p.starts_with(SENTINEL)));
            made = made.max(match platform {
                Some(simulate::PLATFORM) => Made::Scenes,
                Some(platform) if platform.ends_with(IMPLANTED) => Made::Trains,
                _ => Made::Nothing,
            });
        }
        let sentinel = match sentinels {
            0 => Share::None,
            n if n < all => Share::Some,
            _ => Share::All,
        };
        Self { made, sentinel, unnamed }
    }

    /// Whether pixels, or trains put into them, are synthetic.
    #[must_use]
    pub fn is_simulated(self) -> bool {
        self.made != Made::Nothing
    }

    /// Whether trains were put into scenes of a satellite.
    #[must_use]
    pub fn is_implanted(self) -> bool {
        self.made == Made::Trains
    }

    /// The line that the data's licence asks for, as far as the scenes say whose they are; `years` are theirs, empty where unknown.
    #[must_use]
    pub fn attribution(self, years: &str) -> String {
        if self.made == Made::Scenes {
            return "Simulated scenes: no satellite data".to_owned();
        }
        let mut licence = format!("Contains modified Copernicus Sentinel data {years}").trim_end().to_owned();
        if self.unnamed {
            licence += " (satellite not named in the files)";
        }
        let source = match self.sentinel {
            Share::All => licence,
            Share::Some => format!("{licence}; source of the other scenes not stated"),
            Share::None => "Source of the scenes not stated: add what their licence asks for".to_owned(),
        };
        if self.is_implanted() { source + "; trains simulated" } else { source }
    }

    /// [`Self::attribution`] of scenes about one time.
    pub(super) fn attribution_at(self, datetime: Option<jiff::Timestamp>) -> String {
        self.attribution(&datetime.map_or_else(String::new, |t| t.strftime("%Y").to_string()))
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

/// The satellite of a platform, `None` where nothing states it.
pub(super) fn satellite_of(platform: Option<&str>) -> Option<&str> {
    platform.map(|p| p.strip_suffix(IMPLANTED).unwrap_or(p)).filter(|p| *p != UNKNOWN)
}

/// The tag that names this program.
pub(super) fn software_tag() -> (String, String) {
    ("TIFFTAG_SOFTWARE".to_owned(), format!("railwatch {}", env!("CARGO_PKG_VERSION")))
}

/// What a raster of a scene's own stored numbers says: program, time, platform, and what is needed to compare it
/// as the scene itself.
pub(super) fn scene_tags(scene: &Scene) -> Tags {
    let mut tags = vec![software_tag()];
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

/// The format in which a raster of a band's stored numbers must describe them, so that they become the values of `scene` again.
pub(super) fn described(scene: &Scene, format: &BandFormat) -> BandFormat {
    let scaling = &scene.scaling;
    let as_itself = scaling.scale.to_bits() == 1.0_f64.to_bits() && scaling.offset == 0.0;
    // The factor of Sentinel-2 needs no mention.
    let usual = format.kind != Kind::UInt8 && (scaling.scale - REFLECTANCE_SCALE).abs() < 1e-12;
    let is_usual = scene.radar.is_some() || (format.scale.is_none() && (usual || as_itself));
    let scale = if is_usual { format.scale } else { Some((scaling.scale, scaling.offset * scaling.scale)) };
    BandFormat { scale, ..format.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_it_is_of_a_sentinel_is_attributed_to_it() {
        let of = |platforms: &[Option<&str>]| {
            let platforms: Vec<Option<String>> = platforms.iter().map(|p| p.map(str::to_owned)).collect();
            Origin::of(&platforms).attribution("2022")
        };
        let licence = "Contains modified Copernicus Sentinel data 2022";
        assert_eq!(of(&[Some("Sentinel-2A"), Some("Sentinel-1C")]), licence);
        assert_eq!(
            of(&[Some("Sentinel-2A"), Some("Landsat-8")]),
            format!("{licence}; source of the other scenes not stated")
        );
        let unnamed = format!("{licence} (satellite not named in the files)");
        assert_eq!(of(&[None, None]), unnamed);
        assert_eq!(of(&[Some("Sentinel-2A"), None]), unnamed);
        assert!(of(&[Some("Landsat-8")]).starts_with("Source of the scenes not stated"));
        let (put_in, unknown) = (implanted(Some("Sentinel-2B")), implanted(None));
        assert_eq!(of(&[Some(&put_in), Some(&put_in)]), format!("{licence}; trains simulated"));
        assert_eq!(of(&[Some(&unknown)]), format!("{unnamed}; trains simulated"));
        assert_eq!(of(&[Some("Sentinel-2A"), Some("simulated")]), "Simulated scenes: no satellite data");
    }
}

//! The configuration of `detect`: what a TOML file may say, and the complete form that the plan is made of.

use super::Error;
use crate::units::{FalseAlarmRate, OutOfRange};
use crate::{change, coreg, corridor, detect, io, mask, scene};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What was typed or stands in a file: every option may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectFile {
    /// Earlier scenes.
    pub baseline: Vec<String>,
    /// Scene under test.
    pub target: Option<String>,
    /// Rail lines.
    pub rails: Option<String>,
    /// Polygons for cargo off the track.
    pub yards: Option<String>,
    /// Output folder.
    pub out: Option<PathBuf>,
    /// Half width of the corridor, metres; 250.
    pub buffer_m: Option<f64>,
    /// Expected false alarms per 100 km of track; 2.
    pub false_alarms: Option<f64>,
    /// Shortest train, metres; 60.
    pub min_length_m: Option<f64>,
    /// Bands to use.
    pub bands: Vec<String>,
    /// Time of the target.
    pub datetime: Option<String>,
    /// Do not register.
    pub no_register: Option<bool>,
    /// Change map over the whole overlap.
    pub change_map: Option<bool>,
    /// All ground of two scenes instead of a corridor.
    pub area: Option<bool>,
    /// Cloud mask.
    pub mask: mask::MaskParams,
    /// Registration.
    pub coreg: coreg::CoregParams,
    /// Rail network.
    pub tracks: corridor::TrackParams,
    /// Change statistic off the track.
    pub change: change::ChangeParams,
    /// Objects off the track.
    pub objects: change::ObjectParams,
    /// Where radar lies.
    pub radar: scene::RadarPlacement,
}

impl DetectFile {
    /// Reads a TOML file; relative paths in it are relative to the file.
    ///
    /// # Errors
    /// [`Error::ConfigRead`] or [`Error::ConfigSyntax`] with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut file: Self = read_toml(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for spec in
            file.baseline.iter_mut().chain(&mut file.target).chain(&mut file.rails).chain(&mut file.yards)
        {
            *spec = resolve(folder, spec);
        }
        if let Some(dem) = &mut file.radar.dem {
            dem.path = resolve(folder, &dem.path);
        }
        file.out = file.out.map(|out| folder.join(out));
        Ok(file)
    }

    /// What is `typed` wins over what stands in the file.
    #[must_use]
    pub fn overridden_by(self, typed: Self) -> Self {
        let list = |typed: Vec<String>, file: Vec<String>| if typed.is_empty() { file } else { typed };
        Self {
            baseline: list(typed.baseline, self.baseline),
            target: typed.target.or(self.target),
            rails: typed.rails.or(self.rails),
            yards: typed.yards.or(self.yards),
            out: typed.out.or(self.out),
            buffer_m: typed.buffer_m.or(self.buffer_m),
            false_alarms: typed.false_alarms.or(self.false_alarms),
            min_length_m: typed.min_length_m.or(self.min_length_m),
            bands: list(typed.bands, self.bands),
            datetime: typed.datetime.or(self.datetime),
            no_register: typed.no_register.or(self.no_register),
            change_map: typed.change_map.or(self.change_map),
            area: typed.area.or(self.area),
            ..self
        }
    }
}

/// The values of a TOML file.
///
/// # Errors
/// [`Error::ConfigRead`] or [`Error::ConfigSyntax`] with the line that is wrong.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::ConfigRead { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| Error::ConfigSyntax { path: path.to_owned(), source: Box::new(source) })
}

/// Joins each local part of a scene or vector specification to `folder`; a file may have a `+` in its own name.
fn resolve(folder: &Path, spec: &str) -> String {
    if !io::is_plain_path(spec) {
        return spec.to_owned();
    }
    let whole = folder.join(spec);
    if whole.exists() {
        return whole.to_string_lossy().into_owned();
    }
    let parts: Vec<String> = spec.split('+').map(|p| folder.join(p).to_string_lossy().into_owned()).collect();
    parts.join("+")
}

/// A complete, checked configuration; `run.json` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectConfig {
    /// Earlier scenes, at least one.
    pub baseline: Vec<String>,
    /// Scene under test.
    pub target: String,
    /// Name of the place for figure and page; that of the track of which most was seen where `None`.
    pub title: Option<String>,
    /// Rail lines.
    pub rails: String,
    /// Polygons for cargo off the track.
    pub yards: Option<String>,
    /// Output folder.
    pub out: PathBuf,
    /// Half width of the corridor, metres.
    pub buffer_m: f64,
    /// Bands to use; all common ones when empty.
    pub bands: Vec<String>,
    /// Time of the target where its file does not state it.
    pub datetime: Option<jiff::Timestamp>,
    /// Whether the shift is measured.
    pub register: bool,
    /// Pixels around the corridor that registration looks at.
    pub registration_margin_px: f64,
    /// Whether the change map covers the whole overlap.
    pub change_map: bool,
    /// Cloud mask.
    pub mask: mask::MaskParams,
    /// Registration.
    pub coreg: coreg::CoregParams,
    /// Rail network.
    pub tracks: corridor::TrackParams,
    /// Detector.
    pub detect: detect::DetectParams,
    /// Change statistic off the track.
    pub change: change::ChangeParams,
    /// Objects off the track.
    pub objects: change::ObjectParams,
    /// Where radar lies.
    pub radar: scene::RadarPlacement,
}

impl TryFrom<DetectFile> for DetectConfig {
    type Error = Error;

    fn try_from(file: DetectFile) -> Result<Self, Error> {
        let need = |value: Option<String>, what, option| value.ok_or(Error::Missing { what, option });
        if file.baseline.is_empty() {
            return Err(Error::Missing { what: "the baseline scene", option: "--baseline" });
        }
        let usual = detect::DetectParams::default();
        let min_length_m = file.min_length_m.unwrap_or(usual.min_length_m);
        let detect = detect::DetectParams {
            false_alarms: FalseAlarmRate::per_100km(file.false_alarms.unwrap_or(usual.false_alarms.get()))?,
            min_length_m,
            max_window_m: usual.max_window_m.max(min_length_m),
            ..usual
        };
        let config = Self {
            baseline: file.baseline,
            target: need(file.target, "the target scene", "--target")?,
            title: None,
            rails: need(file.rails, "the rail vector", "--rails")?,
            yards: file.yards,
            out: file.out.ok_or(Error::Missing { what: "the output folder", option: "--out" })?,
            buffer_m: file.buffer_m.unwrap_or(Self::BUFFER_M),
            bands: file.bands,
            datetime: file.datetime.as_deref().map(parse_time).transpose()?,
            register: !file.no_register.unwrap_or(false),
            registration_margin_px: super::plan::REGISTRATION_MARGIN_PX,
            change_map: file.change_map.unwrap_or(false),
            mask: file.mask,
            coreg: file.coreg,
            tracks: file.tracks,
            detect,
            change: file.change,
            objects: file.objects,
            radar: file.radar,
        };
        config.check()?;
        Ok(config)
    }
}

impl DetectConfig {
    /// Half width of the corridor where nothing else is asked, metres: it holds a yard of twenty tracks 5 m apart, and as
    /// much again on either side for ramps and heaps.
    pub const BUFFER_M: f64 = 250.0;

    /// Refuses parameters of any step outside their ranges.
    ///
    /// # Errors
    /// [`Error`] naming the first of them.
    pub fn check(&self) -> Result<(), Error> {
        self.detect.check()?;
        self.mask.check()?;
        self.coreg.check()?;
        self.tracks.check()?;
        self.change.check()?;
        self.objects.check()?;
        self.radar.check()?;
        // Nearer to the rails than 20 m all ground belongs to the tracks.
        if !(20.0..=20_000.0).contains(&self.buffer_m) {
            let (quantity, allowed) = ("buffer_m", "20 to 20000 m");
            return Err(OutOfRange { quantity, allowed, value: self.buffer_m }.into());
        }
        Ok(())
    }

    /// How objects are cut: where their rate is not given, the asked rate of false alarms sets it.
    #[must_use]
    pub fn object_params(&self) -> change::ObjectParams {
        let mut objects = self.objects.clone();
        // R per 100 km of a corridor 2b wide: ρ = R / (100 km · 2b)
        let follows = self.detect.false_alarms.get() / (100.0 * 2.0 * self.buffer_m / 1000.0);
        objects.false_objects_per_km2.get_or_insert(follows);
        objects
    }

    /// The same settings without the places of inputs and outputs: what decides, beside the contents of the inputs, what a
    /// run finds.
    #[must_use]
    pub(super) fn without_places(&self) -> Self {
        let mut config = self.clone();
        config.target.clear();
        config.baseline.clear();
        config.rails.clear();
        config.out.clear();
        config.yards = None;
        if let Some(dem) = &mut config.radar.dem {
            dem.path.clear();
        }
        config
    }
}

/// A time as RFC 3339, or a date (midnight UTC).
///
/// # Errors
/// [`Error::Time`].
pub fn parse_time(text: &str) -> Result<jiff::Timestamp, Error> {
    scene::first_moment(text).map_err(|source| Error::Time { text: text.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_joins_files_unless_it_is_in_a_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a+b.tif"), "x").unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(resolve(folder.path(), "a+b.tif"), place("a+b.tif"));
        assert_eq!(resolve(folder.path(), "a.tif+b.tif"), [place("a.tif"), place("b.tif")].join("+"));
        assert_eq!(resolve(folder.path(), "https://h/a+b.tif"), "https://h/a+b.tif");
    }

    #[test]
    fn the_asked_rate_governs_cargo_whatever_the_width_of_the_corridor() {
        let false_objects = |rate, buffer_m, text: &str| {
            let file = DetectFile {
                baseline: vec!["a".to_owned()],
                target: Some("b".to_owned()),
                rails: Some("c".to_owned()),
                out: Some("d".into()),
                false_alarms: Some(rate),
                buffer_m: Some(buffer_m),
                ..toml::from_str(text).unwrap()
            };
            DetectConfig::try_from(file).unwrap().object_params().rate_per_km2()
        };
        // Expected in the corridor of 100 km: what was asked.
        for (rate, buffer_m) in [(2.0, 250.0), (10.0, 250.0), (2.0, 1000.0)] {
            let expected = false_objects(rate, buffer_m, "") * 100.0 * 2.0 * buffer_m / 1000.0;
            assert!((expected - rate).abs() < 1e-12, "{expected}");
        }
        // A number that is given counts, also where it is what another rate would make of it.
        for given in [0.5, 0.04] {
            let own = false_objects(10.0, 100.0, &format!("[objects]\nfalse_objects_per_km2 = {given}"));
            assert!((own - given).abs() < 1e-12, "{own}");
        }
    }
}

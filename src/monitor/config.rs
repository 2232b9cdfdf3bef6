//! What is watched: a TOML file of sites. Every table refuses names that it does not know.

use super::Error;
use super::alerts::{AlertParams, Channel, Secret};
use crate::catalog::endpoints;
use crate::io::{Classifications, SceneOptions};
use crate::pipeline::{self, read_toml};
use crate::scene::{RadarPlacement, Scene};
use crate::units::FalseAlarmRate;
use crate::{coreg, corridor, detect, io, mask};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// State database; `railwatch.sqlite` beside the configuration.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// Prometheus text file, rewritten by every run.
    #[serde(default)]
    pub metrics: Option<PathBuf>,
    /// Who gets which alerts.
    #[serde(default)]
    pub alerts: AlertParams,
    /// What is watched, at least one.
    pub site: Vec<SiteConfig>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Short name, letters, digits, `-` and `_`; the key of everything that is stored.
    pub id: String,
    /// Name for people; the id where it is missing.
    #[serde(default)]
    pub name: Option<String>,
    /// Rail lines, anything OGR reads.
    pub rails: String,
    /// Where scenes come from.
    pub source: SiteSource,
    /// Bands of optical scenes to use; the four 10 m bands, as far as the reference has them, where empty.
    #[serde(default)]
    pub bands: Vec<String>,
    /// Trust the georeference of the scenes and do not register them.
    #[serde(default)]
    pub no_register: bool,
    /// Pixels around the tracks that registration looks at, 32…1000; 96. More is surer and slower.
    #[serde(default = "default_margin_px")]
    pub registration_margin_px: f64,
    /// Which earlier dates a scene is compared with.
    #[serde(default)]
    pub baseline: Baseline,
    /// How sure a detection has to be.
    #[serde(default)]
    pub rates: Rates,
    /// How trains are followed from date to date.
    #[serde(default)]
    pub lives: LifeParams,
    /// Cloud mask.
    #[serde(default)]
    pub mask: mask::MaskParams,
    /// Registration.
    #[serde(default)]
    pub coreg: coreg::CoregParams,
    /// Rail network.
    #[serde(default)]
    pub tracks: corridor::TrackParams,
    /// Where radar lies.
    #[serde(default)]
    pub radar: RadarPlacement,
}

/// Where scenes come from: a folder, or a STAC catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "write source = { folder = \"…\" } with an optional pattern, or source = { catalog = \"…\", keep = \"…\" } \
                 with an optional max_tile_cloud_fraction and newest_days"
)]
pub enum SiteSource {
    /// A folder; other programs put scenes there.
    Folder(FolderSource),
    /// A STAC API or static catalog.
    Catalog(CatalogSource),
}

impl SiteSource {
    /// Name, value and range of its numbers.
    fn ranges(&self) -> Vec<(&'static str, f64, f64, f64)> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Catalog(source) => vec![
                ("source.newest_days", source.newest_days, 0.01, 1e5),
                ("source.max_tile_cloud_fraction", source.max_tile_cloud_fraction.unwrap_or(1.0), 0.0, 1.0),
            ],
        }
    }
}

/// A folder of STAC items, SAFE products or rasters dated by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSource {
    /// The folder.
    pub folder: PathBuf,
    /// Entries to take, by name (`*`, `?`, `[…]`); all where it is missing.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// A catalog. The site's window of each scene is fetched and kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSource {
    /// A known name (`earth-search`, …), the URL of a STAC API, a static catalog or a collection of items, or such a file.
    pub catalog: String,
    /// Folder in which the windows are kept, each site in one of its own; `fetched`.
    #[serde(default = "default_keep")]
    pub keep: PathBuf,
    /// Collections; the endpoint's own where it is empty.
    #[serde(default)]
    pub collections: Vec<String>,
    /// Largest share of cloud over the whole tile, 0…1; scenes that do not state it are taken.
    #[serde(default)]
    pub max_tile_cloud_fraction: Option<f64>,
    /// Days before now that a run without `--since` looks back, 0.01…100 000; 60. Scenes that appear later are late.
    #[serde(default = "default_newest_days")]
    pub newest_days: f64,
}

fn default_margin_px() -> f64 {
    96.0
}

fn default_keep() -> PathBuf {
    PathBuf::from("fetched")
}

fn default_newest_days() -> f64 {
    60.0
}

/// Which earlier dates a scene is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// Dates before the scene, 1…20; 6.
    pub count: usize,
    /// Clear dates from before the oldest train that still stands, 0…5; 3: they show its bed empty.
    pub empty_count: usize,
    /// Dates whose strips are kept, `count + empty_count` (at least `count + 1`) … 400; 40. A scene may come late by as
    /// many dates, less that.
    pub kept_count: usize,
    /// The reference is the first scene that shows at least this share of its window, 0.1…1; 0.9.
    pub reference_valid_fraction: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { count: 6, empty_count: 3, kept_count: 40, reference_valid_fraction: 0.9 }
    }
}

/// How sure a detection has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Expected false alarms per 100 km of track and scene, for a new train; 2.
    pub false_alarms: FalseAlarmRate,
    /// The same for a train whose place is known from earlier dates, so that weaker evidence is enough; 10.
    pub false_alarms_known: FalseAlarmRate,
    /// Shortest train, metres, 30…1000; 60.
    pub min_length_m: f64,
}

impl Default for Rates {
    fn default() -> Self {
        let detect = detect::DetectParams::default();
        Self {
            false_alarms: detect.false_alarms,
            false_alarms_known: FalseAlarmRate::per_100km(10.0).unwrap_or_default(),
            min_length_m: detect.min_length_m,
        }
    }
}

/// How trains are followed from date to date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifeParams {
    /// Overlap, as a share of the longer one, from which two detections are one train, 0…1; 0.3.
    pub overlap_fraction: f64,
    /// Share of a train's place that must be clear for its absence to count, 0…1; 0.5.
    pub clear_fraction: f64,
    /// Clear dates without it after which a train is gone, 1…10; 2.
    pub misses: u32,
    /// Largest ratio of lengths of one train before and after a move, ≥ 1; 1.25.
    pub move_length_ratio: f64,
    /// Days after which what still stands, was seen five times and never moved is no train but a permanent change, > 0; 90.
    pub permanent_days: f64,
    /// Days without a train after which the next one is a reactivation, > 0; 60.
    pub idle_days: f64,
    /// Clear dates that those days must have, ≥ 1; 5: without looks there is no idleness.
    pub idle_dates: u32,
}

impl Default for LifeParams {
    fn default() -> Self {
        Self {
            overlap_fraction: 0.3,
            clear_fraction: 0.5,
            misses: 2,
            move_length_ratio: 1.25,
            permanent_days: 90.0,
            idle_days: 60.0,
            idle_dates: 5,
        }
    }
}

/// A mistake in the configuration without the line that is wrong where that may hold a secret: the log is read by others.
fn unquoted(path: &Path, error: pipeline::Error) -> Error {
    let pipeline::Error::ConfigSyntax { source, .. } = &error else { return error.into() };
    let (Some(span), Ok(text)) = (source.span(), std::fs::read_to_string(path)) else { return error.into() };
    let before = text.get(..span.start).unwrap_or(&text);
    let line = before.matches('\n').count() + 1;
    let told = text.lines().nth(line - 1).unwrap_or_default();
    let table = before.lines().chain([told]).rfind(|l| l.trim_start().starts_with('['));
    let may_hold = |l: &str| ["alerts", "channel", "password", "secret"].iter().any(|word| l.contains(word));
    if !may_hold(told) && !table.is_some_and(may_hold) {
        return error.into();
    }
    let reason = source.message().to_owned();
    Error::ConfigValue { path: path.to_owned(), place: format!("line {line}"), reason }
}

fn default_state() -> PathBuf {
    PathBuf::from("railwatch.sqlite")
}

impl Config {
    /// Reads and checks a configuration; relative paths in it are relative to the file.
    ///
    /// # Errors
    /// [`Error::Pipeline`] where it cannot be read, with the line that is wrong, [`Error::ConfigValue`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut config: Self = read_toml(path).map_err(|error| unquoted(path, error))?;
        config.check(path)?;
        // Scenes are known by their paths: these must not depend on where a run was started.
        let absolute = std::path::absolute(path)
            .map_err(|source| pipeline::Error::ConfigRead { path: path.to_owned(), source })?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        config.state = folder.join(&config.state);
        config.metrics = config.metrics.map(|m| folder.join(m));
        config.alerts.folder = folder.join(&config.alerts.folder);
        for channel in &mut config.alerts.channel {
            match channel {
                Channel::Atom { path, .. }
                | Channel::Webhook { secret: Some(Secret::File(path)), .. }
                | Channel::Mail { password: Some(Secret::File(path)), .. } => *path = folder.join(&*path),
                _ => {}
            }
        }
        for site in &mut config.site {
            match &mut site.source {
                SiteSource::Folder(source) => source.folder = folder.join(&source.folder),
                SiteSource::Catalog(source) => {
                    source.keep = folder.join(&source.keep);
                    let is_name = endpoints().iter().any(|e| e.name == source.catalog);
                    let file = folder.join(&source.catalog);
                    if !is_name && file.exists() {
                        source.catalog = file.display().to_string();
                    }
                }
            }
            let vectors =
                std::iter::once(&mut site.rails).chain(site.radar.dem.as_mut().map(|d| &mut d.path));
            for path in vectors.filter(|path| io::is_plain_path(path)) {
                *path = folder.join(&*path).display().to_string();
            }
        }
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        self.first_mistake().map_or(Ok(()), |(place, reason)| {
            Err(Error::ConfigValue { path: path.to_owned(), place, reason })
        })
    }

    /// Place and reason of the first value that cannot be.
    fn first_mistake(&self) -> Option<(String, String)> {
        if self.site.is_empty() {
            let reason = "there is no site; describe at least one";
            return Some(("[[site]]".to_owned(), reason.to_owned()));
        }
        if let Err(mistake) = self.alerts.check() {
            return Some(mistake);
        }
        self.site.iter().enumerate().find_map(|(i, site)| {
            let twice = self.site[..i].iter().any(|other| other.id == site.id);
            let reason = if twice {
                "the id occurs twice; every site needs its own".to_owned()
            } else {
                site.check().err()?
            };
            Some((format!("site {:?}", site.id), reason))
        })
    }

    /// Environment variables in which secrets are.
    #[must_use]
    pub fn secret_variables(&self) -> Vec<&str> {
        self.alerts
            .channel
            .iter()
            .filter_map(|c| match c.secret() {
                Some(Secret::Env(name)) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The configured site of an id.
    ///
    /// # Errors
    /// [`Error::NoSite`].
    pub fn site(&self, id: &str) -> Result<&SiteConfig, Error> {
        self.site.iter().find(|s| s.id == id).ok_or_else(|| Error::NoSite {
            site: id.to_owned(),
            known: self.site.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl SiteConfig {
    /// Refuses an id that is none, and values outside their ranges.
    fn check(&self) -> Result<(), String> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.id.is_empty() || !self.id.chars().all(named) {
            return Err("the id takes letters, digits, - and _ only".to_owned());
        }
        let ranges = self.ranges();
        if let Some((name, value, low, high)) = ranges.into_iter().find(|r| !(r.1 >= r.2 && r.1 <= r.3)) {
            return Err(format!("{name} is {value}; write a value from {low} to {high}"));
        }
        self.mask.check().map_err(|e| e.to_string())?;
        self.coreg.check().map_err(|e| e.to_string())?;
        self.tracks.check().map_err(|e| e.to_string())?;
        self.radar.check().map_err(|e| e.to_string())
    }

    /// Name, value and range of its own numbers.
    fn ranges(&self) -> Vec<(&'static str, f64, f64, f64)> {
        let (b, l, r) = (&self.baseline, &self.lives, &self.rates);
        let least = b.count + b.empty_count.max(1);
        let mut ranges = vec![
            ("registration_margin_px", self.registration_margin_px, 32.0, 1000.0),
            ("baseline.count", b.count as f64, 1.0, 20.0),
            ("baseline.empty_count", b.empty_count as f64, 0.0, 5.0),
            ("baseline.kept_count", b.kept_count as f64, least as f64, 400.0),
            ("baseline.reference_valid_fraction", b.reference_valid_fraction, 0.1, 1.0),
            ("rates.min_length_m", r.min_length_m, 30.0, 1000.0),
            ("rates.false_alarms_known", r.false_alarms_known.get(), r.false_alarms.get(), 1e4),
            ("lives.overlap_fraction", l.overlap_fraction, 0.01, 1.0),
            ("lives.clear_fraction", l.clear_fraction, 0.01, 1.0),
            ("lives.misses", f64::from(l.misses), 1.0, 10.0),
            ("lives.move_length_ratio", l.move_length_ratio, 1.0, 10.0),
            ("lives.permanent_days", l.permanent_days, 1.0, 1e5),
            ("lives.idle_days", l.idle_days, 1.0, 1e5),
            ("lives.idle_dates", f64::from(l.idle_dates), 1.0, 1000.0),
        ];
        ranges.extend(self.source.ranges());
        ranges
    }

    /// Name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Opens a scene with the bands of this site; radar with all its polarisations.
    ///
    /// # Errors
    /// [`io::Error`] when it cannot be read.
    pub(super) fn open(&self, spec: &str, classifications: &Classifications) -> Result<Scene, io::Error> {
        let open = |bands| {
            let (dem, classifications) = (self.radar.dem.clone(), classifications.clone());
            io::open_scene(spec, &SceneOptions { bands, datetime: None, dem, classifications })
        };
        if self.bands.is_empty() {
            return open(None);
        }
        open(Some(self.bands.clone())).or_else(|error| match open(None) {
            Ok(scene) if scene.radar.is_some() => Ok(scene),
            _ => Err(error),
        })
    }

    /// The detector's configuration for this site.
    #[must_use]
    pub fn detect_config(&self) -> crate::pipeline::DetectConfig {
        let usual = detect::DetectParams::default();
        let detect = detect::DetectParams {
            false_alarms: self.rates.false_alarms,
            min_length_m: self.rates.min_length_m,
            max_window_m: usual.max_window_m.max(self.rates.min_length_m),
            baseline_count_max: self.baseline.count + self.baseline.empty_count,
            ..usual
        };
        crate::pipeline::DetectConfig {
            baseline: Vec::new(),
            target: String::new(),
            title: Some(self.title().to_owned()),
            rails: self.rails.clone(),
            yards: None,
            out: PathBuf::new(),
            // Only the tracks are watched: the strips, which are wider, decide what is read.
            buffer_m: 20.0,
            bands: self.bands.clone(),
            datetime: None,
            register: !self.no_register,
            registration_margin_px: self.registration_margin_px,
            change_map: false,
            mask: self.mask.clone(),
            coreg: self.coreg.clone(),
            tracks: self.tracks.clone(),
            detect,
            change: crate::change::ChangeParams::default(),
            objects: crate::change::ObjectParams::default(),
            radar: self.radar.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let site = "[[site]]\nid = \"a\"\nrails = \"r.geojson\"\nsource = { folder = \"s\" }\n";
        let config = read(site).unwrap();
        assert!(config.state.ends_with("railwatch.sqlite") && config.site[0].rails.ends_with("r.geojson"));
        for (text, said) in [
            ("site = []".to_owned(), "no site"),
            (format!("{site}{site}"), "twice"),
            (format!("{site}speed = 3"), "line 5"),
            (format!("{site}baseline = {{ count = 0 }}"), "baseline.count is 0"),
            (format!("{site}lives = {{ misses = 99 }}"), "lives.misses"),
            (format!("{site}mask = {{ dilate_m = -5.0 }}"), "mask.dilate_m"),
            (site.replace("\"a\"", "\"a b\""), "letters"),
        ] {
            let message = read(&text).unwrap_err().to_string();
            assert!(message.contains(said), "{text}\n{message}");
        }
    }

    #[test]
    fn channels_that_could_take_nothing_are_refused_with_what_to_write() {
        let site = "[[site]]\nid = \"a\"\nrails = \"r.geojson\"\nsource = { folder = \"s\" }\n";
        let mail = "kind = \"mail\"\nserver = \"h\"\n";
        for (keys, said) in [
            (format!("{mail}from = \"nobody\"\nto = [\"a@b.org\"]"), "from is \"nobody\"; write an address"),
            (format!("{mail}from = \"a@b.org\"\nto = [\"x\"]"), "to is \"x\"; write an address"),
            (format!("{mail}from = \"Rail Watch <a@b.org>\"\nto = []"), "to is empty; write"),
            (
                format!("{mail}from = \"a@b.org\"\nto = [\"a@b.org\"]\nuser = \"u\""),
                "user is written and password is not: write both",
            ),
            (
                format!("{mail}from = \"a@b.org\"\nto = [\"a@b.org\"]\npassword = {{ env = \"P\" }}"),
                "password is written and user is not: write both",
            ),
            ("kind = \"command\"\ncommand = []".to_owned(), "command is empty; write"),
            ("kind = \"command\"\ncommand = [\"\"]".to_owned(), "command is empty; write"),
            ("kind = \"webhook\"\nurl = \"example.org\"".to_owned(), "write the whole URL"),
            ("kind = \"webhook\"\nurl = \"https://\"".to_owned(), "write the whole URL"),
        ] {
            let message = read(&format!("{site}[[alerts.channel]]\nname = \"n\"\n{keys}")).unwrap_err();
            assert!(message.to_string().contains(said), "{keys}\n{message}");
        }
        // Wherever and however a secret is written by mistake, it is not told.
        let mail = format!("{mail}from = \"a@b.org\"\nto = [\"a@b.org\"]\n");
        for (keys, said) in [
            (format!("{mail}password = \"geheim\""), "write password = { env = \"VARIABLE\" }"),
            (format!("{mail}password = {{ value = \"geheim\" }}"), "write password = {"),
            (format!("{mail}password = {{ env = \"A\", value = \"geheim\" }}"), "write password = {"),
            (format!("{mail}password = geheim"), ", line 11: "),
            (format!("{mail}password = \"geheim"), ", line 11: "),
            (format!("{mail}pasword = \"geheim\""), "unknown field `pasword`"),
            (
                "kind = \"webhook\"\nurl = \"http://a\"\nsecret = \"geheim\"".to_owned(),
                "write secret = { env",
            ),
        ] {
            let text = format!("{site}[[alerts.channel]]\nname = \"n\"\n{keys}");
            let message = read(&text).unwrap_err();
            assert!(message.is_usage() && !message.to_string().contains("geheim"), "{keys}\n{message}");
            assert!(message.to_string().contains(said), "{keys}\n{message}");
        }
        let line =
            "channel = [{ kind = \"webhook\", name = \"n\", url = \"http://a\", secret = \"geheim\" }]";
        let message = read(&format!("{site}[alerts]\n{line}")).unwrap_err().to_string();
        assert!(message.contains("write secret = { env") && !message.contains("geheim"), "{message}");
        let message = read(&format!("{site}[alerts]\nkinds = []")).unwrap_err().to_string();
        assert!(message.contains("no kind is listed"), "{message}");
        let source = "source = { catalog = \"c\", max_tile_cloud_fraction = 2.0 }";
        let message = read(&site.replace("source = { folder = \"s\" }", source)).unwrap_err().to_string();
        assert!(message.contains("source.max_tile_cloud_fraction is 2"), "{message}");
    }
}

//! What scenes are laid upon: one site a view, made with the first scene of the view that shows enough of it.

use super::schedule::Schedule;
use super::sources::Scenes;
use super::state::{ReferenceScene, SceneRow, SceneStatus, SiteRow, State, TrackRow, ViewRow};
use super::views::OPTICAL;
use super::{Error, SiteConfig};
use crate::corridor::Track;
use crate::io;
use crate::pipeline::{self, GdalSource, Site};
use crate::report::Point;
use crate::report::geojson::position;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The views of a site by name.
pub(super) type Sites = BTreeMap<String, Site>;

/// The views as the state has them, and those that new scenes can make; `None` before there is any. New scenes of views
/// that cannot be made yet are noted as hidden until there is a reference.
pub(super) fn open(
    state: &mut State,
    config: &SiteConfig,
    source: &Scenes,
    schedule: &mut Schedule,
) -> Result<Option<Sites>, Error> {
    let mut views = Opened::stored(state, config)?;
    views.add_new(state, config, source, schedule)?;
    if views.sites.is_empty() {
        return Ok(None);
    }
    hide(schedule, &views.sites, config);
    Ok(Some(views.sites))
}

/// The views that are open by now.
#[derive(Default)]
struct Opened {
    sites: Sites,
    /// The view that fixes the tracks.
    first: Option<String>,
}

impl Opened {
    /// The views as the state has them.
    ///
    /// # Errors
    /// [`Error::SiteChanged`] where the configuration no longer makes what the state was made with.
    fn stored(state: &State, config: &SiteConfig) -> Result<Self, Error> {
        let mut opened = Self::default();
        for view in state.views(&config.id)? {
            let site = make(config, opened.first(), &view)?;
            if opened.first.is_none() {
                check_unchanged(state, config, &site)?;
            }
            opened.insert(view.name, site);
        }
        Ok(opened)
    }

    fn first(&self) -> Option<&Site> {
        self.sites.get(self.first.as_ref()?)
    }

    fn insert(&mut self, name: String, site: Site) {
        self.first.get_or_insert_with(|| name.clone());
        self.sites.insert(name, site);
    }

    /// Makes the views that are lacking, each with the first scene that shows enough. What cannot be read on the way there is
    /// noted: a site must not wait for the first of its scenes to be mended.
    fn add_new(
        &mut self,
        state: &mut State,
        config: &SiteConfig,
        source: &Scenes,
        schedule: &mut Schedule,
    ) -> Result<(), Error> {
        for row in std::mem::take(&mut schedule.looks) {
            let is_lacking = row.view.as_ref().is_some_and(|name| !self.sites.contains_key(name));
            if is_lacking && let Some(reason) = source.unreadable(config, &row.spec) {
                let (status, reason) = (SceneStatus::Failed, Some(reason));
                schedule.noted.push(SceneRow { status, reason, ..row });
                continue;
            }
            if is_lacking && let Some(view) = reference(config, source, self.first(), &row)? {
                self.add(state, config, view)?;
            }
            schedule.looks.push(row);
        }
        Ok(())
    }

    /// Stores a new view and opens it as it comes back from the state, so that this run and the next see the same.
    fn add(&mut self, state: &mut State, config: &SiteConfig, view: ViewRow) -> Result<(), Error> {
        let view = view.after_storage()?;
        let site = make(config, self.first(), &view)?;
        if self.first.is_some() {
            state.add_view(&config.id, &view)?;
        } else {
            let stored = SiteRow {
                site_id: config.id.clone(),
                title: config.title().to_owned(),
                fingerprint: fingerprint(config, site.tracks()),
            };
            state.add_site(&stored, &track_rows(&site)?, &view)?;
        }
        self.insert(view.name, site);
        Ok(())
    }
}

/// Refuses a site that is not the one that its state was made with.
fn check_unchanged(state: &State, config: &SiteConfig, site: &Site) -> Result<(), Error> {
    let known = state.site(&config.id)?.map(|row| row.fingerprint);
    if known.as_ref() == Some(&fingerprint(config, site.tracks())) {
        return Ok(());
    }
    let what = changed(&state.tracks(&config.id)?, &track_rows(site)?);
    Err(Error::SiteChanged { site: config.id.clone(), what })
}

/// Notes the scenes of views that are not open as hidden.
fn hide(schedule: &mut Schedule, sites: &Sites, config: &SiteConfig) {
    let is_open = |row: &SceneRow| row.view.as_ref().is_some_and(|name| sites.contains_key(name));
    let (looks, hidden) = std::mem::take(&mut schedule.looks).into_iter().partition(is_open);
    schedule.looks = looks;
    let share = 100.0 * config.baseline.reference_valid_fraction;
    schedule.noted.extend(hidden.into_iter().map(|row: SceneRow| SceneRow {
        status: SceneStatus::Hidden,
        reason: Some(format!(
            "it shows less than {share:.0} % of the site, too little for the first scene of its view"
        )),
        ..row
    }));
}

/// The site as one view sees it, along the tracks of the `first` view.
fn make(config: &SiteConfig, first: Option<&Site>, view: &ViewRow) -> Result<Site, Error> {
    let (scene, held) = (view.reference.scene()?, Some(view.pixels.clone()));
    Ok(match first {
        None => Site::new(config.detect_config(), scene, held, &GdalSource)?,
        Some(first) => first.beside(scene, held, &GdalSource)?,
    })
}

/// A scene as the reference of its view, if it shows enough.
fn reference(
    config: &SiteConfig,
    source: &Scenes,
    first: Option<&Site>,
    row: &SceneRow,
) -> Result<Option<ViewRow>, Error> {
    let Ok(scene) = source.open(config, &row.spec) else { return Ok(None) };
    let made = match first {
        None => Site::new(config.detect_config(), scene.clone(), None, &GdalSource),
        Some(first) => first.beside(scene.clone(), None, &GdalSource),
    };
    let site = match made {
        Ok(site) => site,
        // What is wrong with a scene is found again when it is looked at.
        Err(pipeline::Error::Io(_) | pipeline::Error::NoOverlap { .. }) if first.is_some() => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if site.reference_mask().valid_fraction < config.baseline.reference_valid_fraction {
        return Ok(None);
    }
    Ok(Some(ViewRow {
        name: row.view.clone().unwrap_or_else(|| OPTICAL.to_owned()),
        reference: ReferenceScene::new(&scene, &site.band_names(), site.reference()),
        pixels: site.reference().clone(),
    }))
}

fn track_rows(site: &Site) -> Result<Vec<TrackRow>, Error> {
    site.tracks()
        .iter()
        .enumerate()
        .map(|(track_index, track)| {
            let vertices = site.lonlat(track.vertices())?;
            let line: Vec<Point> = vertices.into_iter().map(|(lon, lat)| position([lon, lat])).collect();
            Ok(TrackRow {
                track_index,
                track_id: track.id.clone(),
                name: track.name.clone(),
                length_m: track.length_m(),
                geometry: serde_json::json!({ "type": "LineString", "coordinates": line }).to_string(),
            })
        })
        .collect()
}

/// What changed where the fingerprint did, as far as the stored tracks show.
fn changed(stored: &[TrackRow], now: &[TrackRow]) -> &'static str {
    let same = |(a, b): (&TrackRow, &TrackRow)| a.track_id == b.track_id && a.geometry == b.geometry;
    if stored.len() == now.len() && stored.iter().zip(now).all(same) {
        "one of bands, no_register, registration_margin_px, mask, coreg, tracks and radar"
    } else {
        "its rails, or how tracks are made of them,"
    }
}

/// Hash of everything that all dates of a site must have in common.
fn fingerprint(config: &SiteConfig, tracks: &[Track]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    for track in tracks {
        let _ = write!(text, "{}", track.id);
        for (x, y) in track.vertices() {
            let _ = write!(text, " {x:.1},{y:.1}");
        }
        text.push('\n');
    }
    let common = (
        (&config.bands, config.no_register, config.registration_margin_px),
        (&config.mask, &config.coreg, &config.tracks),
    );
    text.push_str(&serde_json::to_string(&common).unwrap_or_default());
    if let Some(dem) = &config.radar.dem {
        // The folder may be another machine's.
        let name = std::path::Path::new(&dem.path).file_name().unwrap_or_default();
        let _ = write!(text, "{} {}", name.display(), dem.zero_m);
    }
    io::short_hash(&text)
}

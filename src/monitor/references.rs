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
use std::collections::{BTreeMap, BTreeSet};
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
    let mut sites = Sites::new();
    // The view that fixes the tracks.
    let mut first = None;
    for view in state.views(&config.id)? {
        let site = make(config, sites_first(&sites, first.as_ref()), &view)?;
        if first.is_none() {
            let known = state.site(&config.id)?.map(|row| row.fingerprint);
            if known.as_ref() != Some(&fingerprint(config, site.tracks())) {
                let what = changed(&state.tracks(&config.id)?, &track_rows(&site)?);
                return Err(Error::SiteChanged { site: config.id.clone(), what });
            }
            first = Some(view.name.clone());
        }
        sites.insert(view.name, site);
    }
    let mut damaged = BTreeSet::new();
    for row in &mut schedule.looks {
        let Some(name) = row.view.clone().filter(|name| !sites.contains_key(name)) else { continue };
        // A site must not wait for the first of its scenes to be mended.
        if let Some(reason) = source.unreadable(config, &row.spec) {
            (row.status, row.reason) = (SceneStatus::Failed, Some(reason));
            damaged.insert(row.spec.clone());
            continue;
        }
        if let Some(view) = reference(config, source, sites_first(&sites, first.as_ref()), row)? {
            // As it comes back from the state, so that this run and the next see the same.
            let view = view.after_storage()?;
            let site = make(config, sites_first(&sites, first.as_ref()), &view)?;
            if first.is_none() {
                let stored = SiteRow {
                    site_id: config.id.clone(),
                    title: config.title().to_owned(),
                    fingerprint: fingerprint(config, site.tracks()),
                };
                state.add_site(&stored, &track_rows(&site)?, &view)?;
                first = Some(name.clone());
            } else {
                state.add_view(&config.id, &view)?;
            }
            sites.insert(name, site);
        }
    }
    let is_damaged = |row: &SceneRow| damaged.contains(&row.spec);
    let (unread, looks): (Vec<_>, Vec<_>) =
        std::mem::take(&mut schedule.looks).into_iter().partition(is_damaged);
    schedule.looks = looks;
    schedule.noted.extend(unread);
    if sites.is_empty() {
        return Ok(None);
    }
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
    Ok(Some(sites))
}

fn sites_first<'a>(sites: &'a Sites, first: Option<&String>) -> Option<&'a Site> {
    first.and_then(|name| sites.get(name))
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

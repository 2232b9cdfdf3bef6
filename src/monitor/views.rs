//! Which scenes of a site are compared with each other: all optical ones, and radar of one geometry each.
//!
//! Radar is compared only with radar of the same relative orbit, pass, mode, normalisation and polarisations
//! ([`Radar::unlike`]); every such kind is a view with a reference and baselines of its own. What the views see is put
//! together afterwards, along the tracks that they share.

use super::state::ReferenceScene;
use crate::scene::{Backscatter, Radar, Scene};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Name of the view of optical scenes.
pub(super) const OPTICAL: &str = "optical";

/// What decides which view a scene belongs to.
#[derive(Debug, Clone)]
pub(super) struct ViewKind {
    radar: Option<Radar>,
    bands: BTreeSet<String>,
    datetime: Option<Timestamp>,
}

impl ViewKind {
    pub(super) fn of_scene(scene: &Scene, datetime: Option<Timestamp>) -> Self {
        let bands = scene.bands.iter().map(|b| b.name.to_string()).collect();
        Self { radar: scene.radar.clone(), bands, datetime }
    }

    fn of_reference(reference: &ReferenceScene) -> Self {
        Self {
            radar: reference.radar.as_ref().map(super::state::ReferenceRadar::radar),
            bands: reference.bands.iter().cloned().collect(),
            datetime: reference.datetime.as_deref().and_then(|t| t.parse().ok()),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (&self.radar, &other.radar) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                self.bands == other.bands && a.unlike(self.datetime, b, other.datetime).is_none()
            }
            _ => false,
        }
    }

    /// `radar`, the relative orbit or what the time of day shows of it, what else is known, and the polarisations.
    fn name(&self) -> String {
        let Some(radar) = &self.radar else { return OPTICAL.to_owned() };
        let mut words = vec!["radar".to_owned()];
        words.push(match (radar.relative_orbit, self.datetime) {
            (Some(orbit), _) => format!("orbit {orbit}"),
            (None, Some(at)) if at.as_second() % 86_400 == 0 => at.strftime("%Y-%m-%d").to_string(),
            (None, Some(at)) => at.strftime("%H:%M:%S").to_string(),
            (None, None) => "undated".to_owned(),
        });
        words.extend(radar.pass.map(|p| p.to_string()));
        words.extend(radar.mode.clone());
        words.extend((radar.backscatter != Backscatter::Unknown).then(|| radar.backscatter.to_string()));
        words.push(self.bands.iter().rev().cloned().collect::<Vec<_>>().join("+"));
        words.join(" ")
    }
}

/// Whether a name is that of a view of radar.
pub(super) fn is_radar(view: &str) -> bool {
    view != OPTICAL
}

/// The views that are known, stored ones and those that are about to be made.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<(String, ViewKind)>);

impl Views {
    pub(super) fn of(references: &[(String, ReferenceScene)]) -> Self {
        Self(references.iter().map(|(name, r)| (name.clone(), ViewKind::of_reference(r))).collect())
    }

    /// Name of the view that a scene belongs to; it is a new one where no view is like it.
    pub(super) fn name_of(&mut self, kind: &ViewKind) -> String {
        if let Some((name, _)) = self.0.iter().find(|(_, known)| kind.is_like(known)) {
            return name.clone();
        }
        let name = kind.name();
        self.0.push((name.clone(), kind.clone()));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Backscatter, Pass, Storage};

    #[test]
    fn each_geometry_is_a_view_of_its_own() {
        let kind = |orbit, at: &str, bands: &[&str]| ViewKind {
            radar: Some(Radar {
                mode: Some("IW".into()),
                pass: Some(Pass::Ascending),
                relative_orbit: orbit,
                backscatter: Backscatter::Gamma0,
                storage: Storage::Linear,
            }),
            bands: bands.iter().map(|b| (*b).to_owned()).collect(),
            datetime: at.parse().ok(),
        };
        let mut views = Views::default();
        let both = ["VV", "VH"];
        let first = views.name_of(&kind(Some(37), "2023-04-03T17:32:10Z", &both));
        assert_eq!(first, "radar orbit 37 ascending IW gamma0 VV+VH");
        assert_eq!(views.name_of(&kind(Some(37), "2023-04-15T17:32:11Z", &both)), first);
        assert_ne!(views.name_of(&kind(Some(37), "2023-04-15T17:32:11Z", &["VV"])), first);
        // Without an orbit the clock decides.
        let late = views.name_of(&kind(None, "2023-04-03T17:40:10Z", &both));
        assert!(late.contains("17:40:10"), "{late}");
        assert_eq!(views.name_of(&kind(None, "2023-04-09T17:40:50Z", &both)), late);
        let dated = views.name_of(&kind(None, "2024-04-04T00:00:00Z", &both));
        assert_ne!(views.name_of(&kind(None, "2024-04-06T00:00:00Z", &both)), dated);
        let optical = ViewKind { radar: None, bands: BTreeSet::new(), datetime: None };
        assert_eq!(views.name_of(&optical), OPTICAL);
    }
}

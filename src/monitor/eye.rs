//! How the scenes of one view of a site are seen: its strips as they are stored, its baselines without trains.

use super::Error;
use super::evidence::evidence;
use super::ground::{TrackGround, emptied};
use super::lives::{Evidence, Stretch};
use super::state::{Scale, SceneRow, SceneStatus, State, stored_strip};
use crate::corridor::Strip;
use crate::detect::DetectOutput;
use crate::pipeline::{Look, Site};
use jiff::Timestamp;

/// The view that a scene belongs to.
pub(super) struct Eye<'a> {
    pub(super) name: &'a str,
    pub(super) site: &'a Site,
    pub(super) ground: TrackGround<'a>,
    pub(super) scale: Scale,
}

/// What a scene shows, before it is linked to the dates before it.
pub(super) struct Found {
    pub(super) output: DetectOutput,
    /// Newest date that it was compared with.
    pub(super) earlier: Timestamp,
}

impl Found {
    /// What a stretch shows of a train of this contrast.
    pub(super) fn evidence(&self, stretch: &Stretch, contrast: &[f64], step_m: f64) -> Evidence {
        let unseen = Evidence { clear: 0.0, strength: f64::NAN, score: f64::NEG_INFINITY };
        (self.output.tracks.get(stretch.track))
            .map_or(unseen, |track| evidence(track, stretch, contrast, step_m))
    }
}

impl<'a> Eye<'a> {
    pub(super) fn new(name: &'a str, site: &'a Site) -> Self {
        let ground = TrackGround::new(site.tracks(), site.geometry());
        Self { name, site, ground, scale: Scale::of_radar(site.is_radar()) }
    }

    /// The strips of a scene as they are stored: fresh ones, or those that are kept; `None` where there are none.
    pub(super) fn strips(
        &self,
        state: &State,
        row: &SceneRow,
        look: Option<Look>,
    ) -> Result<Option<Vec<Strip>>, Error> {
        if let Some(look) = look {
            return look
                .strips
                .iter()
                .map(|strip| stored_strip(strip, self.scale))
                .collect::<Result<_, _>>()
                .map(Some);
        }
        if matches!(row.status, SceneStatus::Sampled | SceneStatus::Used) {
            return state.strips(row.scene_key, self.site.geometry(), self.scale).map(Some);
        }
        Ok(None)
    }

    /// Takes the trains out of the baselines of the `dates`: `covered` has the stretches of each.
    pub(super) fn empty(&self, baselines: &mut [Vec<Strip>], dates: &[Timestamp], covered: &[Vec<Stretch>]) {
        for track in 0..self.site.tracks().len() {
            let mut strips: Vec<Strip> = baselines.iter().filter_map(|b| b.get(track).cloned()).collect();
            if strips.len() != covered.len() {
                continue;
            }
            let occupied: Vec<Vec<bool>> = covered
                .iter()
                .zip(&strips)
                .map(|(stretches, strip)| {
                    let mut rows = vec![false; strip.valid.nrows()];
                    for stretch in stretches {
                        for s in self.ground.covered(stretch, track, rows.len()) {
                            rows[s] = true;
                        }
                    }
                    rows
                })
                .collect();
            emptied(&mut strips, dates, &occupied);
            for (baseline, strip) in baselines.iter_mut().zip(strips) {
                baseline[track] = strip;
            }
        }
    }
}

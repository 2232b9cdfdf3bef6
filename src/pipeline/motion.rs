//! Motion of the trains found, where the scene that shows them tells it.

use super::Plan;
use super::origin::satellite_of;
use crate::detect::{Change, TrackDetection, TrackStrips};
use crate::motion::{self, Motion, Seen};
use crate::scene::{Scene, band_delay_s};
use crate::simulate;
use rayon::prelude::*;

/// The motion of each detection, `None` where it cannot be told; `newest` is the scene of the first baseline strips.
pub(super) fn motions(
    plan: &Plan,
    tracks: &[TrackStrips<'_>],
    detections: &[TrackDetection],
    newest: &Scene,
) -> Vec<Option<Motion>> {
    let of = |d: &TrackDetection| {
        let strips = &tracks[d.track_index];
        let baseline = strips.baselines.first()?;
        let (shows, lacks, scene) = match d.change {
            Change::Appeared => (&strips.target, baseline, &plan.target.scene),
            Change::Departed => (baseline, &strips.target, newest),
        };
        if !sees_bands_in_turn(scene) {
            return None;
        }
        let delays: Vec<Option<f64>> = plan.bands.iter().map(|b| band_delay_s(&b.to_string())).collect();
        let seen = Seen { start_m: d.chainage_start_m, end_m: d.chainage_end_m, offset_m: d.offset_m };
        motion::motion(shows, lacks, &delays, seen)
    };
    detections.par_iter().map(of).collect()
}

/// Whether the delays of Sentinel-2 hold for a scene; a platform that is not told is taken at the names of its bands.
fn sees_bands_in_turn(scene: &Scene) -> bool {
    let Some(platform) = satellite_of(scene.platform.as_deref()) else { return scene.radar.is_none() };
    let name = platform.to_lowercase().replace(['_', ' '], "-");
    name.starts_with("sentinel-2") || name.starts_with("s2") || name == simulate::PLATFORM
}

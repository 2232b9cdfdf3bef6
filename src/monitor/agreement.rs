//! How far the views of a site agree: what one sees and another does not is shown, not averaged away.
//!
//! Looked at with all that is known by now: a train that radar saw on Monday and a camera on Friday is agreed on for both
//! days. A train is disputed in a scene that shows its place clear and empty, belongs to a view that never detected it, and
//! was taken while it stood by the word of the others.

use super::lives::{Sight, Stretch};
use super::occupancy::occupancy;
use super::state::{LifeRow, StepRow};
use std::collections::BTreeMap;

/// Agreement of one scene with the other views of the site along one track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Agreement {
    /// Length that it shows occupied by trains that other views detected, too, metres.
    pub(super) agreed_m: f64,
    /// Length that it shows empty and another view occupied, metres.
    pub(super) disputed_m: f64,
}

/// The agreement of each scene and track that has any, by scene key and track index.
pub(super) fn agreements(lives: &[LifeRow], steps: &[StepRow]) -> BTreeMap<(i64, usize), Agreement> {
    let shared: BTreeMap<&str, bool> =
        lives.iter().map(|row| (row.life.id.as_str(), row.life.seen_by.len() > 1)).collect();
    let mut found: BTreeMap<(i64, usize), [Vec<Stretch>; 3]> = BTreeMap::new();
    for step in steps {
        let is_shared = shared.get(step.life_id.as_str()).copied().unwrap_or(false);
        let of = found.entry((step.scene_key, step.place.track)).or_default();
        match step.sight {
            Sight::Seen => {
                of[0].push(step.place);
                if is_shared {
                    of[1].push(step.place);
                }
            }
            Sight::Unseen => of[2].push(step.place),
            Sight::Missed | Sight::Faint | Sight::Hidden => {}
        }
    }
    let metres = |on: &[Stretch]| occupancy(on, f64::INFINITY).occupied_m;
    found
        .into_iter()
        .map(|(key, [seen, agreed, unseen])| {
            let all: Vec<Stretch> = seen.iter().chain(&unseen).copied().collect();
            // What is occupied by a train that is seen cannot be empty.
            let disputed_m = metres(&all) - metres(&seen);
            (key, Agreement { agreed_m: metres(&agreed), disputed_m })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{Life, LifeState};

    #[test]
    fn what_one_sees_alone_is_disputed_by_the_other() {
        let life = |id: &str, views: &[&str]| LifeRow {
            life: Life {
                id: id.into(),
                place: Stretch { track: 0, start_m: 0.0, end_m: 1.0 },
                state: LifeState::Confirmed,
                first_seen: jiff::Timestamp::UNIX_EPOCH,
                last_seen: jiff::Timestamp::UNIX_EPOCH,
                first_missed: None,
                seen_count: 2,
                misses: 0,
                move_count: 0,
                score: 3.0,
                appearance: "dark".into(),
                seen_by: views.iter().map(|v| (*v).to_owned()).collect(),
                contrasts: BTreeMap::new(),
            },
            track_id: "t".into(),
        };
        let step = |id: &str, scene_key, sight, start_m, end_m| StepRow {
            life_id: id.into(),
            scene_key,
            sight,
            place: Stretch { track: 0, start_m, end_m },
        };
        let lives = [life("both", &["optical", "radar"]), life("one", &["optical"])];
        let steps = [
            step("both", 1, Sight::Seen, 100.0, 300.0),
            step("one", 1, Sight::Seen, 250.0, 400.0),
            step("both", 2, Sight::Seen, 100.0, 300.0),
            step("one", 2, Sight::Unseen, 250.0, 400.0),
            step("one", 3, Sight::Hidden, 250.0, 400.0),
        ];
        let found = agreements(&lives, &steps);
        assert_eq!(found[&(1, 0)], Agreement { agreed_m: 200.0, disputed_m: 0.0 });
        assert_eq!(found[&(2, 0)], Agreement { agreed_m: 200.0, disputed_m: 100.0 });
        assert_eq!(found[&(3, 0)], Agreement::default());
    }
}

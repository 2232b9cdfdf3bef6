//! Lives as they were lived against lives as `monitor run` tells them.

use super::simulated_days::{Days, Stand, Train};
use railwatch::monitor::{DetectionRow, Life, LifeRow, LifeState, SceneRow, Sight, StepRow};

/// What a life may be; the last one: hidden by clouds all the time, or missed.
const KINDS: [&str; 5] = ["one date", "stays", "moves", "permanent", "hidden or missed"];
/// Dates without a train at the beginning, on which the watch has few earlier ones to compare with.
const LEARNING_DATES: usize = 5;
/// Share of a train that what is told of it must cover.
const COVER: f64 = 0.3;

/// Counts over all lines.
#[derive(Default)]
pub(crate) struct Score {
    /// Lived, told.
    table: [[usize; 5]; 5],
    /// Lives of no train, and those of them on the first dates.
    of_nothing: (usize, usize),
    /// Lives more than one of a train.
    split: usize,
    /// Trains that are told of, and the dates that this came late.
    told: (usize, usize),
    /// Trains that could be seen, and those of them that were detected.
    detected: (usize, usize),
    /// Trains that moved, and those of them that were detected in both places.
    detected_moves: (usize, usize),
    /// Clear dates on which a known place was empty: all, seen by a detection, seen on weak evidence.
    empty: [usize; 3],
    /// Clear dates on which a known train stood: all, seen by a detection, seen on weak evidence.
    standing: [usize; 3],
}

/// What could be known of a train: of the dates on which half of its place is clear.
fn lived(days: &Days, train: &Train) -> usize {
    let in_sight = |s: &Stand| {
        (s.dates.0..=s.dates.1)
            .filter(|i| days.clear(*i, s.start_m, s.start_m + train.length_m) >= 0.5)
            .count()
    };
    let seen: Vec<usize> = train.stands.iter().map(in_sight).collect();
    match (seen.iter().sum::<usize>(), seen.iter().filter(|n| **n > 0).count()) {
        (0, _) => 4,
        (n, 1) if n > 18 => 3,
        (1, _) => 0,
        (_, 1) => 1,
        _ => 2,
    }
}

/// What is told of a life.
fn told(life: &Life) -> usize {
    match (life.state, life.seen_count, life.move_count) {
        (LifeState::Permanent, ..) => 3,
        (_, 1, _) => 0,
        (_, _, 0) => 1,
        _ => 2,
    }
}

/// Whether a stretch covers enough of a train where it stands.
fn covers(stretch_m: (f64, f64), train: &Train, stand: &Stand) -> bool {
    let over = stretch_m.1.min(stand.start_m + train.length_m) - stretch_m.0.max(stand.start_m);
    over > COVER * train.length_m
}

impl Score {
    /// Adds one line.
    pub(crate) fn add(
        &mut self,
        days: &Days,
        trains: &[Train],
        lives: &[LifeRow],
        detections: &[DetectionRow],
    ) {
        let times: Vec<_> = days.scenes.iter().map(|s| s.datetime).collect();
        let mut taken = vec![false; lives.len()];
        for train in trains {
            let hits: Vec<usize> = (0..lives.len())
                .filter(|&k| {
                    let life = &lives[k].life;
                    train.stands.iter().any(|s| {
                        covers((life.place.start_m, life.place.end_m), train, s)
                            && life.first_seen <= times[s.dates.1]
                            && life.last_seen >= times[s.dates.0]
                    })
                })
                .collect();
            for &k in &hits {
                taken[k] = true;
            }
            self.split += hits.len().saturating_sub(1);
            let kind = lived(days, train);
            let best = hits.iter().map(|&k| &lives[k].life).max_by_key(|life| life.seen_count);
            self.table[kind][best.map_or(4, told)] += 1;
            if let Some(life) = best {
                let first = times.iter().position(|t| *t >= life.first_seen).unwrap_or(0);
                let stand = train.stands[0];
                let could = (stand.dates.0..=stand.dates.1)
                    .find(|&i| days.clear(i, stand.start_m, stand.start_m + train.length_m) >= 0.5);
                self.told.0 += 1;
                self.told.1 += could.map_or(0, |c| first.saturating_sub(c));
            }
            let caught = |s: &Stand| {
                detections.iter().any(|d| {
                    d.change == "appeared"
                        && covers((d.start_m, d.end_m), train, s)
                        && (times[s.dates.0]..=times[s.dates.1]).contains(&d.datetime)
                })
            };
            if kind != 4 {
                self.detected.0 += 1;
                self.detected.1 += usize::from(train.stands.iter().any(caught));
            }
            if kind == 2 {
                self.detected_moves.0 += 1;
                self.detected_moves.1 += usize::from(train.stands.iter().all(caught));
            }
        }
        for (row, _) in lives.iter().zip(&taken).filter(|(_, taken)| !**taken) {
            self.of_nothing.0 += 1;
            self.of_nothing.1 += usize::from(row.life.first_seen < times[LEARNING_DATES]);
        }
    }

    /// Adds what the clear dates of one line say of places that are known; where less than half of one is covered is left out.
    pub(crate) fn add_steps(
        &mut self,
        days: &Days,
        trains: &[Train],
        (steps, scenes, detections): (&[StepRow], &[SceneRow], &[DetectionRow]),
    ) {
        let clear_steps = steps.iter().filter(|s| s.sight != Sight::Hidden);
        // A life's first step is what it begins with: it was not known then.
        let mut known = std::collections::BTreeSet::new();
        let mut in_time: Vec<(usize, &StepRow)> = clear_steps
            .filter_map(|step| {
                let scene = scenes.iter().find(|s| s.scene_key == step.scene_key)?;
                Some((days.scenes.iter().position(|d| Some(d.datetime) == scene.datetime)?, step))
            })
            .collect();
        in_time.sort_by_key(|(date, _)| *date);
        for (date, step) in in_time {
            if known.insert(step.life_id.as_str()) {
                continue;
            }
            let place_m = (step.place.start_m, step.place.end_m);
            let on_m = |start_m: f64, end_m: f64| end_m.min(place_m.1) - start_m.max(place_m.0);
            let here = |s: &&Stand| (s.dates.0..=s.dates.1).contains(&date);
            let covered_m: Vec<f64> = trains
                .iter()
                .flat_map(|t| t.stands.iter().filter(here).map(|s| on_m(s.start_m, s.start_m + t.length_m)))
                .collect();
            let most_m = covered_m.into_iter().fold(0.0, f64::max);
            let count = if most_m <= 0.0 {
                &mut self.empty
            } else if most_m > 0.5 * step.place.length_m() {
                &mut self.standing
            } else {
                continue;
            };
            let is_detected = detections.iter().any(|d| {
                d.scene_key == step.scene_key && d.change == "appeared" && on_m(d.start_m, d.end_m) > 0.0
            });
            count[0] += 1;
            if step.sight == Sight::Seen {
                count[if is_detected { 1 } else { 2 }] += 1;
            }
        }
    }

    /// Prints everything; `km` is track times dates.
    pub(crate) fn print(&self, km: f64) {
        println!("| lived / told | {} |\n|---|---|---|---|---|---|", KINDS.join(" | "));
        for (kind, row) in KINDS.iter().zip(self.table) {
            println!("| {kind} | {} |", row.map(|n| n.to_string()).join(" | "));
        }
        println!(
            "{} lives told in two, {} lives of nothing on {km:.0} km of track and date ({:.2} per 100 km), {} of them from \
             the first {LEARNING_DATES} dates; first told {:.2} dates late on average",
            self.split,
            self.of_nothing.0,
            self.of_nothing.0 as f64 / km * 100.0,
            self.of_nothing.1,
            self.told.1 as f64 / self.told.0.max(1) as f64
        );
        println!(
            "the detector alone: {} of {} trains that could be seen are detected on a date on which they stand, {} of {} \
             that move in both places",
            self.detected.1, self.detected.0, self.detected_moves.1, self.detected_moves.0
        );
        for (what, [all, detected, weak]) in [("was empty", self.empty), ("held its train", self.standing)] {
            println!(
                "{all} clear dates on which a known place {what}: {detected} seen by a detection, {weak} on weak evidence"
            );
        }
    }
}

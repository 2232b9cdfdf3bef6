//! The detection limit checked: trains of exactly the length that was told, on the same ground and date.

use super::own::{CARGOS, Rng};
use super::sites::Site;
use super::world::Train;
use super::{known, run, worlds};
use railwatch::stats::binomial_interval;

/// Rate at which the limit is told and checked, per 100 km.
const ASKED_PER_100KM: f64 = 2.0;
const WAGON_M: f64 = 14.0;
/// Worlds drawn a pair.
const ROUNDS: u64 = 2;

/// A line of the table: of trains exactly as long as the limit told for their track and cargo, how many are found.
pub(crate) fn line(name: &str, sites: &[Site], index: usize) -> String {
    let (mut hits, mut all, mut told, mut without) = (0, 0, Vec::new(), 0);
    for (s, site) in sites.iter().enumerate() {
        for (p, pair) in site.pairs.iter().enumerate() {
            let seed = 7_000_000 + 100_000 * s as u64 + 1000 * index as u64 + p as u64;
            let Ok(empty) = run(&worlds(pair, false, seed, |_, _| Vec::new()), ASKED_PER_100KM) else {
                continue;
            };
            for round in 0..ROUNDS {
                let draw = |i: usize, rng: &mut Rng| {
                    let limits = &empty.tracks[i].detection_limits;
                    let limit = &limits[(i + 2 * round as usize) % limits.len()];
                    let (Some(length_m), Some(cargo)) =
                        (limit.length_m, CARGOS.iter().position(|c| limit.cargo.starts_with(c.0)))
                    else {
                        return Vec::new();
                    };
                    let length_m = (length_m / WAGON_M).ceil() * WAGON_M;
                    let room_m = pair.tracks[i].length_m() - length_m - 60.0;
                    if room_m < 0.0 {
                        return Vec::new();
                    }
                    let start_m = 30.0 + rng.uniform(0.0, room_m);
                    vec![Train { start_m, end_m: start_m + length_m, cargo }]
                };
                let worlds = worlds(pair, false, seed, draw);
                let Ok(output) = run(&worlds, ASKED_PER_100KM) else { continue };
                without += worlds.iter().filter(|w| w.trains.is_empty()).count();
                for (i, w) in worlds.iter().enumerate() {
                    for train in &w.trains {
                        let k = known(w, train, &output.tracks[i].profile, false);
                        if !k.is_seen {
                            continue;
                        }
                        all += 1;
                        told.push(train.end_m - train.start_m);
                        let own = output.detections.iter().filter(|d| d.track_index == i);
                        hits +=
                            usize::from(own.map(|d| super::found(w, d)).any(|f| k.axis.is_hit(&f.corners)));
                    }
                }
            }
        }
    }
    let [low, high] = binomial_interval(hits, all);
    let middle = railwatch::stats::median(&mut told);
    format!(
        "| {name}: {all} trains, median {middle:.0} m ({without} without a limit or too short a track) | {:.2} | {low:.2}–{high:.2} |",
        f64::from(hits as u32) / f64::from(all as u32)
    )
}

//! Where trains and stockpiles stand and what their wagons look like.

use super::draw::Patch;
use super::{Cargo, Change, Implant, ImplantParams, Kind, SpectralBand, Spectrum};
use crate::corridor::Track;
use crate::scene::{BALLAST, band_delay_s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A train or stockpile with the patches that paint it.
pub(super) struct Placed {
    pub(super) truth: Implant,
    pub(super) patches: Vec<Patch>,
}

impl Placed {
    fn move_at(&mut self, velocity_m_s: f64) {
        self.truth.velocity_m_s = Some(velocity_m_s);
        self.patches.iter_mut().for_each(|p| p.velocity_m_s = velocity_m_s);
    }
}

/// Tries for a free place before a train is given up.
const TRIES: usize = 400;
/// Trains keep this distance, metres, for closer ones could not be told apart; it is looked at every 10 m, so up to 20 m less.
const CLEARANCE_M: f64 = 35.0;
/// Track left free before and behind a train, metres.
const MARGIN_M: f64 = 10.0;

/// Trains on `tracks`, the fewer the less room there is.
pub(super) fn place_trains(tracks: &[Track], params: &ImplantParams, rng: &mut ChaCha8Rng) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    let mut occupied: Vec<(f64, f64)> = Vec::new();
    let changes = [
        (Change::Appeared, params.appeared_count),
        (Change::Departed, params.departed_count),
        (Change::Standing, params.standing_count),
    ];
    let still = changes.iter().flat_map(|&(change, count)| std::iter::repeat_n((change, false), count));
    // Last, so that they change nothing of those that stand.
    for (change, moves) in still.chain(std::iter::repeat_n((Change::Appeared, true), params.moving_count)) {
        let length_m = rng.random_range(params.min_length_m..=params.max_length_m);
        let cargo = draw_cargo(&params.cargoes, rng);
        let margin_m = MARGIN_M + if moves { longest_way_m(params) } else { 0.0 };
        // A single wagon may be longer than what is asked for.
        let reserved_m = params.wagon_lengths_m.iter().copied().fold(length_m, f64::max);
        for _ in 0..TRIES {
            let track = draw_track(tracks, rng);
            let room_m = tracks[track].length_m() - reserved_m - 2.0 * margin_m;
            if room_m <= 0.0 {
                continue;
            }
            let start_m = margin_m + rng.random_range(0.0..=room_m);
            let points: Vec<(f64, f64)> = (0..=(reserved_m / 10.0) as usize)
                .map(|k| tracks[track].at(start_m + k as f64 * 10.0).xy)
                .collect();
            if points.iter().all(|&p| clear(p, &occupied, CLEARANCE_M)) {
                occupied.extend(points);
                let mut one = train(tracks, track, (start_m, length_m), (cargo, change), params, rng);
                if moves {
                    one.move_at(draw_velocity(params.speed_m_s, rng));
                }
                placed.push(one);
                break;
            }
        }
    }
    placed
}

fn draw_cargo(choice: &[Cargo], rng: &mut ChaCha8Rng) -> Cargo {
    let choice = if choice.is_empty() { &Cargo::ALL[..] } else { choice };
    choice[rng.random_range(0..choice.len())]
}

/// A speed of the range, forth or back.
fn draw_velocity((slow, fast): (f64, f64), rng: &mut ChaCha8Rng) -> f64 {
    let speed = rng.random_range(slow..=fast);
    if rng.random::<bool>() { speed } else { -speed }
}

/// The farthest that any band sees a moving train from its place, metres.
fn longest_way_m(params: &ImplantParams) -> f64 {
    let delays = SpectralBand::ALL.iter().filter_map(|band| band_delay_s(band.name()));
    params.speed_m_s.1 * delays.fold(0.0, f64::max)
}

/// A track, with a chance in proportion to its length.
fn draw_track(tracks: &[Track], rng: &mut ChaCha8Rng) -> usize {
    let total_m: f64 = tracks.iter().map(Track::length_m).sum();
    let mut place_m = rng.random_range(0.0..=total_m);
    for (i, track) in tracks.iter().enumerate() {
        place_m -= track.length_m();
        if place_m <= 0.0 {
            return i;
        }
    }
    tracks.len() - 1
}

fn clear(p: (f64, f64), points: &[(f64, f64)], distance_m: f64) -> bool {
    points.iter().all(|q| (p.0 - q.0).hypot(p.1 - q.1) > distance_m)
}

fn train(
    tracks: &[Track],
    track: usize,
    (start_m, length_m): (f64, f64),
    (cargo, change): (Cargo, Change),
    params: &ImplantParams,
    rng: &mut ChaCha8Rng,
) -> Placed {
    let half_m = params.train_width_m / 2.0;
    let own_m = draw_wagon_m(params, rng);
    let mut next_m = start_m;
    let mut patches: Vec<Patch> = Vec::new();
    loop {
        let wagon_m = if cargo == Cargo::Mixed { draw_wagon_m(params, rng) } else { own_m };
        // The last wagon is the last whose middle lies in the length, and none reaches the margin's end.
        let over_m = next_m + wagon_m - (start_m + length_m);
        if !patches.is_empty() && over_m > MARGIN_M.min(wagon_m / 2.0) {
            break;
        }
        let load = match cargo {
            Cargo::Mixed => Cargo::ALL[rng.random_range(0..Cargo::ALL.len() - 1)],
            one => one,
        };
        // Wagons of one kind still differ by paint, dirt and load.
        let tone = rng.random_range(0.88..1.12);
        patches.push(Patch {
            track,
            along_m: (next_m, next_m + wagon_m - params.gap_m),
            across_m: (-half_m, half_m),
            reflectance: load.reflectance().map(|r| r * tone),
            velocity_m_s: 0.0,
            texture: 0.0,
        });
        next_m += wagon_m;
    }
    let along_m = (start_m, next_m - params.gap_m);
    let truth = truth_of(&tracks[track], along_m, (-half_m, half_m), (Kind::Train, cargo, change), &patches);
    Placed { truth, patches }
}

/// A wagon over couplers; nothing is drawn where all are alike.
fn draw_wagon_m(params: &ImplantParams, rng: &mut ChaCha8Rng) -> f64 {
    match params.wagon_lengths_m.len() {
        0 => params.wagon_m,
        count => params.wagon_lengths_m[rng.random_range(0..count)],
    }
}

/// Stockpiles and container blocks beside the tracks, 40–75 m off, of the first change and then of the second.
pub(super) fn place_stockpiles(
    tracks: &[Track],
    counts: [(Change, usize); 2],
    rng: &mut ChaCha8Rng,
) -> Vec<Placed> {
    let rails: Vec<(f64, f64)> = tracks
        .iter()
        .flat_map(|t| (0..=(t.length_m() / 10.0) as usize).map(|k| t.at(k as f64 * 10.0).xy))
        .collect();
    let mut placed = Vec::new();
    let wanted = counts.iter().flat_map(|&(change, count)| std::iter::repeat_n(change, count));
    for (k, change) in wanted.enumerate() {
        let cargo = [Cargo::Coal, Cargo::White, Cargo::BlueTarpaulin][k % 3];
        for _ in 0..TRIES {
            let track = draw_track(tracks, rng);
            let (long_m, wide_m) = (rng.random_range(50.0..110.0), rng.random_range(18.0..32.0));
            let start_m = rng.random_range(0.0..=(tracks[track].length_m() - long_m).max(0.0));
            let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
            let middle_m = side * rng.random_range(40.0..75.0);
            let (along_m, across_m) =
                ((start_m, start_m + long_m), (middle_m - wide_m / 2.0, middle_m + wide_m / 2.0));
            let outline = footprint(&tracks[track], along_m, across_m);
            if tracks[track].length_m() < long_m || !outline.iter().all(|&p| clear(p, &rails, 18.0)) {
                continue;
            }
            let patch = Patch {
                track,
                along_m,
                across_m,
                reflectance: cargo.reflectance(),
                velocity_m_s: 0.0,
                texture: 0.08,
            };
            let what = (Kind::Cargo, cargo, change);
            let truth = truth_of(&tracks[track], along_m, across_m, what, std::slice::from_ref(&patch));
            placed.push(Placed { truth, patches: vec![patch] });
            break;
        }
    }
    placed
}

fn truth_of(
    track: &Track,
    along_m: (f64, f64),
    across_m: (f64, f64),
    (kind, cargo, change): (Kind, Cargo, Change),
    patches: &[Patch],
) -> Implant {
    let mut contrast: Spectrum = BALLAST.map(|b| -b);
    for patch in patches {
        for (c, r) in contrast.iter_mut().zip(patch.reflectance) {
            *c += r / patches.len() as f64;
        }
    }
    Implant {
        kind,
        change,
        cargo,
        track_id: track.id.clone(),
        chainage_start_m: along_m.0,
        chainage_end_m: along_m.1,
        offset_m: f64::midpoint(across_m.0, across_m.1),
        velocity_m_s: None,
        footprint: footprint(track, along_m, across_m),
        contrast,
    }
}

/// The outline of a piece of the track frame: along one side, back along the other.
fn footprint(track: &Track, along_m: (f64, f64), across_m: (f64, f64)) -> Vec<(f64, f64)> {
    let steps = ((along_m.1 - along_m.0) / 10.0).ceil().max(1.0) as usize;
    let side = |k: usize, offset_m: f64| {
        track.at(along_m.0 + (along_m.1 - along_m.0) * k as f64 / steps as f64).at_offset(offset_m)
    };
    let mut ring: Vec<(f64, f64)> = (0..=steps).map(|k| side(k, across_m.1)).collect();
    ring.extend((0..=steps).rev().map(|k| side(k, across_m.0)));
    ring
}

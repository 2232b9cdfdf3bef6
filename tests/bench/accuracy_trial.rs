//! Recall of implanted trains on real pairs at given false-alarm rates: the trial behind `docs/accuracy.md`.
//!
//! Virtual tracks are laid across real scenes. Each gets a ballast bed in all dates; every other track gets trains
//! in the target (or, departed, in the newest baseline instead). False alarms are counted on the tracks without trains, and on
//! real railways and roads as they are.
//! Everything is scored by `railwatch::evaluate`, the naive references by the same rule. Sites whose files are absent
//! are left out. `scripts/benchmark` runs it; options: `--quick`, `--seeds N`, `--only WORD`, `--departed`, `--lines` (only those as
//! they are), `--out FILE`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a report for people")]

#[path = "accuracy/empty.rs"]
mod empty;
#[path = "accuracy/limit.rs"]
mod limit;
mod own;
#[path = "../real_data/mod.rs"]
mod real_data;
#[path = "accuracy/sites.rs"]
mod sites;
mod spread;
#[path = "accuracy/world.rs"]
mod world;

use ndarray::Array2;
use own::{CARGOS, Rng};
use railwatch::corridor::{Strip, StripGeometry, Track, sample_strip};
use railwatch::detect::{self, DetectOutput, DetectParams, TrackDetection, TrackStrips, detect};
use railwatch::evaluate::naive::{self, NaiveCase, NaiveTrack, Reference};
use railwatch::evaluate::{Axis, Calibration, Case, Evaluation, Found, Known, evaluate};
use railwatch::grid::Mapping;
use railwatch::raster::Raster;
use railwatch::simulate::{Change, Kind};
use railwatch::units::FalseAlarmRate;
use rayon::prelude::*;
use sites::{Site, sites};
use std::fmt::Write as _;
use world::{Pair, Train, implant, moved, trains_along};

/// Score of the strongest event that is kept: far weaker than any rate that is told.
const KEPT_PER_100KM: f64 = 3000.0;

/// A track with its implants, sampled.
struct World {
    /// The track, far from every other one: worlds share pixels but must not be taken for one yard.
    track: Track,
    strips: Vec<Strip>,
    /// Target and newest baseline as they come, without registration; none for a real line.
    raw: Vec<Strip>,
    trains: Vec<Train>,
}

fn sampled(raster: &Raster, shift_px: (f64, f64), track: &Track, geometry: StripGeometry) -> Strip {
    sample_strip(raster, (0, 0), &Mapping::Affine(raster.grid.affine), shift_px, track, geometry)
}

/// The tracks of a pair; `trains` draws what stands on the i-th.
fn worlds(
    pair: &Pair,
    departed: bool,
    seed: u64,
    trains: impl Fn(usize, &mut Rng) -> Vec<Train> + Sync,
) -> Vec<World> {
    let geometry = StripGeometry::for_pixel_m(10.0);
    pair.tracks
        .par_iter()
        .enumerate()
        .map(|(i, track)| {
            let rng = &mut Rng(seed.wrapping_mul(0x1_0001).wrapping_add(i as u64));
            let trains = trains(i, rng);
            let texture: Vec<f64> =
                (0..=(track.length_m() / 10.0) as usize).map(|_| 1.0 + 0.06 * rng.normal()).collect();
            let (mut strips, mut raw) = (Vec::new(), Vec::new());
            for (d, date) in pair.dates.iter().enumerate() {
                let with: &[Train] = if d == usize::from(departed) { &trains } else { &[] };
                let raster = implant(date, track, with, &texture, rng);
                strips.push(sampled(&raster, date.shift_px, track, geometry));
                if d < 2 {
                    raw.push(sampled(&raster, (0.0, 0.0), track, geometry));
                }
            }
            World { track: moved(track, i as f64 * 1e6), strips, raw, trains }
        })
        .collect()
}

fn run(worlds: &[World], false_alarms: f64) -> Result<DetectOutput, detect::Error> {
    let inputs: Vec<TrackStrips<'_>> = worlds
        .iter()
        .map(|w| {
            let exclusion = Array2::from_elem(w.strips[0].valid.dim(), false);
            let (target, baselines) = (w.strips[0].clone(), w.strips[1..].to_vec());
            TrackStrips { track: &w.track, target, baselines, exclusion }
        })
        .collect();
    let false_alarms = FalseAlarmRate::per_100km(false_alarms).unwrap();
    detect(&inputs, &DetectParams { false_alarms, ..DetectParams::default() })
}

fn known(world: &World, train: &Train, profile: &[f32], departed: bool) -> Known {
    let cells = (train.start_m / 10.0) as usize..(train.end_m / 10.0) as usize;
    let seen = cells.clone().filter(|&s| !profile[s].is_nan()).count();
    let ends = [train.start_m, train.end_m].map(|s| world.track.at(s).xy);
    Known {
        speed_m_s: None,
        kind: Kind::Train,
        axis: Axis::new(ends.to_vec()).unwrap(),
        cargo: CARGOS[train.cargo].0.to_owned(),
        change: if departed { Change::Departed } else { Change::Appeared },
        is_seen: seen as f64 >= 0.8 * cells.len() as f64,
        limit_m: None,
    }
}

fn found(world: &World, d: &TrackDetection) -> Found {
    let change = if d.change == detect::Change::Departed { Change::Departed } else { Change::Appeared };
    let corners = [d.chainage_start_m, d.chainage_end_m].map(|s| world.track.at(s).xy).to_vec();
    let length_interval_m = Some(d.length_interval_m);
    Found {
        kind: Kind::Train,
        change,
        corners,
        score: d.score,
        p_value: d.p_value,
        length_interval_m,
        speed_m_s: None,
        speed_sigma_m_s: None,
    }
}

/// A pair as `evaluate` sees it; false alarms on the tracks with trains are left out, as is their length.
fn case(worlds: &[World], output: &DetectOutput, departed: bool) -> Case {
    let (mut found_all, mut known_all, mut observed_m) = (Vec::new(), Vec::new(), 0.0);
    for (i, world) in worlds.iter().enumerate() {
        let result = &output.tracks[i];
        let own: Vec<Known> =
            world.trains.iter().map(|t| known(world, t, &result.profile, departed)).collect();
        let detections = output.detections.iter().filter(|d| d.track_index == i).map(|d| found(world, d));
        if world.trains.is_empty() {
            observed_m += result.observed_m;
            found_all.extend(detections);
        } else {
            found_all.extend(detections.filter(|f| own.iter().any(|k| k.axis.is_hit(&f.corners))));
        }
        known_all.extend(own);
    }
    Case {
        name: String::new(),
        found: found_all,
        known: known_all,
        observed_m,
        asked_per_100km: KEPT_PER_100KM,
        origin_lonlat: (0.0, 0.0),
    }
}

fn naive_tracks(worlds: &[World], reference: Reference) -> Vec<NaiveTrack> {
    let pairs: Vec<(&Strip, &Strip)> = worlds
        .iter()
        .map(|w| match reference {
            Reference::PlainDifference => (&w.raw[0], &w.raw[1]),
            _ => (&w.strips[0], &w.strips[1]),
        })
        .collect();
    let statistics = naive::statistic(reference, &pairs).unwrap_or_default();
    let track = |(w, statistic): (&World, Vec<f64>)| {
        let points = (0..statistic.len()).map(|s| w.track.at(10.0 * s as f64).xy).collect();
        NaiveTrack { points, statistic, is_null: w.trains.is_empty() }
    };
    worlds.iter().zip(statistics).map(track).collect()
}

/// The cases as if only the trains that `keep` were there: the others and what was found of them are left out.
fn only(cases: &[Case], keep: impl Fn(&Known) -> bool) -> Vec<Case> {
    let case = |case: &Case| {
        let (known, other): (Vec<Known>, Vec<Known>) = case.known.iter().cloned().partition(&keep);
        let mut found = case.found.clone();
        found.retain(|f| !other.iter().any(|k| k.axis.is_hit(&f.corners)));
        Case { known, found, ..case.clone() }
    };
    cases.iter().map(case).collect()
}

/// What one site gives over all its pairs.
struct Outcome {
    evaluation: Evaluation,
    /// The trains of rust, which is nearly the spectrum of ballast, and all others.
    rust: Evaluation,
    other: Evaluation,
    references: Vec<naive::NaiveResult>,
}

fn trial(sites: &[Site], index: usize, departed: bool) -> Outcome {
    let mut cases = Vec::new();
    let mut naive: Vec<Vec<Vec<NaiveTrack>>> = vec![Vec::new(); Reference::ALL.len()];
    for (s, site) in sites.iter().enumerate() {
        for (p, pair) in site.pairs.iter().enumerate() {
            let seed = 100_000 * s as u64 + 1000 * index as u64 + p as u64;
            let draw = |i: usize, rng: &mut Rng| {
                if i.is_multiple_of(2) {
                    trains_along(pair.tracks[i].length_m(), pair.lengths_m, rng)
                } else {
                    Vec::new()
                }
            };
            let worlds = worlds(pair, departed, seed, draw);
            match run(&worlds, KEPT_PER_100KM) {
                Ok(output) => cases.push(case(&worlds, &output, departed)),
                Err(error) => {
                    println!("  left out: {error}");
                    continue;
                }
            }
            for (tracks, reference) in naive.iter_mut().zip(Reference::ALL) {
                tracks.push(if departed { Vec::new() } else { naive_tracks(&worlds, reference) });
            }
        }
    }
    let score = |(tracks, reference): (Vec<Vec<NaiveTrack>>, Reference)| {
        let naive: Vec<NaiveCase<'_>> = (tracks.into_iter().zip(&cases))
            .map(|(tracks, c)| NaiveCase { tracks, known: &c.known, observed_m: c.observed_m })
            .collect();
        naive::score(reference, &naive)
    };
    let references = naive.into_iter().zip(Reference::ALL).map(score).collect();
    let is_rust = |k: &Known| k.cargo == "rust";
    Outcome {
        evaluation: evaluate(&cases),
        rust: evaluate(&only(&cases, is_rust)),
        other: evaluate(&only(&cases, |k| !is_rust(k))),
        references,
    }
}

fn three(values: impl Iterator<Item = f64>) -> String {
    values.map(|v| format!("{v:.2}").trim_start_matches('0').to_owned()).collect::<Vec<_>>().join("/")
}

fn recall(e: &Evaluation) -> String {
    three(e.recall_at.iter().map(|r| r.recall))
}

fn recall_at_asked(e: &Evaluation) -> String {
    three(e.recall_at.iter().filter_map(|r| r.recall_at_asked))
}

fn rate(c: &Calibration) -> String {
    let [low, high] = c.interval_per_100km;
    format!("{:.1} ({low:.1}–{high:.1})", c.measured_per_100km)
}

/// A line of the table of trains with and without those that look like ballast.
fn rust_line(name: &str, outcome: &Outcome) -> String {
    let (rust, other) = (&outcome.rust, &outcome.other);
    format!(
        "| {name} | {} | {} | {} | {} | {} |",
        rust.all.known_count,
        recall(rust),
        other.all.known_count,
        recall(other),
        recall_at_asked(other)
    )
}

/// A line of the table of recall and one of the table of calibration.
fn lines(name: &str, outcome: &Outcome, departed: bool) -> (String, String) {
    let e = &outcome.evaluation;
    let references: Vec<String> = (outcome.references.iter())
        .map(|r| if departed { "–".to_owned() } else { three(r.recall_at.into_iter()) })
        .collect();
    let found = format!(
        "| {name} ({}, {:.0} km) | {} | {} | {} | {:.0}/{:.0} | {:.2} | {:.2} |",
        e.all.known_count,
        e.observed_km,
        recall(e),
        recall_at_asked(e),
        references.join(" | "),
        e.end_errors.median_m,
        e.end_errors.high_m,
        e.length_kept.fraction,
        e.wrong_change_fraction
    );
    let mut rates = format!("| {name} |");
    for c in e.calibration.iter().take(3) {
        let _ = write!(rates, " {} |", rate(c));
    }
    (found, rates)
}

fn option(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|a| a != name);
    args.next().and_then(|_| args.next())
}

fn flag(name: &str) -> bool {
    std::env::args().any(|a| a == name)
}

fn main() {
    let data = real_data::root();
    let quick = flag("--quick");
    let seeds: u64 = option("--seeds").and_then(|v| v.parse().ok()).unwrap_or(if quick { 1 } else { 2 });
    let only = option("--only").unwrap_or_default();
    let share = if quick { 0.25 } else { 1.0 };
    let mut by_site: Vec<(String, Vec<Site>)> = Vec::new();
    for seed in 0..seeds {
        for mut site in sites(&data, &only, seed, share) {
            if quick {
                site.pairs.truncate(3);
            }
            let name = format!("{}{}", site.name, if site.is_held_out { " (held out)" } else { "" });
            match by_site.iter_mut().find(|s| s.0 == name) {
                Some(known) => known.1.push(site),
                None => by_site.push((name, vec![site])),
            }
        }
    }
    let [mut recall, mut rates, mut limits, mut rust, mut empty] = [const { String::new() }; 5];
    for departed in if flag("--departed") { vec![false, true] } else { vec![false] } {
        for (i, (name, sites)) in by_site.iter().enumerate() {
            let name = format!("{name}{}", if departed { ", departed" } else { "" });
            if !departed {
                // The same with every seed.
                let d = empty::lines(&data, &name, &sites[0]);
                print!("{d}");
                empty += &d;
            }
            if flag("--lines") {
                continue;
            }
            let outcome = trial(sites, i, departed);
            let (a, b) = lines(&name, &outcome, departed);
            println!("{a}\n{b}");
            recall = recall + &a + "\n";
            rates = rates + &b + "\n";
            if !departed {
                let c = limit::line(&name, sites, i);
                println!("{c}");
                limits = limits + &c + "\n";
                rust = rust + &rust_line(&name, &outcome) + "\n";
            }
        }
    }
    let report = format!(
        "| site (trains, track without trains) | recall at true 2/10/50 per 100 km | at asked 2/10/50 | CVA | IR-MAD | plain difference | \
         ends, median/90 % (m) | lengths in their range | wrong date named |\n|---|---|---|---|---|---|---|---|---|\n{recall}\n\
         | false alarms per 100 km for asked | 2 | 10 | 50 |\n|---|---|---|---|\n{rates}\n\
         | detection limit reported at 2 per 100 km, trains of just that length | found | 95 % interval |\n|---|---|---|\n{limits}\n\
         | site | trains of rust | recall at true 2/10/50 | all other trains | recall at true 2/10/50 | at asked 2/10/50 |\n\
         |---|---|---|---|---|---|\n{rust}\n\
         | real railway or road, as it is | observed km | detections per 100 km for asked 2 | 10 | 50 |\n|---|---|---|---|---|\n{empty}"
    );
    if let Some(out) = option("--out") {
        std::fs::write(out, report).unwrap();
    }
}

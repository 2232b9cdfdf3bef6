//! Simulated lives of trains against what `monitor run` reports, and its speed: behind `docs/accuracy.md` and
//! `docs/performance.md`.
//!
//! `cargo bench --bench monitor_trial -- lives 1 4` prints the confusion table of four lines from seed 1 on (a folder as
//! third argument keeps scenes, states and truth), `-- speed 2000` scenes a second and memory over a backfill of
//! 2000 scenes of a 1 km track.
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a report for people")]

mod simulated_days;

use railwatch::monitor::{Config, LifeState, RunOptions, Secrets, State, run};
use railwatch::pipeline::Silent;
use serde_json::json;
use simulated_days::{Days, Options, Stand, Train, make};
use std::path::Path;

/// Splitmix64, so that the trial is the same everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Grey boxes, white tarpaulin, coal, blue tarpaulin, rust.
const CARGOS: [[f64; 4]; 5] = [
    [0.200, 0.210, 0.220, 0.240],
    [0.420, 0.430, 0.440, 0.450],
    [0.040, 0.040, 0.045, 0.050],
    [0.220, 0.160, 0.100, 0.220],
    [0.060, 0.080, 0.150, 0.220],
];
const KINDS: [&str; 5] = ["one date", "stays", "moves", "permanent", "hidden or missed"];
const DATES: usize = 40;
/// Dates without a train at the beginning, on which the watch has few earlier ones to compare with.
const LEARNING_DATES: usize = 5;
const LENGTH_M: f64 = 8000.0;

/// Trains in slots of 700 m, one after the other, with empty dates between.
fn trains(seed: u64) -> Vec<Train> {
    let mut rng = Rng(seed);
    let mut all = Vec::new();
    for slot in 0..11 {
        let slot_m = 100.0 + 700.0 * f64::from(slot);
        let mut date = 6 + rng.below(4);
        if slot == 10 {
            // A roof: from one date on for good.
            let stands = vec![Stand { dates: (date, DATES - 1), start_m: slot_m + 100.0 }];
            all.push(Train { length_m: 200.0, cargo: CARGOS[1], stands });
            continue;
        }
        while date < DATES - 8 {
            let length_m = rng.uniform(140.0, 320.0);
            let cargo = CARGOS[rng.below(CARGOS.len())];
            let start_m = slot_m + rng.uniform(0.0, 20.0);
            let last = date + [0, 1, 3, 6][rng.below(4)];
            let mut stands = vec![Stand { dates: (date, last), start_m }];
            date = last + 1;
            if rng.below(3) == 0 {
                let end = date + 1 + rng.below(2);
                stands.push(Stand { dates: (date, end), start_m: start_m + length_m + 15.0 });
                date = end + 1;
            }
            all.push(Train { length_m, cargo, stands });
            date += 4 + rng.below(4);
        }
    }
    all
}

/// What could be known of a train: of the dates on which half of its place is clear.
fn truth(days: &Days, train: &Train) -> usize {
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

/// What was put into a line, for whoever looks at a kept state.
fn write_truth(path: &Path, days: &Days, trains: &[Train]) {
    let stand = |train: &Train, s: &Stand| {
        let clear: Vec<f64> =
            (s.dates.0..=s.dates.1).map(|i| days.clear(i, s.start_m, s.start_m + train.length_m)).collect();
        json!({"dates": [s.dates.0, s.dates.1], "start_m": s.start_m, "clear": clear})
    };
    let of = |train: &Train| {
        let stands: Vec<_> = train.stands.iter().map(|s| stand(train, s)).collect();
        json!({"length_m": train.length_m, "cargo": train.cargo, "stands": stands})
    };
    let times: Vec<String> = days.scenes.iter().map(|s| s.datetime.to_string()).collect();
    let text = json!({"times": times, "trains": trains.iter().map(of).collect::<Vec<_>>()}).to_string();
    std::fs::write(path, text).unwrap();
}

fn lives(first: u64, seeds: u64, kept: Option<&Path>) {
    let mut table = [[0usize; 5]; 5];
    let (mut extra, mut early, mut split, mut late_dates, mut found_count) = (0, 0, 0, 0usize, 0usize);
    // Lives that could be seen, detected on some date; moves, detected in both places.
    let mut detected = [(0, 0); 2];
    for seed in first..first + seeds {
        let temporary = tempfile::tempdir().unwrap();
        let folder = kept.map_or(temporary.path().to_owned(), |k| k.join(seed.to_string()));
        let trains = trains(seed);
        let options = Options {
            length_m: LENGTH_M,
            margin_px: 60,
            date_count: DATES,
            days_between: 5,
            cloud_fraction: 0.15,
            seed,
        };
        let days = make(&folder, &options, &trains);
        if kept.is_some() {
            write_truth(&folder.join("truth.json"), &days, &trains);
        }
        let config = Config::read(&days.config).unwrap();
        watch(&config);
        let state = State::open_to_read(&config.state).unwrap();
        let lives = state.lives("line").unwrap();
        let detections = state.detections("line").unwrap();
        let mut taken = vec![false; lives.len()];
        for train in &trains {
            let time = |i: usize| days.scenes[i.min(DATES - 1)].datetime;
            let hits: Vec<usize> = (0..lives.len())
                .filter(|&k| {
                    let life = &lives[k].life;
                    train.stands.iter().any(|s| {
                        let over = life.place.end_m.min(s.start_m + train.length_m)
                            - life.place.start_m.max(s.start_m);
                        over > 0.3 * train.length_m
                            && life.first_seen <= time(s.dates.1)
                            && life.last_seen >= time(s.dates.0)
                    })
                })
                .collect();
            for &k in &hits {
                taken[k] = true;
            }
            split += hits.len().saturating_sub(1);
            let told = hits.iter().max_by_key(|&&k| lives[k].life.seen_count).map_or(4, |&k| {
                let life = &lives[k].life;
                let first = (0..DATES).find(|&i| time(i) >= life.first_seen).unwrap_or(0);
                let could = (train.stands[0].dates.0..=train.stands[0].dates.1).find(|&i| {
                    days.clear(i, train.stands[0].start_m, train.stands[0].start_m + train.length_m) >= 0.5
                });
                late_dates += could.map_or(0, |c| first.saturating_sub(c));
                found_count += 1;
                match (life.state, life.seen_count, life.move_count) {
                    (LifeState::Permanent, ..) => 3,
                    (_, 1, _) => 0,
                    (_, _, 0) => 1,
                    _ => 2,
                }
            });
            let lived = truth(&days, train);
            table[lived][told] += 1;
            let caught = |s: &Stand| {
                detections.iter().any(|d| {
                    let over = d.end_m.min(s.start_m + train.length_m) - d.start_m.max(s.start_m);
                    d.change == "appeared"
                        && over > 0.3 * train.length_m
                        && (time(s.dates.0)..=time(s.dates.1)).contains(&d.datetime)
                })
            };
            let of = [
                (lived != 4, train.stands.iter().any(caught)),
                (lived == 2, train.stands.iter().all(caught)),
            ];
            for (count, (could, did)) in detected.iter_mut().zip(of) {
                count.0 += usize::from(could);
                count.1 += usize::from(could && did);
            }
        }
        let learning = days.scenes[LEARNING_DATES].datetime;
        for (life, _) in lives.iter().zip(&taken).filter(|(_, taken)| !**taken) {
            extra += 1;
            early += usize::from(life.life.last_seen < learning);
        }
    }
    println!("| lived / told | {} |\n|---|---|---|---|---|---|", KINDS.join(" | "));
    for (kind, row) in KINDS.iter().zip(table) {
        println!("| {kind} | {} |", row.map(|n| n.to_string()).join(" | "));
    }
    let km = LENGTH_M / 1000.0 * (DATES as u64 * seeds) as f64;
    println!(
        "{split} lives told in two, {extra} lives of nothing on {km:.0} km of track and date ({:.2} per 100 km), \
         {early} of them before date {}, first told {:.2} dates late on average",
        extra as f64 / km * 100.0,
        LEARNING_DATES + 1,
        late_dates as f64 / found_count.max(1) as f64
    );
    let [(seen, caught), (moves, both)] = detected;
    println!(
        "the detector alone: {caught} of {seen} trains that could be seen are detected on a date on which they stand, \
         {both} of {moves} that move in both places"
    );
}

fn watch(config: &Config) -> f64 {
    let options = RunOptions {
        now: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
        since: None,
        dry_run: false,
        sites: Vec::new(),
        secrets: Secrets::default(),
    };
    let summary = run(config, &options, &Silent).unwrap();
    eprintln!("{}", summary.text().trim());
    summary.duration_s
}

/// Memory in use and largest so far, MB.
fn memory_mb() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find(|l| l.starts_with(key)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// The same few scenes under ever new dates.
fn speed(total: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        length_m: 1000.0,
        margin_px: 320,
        date_count: 12,
        days_between: 1,
        cloud_fraction: 0.1,
        seed: 5,
    };
    let days = make(folder.path(), &options, &[]);
    let scenes = folder.path().join("scenes");
    let originals: Vec<_> = std::fs::read_dir(&scenes).unwrap().map(|e| e.unwrap().path()).collect();
    let kept = folder.path().join("originals");
    std::fs::create_dir(&kept).unwrap();
    let mut originals: Vec<_> = originals
        .into_iter()
        .map(|path| {
            let to = kept.join(path.file_name().unwrap());
            std::fs::rename(&path, &to).unwrap();
            to
        })
        .collect();
    originals.sort();
    let config = Config::read(&days.config).unwrap();
    let step = (total / 10).max(1);
    println!("scenes of {} × {} px, track of 1 km", days.grid.shape.0, days.grid.shape.1);
    println!(
        "| scenes before | scenes a second | memory MB | largest MB | state MB |\n|---|---|---|---|---|"
    );
    let mut made = 0;
    while made < total {
        for i in made..(made + step).min(total) {
            let day = jiff::Timestamp::from_second(1_000_000_000 + 86_400 * i as i64).unwrap();
            let name = format!("S2A_{}_B02B03B04B08.tif", day.strftime("%Y%m%dT%H%M%S"));
            std::fs::hard_link(&originals[i % originals.len()], scenes.join(name)).unwrap();
        }
        let seconds = watch(&config);
        let (now, largest) = memory_mb();
        let state_mb = std::fs::metadata(&config.state).unwrap().len() as f64 / 1e6;
        println!("| {made} | {:.1} | {now:.0} | {largest:.0} | {state_mb:.0} |", step as f64 / seconds);
        made += step;
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize| words.get(at).and_then(|n| n.parse::<u64>().ok());
    match words.first().map(String::as_str) {
        Some("lives") => {
            lives(number(1).unwrap_or(1), number(2).unwrap_or(4), words.get(3).map(Path::new));
        }
        Some("speed") => speed(number(1).unwrap_or(1000) as usize),
        _ => {
            lives(1, 4, None);
            speed(200);
        }
    }
}

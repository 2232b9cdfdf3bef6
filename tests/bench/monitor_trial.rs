//! Simulated lives of trains against what `monitor run` reports, and its speed: behind `docs/accuracy.md` and
//! `docs/performance.md`.
//!
//! `cargo bench --bench monitor_trial -- lives 1 4` prints the confusion table of four lines from seed 1 on (a folder as
//! third argument keeps scenes, states and truth), `-- speed 10000 320` processor time, memory and size of the state over
//! 10 000 scenes of a 1 km track with 320 px around it, taken up in ten runs.
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a report for people")]

mod own;
mod simulated_days;
mod spread;
mod told_lives;

use own::{CARGOS, Rng};
use railwatch::io;
use railwatch::monitor::{Config, RunOptions, Secrets, State, run};
use railwatch::pipeline::Silent;
use serde_json::json;
use simulated_days::{Days, Options, Stand, Train, make};
use std::path::{Path, PathBuf};
use told_lives::Score;

/// Grey boxes, white tarpaulin, coal, blue tarpaulin, rust: places in [`CARGOS`].
const TAKEN: [usize; 5] = [2, 3, 0, 4, 1];
const DATES: usize = 40;
const LENGTH_M: f64 = 8000.0;
/// Share of a clouded date under clouds, and about as much under their shadows.
const CLOUD_FRACTION: f64 = 0.3;

/// A whole number from 0 to below `n`.
fn below(rng: &mut Rng, n: usize) -> usize {
    (rng.next() % n as u64) as usize
}

/// Half of the dates, but never the first.
fn clouded(seed: u64) -> Vec<usize> {
    let mut rng = Rng(seed ^ 0x5ca1e);
    (0..DATES).filter(|i| rng.uniform(0.0, 1.0) < 0.5 && *i > 0).collect()
}

/// Trains in slots of 700 m, one after the other, with empty dates between.
fn trains(seed: u64) -> Vec<Train> {
    let mut rng = Rng(seed);
    let mut all = Vec::new();
    for slot in 0..11 {
        let slot_m = 100.0 + 700.0 * f64::from(slot);
        let mut date = 6 + below(&mut rng, 4);
        if slot == 10 {
            // A roof: from one date on for good.
            let stands = vec![Stand { dates: (date, DATES - 1), start_m: slot_m + 100.0 }];
            all.push(Train { length_m: 200.0, cargo: CARGOS[TAKEN[1]].1, stands });
            continue;
        }
        while date < DATES - 8 {
            let length_m = rng.uniform(140.0, 320.0);
            let cargo = CARGOS[TAKEN[below(&mut rng, TAKEN.len())]].1;
            let start_m = slot_m + rng.uniform(0.0, 20.0);
            let last = (date + [0, 1, 3, 6][below(&mut rng, 4)]).min(DATES - 1);
            let mut stands = vec![Stand { dates: (date, last), start_m }];
            date = last + 1;
            if below(&mut rng, 3) == 0 && date < DATES {
                let end = (date + 1 + below(&mut rng, 2)).min(DATES - 1);
                stands.push(Stand { dates: (date, end), start_m: start_m + length_m + 15.0 });
                date = end + 1;
            }
            all.push(Train { length_m, cargo, stands });
            date += 4 + below(&mut rng, 4);
        }
    }
    all
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
    let mut score = Score::default();
    for seed in first..first + seeds {
        let temporary = tempfile::tempdir().unwrap();
        let folder = kept.map_or(temporary.path().to_owned(), |k| k.join(seed.to_string()));
        let trains = trains(seed);
        let options = Options {
            length_m: LENGTH_M,
            margin_px: 60,
            date_count: DATES,
            days_between: 5,
            clouded: clouded(seed),
            cloud_fraction: CLOUD_FRACTION,
            seed,
        };
        let days = make(&folder, &options, &trains);
        if kept.is_some() {
            write_truth(&folder.join("truth.json"), &days, &trains);
        }
        let config = Config::read(&days.config).unwrap();
        watch(&config);
        let state = State::open_to_read(&config.state).unwrap();
        let detections = state.detections("line").unwrap();
        score.add(&days, &trains, &state.lives("line").unwrap(), &detections);
        let (steps, scenes) = (state.steps("line").unwrap(), state.scenes("line").unwrap());
        score.add_steps(&days, &trains, (&steps, &scenes, &detections));
    }
    score.print(LENGTH_M / 1000.0 * (DATES as u64 * seeds) as f64);
}

fn watch(config: &Config) -> f64 {
    let options = RunOptions {
        now: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
        since: None,
        dry_run: false,
        sites: Vec::new(),
        secrets: Secrets::default(),
        program_folders: Vec::new(),
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

/// Processor time of this process so far, seconds, of all threads.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted in hundredths of a second, behind the name in brackets.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Dates that are simulated for `speed`, and how often each with other noise: no two of the dates that are kept are the same.
const SIMULATED: (usize, usize) = (12, 8);

/// Writes scenes with noise of their own into `folder`; gives their paths in order of time.
fn noisy(folder: &Path, days: &Days) -> Vec<PathBuf> {
    std::fs::create_dir(folder).unwrap();
    let mut paths = Vec::new();
    let mut rng = Rng(9);
    for repeat in 0..SIMULATED.1 {
        for (i, scene) in days.scenes.iter().enumerate() {
            // ±20 of the steps of 1e-4 in which products store reflectance.
            let stored = scene.values.mapv(|v| {
                (f64::from(v) * 10_000.0 + rng.uniform(-20.0, 20.0)).round().clamp(1.0, 65_534.0) as u16
            });
            let path = folder.join(format!("{repeat}_{i:02}.tif"));
            io::write_scene(&path, &days.grid, &stored, &["B02", "B03", "B04", "B08"], &[]).unwrap();
            paths.push(path);
        }
    }
    paths
}

/// 96 scenes under ever new dates, with ground of `margin_px` around the track and a train on every third of them.
fn speed(total: usize, margin_px: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        length_m: 1000.0,
        margin_px,
        date_count: SIMULATED.0,
        days_between: 1,
        clouded: (1..SIMULATED.0).step_by(2).collect(),
        cloud_fraction: 0.2,
        seed: 5,
    };
    let stands = vec![Stand { dates: (5, 8), start_m: 350.0 }];
    let train = Train { length_m: 260.0, cargo: CARGOS[TAKEN[0]].1, stands };
    let days = make(folder.path(), &options, &[train]);
    let scenes = folder.path().join("scenes");
    std::fs::remove_dir_all(&scenes).unwrap();
    std::fs::create_dir(&scenes).unwrap();
    let originals = noisy(&folder.path().join("originals"), &days);
    let put = |dates: std::ops::Range<usize>| {
        for i in dates {
            let day = jiff::Timestamp::from_second(1_000_000_000 + 86_400 * i as i64).unwrap();
            let name = format!("S2A_{}_B02B03B04B08.tif", day.strftime("%Y%m%dT%H%M%S"));
            std::fs::hard_link(&originals[i % originals.len()], scenes.join(name)).unwrap();
        }
    };
    let config = Config::read(&days.config).unwrap();
    drop(days.scenes);
    println!("scenes of {} × {} px, track of 1 km", days.grid.shape.0, days.grid.shape.1);
    println!(
        "| scenes known | CPU ms a scene | scenes a second | CPU ms of a run with one new scene | memory MB | largest MB | state MB |\n\
         |---|---|---|---|---|---|---|"
    );
    let step = (total / 10).max(2);
    for known in (step..=total).step_by(step) {
        let before_s = cpu_s();
        put(known - step..known - 1);
        let seconds = watch(&config);
        let between_s = cpu_s();
        put(known - 1..known);
        watch(&config);
        let each = (step - 1) as f64;
        let (cpu_ms, night_ms) = (1000.0 * (between_s - before_s) / each, 1000.0 * (cpu_s() - between_s));
        let (now, largest) = memory_mb();
        let state_mb = std::fs::metadata(&config.state).unwrap().len() as f64 / 1e6;
        println!(
            "| {known} | {cpu_ms:.0} | {:.1} | {night_ms:.0} | {now:.0} | {largest:.0} | {state_mb:.1} |",
            each / seconds
        );
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize| words.get(at).and_then(|n| n.parse::<u64>().ok());
    match words.first().map(String::as_str) {
        Some("lives") => {
            lives(number(1).unwrap_or(1), number(2).unwrap_or(4), words.get(3).map(Path::new));
        }
        Some("speed") => {
            speed(number(1).unwrap_or(1000) as usize, number(2).unwrap_or(320) as usize);
        }
        _ => {
            lives(1, 4, None);
            speed(200, 320);
        }
    }
}

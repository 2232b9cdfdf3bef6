//! Seconds by stage, for the provenance of a run.

use std::collections::BTreeMap;
use std::time::Instant;

/// Seconds by stage.
pub(super) struct Clock {
    last: Instant,
    pub(super) laps_s: BTreeMap<String, f64>,
}

#[expect(clippy::disallowed_methods, reason = "the run's timings are part of its provenance")]
impl Clock {
    pub(super) fn start() -> Self {
        Self { last: Instant::now(), laps_s: BTreeMap::new() }
    }

    pub(super) fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        self.laps_s.insert(stage.to_owned(), (now - self.last).as_secs_f64());
        self.last = now;
    }

    /// Seconds of a stage that ran beside others.
    pub(super) fn note(&mut self, stage: &str, seconds: f64) {
        self.laps_s.insert(stage.to_owned(), seconds);
        self.last = Instant::now();
    }
}

/// What `work` gives, and the seconds it took.
#[expect(clippy::disallowed_methods, reason = "the run's timings are part of its provenance")]
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    (work(), started.elapsed().as_secs_f64())
}

/// Largest memory this process has used, from `/proc`; `None` where there is no such file.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

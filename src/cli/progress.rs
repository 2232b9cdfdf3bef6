//! Progress: bars on a terminal, JSON lines otherwise when asked.

use super::args::{Global, ProgressMode};
use crate::pipeline::{Event, Sink};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shows the events of a run and carries Ctrl-C to it.
pub(super) struct Reporter {
    mode: ProgressMode,
    bar: Mutex<ProgressBar>,
    interrupted: Arc<AtomicBool>,
}

impl Reporter {
    pub(super) fn new(global: &Global) -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        // Without a handler the default one ends the process: outputs are renamed last, so nothing is half-written.
        if let Err(error) = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)) {
            tracing::debug!(%error, "no handler for Ctrl-C");
        }
        let terminal = std::io::stderr().is_terminal() && !global.quiet;
        let mode = match global.progress {
            ProgressMode::Auto if !terminal => ProgressMode::Never,
            mode => mode,
        };
        let bar = if mode == ProgressMode::Auto { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:22} {bar:32} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        Self { mode, bar: Mutex::new(bar), interrupted }
    }

    pub(super) fn finish(&self) {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).finish_and_clear();
    }
}

impl Sink for Reporter {
    fn event(&self, event: &Event) {
        tracing::info!(stage = event.stage, done = event.done, of = event.total, "{}", event.what);
        match self.mode {
            ProgressMode::Never => {}
            ProgressMode::Json => {
                if let Ok(line) = serde_json::to_string(event) {
                    drop(writeln!(std::io::stderr(), "{line}"));
                }
            }
            ProgressMode::Auto => {
                let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
                bar.set_length(event.total as u64);
                bar.set_position(event.done as u64);
                bar.set_message(event.stage);
            }
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

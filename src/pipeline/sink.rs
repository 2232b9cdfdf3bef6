//! Where a run reports how far it is, and asks whether it should stop.

use serde::Serialize;

/// One step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Stage in one word: `read`, `register`, `detect`, …
    pub stage: &'static str,
    /// What is being worked on: a scene id, a file.
    pub what: String,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

/// Listener of a run.
pub trait Sink: Sync {
    /// A step was done.
    fn event(&self, event: &Event);
    /// Whether the user asked to stop; the run then ends at the next step and writes nothing.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Sink for Silent {
    fn event(&self, _event: &Event) {}
}

//! A train's life: what is known of one train over all dates, and what one date can say of it.
//!
//! `follow` links what successive dates show into trains that come, stand, move and go.

mod follow;
#[cfg(test)]
mod tests;

pub(super) use follow::STANDS;
pub use follow::{DateLook, EventKind, Evidence, Followed, LifeEvent, Sighting, follow};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a train is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeState {
    /// Seen on one date, the newest that shows its place.
    First,
    /// Seen on one date; later dates have not decided whether it stands.
    Provisional,
    /// Seen on two dates or more.
    Confirmed,
    /// Gone.
    Finished,
    /// It stays too long for a train: a roof, a bridge, a heap; it left the series.
    Permanent,
}

impl LifeState {
    /// Whether the train may still stand there.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::First | Self::Provisional | Self::Confirmed)
    }
}

/// What one scene says of a train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// It is there.
    Seen,
    /// Its place is clear, and nothing is there.
    Missed,
    /// The same in a view that never detected it, which proves nothing.
    Unseen,
    /// Its place is clear, and what stands out there is too weak to bring back a train that was missed.
    Faint,
    /// Its place is not clear.
    Hidden,
}

/// A stretch of one track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Index of the track in the site.
    pub track: usize,
    /// First end, metres along the track.
    pub start_m: f64,
    /// Other end, metres along the track.
    pub end_m: f64,
}

impl Stretch {
    /// Length, metres.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.end_m - self.start_m
    }
}

/// A train at one place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::monitor) struct Stay {
    /// Where.
    pub(in crate::monitor) place: Stretch,
    /// First date on which it was seen there.
    pub(in crate::monitor) first_seen: Timestamp,
    /// Last date on which it was seen there.
    pub(in crate::monitor) last_seen: Timestamp,
    /// Change of its place when it came, by view and band.
    pub(in crate::monitor) contrasts: BTreeMap<String, Vec<f64>>,
}

/// One train over all dates.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// Stable name.
    pub id: String,
    /// Where it was last seen.
    pub place: Stretch,
    /// Where it is in its life.
    pub state: LifeState,
    /// First date on which it was seen.
    pub first_seen: Timestamp,
    /// Last date on which it was seen.
    pub last_seen: Timestamp,
    /// First clear date without it since it was last seen.
    pub first_missed: Option<Timestamp>,
    /// Dates on which it was seen.
    pub seen_count: u32,
    /// Clear dates without it since it was last seen.
    pub misses: u32,
    /// Moves along the line.
    pub move_count: u32,
    /// Highest score of its detections.
    pub score: f64,
    /// `bright`, `dark` or `coloured` where it was surest.
    pub appearance: String,
    /// Names of the views that detected it.
    pub seen_by: BTreeSet<String>,
    /// Change of its place when it came, by view and band, where it was surest: reflectance, or dB for radar.
    pub contrasts: BTreeMap<String, Vec<f64>>,
}

impl Life {
    /// Its contrast in a view; empty where the view has not seen it.
    fn contrast(&self, view: &str) -> &[f64] {
        self.contrasts.get(view).map_or(&[], Vec::as_slice)
    }

    /// A date that decides nothing.
    fn undecided(&mut self) {
        if self.state == LifeState::First {
            self.state = LifeState::Provisional;
        }
    }
}

/// Days from one time to a later one.
#[must_use]
pub(super) fn days_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_second() - from.as_second()) as f64 / 86_400.0
}

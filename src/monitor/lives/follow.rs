//! Links what one date shows to the trains that are known.
//!
//! Linking is greedy by overlap of place, surest detections first. A date decides three ways about a train that is
//! known: seen (detected again, or weaker evidence where it stood on the date before), missed (its place is clear and
//! nothing is there) or undecided (clouds). Absence counts only where it could be seen, and only for a view that has
//! detected the train before: coal that shines on radar may look like its bed to a camera, and the other way round. What a
//! clear view never saw is `unseen`: it contradicts nobody and ends no life. Assumes that a train stands still while a
//! scene is taken and that two trains do not swap places of equal length between two dates.

use super::{Life, LifeState, Sight, Stretch, days_between};
use crate::monitor::LifeParams;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// A gap that may lie within one train: a wagon or two that look like their bed, metres.
const GAP_M: f64 = 50.0;

/// Lengths of a train within which it is near to where it stood.
const NEAR_LENGTHS: f64 = 5.0;

/// A train as one date shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Where.
    pub place: Stretch,
    /// −log10 of the expected false alarms per 100 km.
    pub score: f64,
    /// How it differs from its bed.
    pub appearance: String,
    /// Whether it came (`true`) or a train that was there before has gone.
    pub appeared: bool,
}

/// What one scene shows of a site.
pub struct DateLook<'a> {
    /// The date.
    pub datetime: Timestamp,
    /// Name of the view that the scene belongs to.
    pub view: &'a str,
    /// The newest date that it was compared with.
    pub earlier: Timestamp,
    /// What was found.
    pub sightings: &'a [Sighting],
    /// Score along a stretch: (share of it that is clear 0…1, typical score where clear).
    pub evidence: &'a dyn Fn(&Stretch) -> (f64, f64),
    /// Share of the shorter of two stretches that lies on the other, 0…1.
    pub overlap: &'a dyn Fn(&Stretch, &Stretch) -> f64,
    /// Score from which a train whose place is known is seen again.
    pub known_score: f64,
}

/// What happened to a train on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Seen for the first time.
    Appeared,
    /// Seen on a second date.
    Confirmed,
    /// Seen elsewhere on the line.
    Moved,
    /// Gone.
    Finished,
    /// No train, since it stays.
    Permanent,
    /// A train that stood there before it was watched has gone.
    Departed,
}

/// One thing that happened to one train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Index of the life in the result of [`follow`].
    pub life: usize,
    /// What happened.
    pub kind: EventKind,
}

/// Lives after a scene: those that were given, in their order, then new ones; what it says of each; what happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The lives.
    pub lives: Vec<Life>,
    /// What the scene says of each.
    pub sights: Vec<Sight>,
    /// What happened.
    pub events: Vec<Event>,
}

/// Carries `open` lives over one more date; new ones are named by `name` from their number on that date.
#[must_use]
pub fn follow(
    open: Vec<Life>,
    look: &DateLook<'_>,
    params: &LifeParams,
    name: &dyn Fn(usize) -> String,
) -> Followed {
    let mut result = Followed { sights: vec![Sight::Hidden; open.len()], lives: open, events: Vec::new() };
    let known = result.lives.len();
    let mut order: Vec<&Sighting> = look.sightings.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    // 1. Detections where a train is known belong to it.
    let mut parts: Vec<Vec<&Sighting>> = vec![Vec::new(); known];
    let mut left = vec![false; known];
    let mut free = Vec::new();
    for sighting in order {
        let best = (0..known)
            .map(|i| ((look.overlap)(&result.lives[i].place, &sighting.place), i))
            .filter(|(share, _)| *share >= params.overlap_fraction)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((_, i)) if sighting.appeared => parts[i].push(sighting),
            Some((_, i)) => left[i] = true,
            None => free.push(sighting),
        }
    }
    let mut absent = Vec::new();
    for (i, parts) in parts.iter().enumerate() {
        let life = &mut result.lives[i];
        let (clear, score) = (look.evidence)(&life.place);
        if let Some(first) = parts.first() {
            seen(life, look, Some((hull(parts, first.place), first)));
            result.sights[i] = Sight::Seen;
        } else if clear < params.clear_fraction {
            life.undecided();
        } else if !life.seen_by.contains(look.view) {
            life.undecided();
            result.sights[i] = Sight::Unseen;
        } else if left[i] || score < look.known_score {
            // What the detector says has gone is no evidence of what stands.
            absent.push(i);
            result.sights[i] = Sight::Missed;
        } else if life.misses == 0 {
            // Weak evidence keeps a train that was there on the date before, but does not bring back one that was missed.
            seen(life, look, None);
            result.sights[i] = Sight::Seen;
        }
        if result.sights[i] == Sight::Seen && result.lives[i].seen_count == 2 {
            result.events.push(Event { life: i, kind: EventKind::Confirmed });
        }
    }
    // 2. A detection elsewhere on the line, as long as a train that is missing, is that train.
    free.retain(|sighting| !moved(&mut result, &mut absent, sighting, look, params));
    // 3. What is left is new.
    for sighting in free {
        let life = new_life(sighting, look, name(result.lives.len() - known));
        let kind = if sighting.appeared { EventKind::Appeared } else { EventKind::Departed };
        result.events.push(Event { life: result.lives.len(), kind });
        result.sights.push(if sighting.appeared { Sight::Seen } else { Sight::Missed });
        result.lives.push(life);
    }
    // 4. Trains that are missing, and things that stay.
    for i in absent {
        if missed(&mut result.lives[i], look.datetime, params) {
            result.events.push(Event { life: i, kind: EventKind::Finished });
        }
    }
    for i in 0..known {
        if result.sights[i] == Sight::Seen && stays(&result.lives[i], params) {
            result.lives[i].state = LifeState::Permanent;
            result.events.push(Event { life: i, kind: EventKind::Permanent });
        }
    }
    result
}

/// Takes a free sighting for a missing train of about its length on the same track.
fn moved(
    result: &mut Followed,
    absent: &mut Vec<usize>,
    sighting: &Sighting,
    look: &DateLook<'_>,
    params: &LifeParams,
) -> bool {
    if !sighting.appeared {
        return false;
    }
    let ratio = |i: usize| {
        let (a, b) = (result.lives[i].place.length_m(), sighting.place.length_m());
        a.max(b) / a.min(b).max(1.0)
    };
    let best = absent
        .iter()
        .enumerate()
        .filter(|(_, i)| {
            let life = &result.lives[**i];
            life.place.track == sighting.place.track
                // Two views need not agree on what is bright.
                && (alike(life, sighting) || life.seen_by.len() > 1)
                // It was there until the date before.
                && life.misses == 0
        })
        .map(|(at, &i)| (ratio(i), at))
        .filter(|(ratio, _)| *ratio <= params.move_length_ratio)
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, at)) = best else { return false };
    let i = absent.remove(at);
    seen(&mut result.lives[i], look, Some((sighting.place, sighting)));
    result.lives[i].move_count += 1;
    result.sights[i] = Sight::Seen;
    result.events.push(Event { life: i, kind: EventKind::Moved });
    true
}

/// Whether a train and a sighting elsewhere may look alike. The limit between `coloured` and the others is one of degree, and
/// noise carries a tarpaulin over it: near the old place only bright and dark contradict each other. Farther away another
/// train may have come meanwhile, and the same word is asked for.
fn alike(life: &Life, sighting: &Sighting) -> bool {
    let middle = |s: &Stretch| 0.5 * (s.start_m + s.end_m);
    let way_m = (middle(&life.place) - middle(&sighting.place)).abs();
    let near = way_m <= NEAR_LENGTHS * life.place.length_m();
    let words = [life.appearance.as_str(), sighting.appearance.as_str()];
    words[0] == words[1] || (near && words.contains(&"coloured"))
}

/// The surest part with what lies within [`GAP_M`] of it, part by part.
fn hull(parts: &[&Sighting], surest: Stretch) -> Stretch {
    let mut whole = surest;
    for _ in parts {
        for part in parts.iter().map(|p| p.place).filter(|p| p.track == surest.track) {
            if part.start_m - whole.end_m <= GAP_M && whole.start_m - part.end_m <= GAP_M {
                whole.start_m = whole.start_m.min(part.start_m);
                whole.end_m = whole.end_m.max(part.end_m);
            }
        }
    }
    whole
}

fn seen(life: &mut Life, look: &DateLook<'_>, found: Option<(Stretch, &Sighting)>) {
    life.last_seen = look.datetime;
    life.first_missed = None;
    life.misses = 0;
    life.seen_count += 1;
    life.state = LifeState::Confirmed;
    let Some((place, sighting)) = found else { return };
    life.seen_by.insert(look.view.to_owned());
    life.place = grown(&life.place, place, look);
    if sighting.score > life.score {
        life.score = sighting.score;
        life.appearance.clone_from(&sighting.appearance);
    }
}

/// A train as it is seen now, with the parts of it that are hidden now and were seen before.
fn grown(before: &Stretch, now: Stretch, look: &DateLook<'_>) -> Stretch {
    if now.track != before.track || (look.overlap)(before, &now) <= 0.0 {
        return now;
    }
    let hidden = |start_m: f64, end_m: f64| {
        let rest = Stretch { start_m, end_m, ..now };
        end_m > start_m && (look.evidence)(&rest).0 < 0.5
    };
    let start_m = if hidden(before.start_m, now.start_m) { before.start_m } else { now.start_m };
    let end_m = if hidden(now.end_m, before.end_m) { before.end_m } else { now.end_m };
    Stretch { start_m, end_m, ..now }
}

fn missed(life: &mut Life, datetime: Timestamp, params: &LifeParams) -> bool {
    life.misses += 1;
    life.first_missed.get_or_insert(datetime);
    if life.misses >= params.misses {
        life.state = LifeState::Finished;
        return true;
    }
    life.undecided();
    false
}

/// Whether a life is too long, too often seen and too unmoved to be a train's.
fn stays(life: &Life, params: &LifeParams) -> bool {
    days_between(life.first_seen, life.last_seen) >= params.permanent_days
        && life.seen_count >= 5
        && life.move_count == 0
}

fn new_life(sighting: &Sighting, look: &DateLook<'_>, id: String) -> Life {
    let when = if sighting.appeared { look.datetime } else { look.earlier };
    Life {
        id,
        place: sighting.place,
        state: if sighting.appeared { LifeState::First } else { LifeState::Finished },
        first_seen: when,
        last_seen: when,
        first_missed: (!sighting.appeared).then_some(look.datetime),
        seen_count: 1,
        misses: 0,
        move_count: 0,
        score: sighting.score,
        appearance: sighting.appearance.clone(),
        seen_by: BTreeSet::from([look.view.to_owned()]),
    }
}

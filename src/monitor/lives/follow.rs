//! Links what one date shows to the trains that are known.
//!
//! Linking is greedy by overlap of place, surest detections first; a detection much shorter or longer than the train that
//! is known at its place is another one. A date decides three ways about a train that is known: seen (detected again, or
//! weaker evidence of the train itself where it stood on the date before), missed (its place is clear and it is not there) or
//! undecided (clouds, or weak evidence after it was missed). Absence counts only where it could be seen, and only for a view that has
//! detected the train before: coal that shines on radar may look like its bed to a camera, and the other way round. What a
//! clear view never saw is `unseen`: it contradicts nobody and ends no life. Assumes that a train stands still while a
//! scene is taken and that two trains do not swap places of equal length between two dates.

use super::{Life, LifeState, Sight, Stretch, days_between};
use crate::monitor::LifeParams;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A gap that may lie within one train: a wagon or two that look like their bed, metres.
const GAP_M: f64 = 50.0;

/// Fewest sightings of what is no train. Three clear months of Sentinel-2 show a roof on six dates or more, one in three of
/// eighteen; two trains months apart in one place, joined across clouds, on fewer.
const PERMANENT_SIGHTINGS: u32 = 5;

/// Share of its contrast by which a train may differ from itself at another place.
const ALIKE: f64 = 0.6;

/// Share of a train's contrast from which its place looks more like the train than like the empty bed.
pub(in crate::monitor) const STANDS: f64 = 0.5;

/// Cosine of the angle between two contrasts below which one is the other turned round, for all that noise does to four bands.
const OPPOSITE: f64 = -0.8;

/// What a date shows, beyond detections, of a train at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Share of the place that is clear, 0…1.
    pub clear: f64,
    /// Share of the train's contrast that the place shows: 1 where it stands, 0 where the bed is empty; NaN where that is not known.
    pub strength: f64,
    /// −log10 of the expected false alarms per 100 km at least as strong.
    pub score: f64,
}

impl Evidence {
    /// Whether the place looks more like the train than like its empty bed.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.strength >= STANDS
    }
}

/// A train as one date shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Where.
    pub place: Stretch,
    /// −log10 of the expected false alarms per 100 km.
    pub score: f64,
    /// How it differs from its bed.
    pub appearance: String,
    /// Change along its place, by band.
    pub contrast: Vec<f64>,
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
    /// What a stretch shows of a train of this contrast; of an empty one nothing is known.
    pub evidence: &'a dyn Fn(&Stretch, &[f64]) -> Evidence,
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
    #[serde(rename = "first")]
    First,
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

impl EventKind {
    /// What the ids of alerts are made of: never to be changed, or every alert would be delivered a second time.
    pub(in crate::monitor) fn key(self) -> &'static str {
        match self {
            Self::First => "Appeared",
            Self::Confirmed => "Confirmed",
            Self::Moved => "Moved",
            Self::Finished => "Finished",
            Self::Permanent => "Permanent",
            Self::Departed => "Departed",
        }
    }
}

/// One thing that happened to one train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeEvent {
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
    pub events: Vec<LifeEvent>,
}

/// Carries `open` lives over one more date; new ones are named by `name` from their number on that date.
#[must_use]
pub fn follow(
    open: Vec<Life>,
    look: &DateLook<'_>,
    params: &LifeParams,
    name: &dyn Fn(usize) -> String,
) -> Followed {
    let known = open.len();
    let mut result = Followed { sights: vec![Sight::Hidden; known], lives: open, events: Vec::new() };
    // Detections where a train is known belong to it.
    let (at_known, mut free) = shared_out(&result.lives, look, params);
    let mut absent = Vec::new();
    for (i, at_place) in at_known.iter().enumerate() {
        let (sight, others) = judge(&mut result.lives[i], at_place, look, params);
        free.extend(others);
        result.sights[i] = sight;
        match sight {
            Sight::Missed => absent.push(i),
            Sight::Seen if result.lives[i].seen_count == 2 => result.note(i, EventKind::Confirmed),
            _ => {}
        }
    }
    free.sort_by(|a, b| b.score.total_cmp(&a.score));
    // A detection elsewhere on the line, as long as a train that is missing, is that train.
    free.retain(|sighting| !moved(&mut result, &mut absent, sighting, look, params));
    // What is left is new.
    for (number, sighting) in free.into_iter().enumerate() {
        result.begin(new_life(sighting, look, name(number)), sighting.appeared);
    }
    // Trains that are missing go, things that stay are no trains.
    for i in absent {
        if missed(&mut result.lives[i], look.datetime, params) {
            result.note(i, EventKind::Finished);
        }
    }
    for i in 0..known {
        if result.sights[i] == Sight::Seen && stays(&result.lives[i], params) {
            result.lives[i].state = LifeState::Permanent;
            result.note(i, EventKind::Permanent);
        }
    }
    result
}

impl Followed {
    fn note(&mut self, life: usize, kind: EventKind) {
        self.events.push(LifeEvent { life, kind });
    }

    /// Adds a train that came, or one that was there before it was watched and has gone.
    fn begin(&mut self, life: Life, appeared: bool) {
        self.note(self.lives.len(), if appeared { EventKind::First } else { EventKind::Departed });
        self.sights.push(if appeared { Sight::Seen } else { Sight::Missed });
        self.lives.push(life);
    }
}

/// What the detector found at the place of a train that is known.
#[derive(Default)]
struct AtPlace<'a> {
    /// Trains that came, surest first.
    parts: Vec<&'a Sighting>,
    /// Whether one has gone.
    gone: bool,
}

/// Gives each sighting to the life whose place it shares most of; second those that share no place, surest first.
fn shared_out<'a>(
    lives: &[Life],
    look: &DateLook<'a>,
    params: &LifeParams,
) -> (Vec<AtPlace<'a>>, Vec<&'a Sighting>) {
    let mut order: Vec<&Sighting> = look.sightings.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut at_known: Vec<AtPlace<'a>> = lives.iter().map(|_| AtPlace::default()).collect();
    let mut free = Vec::new();
    for sighting in order {
        let likeness = |i: &usize| {
            let place = &lives[*i].place;
            shared_m(look, place, &sighting.place) / place.length_m().max(sighting.place.length_m())
        };
        let best = (0..lives.len())
            .filter(|i| (look.overlap)(&lives[*i].place, &sighting.place) >= params.overlap_fraction)
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match best {
            Some(i) if sighting.appeared && !is_bared(&lives[i], sighting, look.view) => {
                at_known[i].parts.push(sighting);
            }
            Some(i) => at_known[i].gone = true,
            None => free.push(sighting),
        }
    }
    (at_known, free)
}

/// Whether what seems to have come is the bed that a train left: its contrast turned round, and no stronger. What the dates before
/// still hold of the train makes its bed stand out.
fn is_bared(life: &Life, sighting: &Sighting, view: &str) -> bool {
    let before = life.contrast(view);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (was, is) = (dot(before, before).sqrt(), dot(&sighting.contrast, &sighting.contrast).sqrt());
    is <= was && dot(before, &sighting.contrast) < OPPOSITE * was * is
}

/// What a date says of a train that is known, and the other trains that it shows in the same place. A train that is missed is
/// left as it is: it may have moved.
fn judge<'a>(
    life: &mut Life,
    at_place: &AtPlace<'a>,
    look: &DateLook<'_>,
    params: &LifeParams,
) -> (Sight, Vec<&'a Sighting>) {
    let evidence = (look.evidence)(&life.place, life.contrast(look.view));
    let clear = evidence.clear;
    let shown = shown_at(&life.place, clear, &at_place.parts, look, params);
    let sight = if let Some(found) = shown.train {
        seen(life, look, Some(found));
        Sight::Seen
    } else if clear < params.clear_fraction {
        life.undecided();
        Sight::Hidden
    } else if !life.seen_by.contains(look.view) {
        life.undecided();
        Sight::Unseen
    } else if at_place.gone || shown.mostly_empty || !evidence.stands() || evidence.score < look.known_score {
        // What the detector says has gone is no evidence of what stands, nor is a train too short for the place.
        Sight::Missed
    } else if life.misses == 0 {
        // Weak evidence keeps a train that was there on the date before.
        seen(life, look, None);
        Sight::Seen
    } else {
        // Weak evidence does not bring back a train that was missed.
        Sight::Faint
    };
    (sight, shown.others)
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
                && alike(life, sighting, look.view)
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
    result.note(i, EventKind::Moved);
    true
}

/// Whether a train and a sighting elsewhere look alike: their contrasts differ by less than [`ALIKE`] of the stronger. Where only
/// other views have seen the train, nothing contradicts it.
fn alike(life: &Life, sighting: &Sighting, view: &str) -> bool {
    let (was, is) = (life.contrast(view), &sighting.contrast);
    let length = |v: &mut dyn Iterator<Item = f64>| v.map(|c| c * c).sum::<f64>().sqrt();
    let apart = length(&mut was.iter().zip(is).map(|(a, b)| a - b));
    let stronger = length(&mut was.iter().copied()).max(length(&mut is.iter().copied()));
    was.is_empty() || apart < ALIKE * stronger
}

/// What a date shows at the place of a train that is known.
#[derive(Default)]
struct Shown<'a> {
    /// That train: where it is seen now, and its surest part.
    train: Option<(Stretch, &'a Sighting)>,
    /// Other trains, which lie in the same place and are too short or too long for it.
    others: Vec<&'a Sighting>,
    /// Whether the train would have to be longer than anything that is seen there.
    mostly_empty: bool,
}

/// Which of `parts`, surest first, are the train at `place`, a share `clear` of which is clear.
///
/// Parts that lie near each other are one train. It is the known one if the two share `overlap_fraction` of the longer, of
/// the known one as far as it is clear: else a short train would be taken for any long false one around it.
fn shown_at<'a>(
    place: &Stretch,
    clear: f64,
    parts: &[&'a Sighting],
    look: &DateLook<'_>,
    params: &LifeParams,
) -> Shown<'a> {
    let mut shown = Shown::default();
    let clear_m = clear * place.length_m();
    for train in trains(parts) {
        let sum = |length_m: &dyn Fn(&Stretch) -> f64| train.iter().map(|p| length_m(&p.place)).sum::<f64>();
        let (length_m, on_place_m) = (sum(&Stretch::length_m), sum(&|p| shared_m(look, place, p)));
        let known = shown.train.map(|(at, _)| at);
        if known.is_none() && on_place_m >= params.overlap_fraction * clear_m.max(length_m) {
            shown.train = Some((hull(&train), train[0]));
        } else if known.is_none_or(|at| (look.overlap)(&at, &hull(&train)) < params.overlap_fraction) {
            // What lies beside it, on a track that cannot be told from its own, is the same train.
            shown.mostly_empty |= length_m < clear_m;
            shown.others.extend(train);
        }
    }
    shown
}

/// Sightings within [`GAP_M`] of each other on one track are one train; trains come surest first, and each begins with its
/// surest part.
fn trains<'a>(parts: &[&'a Sighting]) -> Vec<Vec<&'a Sighting>> {
    let mut left = parts.to_vec();
    let mut trains = Vec::new();
    while !left.is_empty() {
        let mut train = vec![left.remove(0)];
        while let Some(next) = left.iter().position(|p| is_near(&hull(&train), &p.place)) {
            train.push(left.remove(next));
        }
        trains.push(train);
    }
    trains
}

fn is_near(a: &Stretch, b: &Stretch) -> bool {
    a.track == b.track && b.start_m - a.end_m <= GAP_M && a.start_m - b.end_m <= GAP_M
}

/// From the first end of all parts to the last, on the track of the surest.
fn hull(train: &[&Sighting]) -> Stretch {
    let start_m = train.iter().map(|p| p.place.start_m).fold(f64::INFINITY, f64::min);
    let end_m = train.iter().map(|p| p.place.end_m).fold(f64::NEG_INFINITY, f64::max);
    Stretch { track: train.first().map_or(0, |p| p.place.track), start_m, end_m }
}

/// Length that two stretches share, metres.
fn shared_m(look: &DateLook<'_>, a: &Stretch, b: &Stretch) -> f64 {
    (look.overlap)(a, b) * a.length_m().min(b.length_m())
}

fn seen(life: &mut Life, look: &DateLook<'_>, found: Option<(Stretch, &Sighting)>) {
    life.last_seen = look.datetime;
    life.first_missed = None;
    life.misses = 0;
    life.seen_count += 1;
    life.state = LifeState::Confirmed;
    let Some((place, sighting)) = found else { return };
    life.place = grown(life, place, look);
    if sighting.score > life.score || !life.contrasts.contains_key(look.view) {
        life.contrasts.insert(look.view.to_owned(), sighting.contrast.clone());
    }
    life.seen_by.insert(look.view.to_owned());
    if sighting.score > life.score {
        life.score = sighting.score;
        life.appearance.clone_from(&sighting.appearance);
    }
}

/// A train as it is seen now, with the parts that were seen before and are not empty now: hidden, or still like the train.
fn grown(life: &Life, now: Stretch, look: &DateLook<'_>) -> Stretch {
    let before = &life.place;
    if now.track != before.track || (look.overlap)(before, &now) <= 0.0 {
        return now;
    }
    let is_left = |start_m: f64, end_m: f64| {
        let rest = Stretch { start_m, end_m, ..now };
        let shown = || (look.evidence)(&rest, life.contrast(look.view));
        end_m > start_m && (shown().clear < 0.5 || shown().stands())
    };
    let start_m = if is_left(before.start_m, now.start_m) { before.start_m } else { now.start_m };
    let end_m = if is_left(now.end_m, before.end_m) { before.end_m } else { now.end_m };
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
        && life.seen_count >= PERMANENT_SIGHTINGS
        && life.move_count == 0
}

fn new_life(sighting: &Sighting, look: &DateLook<'_>, id: String) -> Life {
    let when = if sighting.appeared { look.datetime } else { look.earlier };
    // What has gone took its own contrast away.
    let sign = if sighting.appeared { 1.0 } else { -1.0 };
    let contrast = sighting.contrast.iter().map(|c| sign * c).collect();
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
        contrasts: BTreeMap::from([(look.view.to_owned(), contrast)]),
    }
}

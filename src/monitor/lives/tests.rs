//! A train that comes, stands, moves and goes; clouds, roofs, parts, and views that never saw it.

use super::*;
use crate::monitor::LifeParams;

fn day(n: i64) -> Timestamp {
    Timestamp::new(1_600_000_000 + 86_400 * n, 0).unwrap()
}

fn at(start_m: f64, end_m: f64) -> Stretch {
    Stretch { track: 0, start_m, end_m }
}

fn overlap(a: &Stretch, b: &Stretch) -> f64 {
    (a.end_m.min(b.end_m) - a.start_m.max(b.start_m)).max(0.0) / a.length_m().min(b.length_m())
}

/// A dark train that came, or one that went.
fn sighting(place: Stretch, score: f64, appeared: bool) -> Sighting {
    let sign = if appeared { 1.0 } else { -1.0 };
    let contrast = DARK.map(|c| sign * c).to_vec();
    Sighting { place, score, appearance: "dark".into(), contrast, appeared }
}

/// Contrast of a dark train.
const DARK: [f64; 2] = [-0.02, -0.03];

/// Evidence by `score`, as strong as the train itself where it is not rarer than −2.
fn shows(clear: f64, score: f64) -> Evidence {
    Evidence { clear, strength: if score >= -2.0 { 1.0 } else { 0.0 }, score }
}

/// One date: trains seen, whether the place is clear; where nothing is detected nothing stands out.
fn date(open: Vec<Life>, n: i64, trains: &[(f64, f64)], clear: f64) -> Followed {
    date_in("optical", open, n, trains, clear)
}

/// One clear date on which everything stands out by `score`.
fn date_with(score: f64, open: Vec<Life>, n: i64, trains: &[(f64, f64)]) -> Followed {
    shown("optical", open, n, trains, (1.0, score))
}

fn date_in(view: &str, open: Vec<Life>, n: i64, trains: &[(f64, f64)], clear: f64) -> Followed {
    shown(view, open, n, trains, (clear, -4.0))
}

fn shown(view: &str, open: Vec<Life>, n: i64, trains: &[(f64, f64)], evidence: (f64, f64)) -> Followed {
    let sightings: Vec<Sighting> = trains.iter().map(|t| sighting(at(t.0, t.1), 3.0, true)).collect();
    let look = DateLook {
        datetime: day(n),
        view,
        earlier: day(n - 5),
        sightings: &sightings,
        evidence: &|_, _| shows(evidence.0, evidence.1),
        overlap: &overlap,
        known_score: -1.7,
    };
    let open = open.into_iter().filter(|l| l.state.is_open()).collect();
    follow(open, &look, &LifeParams::default(), &|i| format!("{n}-{i}"))
}

fn kinds(followed: &Followed) -> Vec<EventKind> {
    followed.events.iter().map(|e| e.kind).collect()
}

#[test]
fn a_train_comes_stands_moves_and_goes() {
    let d0 = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0);
    assert_eq!(kinds(&d0), [EventKind::First]);
    assert_eq!(d0.lives[0].state, LifeState::First);
    let d5 = date(d0.lives, 5, &[(210.0, 490.0)], 1.0);
    assert_eq!(kinds(&d5), [EventKind::Confirmed]);
    let d10 = date(d5.lives, 10, &[], 0.1);
    assert!(d10.events.is_empty() && d10.lives[0].state == LifeState::Confirmed);
    let d15 = date(d10.lives, 15, &[(900.0, 1190.0)], 1.0);
    assert_eq!(kinds(&d15), [EventKind::Moved]);
    assert_eq!(d15.lives.len(), 1);
    let d20 = date(d15.lives, 20, &[], 1.0);
    assert!(d20.events.is_empty() && d20.lives[0].misses == 1);
    let d25 = date(d20.lives, 25, &[], 1.0);
    assert_eq!(kinds(&d25), [EventKind::Finished]);
    assert_eq!(d25.lives[0].first_missed, Some(day(20)));
    assert_eq!(d25.lives[0].last_seen, day(15));
}

#[test]
fn a_departure_is_no_evidence_that_the_train_stands() {
    let came = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0).lives;
    let gone = sighting(at(210.0, 480.0), 1.2, false);
    let look = DateLook {
        datetime: day(5),
        view: "optical",
        earlier: day(0),
        sightings: &[gone],
        evidence: &|_, _| shows(1.0, 1.2),
        overlap: &overlap,
        known_score: -1.7,
    };
    let followed = follow(came, &look, &LifeParams::default(), &|i| i.to_string());
    assert_eq!(followed.sights, [Sight::Missed]);
    assert!(followed.events.is_empty() && followed.lives[0].misses == 1);
}

#[test]
fn clouds_decide_nothing_and_what_stays_is_no_train() {
    let mut lives = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0).lives;
    lives = date(lives, 5, &[], 0.0).lives;
    assert_eq!(lives[0].state, LifeState::Provisional);
    for n in (10..90).step_by(20) {
        lives = date(lives, n, &[(200.0, 500.0)], 1.0).lives;
        assert_eq!(lives[0].state, LifeState::Confirmed);
    }
    let last = date(lives, 95, &[(205.0, 500.0)], 1.0);
    assert_eq!(kinds(&last), [EventKind::Permanent]);
}

#[test]
fn two_trains_are_two_lives_and_parts_are_one() {
    let d0 = date(Vec::new(), 0, &[(100.0, 300.0), (600.0, 900.0)], 1.0);
    assert_eq!(d0.lives.len(), 2);
    assert_ne!(d0.lives[0].id, d0.lives[1].id);
    let d5 = date(d0.lives, 5, &[(100.0, 290.0), (600.0, 730.0), (750.0, 900.0)], 1.0);
    assert_eq!(d5.lives.len(), 2);
    assert!(d5.lives.iter().any(|l| l.place == at(600.0, 900.0)));
}

#[test]
fn a_view_that_never_saw_a_train_does_not_end_its_life() {
    let radar = "radar orbit 37 VV+VH";
    let mut followed = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0);
    for n in [3, 6, 9] {
        followed = date_in(radar, followed.lives, n, &[], 1.0);
        assert_eq!((followed.sights[0], followed.lives[0].misses), (Sight::Unseen, 0));
    }
    // Once it has seen it, it can miss it.
    followed = date_in(radar, followed.lives, 12, &[(210.0, 480.0)], 1.0);
    assert_eq!((kinds(&followed), followed.lives[0].seen_by.len()), (vec![EventKind::Confirmed], 2));
    followed = date_in(radar, followed.lives, 15, &[], 1.0);
    assert_eq!(followed.sights[0], Sight::Missed);
    assert_eq!(kinds(&date(followed.lives, 18, &[], 1.0)), [EventKind::Finished]);
}

#[test]
fn a_departure_of_an_unknown_train_is_a_finished_life() {
    let gone = sighting(at(0.0, 200.0), 4.0, false);
    let look = DateLook {
        datetime: day(10),
        view: "optical",
        earlier: day(5),
        sightings: &[gone],
        evidence: &|_, _| shows(1.0, -3.0),
        overlap: &overlap,
        known_score: -1.7,
    };
    let followed = follow(Vec::new(), &look, &LifeParams::default(), &|i| i.to_string());
    assert_eq!(kinds(&followed), [EventKind::Departed]);
    assert_eq!((followed.lives[0].last_seen, followed.sights[0]), (day(5), Sight::Missed));
}

#[test]
fn a_train_that_moved_is_known_by_its_contrast() {
    for (contrast, moved) in [
        (DARK.to_vec(), true),
        // In other light or on another bed.
        (vec![-0.03, -0.03], true),
        (vec![0.02, 0.03], false),
        (vec![-0.08, -0.12], false),
        (vec![-0.03, 0.01], false),
    ] {
        let lives = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0).lives;
        let elsewhere = Sighting { contrast: contrast.clone(), ..sighting(at(900.0, 1190.0), 3.0, true) };
        let look = DateLook {
            datetime: day(5),
            view: "optical",
            earlier: day(0),
            sightings: &[elsewhere],
            evidence: &|_, _| shows(1.0, -4.0),
            overlap: &overlap,
            known_score: -1.7,
        };
        let followed = follow(lives, &look, &LifeParams::default(), &|i| i.to_string());
        assert_eq!(kinds(&followed).contains(&EventKind::Moved), moved, "{contrast:?}");
    }
}

#[test]
fn a_train_within_a_longer_false_one_is_told_as_a_train_of_its_own() {
    let d0 = date(Vec::new(), 0, &[(0.0, 1200.0)], 1.0);
    let d5 = date(d0.lives, 5, &[(500.0, 700.0)], 1.0);
    assert_eq!(kinds(&d5), [EventKind::First]);
    assert_eq!(d5.sights, [Sight::Missed, Sight::Seen]);
    assert_eq!((d5.lives[0].place, d5.lives[1].place), (at(0.0, 1200.0), at(500.0, 700.0)));
    let d10 = date(d5.lives, 10, &[(490.0, 710.0)], 1.0);
    assert_eq!(kinds(&d10), [EventKind::Confirmed, EventKind::Finished]);
    assert_eq!(d10.sights, [Sight::Missed, Sight::Seen]);

    // Where clouds hide the rest of the long one, the short one may be what is left of it.
    let d0 = date(Vec::new(), 0, &[(0.0, 1200.0)], 1.0);
    let hidden = date(d0.lives, 5, &[(500.0, 700.0)], 0.2);
    assert_eq!((kinds(&hidden), hidden.lives.len()), (vec![EventKind::Confirmed], 1));
}

#[test]
fn a_longer_false_one_does_not_stretch_a_known_train() {
    let d0 = date(Vec::new(), 0, &[(500.0, 700.0)], 1.0);
    let d5 = date_with(-1.0, d0.lives, 5, &[(0.0, 1200.0)]);
    assert_eq!(d5.sights, [Sight::Seen, Sight::Seen]);
    assert_eq!((d5.lives[0].place, d5.lives[1].place), (at(500.0, 700.0), at(0.0, 1200.0)));
    // On the next date each finds its own.
    let d10 = date(d5.lives, 10, &[(510.0, 700.0)], 1.0);
    assert_eq!(d10.sights, [Sight::Seen, Sight::Missed]);
}

#[test]
fn trains_far_apart_at_one_place_are_two() {
    let d0 = date(Vec::new(), 0, &[(100.0, 700.0)], 1.0);
    let d5 = date(d0.lives, 5, &[(100.0, 330.0), (500.0, 700.0)], 1.0);
    assert_eq!(d5.lives.iter().map(|l| l.place).collect::<Vec<_>>(), [at(100.0, 330.0), at(500.0, 700.0)]);
}

#[test]
fn weak_evidence_on_a_clear_date_after_a_miss_is_faint() {
    let mut followed = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0);
    followed = date_with(-1.0, followed.lives, 5, &[]);
    assert_eq!(followed.sights, [Sight::Seen]);
    followed = date(followed.lives, 10, &[], 1.0);
    assert_eq!(followed.sights, [Sight::Missed]);
    followed = date_with(-1.0, followed.lives, 15, &[]);
    assert_eq!((followed.sights[0], followed.lives[0].misses), (Sight::Faint, 1));
    followed = date(followed.lives, 20, &[], 0.1);
    assert_eq!(followed.sights, [Sight::Hidden]);
    assert_eq!(kinds(&date(followed.lives, 25, &[], 1.0)), [EventKind::Finished]);
}

/// One clear date with these sightings, where evidence is of the given strength and sure.
fn date_of(sightings: &[Sighting], open: Vec<Life>, n: i64, strength: &dyn Fn(&Stretch) -> f64) -> Followed {
    let look = DateLook {
        datetime: day(n),
        view: "optical",
        earlier: day(n - 5),
        sightings,
        evidence: &|stretch, contrast| {
            assert_eq!(contrast, DARK, "it is asked for the train that is known");
            Evidence { clear: 1.0, strength: strength(stretch), score: 3.0 }
        },
        overlap: &overlap,
        known_score: -1.7,
    };
    follow(open, &look, &LifeParams::default(), &|i| format!("{n}-{i}"))
}

#[test]
fn what_is_not_like_the_train_does_not_keep_it() {
    for (strength, sight) in
        [(1.1, Sight::Seen), (0.4, Sight::Missed), (-1.0, Sight::Missed), (f64::NAN, Sight::Missed)]
    {
        let came = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0).lives;
        assert_eq!(date_of(&[], came, 5, &|_| strength).sights, [sight], "{strength}");
    }
}

#[test]
fn a_sighting_cut_short_does_not_shorten_a_train() {
    let came = date(Vec::new(), 0, &[(3000.0, 3600.0)], 1.0).lives;
    let short = [sighting(at(3130.0, 3480.0), 3.0, true)];
    let whole = date_of(&short, came.clone(), 5, &|_| 0.9);
    assert_eq!(whole.lives[0].place, at(3000.0, 3600.0));
    // Wagons that were taken away are gone.
    let front = |stretch: &Stretch| if stretch.start_m < 3400.0 { 0.9 } else { 0.0 };
    assert_eq!(date_of(&short, came, 5, &front).lives[0].place, at(3000.0, 3480.0));
}

#[test]
fn a_bed_that_was_left_is_no_train_that_came() {
    let bare = |share: f64| Sighting {
        contrast: DARK.map(|c| -share * c).to_vec(),
        appearance: "bright".into(),
        ..sighting(at(210.0, 500.0), 2.0, true)
    };
    let came = date(Vec::new(), 0, &[(200.0, 500.0)], 1.0).lives;
    let left = date_of(&[bare(0.6)], came.clone(), 5, &|_| -0.6);
    assert_eq!((left.sights, left.events), (vec![Sight::Missed], Vec::new()));
    // What is brighter than the train was dark has come.
    let other = date_of(&[bare(2.0)], came, 5, &|_| -2.0);
    assert_eq!(other.sights[0], Sight::Seen);
    // Of a train that was known by its departure alone, the contrast is its own.
    let gone = date_of(&[sighting(at(0.0, 200.0), 4.0, false)], Vec::new(), 10, &|_| 0.0);
    assert_eq!(gone.lives[0].contrasts["optical"], DARK);
}

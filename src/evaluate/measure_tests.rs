//! Laws of the scoring on cases small enough to count by hand.

use super::*;
use crate::evaluate::Axis;

fn found(low: f64, high: f64, score: f64) -> Found {
    Found {
        speed_m_s: None,
        speed_sigma_m_s: None,
        kind: Kind::Train,
        change: Change::Appeared,
        corners: vec![(low, -5.0), (high, -5.0), (high, 5.0), (low, 5.0)],
        score,
        p_value: 10f64.powf(-score) / 50.0,
        length_interval_m: Some((high - low - 30.0, high - low + 30.0)),
    }
}

fn known(start: f64, length: f64, change: Change) -> Known {
    Known {
        speed_m_s: None,
        kind: Kind::Train,
        axis: Axis::new(vec![(start, 0.0), (start + length, 0.0)]).unwrap(),
        cargo: "coal".to_owned(),
        change,
        is_seen: true,
        limit_m: Some(150.0),
    }
}

fn case(found: Vec<Found>, known: Vec<Known>) -> Case {
    Case {
        name: "case".to_owned(),
        found,
        known,
        observed_m: 50_000.0,
        asked_per_100km: 50.0,
        origin_lonlat: (0.0, 0.0),
    }
}

#[test]
fn a_detection_on_the_train_is_a_hit_and_one_elsewhere_a_false_alarm() {
    let train = vec![known(0.0, 200.0, Change::Appeared)];
    let e = evaluate(&[case(vec![found(10.0, 190.0, 1.0), found(900.0, 1000.0, -0.5)], train)]);
    assert_eq!((e.all.hit_count, e.false_alarm_count, e.found_count), (1, 1, 2));
    assert!((e.precision - 0.5).abs() < 1e-12);
    assert!((e.end_errors.median_m - 10.0).abs() < 1e-9);
    assert_eq!((e.length_kept.told_count, e.length_kept.hit_count), (1, 1), "150 to 210 m reported of 200 m");
    let measured: Vec<f64> = e.calibration.iter().map(|c| c.measured_per_100km).collect();
    assert_eq!(measured, [0.0, 2.0, 2.0], "its score of −0.5 is 3 per 100 km, so it counts from 10 on");
    assert!(e.calibration[1].interval_per_100km[0] < 2.0 && e.calibration[1].interval_per_100km[1] > 2.0);
    assert_eq!((e.beyond_told_limit.known_count, e.beyond_told_limit.hit_count), (1, 1));
}

#[test]
fn recall_at_a_rate_counts_only_what_scores_above_the_false_alarms() {
    let train = vec![known(0.0, 200.0, Change::Appeared)];
    let false_ones = [found(900.0, 1000.0, 2.0), found(2e3, 3e3, 1.5)];
    let e = evaluate(&[case([vec![found(10.0, 190.0, 1.0)], false_ones.to_vec()].concat(), train)]);
    assert!(e.recall_at[0].recall < 1e-9 && e.recall_at[0].is_reached, "one false alarm of two is allowed");
    assert!(e.recall_at[1].recall > 1.0 - 1e-9);
    assert_eq!(
        e.recall_at[0].recall_at_asked,
        Some(1.0),
        "the run's own scale calls it surer than 2 per 100 km"
    );
}

#[test]
fn standing_trains_are_no_change_and_unseen_ones_no_miss() {
    let mut hidden = known(5000.0, 200.0, Change::Appeared);
    hidden.is_seen = false;
    let e =
        evaluate(&[case(vec![found(0.0, 200.0, 1.0)], vec![known(0.0, 200.0, Change::Standing), hidden])]);
    assert_eq!((e.all.known_count, e.unseen_count, e.false_alarm_count), (0, 1, 1));
}

#[test]
fn the_other_date_is_told_as_wrong_and_cargo_is_counted_apart() {
    let mut pile = known(100.0, 50.0, Change::Appeared);
    pile.kind = Kind::Cargo;
    let mut on_pile = found(100.0, 150.0, 1.0);
    on_pile.kind = Kind::Cargo;
    let train = known(0.0, 200.0, Change::Departed);
    let e = evaluate(&[case(vec![found(0.0, 200.0, 1.0), on_pile], vec![train, pile])]);
    assert!((e.wrong_change_fraction - 1.0).abs() < 1e-12);
    assert_eq!((e.off_track.known_count, e.off_track.hit_count, e.off_track.false_alarm_count), (1, 1, 0));
}

#[test]
fn the_reliability_expects_events_in_proportion_to_p() {
    // 50 events per 100 km at p = 1: 25 on 50 km, of which p of them at or below p.
    let alarms = (0..25).map(|i| {
        found(1e4 + 500.0 * f64::from(i), 1e4 + 500.0 * f64::from(i) + 100.0, {
            -(50.0 * (f64::from(i) + 0.4) / 25.0f64).log10()
        })
    });
    let e = evaluate(&[case(alarms.collect(), vec![])]);
    let at = e.reliability.iter().find(|r| (r.p_value - 0.3).abs() < 1e-9).unwrap();
    assert!((at.expected_count - 7.5).abs() < 1e-6 && at.measured_count == 8, "{at:?}");
    assert!(at.interval_count[0] < 7.5 && at.interval_count[1] > 7.5);
}

#[test]
fn rates_are_told_as_far_as_every_run_was_asked() {
    let train = || vec![known(0.0, 200.0, Change::Appeared)];
    let asked =
        |asked_per_100km, score| Case { asked_per_100km, ..case(vec![found(10.0, 190.0, score)], train()) };
    // At 50 the run that was asked for 10 reported nothing beyond 10: neither recall nor calibration is known there.
    let e = evaluate(&[asked(10.0, -0.9), asked(50.0, -1.5)]);
    let rates: Vec<f64> = e.calibration.iter().map(|c| c.asked_per_100km).collect();
    assert!((e.asked_per_100km - 10.0).abs() < 1e-12 && rates == [2.0, 10.0], "{rates:?}");
    let at: Vec<Option<f64>> = e.recall_at.iter().map(|r| r.recall_at_asked).collect();
    assert_eq!(at, [Some(0.0), Some(0.5), None]);
}

#[test]
fn without_known_trains_recall_is_unknown_and_not_none() {
    for found in [vec![], vec![found(0.0, 200.0, 1.0)]] {
        let e = evaluate(&[case(found, vec![])]);
        assert!(e.recall_at.iter().all(|r| r.recall.is_nan() && r.recall_at_asked.is_none_or(f64::is_nan)));
    }
}

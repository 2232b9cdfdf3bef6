//! An evaluation as CSV: one number a line, under the table, row and column that it belongs to.

use super::CurvePoint;
use super::evaluated::Evaluated;
use super::measure::{Class, Evaluation};
use crate::report::csv::quoted;
use std::fmt::Write as _;

/// Every number as `table,row,column,value` lines; names are quoted where they need it (RFC 4180), NaN is unknown.
#[must_use]
pub fn csv(evaluated: &Evaluated) -> String {
    let e = &evaluated.evaluation;
    let mut lines = Lines(String::from("table,row,column,value\n"));
    summary(&mut lines, e);
    lines.class("recall", "all", &e.all);
    lines.class("recall", "beyond_told_limit", &e.beyond_told_limit);
    e.by_length.iter().for_each(|(name, c)| lines.class("recall_by_length_m", name, c));
    e.by_cargo.iter().for_each(|(name, c)| lines.class("recall_by_cargo", name, c));
    rates(&mut lines, evaluated);
    motion(&mut lines, e);
    lines.put("off_track", "", "known_count", e.off_track.known_count as f64);
    lines.put("off_track", "", "hit_count", e.off_track.hit_count as f64);
    lines.put("off_track", "", "false_alarm_count", e.off_track.false_alarm_count as f64);
    lines.curve("railwatch", &e.curve);
    evaluated.references.iter().for_each(|r| lines.curve(r.reference.name(), &r.curve));
    lines.0
}

struct Lines(String);

impl Lines {
    fn put(&mut self, table: &str, row: &str, column: &str, value: f64) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{},{},{},{value}", quoted(table), quoted(row), quoted(column));
    }

    fn class(&mut self, table: &str, row: &str, c: &Class) {
        self.put(table, row, "known_count", c.known_count as f64);
        self.put(table, row, "hit_count", c.hit_count as f64);
        self.put(table, row, "recall", c.recall);
        self.put(table, row, "recall_low", c.interval[0]);
        self.put(table, row, "recall_high", c.interval[1]);
        self.put(table, row, "detection_limit_m", c.detection_limit_m.unwrap_or(f64::NAN));
    }

    fn curve(&mut self, name: &str, points: &[CurvePoint]) {
        for p in points {
            let (table, row) = (format!("curve {name}"), p.false_alarms_per_100km.to_string());
            self.put(&table, &row, "score", p.score);
            self.put(&table, &row, "recall", p.recall);
        }
    }
}

fn summary(lines: &mut Lines, e: &Evaluation) {
    let mut put = |column: &str, value: f64| lines.put("summary", "", column, value);
    put("case_count", e.case_count as f64);
    put("observed_km", e.observed_km);
    put("unseen_count", e.unseen_count as f64);
    put("found_count", e.found_count as f64);
    put("false_alarm_count", e.false_alarm_count as f64);
    put("precision", e.precision);
    put("asked_per_100km", e.asked_per_100km);
    put("end_error_median_m", e.end_errors.median_m);
    put("end_error_high_m", e.end_errors.high_m);
    put("end_error_first_median_m", e.end_errors.first_median_m);
    put("end_error_last_median_m", e.end_errors.last_median_m);
    put("length_interval_told_count", e.length_kept.told_count as f64);
    put("length_interval_kept_count", e.length_kept.hit_count as f64);
    put("length_interval_kept_fraction", e.length_kept.fraction);
    put("wrong_change_fraction", e.wrong_change_fraction);
}

fn rates(lines: &mut Lines, evaluated: &Evaluated) {
    let e = &evaluated.evaluation;
    for c in &e.calibration {
        let row = c.asked_per_100km.to_string();
        lines.put("calibration", &row, "measured_per_100km", c.measured_per_100km);
        lines.put("calibration", &row, "low_per_100km", c.interval_per_100km[0]);
        lines.put("calibration", &row, "high_per_100km", c.interval_per_100km[1]);
    }
    for r in &e.reliability {
        let row = r.p_value.to_string();
        lines.put("reliability", &row, "expected_count", r.expected_count);
        lines.put("reliability", &row, "measured_count", r.measured_count as f64);
        lines.put("reliability", &row, "low_count", r.interval_count[0]);
        lines.put("reliability", &row, "high_count", r.interval_count[1]);
    }
    for (i, r) in e.recall_at.iter().enumerate() {
        let row = r.false_alarms_per_100km.to_string();
        lines.put("recall_at", &row, "railwatch", r.recall);
        lines.put("recall_at", &row, "railwatch_is_reached", f64::from(u8::from(r.is_reached)));
        lines.put("recall_at", &row, "railwatch_at_asked", r.recall_at_asked.unwrap_or(f64::NAN));
        for reference in &evaluated.references {
            lines.put("recall_at", &row, reference.reference.name(), reference.recall_at[i]);
        }
    }
}

fn motion(lines: &mut Lines, e: &Evaluation) {
    let Some(m) = &e.motion else { return };
    let mut put = |column: &str, value: f64| lines.put("motion", "", column, value);
    put("moving_count", m.moving_count as f64);
    put("called_moving_count", m.called_moving_count as f64);
    put("silent_count", m.silent_count as f64);
    put("still_count", m.still_count as f64);
    put("wrongly_moving_count", m.wrongly_moving_count as f64);
    put("median_error_m_s", m.median_error_m_s);
    put("high_error_m_s", m.high_error_m_s);
    put("within_two_sigma", m.within_two_sigma);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::naive::{NaiveResult, Reference};
    use crate::evaluate::{Axis, Case, Found, Known, evaluate, table};
    use crate::simulate::{Change, Kind};
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn evaluated(found: Vec<Found>, known: Vec<Known>) -> Evaluated {
        let case = Case {
            name: "case".to_owned(),
            found,
            known,
            observed_m: 51_234.0,
            asked_per_100km: 17.0,
            origin_lonlat: (0.0, 0.0),
        };
        let point = CurvePoint { score: 9.25, false_alarms_per_100km: 3.125, recall: 0.375 };
        let naive =
            NaiveResult { reference: Reference::Cva, recall_at: [0.11, 0.22, 0.33], curve: vec![point] };
        Evaluated { cases: vec!["case".to_owned()], evaluation: evaluate(&[case]), references: vec![naive] }
    }

    fn found(low: f64, high: f64, speed_m_s: Option<f64>) -> Found {
        Found {
            kind: Kind::Train,
            change: Change::Appeared,
            corners: vec![(low, -5.0), (high, -5.0), (high, 5.0), (low, 5.0)],
            score: 0.5 + low / 1e5,
            p_value: 0.01,
            length_interval_m: Some((100.0, 300.0)),
            speed_m_s,
            speed_sigma_m_s: speed_m_s.map(|_| 2.0),
        }
    }

    fn known(start: f64, speed_m_s: Option<f64>) -> Known {
        Known {
            kind: Kind::Train,
            axis: Axis::new(vec![(start, 0.0), (start + 203.0, 0.0)]).unwrap(),
            cargo: "coal, \"wet\"".to_owned(),
            change: Change::Appeared,
            is_seen: true,
            speed_m_s,
            limit_m: Some(150.0),
        }
    }

    fn numbers(value: &Value, into: &mut Vec<f64>) {
        match value {
            Value::Array(items) => items.iter().for_each(|v| numbers(v, into)),
            Value::Object(items) => items.values().for_each(|v| numbers(v, into)),
            _ => into.extend(value.as_f64()),
        }
    }

    #[test]
    fn every_number_is_in_it_under_four_columns() {
        let trains = vec![known(0.0, Some(12.5)), known(1000.0, None), known(3000.0, None)];
        let finds =
            vec![found(11.0, 190.0, Some(11.0)), found(1017.0, 1190.0, None), found(9e3, 9.1e3, None)];
        let all = evaluated(finds, trains);
        let text = csv(&all);
        let mut told: BTreeMap<u64, usize> = BTreeMap::new();
        for line in text.lines().skip(1) {
            // The cargo is the only name with a comma in it.
            let plain = line.replace("\"coal, \"\"wet\"\"\"", "coal");
            let fields: Vec<&str> = plain.split(',').collect();
            assert_eq!(fields.len(), 4, "{line}");
            for number in fields.iter().filter_map(|f| f.parse::<f64>().ok()) {
                *told.entry(number.to_bits()).or_default() += 1;
            }
        }
        let mut wanted = Vec::new();
        numbers(&serde_json::to_value(&all).unwrap(), &mut wanted);
        assert!(wanted.len() > 80 && wanted.iter().all(|n| told.contains_key(&n.to_bits())), "{text}");
        for name in
            ["median_error_m_s", "still_count", "low_count", "unseen_count", "off_track", "is_reached"]
        {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn people_read_a_dash_where_nothing_is_known() {
        for known in [vec![], vec![known(0.0, Some(12.5))]] {
            let text = table(&evaluated(vec![], known));
            assert!(!text.contains("NaN") && !text.contains("inf") && text.contains('–'), "{text}");
        }
    }
}

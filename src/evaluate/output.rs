//! An evaluation as a table for people, JSON, CSV and curves.

use super::evaluated::Evaluated;
use super::measure::{Class, Evaluation};
use super::{CurvePoint, Error, csv};
use crate::io;
use crate::report::curves::{self, Plot, Scale, Series, Style};
use crate::units::counted;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use std::path::{Path, PathBuf};

/// The table for people.
#[must_use]
pub fn table(evaluated: &Evaluated) -> String {
    let e = &evaluated.evaluation;
    let mut text = format!(
        "{}, {} km of observed track, {} ({} more out of sight)\n\
         {}, {}: precision {}, recall {}\n",
        counted(e.case_count, "case"),
        one(e.observed_km),
        counted(e.all.known_count, "known train"),
        e.unseen_count,
        counted(e.found_count, "detection"),
        counted(e.false_alarm_count, "false alarm"),
        two(e.precision),
        with_interval(&e.all)
    );
    let mut line = |s: String| {
        text.push_str(&s);
        text.push('\n');
    };
    line(rates(evaluated).to_string());
    line(calibration(e).to_string());
    line(classes(e).to_string());
    line(format!(
        "ends: median error {} m, 90 % within {} m (first {} m, last {} m); the wrong date named for {} of the hits",
        whole(e.end_errors.median_m),
        whole(e.end_errors.high_m),
        whole(e.end_errors.first_median_m),
        whole(e.end_errors.last_median_m),
        two(e.wrong_change_fraction)
    ));
    if e.length_kept.told_count > 0 {
        line(format!(
            "lengths: {} of {} within the reported range ({}), which aims at 0.9",
            e.length_kept.hit_count,
            e.length_kept.told_count,
            two(e.length_kept.fraction)
        ));
    }
    if let Some(m) = &e.motion {
        line(format!(
            "motion: of {} moving trains found {} called moving, {} silent; speed off by {} m/s in the middle, {} at 90 %, {} within two errors; {} of {} others called moving",
            m.moving_count,
            m.called_moving_count,
            m.silent_count,
            one(m.median_error_m_s),
            one(m.high_error_m_s),
            two(m.within_two_sigma),
            m.wrongly_moving_count,
            m.still_count
        ));
    }
    if e.beyond_told_limit.known_count > 0 {
        line(format!(
            "trains at least as long as the detection limit reported for them: {} found, {} should be",
            with_interval(&e.beyond_told_limit),
            0.9
        ));
    }
    let off = &e.off_track;
    line(format!(
        "off the track: {} of {} found, {} false alarms",
        off.hit_count, off.known_count, off.false_alarm_count
    ));
    text
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec());
    table
}

fn aligned(mut table: Table) -> Table {
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    table
}

fn rates(evaluated: &Evaluated) -> Table {
    let mut table = new_table(&["recall at false alarms per 100 km", "2", "10", "50"]);
    let at = &evaluated.evaluation.recall_at;
    let told = |r: &super::RecallAt| {
        let is_bound = !r.is_reached && r.recall.is_finite();
        format!("{}{}", if is_bound { "≥ " } else { "" }, two(r.recall))
    };
    table.add_row([vec!["railwatch".to_owned()], at.iter().map(told).collect()].concat());
    let asked = |r: &super::RecallAt| r.recall_at_asked.map_or_else(|| "not asked".to_owned(), two);
    table.add_row(
        [vec!["railwatch, at the rate asked for".to_owned()], at.iter().map(asked).collect()].concat(),
    );
    for r in &evaluated.references {
        let name = vec![r.reference.name().to_owned()];
        table.add_row([name, r.recall_at.iter().map(|&v| two(v)).collect()].concat());
    }
    aligned(table)
}

fn calibration(e: &Evaluation) -> Table {
    let mut table = new_table(&["false alarms per 100 km asked for", "measured", "95 % interval"]);
    for c in &e.calibration {
        let [low, high] = c.interval_per_100km;
        table.add_row([
            two(c.asked_per_100km).trim_end_matches(".00").to_owned(),
            one(c.measured_per_100km),
            format!("{} to {}", one(low), one(high)),
        ]);
    }
    aligned(table)
}

fn classes(e: &Evaluation) -> Table {
    let header = ["trains", "known", "found", "recall", "95 % interval", "90 % found from (m)"];
    let mut table = new_table(&header);
    let all = std::iter::once(("all".to_owned(), &e.all));
    let lengths = e.by_length.iter().map(|(name, c)| (format!("{name} m"), c));
    let cargoes = e.by_cargo.iter().map(|(name, c)| (name.replace('_', " "), c));
    for (name, c) in all.chain(lengths).chain(cargoes) {
        table.add_row([
            name,
            c.known_count.to_string(),
            c.hit_count.to_string(),
            two(c.recall),
            format!("{} to {}", two(c.interval[0]), two(c.interval[1])),
            c.detection_limit_m.map_or_else(|| "–".to_owned(), whole),
        ]);
    }
    aligned(table)
}

fn with_interval(c: &Class) -> String {
    format!(
        "{} ({} of {}, 95 % {} to {})",
        two(c.recall),
        c.hit_count,
        c.known_count,
        two(c.interval[0]),
        two(c.interval[1])
    )
}

fn two(v: f64) -> String {
    if v.is_finite() { format!("{v:.2}") } else { "–".to_owned() }
}

fn one(v: f64) -> String {
    if v.is_finite() { format!("{v:.1}") } else { "–".to_owned() }
}

fn whole(v: f64) -> String {
    if v.is_finite() { format!("{v:.0}") } else { "–".to_owned() }
}

/// Writes `evaluation.json`, `evaluation.csv` and `curves.png` into `dir`.
///
/// # Errors
/// [`Error::Report`] when the curves cannot be drawn, [`Error::Output`] when a file cannot be written.
pub fn write(dir: &Path, evaluated: &Evaluated) -> Result<Vec<PathBuf>, Error> {
    let json = serde_json::to_string_pretty(evaluated).map_err(crate::report::Error::Json)?;
    let page = draw(evaluated)?;
    let files = [
        ("evaluation.json", json.into_bytes()),
        ("evaluation.csv", csv(evaluated).into_bytes()),
        ("curves.png", page.png),
    ];
    Ok(io::write_files(dir, files)?)
}

fn draw(evaluated: &Evaluated) -> Result<curves::Curves, Error> {
    let e = &evaluated.evaluation;
    let title = format!(
        "{}, {}, {:.0} km of observed track",
        counted(e.case_count, "case"),
        counted(e.all.known_count, "train"),
        e.observed_km
    );
    let foot = "Bars: exact 95 % intervals. Dashed: what should be.";
    let plots = [recall_plot(evaluated), calibration_plot(e), reliability_plot(e), length_plot(e)];
    Ok(curves::render(&title, foot, &plots)?)
}

fn plot(title: &str, labels: (&str, &str), scales: (Scale, Scale), series: Vec<Series>) -> Plot {
    let labels = (labels.0.to_owned(), labels.1.to_owned());
    Plot { title: title.to_owned(), labels, x: scales.0, y: scales.1, series }
}

fn series(name: &str, style: Style, points: Vec<(f64, f64)>, bars: Vec<[f64; 2]>) -> Series {
    Series { name: name.to_owned(), points, bars, style }
}

fn recall_plot(evaluated: &Evaluated) -> Plot {
    let steps = |points: &[CurvePoint]| {
        points.iter().map(|p| (p.false_alarms_per_100km.max(1e-9), p.recall)).collect::<Vec<_>>()
    };
    let mut all = vec![series("railwatch", Style::Line, steps(&evaluated.evaluation.curve), Vec::new())];
    for r in &evaluated.references {
        all.push(series(r.reference.name(), Style::Line, steps(&r.curve), Vec::new()));
    }
    let scales = (Scale::Log(0.5, 100.0), Scale::Linear(0.0, 1.0));
    plot("Recall over false alarms", ("false alarms per 100 km", "share of trains found"), scales, all)
}

fn calibration_plot(e: &Evaluation) -> Plot {
    let points = e.calibration.iter().map(|c| (c.asked_per_100km, c.measured_per_100km)).collect();
    let bars = e.calibration.iter().map(|c| c.interval_per_100km).collect();
    let highest = e.calibration.iter().map(|c| c.interval_per_100km[1]).fold(200.0, f64::max);
    let guide = vec![(0.5, 0.5), (highest, highest)];
    let all = vec![
        series("measured", Style::Dots, points, bars),
        series("as asked", Style::Guide, guide, Vec::new()),
        series("", Style::Guide, vec![(0.5, 1.0), (highest / 2.0, highest)], Vec::new()),
        series("", Style::Guide, vec![(1.0, 0.5), (highest, highest / 2.0)], Vec::new()),
    ];
    let scales = (Scale::Log(0.5, highest), Scale::Log(0.5, highest));
    let labels = ("asked, per 100 km", "measured, per 100 km");
    plot("False alarms asked and measured (factor of two dashed)", labels, scales, all)
}

fn reliability_plot(e: &Evaluation) -> Plot {
    let points = e.reliability.iter().map(|r| (r.expected_count, r.measured_count as f64)).collect();
    let bars = e.reliability.iter().map(|r| r.interval_count).collect();
    let most = e.reliability.iter().map(|r| r.interval_count[1].max(r.expected_count)).fold(10.0, f64::max);
    let guide = vec![(0.05, 0.05), (most, most)];
    let all = vec![
        series("seen", Style::Dots, points, bars),
        series("as expected", Style::Guide, guide, Vec::new()),
    ];
    let scales = (Scale::Log(0.05, most), Scale::Log(0.05, most));
    let labels = ("false alarms expected at or below p", "false alarms seen");
    plot("Reliability of the p-values", labels, scales, all)
}

fn length_plot(e: &Evaluation) -> Plot {
    // The middle of each class; the last one is open.
    let middle = |name: &str| match name {
        "000-150" => 110.0,
        "150-250" => 200.0,
        "250-400" => 325.0,
        _ => 550.0,
    };
    let points = e.by_length.iter().map(|(name, c)| (middle(name), c.recall)).collect();
    let bars = e.by_length.values().map(|c| c.interval).collect();
    let all = vec![
        series("by length class", Style::Dots, points, bars),
        series("0.9", Style::Guide, vec![(0.0, 0.9), (800.0, 0.9)], Vec::new()),
    ];
    let scales = (Scale::Linear(0.0, 800.0), Scale::Linear(0.0, 1.0));
    plot("Recall by length, at the rate asked", ("length of the train, m", "share found"), scales, all)
}

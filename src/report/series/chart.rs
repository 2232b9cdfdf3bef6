//! Where everything of the chart lies, as plain numbers for the template.

use super::super::axis::{Tick, multiples, step_above, tenth};
use super::super::text::width_px;
use super::{SeriesCard, SeriesNote, SeriesPoint};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::fmt::Write;

/// Where lines of text begin.
const MARGIN: f64 = 40.0;
/// How much wider bold letters are than plain ones.
const BOLD: f64 = 1.12;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 1560.0;
const TOP: f64 = 220.0;
const BOTTOM: f64 = 700.0;
/// Bars of the share that could be seen, below the plot.
const BARS: (f64, f64) = (716.0, 756.0);
/// Notes that are written out.
const NOTE_COUNT: usize = 12;
/// Below this share a date says little about the whole track and is drawn hollow.
const SEEN: f64 = 0.5;

#[derive(Debug, Serialize)]
pub(super) struct Chart {
    title: String,
    title_px: f64,
    track: String,
    subtitle: String,
    subtitle_px: f64,
    attribution: String,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    bars_top: f64,
    bars_bottom: f64,
    sensors: Vec<Sensor>,
    disputes: Vec<Dispute>,
    gaps: Vec<Gap>,
    dots: Vec<Dot>,
    bars: Vec<Gap>,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    notes: Vec<Note>,
    empty: bool,
}

/// What optical scenes, or radar, show.
#[derive(Debug, Serialize)]
struct Sensor {
    name: &'static str,
    colour: &'static str,
    bands: Vec<String>,
    lines: Vec<String>,
    limits: Vec<String>,
}

/// Track that looks empty in one view and occupied in another.
#[derive(Debug, Serialize)]
struct Dispute {
    x: f64,
    from: f64,
    to: f64,
    title: String,
}

#[derive(Debug, Serialize)]
struct Gap {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Dot {
    x: f64,
    y: f64,
    hollow: bool,
    is_radar: bool,
    colour: &'static str,
    title: String,
}

#[derive(Debug, Serialize)]
struct Note {
    number: usize,
    x: f64,
    label_x: f64,
    text_x: f64,
    text_y: f64,
    text: String,
}

/// Size of letters at which a line fits the width of the chart; `usual_px` where it does anyway. `wider` than plain ones they are.
fn fitting_px(text: &str, usual_px: f64, wider: f64) -> f64 {
    let room_px = RIGHT - MARGIN;
    let fits_px = room_px / (wider * width_px(text, 1.0)).max(1e-9);
    // Rounded down, so that it fits still.
    if fits_px < usual_px { (fits_px * 10.0).floor() / 10.0 } else { usual_px }
}

/// From data to page.
struct Axes {
    from_s: f64,
    per_s: f64,
    per_m: f64,
}

impl Axes {
    fn x(&self, second: i64) -> f64 {
        tenth(LEFT + (second as f64 - self.from_s) * self.per_s)
    }

    fn y(&self, m: f64) -> f64 {
        tenth(BOTTOM - m * self.per_m)
    }
}

pub(super) fn lay_out(card: &SeriesCard) -> Chart {
    let points = &card.points;
    let seconds: Vec<i64> = points.iter().map(|p| p.datetime.as_second()).collect();
    // Without a date there is no axis of time to label, only a frame to draw.
    let (first, last) = span(card).unwrap_or((0, 0));
    let margin = ((last - first) as f64 * 0.02).max(86_400.0);
    let highest = points
        .iter()
        .map(|p| p.high_m.max(p.limit_m.unwrap_or(0.0)).max(p.occupied_m + p.disputed_m))
        .fold(100.0, f64::max);
    let step_m = step_above(highest / 5.0);
    let top_m = (highest / step_m).ceil() * step_m;
    let axes = Axes {
        from_s: first as f64 - margin,
        per_s: (RIGHT - LEFT) / ((last - first) as f64 + 2.0 * margin),
        per_m: (BOTTOM - TOP) / top_m,
    };
    let gap_s = longest_step(&seconds);
    let notes = notes(card, &axes);
    let written = notes.len().div_ceil(2) as f64;
    let between = if card.track.is_empty() { "" } else { ": " };
    let subtitle = format!("{}{between}{}", card.track, card.subtitle);
    Chart {
        title: card.title.clone(),
        title_px: fitting_px(&card.title, 32.0, BOLD),
        track: card.track.clone(),
        subtitle_px: fitting_px(&subtitle, 19.0, 1.0),
        subtitle,
        attribution: card.attribution.clone(),
        height: 900.0 + 28.0 * written,
        left: LEFT,
        right: RIGHT,
        top: TOP,
        bottom: BOTTOM,
        bars_top: BARS.0,
        bars_bottom: BARS.1,
        sensors: [false, true].iter().filter_map(|is_radar| sensor(points, *is_radar, &axes)).collect(),
        disputes: points.iter().filter(|p| p.disputed_m > 0.0).map(|p| dispute(p, &axes)).collect(),
        gaps: gaps(&seconds, gap_s, &axes),
        dots: points.iter().map(|p| dot(p, &axes)).collect(),
        bars: points
            .iter()
            .map(|p| {
                let height = tenth((BARS.1 - BARS.0) * p.observed_fraction.clamp(0.0, 1.0));
                Gap { x: axes.x(p.datetime.as_second()) - 2.5, width: 5.0, y: BARS.1 - height, height }
            })
            .collect(),
        x_ticks: span(card).map_or_else(Vec::new, |(first, last)| x_ticks(first, last, &axes)),
        y_ticks: multiples(0.0, top_m, step_m, usize::MAX)
            .into_iter()
            .map(|m| Tick { at: axes.y(m), label: format!("{m:.0}") })
            .collect(),
        notes,
        empty: points.is_empty(),
    }
}

/// First and last second of what is shown; `None` where there is nothing.
fn span(card: &SeriesCard) -> Option<(i64, i64)> {
    let notes = shown_notes(card).iter().map(|note| note.datetime);
    let seconds = card.points.iter().map(|p| p.datetime).chain(notes).map(jiff::Timestamp::as_second);
    seconds.map(|s| (s, s)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The newest notes, as many as are written out.
fn shown_notes(card: &SeriesCard) -> &[SeriesNote] {
    &card.notes[card.notes.len().saturating_sub(NOTE_COUNT)..]
}

/// Half of a dash, px.
const DASH_PX: f64 = 4.5;

/// Colour of optical dates, and of radar.
fn colour(is_radar: bool) -> &'static str {
    if is_radar { "#7a3e9d" } else { "#0b5cad" }
}

/// The dates of one sensor; `None` where there are none. Its own steps say where its line is broken.
fn sensor(points: &[SeriesPoint], is_radar: bool, axes: &Axes) -> Option<Sensor> {
    let own: Vec<SeriesPoint> = points.iter().filter(|p| p.is_radar == is_radar).cloned().collect();
    let seconds: Vec<i64> = own.iter().map(|p| p.datetime.as_second()).collect();
    let runs = runs(&own, longest_step(&seconds));
    let occupied = |run: &&[SeriesPoint]| line(run, axes, None, |p| Some(p.occupied_m));
    let limit = |run: &&[SeriesPoint]| line(run, axes, Some(DASH_PX), |p| p.limit_m);
    (!own.is_empty()).then(|| Sensor {
        name: if is_radar { "radar" } else { "optical" },
        colour: colour(is_radar),
        bands: runs.iter().filter(|run| run.len() > 1).map(|run| band(run, axes)).collect(),
        lines: runs.iter().map(occupied).filter(|d| !d.is_empty()).collect(),
        limits: runs.iter().map(limit).filter(|d| !d.is_empty()).collect(),
    })
}

fn dispute(p: &SeriesPoint, axes: &Axes) -> Dispute {
    Dispute {
        x: axes.x(p.datetime.as_second()),
        from: axes.y(p.occupied_m),
        to: axes.y(p.occupied_m + p.disputed_m),
        title: format!(
            "{}: {:.0} m look empty in {} and occupied in another view",
            p.datetime.strftime("%Y-%m-%d"),
            p.disputed_m,
            p.view
        ),
    }
}

/// From which step on there is a gap: three usual steps, at least 20 days.
fn longest_step(seconds: &[i64]) -> i64 {
    let mut steps: Vec<i64> = seconds.windows(2).map(|w| w[1] - w[0]).collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0);
    (3 * usual).max(20 * 86_400)
}

/// Points without a gap between them.
fn runs(points: &[SeriesPoint], gap_s: i64) -> Vec<&[SeriesPoint]> {
    points.chunk_by(|a, b| b.datetime.as_second() - a.datetime.as_second() <= gap_s).collect()
}

fn band(run: &[SeriesPoint], axes: &Axes) -> String {
    let at = |p: &SeriesPoint, m: f64| (axes.x(p.datetime.as_second()), axes.y(m));
    let edge = run.iter().map(|p| at(p, p.high_m)).chain(run.iter().rev().map(|p| at(p, p.low_m)));
    path(edge) + "Z"
}

/// A line through the dates that have a value; `alone` is half of the dash that stands for a date by itself, which else is its
/// dot.
fn line(
    run: &[SeriesPoint],
    axes: &Axes,
    alone: Option<f64>,
    pick: fn(&SeriesPoint) -> Option<f64>,
) -> String {
    let at = |p: &SeriesPoint| (axes.x(p.datetime.as_second()), axes.y(pick(p).unwrap_or(0.0)));
    // A date without a value ends the line; the next one begins a new one.
    run.split(|p| pick(p).is_none())
        .map(|part| match (part, alone) {
            ([], _) | ([_], None) => String::new(),
            ([point], Some(half)) => {
                let (x, y) = at(point);
                path([(tenth(x - half), y), (tenth(x + half), y)].into_iter())
            }
            _ => path(part.iter().map(at)),
        })
        .collect()
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    for (i, (x, y)) in points.enumerate() {
        // Writing into a string cannot fail.
        let _ = write!(text, "{}{x} {y}", if i == 0 { "M" } else { "L" });
    }
    text
}

fn gaps(seconds: &[i64], gap_s: i64, axes: &Axes) -> Vec<Gap> {
    (seconds.windows(2).filter(|w| w[1] - w[0] > gap_s))
        .map(|w| {
            let (from, to) = (axes.x(w[0]) + 6.0, axes.x(w[1]) - 6.0);
            Gap { x: from, width: tenth((to - from).max(1.0)), y: TOP, height: BOTTOM - TOP }
        })
        .collect()
}

fn dot(p: &SeriesPoint, axes: &Axes) -> Dot {
    let limit = p.limit_m.map_or_else(
        || "no train would have been found with 90 % probability".to_owned(),
        |l| format!("trains from {l:.0} m would have been found"),
    );
    Dot {
        x: axes.x(p.datetime.as_second()),
        y: axes.y(p.occupied_m),
        hollow: p.observed_fraction < SEEN,
        is_radar: p.is_radar,
        colour: colour(p.is_radar),
        title: format!(
            "{}, {}: {:.0} m ({:.0} to {:.0} m), {:.0} m of it also seen by another view, {:.0} % seen, {limit}",
            p.datetime.strftime("%Y-%m-%d"),
            p.view,
            p.occupied_m,
            p.low_m,
            p.high_m,
            p.agreed_m,
            100.0 * p.observed_fraction
        ),
    }
}

/// First days of months or years, as many as have room.
fn x_ticks(first: i64, last: i64, axes: &Axes) -> Vec<Tick> {
    let day = |s: i64| {
        jiff::Timestamp::from_second(s).map_or(date(1970, 1, 1), |t| TimeZone::UTC.to_datetime(t).date())
    };
    let months = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month()) - 1;
    let (from, to) = (months(day(first)), months(day(last)) + 1);
    let every = [1, 2, 3, 6, 12, 24, 60].into_iter().find(|n| (to - from) / n <= 12).unwrap_or(120);
    let mut ticks = Vec::new();
    for month in (from..=to).filter(|m| m % every == 0) {
        let Ok(d) = Date::new((month / 12) as i16, (month % 12 + 1) as i8, 1) else { continue };
        let Ok(start) = TimeZone::UTC.to_timestamp(d.at(0, 0, 0, 0)) else { continue };
        let at = axes.x(start.as_second());
        if (LEFT..=RIGHT).contains(&at) {
            let label = if every >= 12 { d.strftime("%Y") } else { d.strftime("%Y-%m") };
            ticks.push(Tick { at, label: label.to_string() });
        }
    }
    if ticks.len() < 2 {
        // Too short for months: its ends.
        let tick = |s: i64| Tick { at: axes.x(s), label: day(s).to_string() };
        ticks = vec![tick(first)];
        ticks.extend((last > first).then(|| tick(last)));
    }
    ticks
}

/// Numbered marks above the plot, pushed apart, and what they say in two columns below it.
fn notes(card: &SeriesCard, axes: &Axes) -> Vec<Note> {
    let shown = shown_notes(card);
    let half = shown.len().div_ceil(2).max(1);
    let mut label_x = f64::NEG_INFINITY;
    let mut notes: Vec<Note> = (shown.iter().enumerate())
        .map(|(i, note)| {
            let x = axes.x(note.datetime.as_second());
            label_x = x.max(label_x + 30.0);
            Note {
                number: i + 1,
                x,
                label_x,
                text_x: if i < half { LEFT } else { f64::midpoint(LEFT, RIGHT) },
                text_y: 862.0 + 28.0 * (i % half) as f64,
                text: format!("{} {}", note.datetime.strftime("%Y-%m-%d"), note.text),
            }
        })
        .collect();
    // What was pushed over the right edge comes back from there.
    let mut limit = RIGHT;
    for note in notes.iter_mut().rev() {
        note.label_x = tenth(note.label_x.min(limit));
        limit = note.label_x - 30.0;
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn card() -> SeriesCard {
        let day = |d: i64| Timestamp::from_second(1_600_000_000 + 86_400 * d).unwrap();
        let point = |d: i64, m: f64| SeriesPoint {
            datetime: day(d),
            occupied_m: m,
            low_m: (m - 40.0).max(0.0),
            high_m: m + 40.0,
            limit_m: (d != 10).then_some(120.0),
            observed_fraction: 0.9,
            view: "optical".into(),
            is_radar: false,
            agreed_m: 0.0,
            disputed_m: 0.0,
        };
        SeriesCard {
            points: vec![point(0, 0.0), point(5, 200.0), point(10, 210.0), point(60, 0.0), point(65, 0.0)],
            notes: vec![SeriesNote { datetime: day(5), text: "<b> appeared".into() }],
            ..SeriesCard::default()
        }
    }

    #[test]
    fn gaps_are_not_bridged_and_text_is_escaped() {
        let chart = lay_out(&card());
        assert_eq!((chart.gaps.len(), chart.sensors[0].lines.len(), chart.dots.len()), (1, 2, 5));
        // The limit's line breaks where no train would have been found.
        assert_eq!(chart.sensors[0].limits[0].matches('M').count(), 1);
        // On a date by itself it is a dash.
        let mut alone = card();
        alone.points.remove(0);
        let limits = &lay_out(&alone).sensors[0].limits;
        assert_eq!((limits.len(), limits[0].matches('L').count()), (2, 1));
        let drawn = super::super::render(&card()).unwrap();
        assert!(!drawn.svg.contains("<b>") && drawn.png.starts_with(b"\x89PNG"));
        assert!(super::super::render(&SeriesCard::default()).is_ok());
    }

    #[test]
    fn radar_has_a_line_of_its_own_and_disputes_are_marked() {
        let mut card = card();
        card.points[1].is_radar = true;
        card.points[2].is_radar = true;
        card.points[2].disputed_m = 150.0;
        let chart = lay_out(&card);
        assert_eq!(chart.sensors.iter().map(|s| s.lines.len()).collect::<Vec<_>>(), [1, 1]);
        assert!(chart.disputes.len() == 1 && chart.disputes[0].to < chart.disputes[0].from);
        let svg = super::super::render(&card).unwrap().svg;
        assert!(svg.contains("looks empty here, occupied in another view"), "{svg}");
    }

    #[test]
    fn the_track_stands_below_the_title_and_long_lines_get_smaller_letters() {
        let card = SeriesCard { title: "Site".into(), track: "Main line (a-1)".into(), ..card() };
        let chart = lay_out(&SeriesCard { subtitle: "2 km".into(), ..card.clone() });
        assert_eq!(
            (chart.subtitle.as_str(), chart.title_px, chart.subtitle_px),
            ("Main line (a-1): 2 km", 32.0, 19.0)
        );
        let long = lay_out(&SeriesCard { title: "M".repeat(120), track: "m".repeat(200), ..card });
        assert!(BOLD * width_px(&"M".repeat(120), long.title_px) <= RIGHT - MARGIN, "{}", long.title_px);
        assert!(long.subtitle_px < 19.0);
    }

    #[test]
    fn time_is_labelled_where_there_are_dates_and_only_there() {
        let nothing = lay_out(&SeriesCard::default());
        assert!(nothing.empty && nothing.x_ticks.is_empty());
        let mut one = card();
        one.points.truncate(1);
        one.notes.clear();
        let labels =
            |card: &SeriesCard| lay_out(card).x_ticks.into_iter().map(|t| t.label).collect::<Vec<_>>();
        assert_eq!(labels(&one), ["2020-09-13"]);
        // What happened is on the axis, also where no date of the series is left.
        one.points.clear();
        one.notes = card().notes;
        let chart = lay_out(&one);
        assert!((LEFT..=RIGHT).contains(&chart.notes[0].x) && chart.x_ticks[0].label.starts_with("2020-09"));
    }

    #[test]
    fn values_grow_upwards_within_the_frame() {
        let chart = lay_out(&card());
        assert!(chart.dots[1].y < chart.dots[0].y);
        assert!(chart.dots.iter().all(|d| (TOP..=BOTTOM).contains(&d.y) && (LEFT..=RIGHT).contains(&d.x)));
    }
}

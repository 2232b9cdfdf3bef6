//! The series of a site as files: CSV, JSON, a chart of each track and of all together, and a page.

use super::agreement::{Agreement, agreements};
use super::alerts::{figure_folder, link_from};
use super::lives::LifeState;
use super::occupancy::site_range;
use super::state::{AlertRow, ObservationRow, State, TrackRow, of_json};
use super::views;
use super::{Config, Error, SiteConfig};
use crate::io;
use crate::pipeline::Origin;
use crate::report::csv::quoted;
use crate::report::series::{
    PageEvent, SeriesCard, SeriesChart, SeriesNote, SeriesPage, SeriesPoint, page, render,
};
use crate::units::total_m;
use rayon::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Alerts that are listed on the page.
const EVENT_COUNT: usize = 200;

/// Writes `<site>.csv`, `.json`, `.svg`, `.png`, `.html`, and `<site>-<track>.svg` and `.png` of a site with several
/// tracks, into `out`; gives their paths.
///
/// # Errors
/// [`Error::NoState`] before the first run, [`Error::Stored`] where the state is damaged, [`Error::Io`] when `out` cannot be
/// written.
pub fn write_series(config: &Config, site_ids: &[String], out: &Path) -> Result<Vec<PathBuf>, Error> {
    let state = State::open_to_read(&config.state)?;
    std::fs::create_dir_all(out).map_err(|source| Error::Output { path: out.to_owned(), source })?;
    let mut written = Vec::new();
    for id in site_ids {
        config.site(id)?;
    }
    for site in config.site.iter().filter(|s| site_ids.is_empty() || site_ids.contains(&s.id)) {
        written.extend(io::write_files(out, files_of(&state, config, site, out)?)?);
    }
    Ok(written)
}

/// Names and contents of the files of a site; links in them start in `out`.
fn files_of(
    state: &State,
    config: &Config,
    site: &SiteConfig,
    out: &Path,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let tracks = state.tracks(&site.id)?;
    let lives = state.lives(&site.id)?;
    let rows =
        Rows { agreed: agreements(&lives, &state.steps(&site.id)?), rows: state.observations(&site.id)? };
    let alerts = state.alerts(&site.id, EVENT_COUNT)?;
    // What stayed for good was no train and is not in the series, also where it was reported as one.
    let permanent: BTreeSet<String> = (lives.into_iter().map(|row| row.life))
        .filter(|life| life.state == LifeState::Permanent)
        .map(|life| life.id)
        .collect();
    let json = serde_json::to_string_pretty(&rows.json(site, &tracks)?)
        .map_err(|e| Error::Stored { what: "the series", reason: e.to_string() })?;
    let mut files = vec![
        (format!("{}.csv", site.id), rows.csv(&tracks).into_bytes()),
        (format!("{}.json", site.id), json.into_bytes()),
    ];
    let of_trains: Vec<&AlertRow> =
        alerts.iter().filter(|a| a.withdrawn_at.is_none() && !permanent.contains(&a.life_id)).collect();
    let cards = cards(state, site, &tracks, &rows, &of_trains)?;
    let charts: Vec<SeriesChart> = cards.par_iter().map(render).collect::<Result<_, _>>()?;
    for (i, chart) in charts.iter().enumerate() {
        let name = if i == 0 { site.id.clone() } else { format!("{}-{}", site.id, tracks[i - 1].track_id) };
        files.push((format!("{name}.svg"), chart.svg.clone().into_bytes()));
        files.push((format!("{name}.png"), chart.png.clone()));
    }
    let events = alerts
        .iter()
        .filter(|a| a.withdrawn_at.is_none())
        .map(|a| PageEvent {
            date: a.datetime.strftime("%Y-%m-%d").to_string(),
            kind: a.kind.clone(),
            title: event_text(a).to_owned()
                + if permanent.contains(&a.life_id) { " (no train: it stays)" } else { "" },
            link: figure_folder(a, &config.alerts.folder)
                .map(|folder| link_from(out, &folder) + "/report.html"),
        })
        .collect();
    let whole = SeriesPage {
        title: site.title().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cards,
        events,
    };
    files.push((format!("{}.html", site.id), page(&whole, &charts)?.into_bytes()));
    Ok(files)
}

/// The observations of a site, and how far its views agree on them.
struct Rows {
    rows: Vec<ObservationRow>,
    agreed: BTreeMap<(i64, usize), Agreement>,
}

impl Rows {
    fn agreement(&self, o: &ObservationRow) -> Agreement {
        self.agreed.get(&(o.scene_key, o.track_index)).copied().unwrap_or_default()
    }

    fn csv(&self, tracks: &[TrackRow]) -> String {
        let mut text = String::from(
            "datetime,view,track_id,length_m,observed_m,occupied_m,occupied_low_m,occupied_high_m,wagons_low,\
             wagons_high,train_count,detection_limit_m,agreed_m,disputed_m\n",
        );
        for o in &self.rows {
            let track = tracks.get(o.track_index).map_or("", |t| t.track_id.as_str());
            let limit = o.limit_m.map(|l| format!("{l:.0}")).unwrap_or_default();
            let a = self.agreement(o);
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "{},{},{track},{:.0},{:.0},{:.0},{:.0},{:.0},{},{},{},{limit},{:.0},{:.0}",
                o.datetime,
                quoted(&o.view),
                o.length_m,
                o.observed_m,
                o.occupied_m,
                o.occupied_low_m,
                o.occupied_high_m,
                o.wagons_low,
                o.wagons_high,
                o.train_count,
                a.agreed_m,
                a.disputed_m
            );
        }
        text
    }

    fn json(&self, site: &SiteConfig, tracks: &[TrackRow]) -> Result<serde_json::Value, Error> {
        let date = |o: &ObservationRow| -> Result<serde_json::Value, Error> {
            let limits: serde_json::Value = of_json("the detection limits of a date", &o.limits)?;
            let a = self.agreement(o);
            Ok(json!({
                "datetime": o.datetime, "view": o.view, "observed_m": o.observed_m, "occupied_m": o.occupied_m,
                "occupied_low_m": o.occupied_low_m, "occupied_high_m": o.occupied_high_m,
                "wagons_low": o.wagons_low, "wagons_high": o.wagons_high, "train_count": o.train_count,
                "detection_limit_m": o.limit_m, "detection_limits_m": limits,
                "agreed_m": a.agreed_m, "disputed_m": a.disputed_m,
            }))
        };
        let track = |t: &TrackRow| -> Result<serde_json::Value, Error> {
            let of_track = self.rows.iter().filter(|o| o.track_index == t.track_index);
            let dates: Vec<serde_json::Value> = of_track.map(date).collect::<Result<_, _>>()?;
            Ok(json!({ "track_id": t.track_id, "name": t.name, "length_m": t.length_m, "dates": dates }))
        };
        let tracks: Vec<serde_json::Value> = tracks.iter().map(track).collect::<Result<_, _>>()?;
        Ok(json!({ "site": site.id, "title": site.title(), "tracks": tracks }))
    }

    fn point(&self, o: &ObservationRow) -> SeriesPoint {
        let a = self.agreement(o);
        SeriesPoint {
            datetime: o.datetime,
            occupied_m: o.occupied_m,
            low_m: o.occupied_low_m,
            high_m: o.occupied_high_m,
            limit_m: o.limit_m,
            observed_fraction: o.observed_m / o.length_m.max(1.0),
            view: o.view.clone(),
            is_radar: views::is_radar(&o.view),
            agreed_m: a.agreed_m,
            disputed_m: a.disputed_m,
        }
    }

    /// Sum over the tracks of each scene, with the limit of [`limit_of_site`].
    fn together(&self) -> Vec<SeriesPoint> {
        self.rows
            .chunk_by(|a, b| a.scene_key == b.scene_key)
            .map(|rows| {
                let sum = |pick: fn(&ObservationRow) -> f64| rows.iter().map(pick).sum::<f64>();
                let (occupied_m, length_m) = (sum(|r| r.occupied_m), sum(|r| r.length_m));
                let trains = rows.iter().map(|r| r.train_count).sum();
                let (low_m, high_m) = site_range(occupied_m, trains, length_m);
                let limit_m = limit_of_site(rows.iter().map(|r| (r.observed_m, r.limit_m)));
                SeriesPoint {
                    occupied_m,
                    low_m,
                    high_m,
                    limit_m,
                    observed_fraction: sum(|r| r.observed_m) / length_m.max(1.0),
                    agreed_m: rows.iter().map(|r| self.agreement(r).agreed_m).sum(),
                    disputed_m: rows.iter().map(|r| self.agreement(r).disputed_m).sum(),
                    ..self.point(&rows[0])
                }
            })
            .collect()
    }
}

/// Length from which a train would be found on every track that can show it, of what was seen and the limit of each; none where one
/// of them has none. A track that is hidden, or shorter than that length, has no limit because no such train fits into what is seen
/// of it: it has no say.
fn limit_of_site(tracks: impl Iterator<Item = (f64, Option<f64>)> + Clone) -> Option<f64> {
    let most = tracks.clone().filter_map(|(_, limit)| limit).reduce(f64::max)?;
    tracks.filter(|(_, limit)| limit.is_none()).all(|(seen_m, _)| seen_m <= most).then_some(most)
}

/// All tracks together, then each, where there are several.
fn cards(
    state: &State,
    site: &SiteConfig,
    tracks: &[TrackRow],
    rows: &Rows,
    alerts: &[&AlertRow],
) -> Result<Vec<SeriesCard>, Error> {
    let notes = |track: Option<&TrackRow>| -> Vec<SeriesNote> {
        (alerts.iter().rev())
            .filter(|a| a.kind != "confirmed")
            .filter(|a| track.is_none_or(|t| a.feature.contains(&format!("\"{}\"", t.track_id))))
            .map(|a| SeriesNote { datetime: a.datetime, text: event_text(a).to_owned() })
            .collect()
    };
    let references = state.references(&site.id)?;
    let origin = Origin::of(references.iter().map(|(_, reference)| &reference.platform));
    let attribution = origin.attribution(&years(&rows.rows));
    let card = |track: String, length_m: f64, points: Vec<SeriesPoint>, notes| SeriesCard {
        subtitle: subtitle(length_m, &points),
        title: site.title().to_owned(),
        track,
        attribution: attribution.clone(),
        length_m,
        points,
        notes,
    };
    let whole_m = total_m(tracks.iter().map(|t| t.length_m));
    let mut cards = vec![card(String::new(), whole_m, rows.together(), notes(None))];
    if tracks.len() > 1 {
        for track in tracks {
            let points: Vec<SeriesPoint> = rows
                .rows
                .iter()
                .filter(|o| o.track_index == track.track_index)
                .map(|o| rows.point(o))
                .collect();
            let name = track.name.as_deref().unwrap_or("track");
            let name = format!("{name} ({})", track.track_id);
            cards.push(card(name, track.length_m, points, notes(Some(track))));
        }
    }
    Ok(cards)
}

/// What an alert says, without site and date, which stand beside it.
fn event_text(alert: &AlertRow) -> &str {
    let date = alert.datetime.strftime("%Y-%m-%d: ").to_string();
    alert.title.split_once(date.as_str()).map_or(&alert.title, |(_, what)| what)
}

fn subtitle(length_m: f64, points: &[SeriesPoint]) -> String {
    let km = length_m / 1000.0;
    match (points.first(), points.last()) {
        (Some(only), Some(_)) if points.len() == 1 => {
            format!("{km:.1} km of track, 1 date, {}", only.datetime.strftime("%Y-%m-%d"))
        }
        (Some(first), Some(last)) => format!(
            "{km:.1} km of track, {} dates from {} to {}",
            points.len(),
            first.datetime.strftime("%Y-%m-%d"),
            last.datetime.strftime("%Y-%m-%d")
        ),
        _ => format!("{km:.1} km of track"),
    }
}

/// First and last year of the rows, one where they are the same.
fn years(rows: &[ObservationRow]) -> String {
    let year = |row: Option<&ObservationRow>| row.map(|r| r.datetime.strftime("%Y").to_string());
    match (year(rows.first()), year(rows.last())) {
        (Some(a), Some(b)) if a != b => format!("{a}–{b}"),
        (Some(a), _) => a,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_too_short_for_the_trains_that_are_found_elsewhere_does_not_hide_the_limit() {
        let of = |tracks: &[(f64, Option<f64>)]| limit_of_site(tracks.iter().copied());
        let long = [(2000.0, Some(120.0)), (900.0, Some(90.0))];
        assert_eq!(of(&long), Some(120.0));
        // A short siding, and a track that clouds hide.
        assert_eq!(of(&[&long[..], &[(60.0, None), (0.0, None)]].concat()), Some(120.0));
        // A track that could hold the train and would not show it.
        assert_eq!(of(&[&long[..], &[(130.0, None)]].concat()), None);
        assert_eq!(of(&[(60.0, None)]), None);
        assert_eq!(of(&[]), None);
    }
}

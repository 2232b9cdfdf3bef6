//! What the state knows as files for other programs: GeoJSON and CSV of detections and lives.

use super::state::{DetectionRow, LifeRow, State, TrackRow, of_json};
use super::words::Word;
use super::{Config, Error, LifeState};
use crate::io;
use crate::report::csv::quoted;
use crate::report::geojson::position;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes `detections.geojson`, `detections.csv`, `lives.geojson` and `lives.csv` of all sites into `out`; gives their
/// paths. A life's line is the track between the ends where it was last seen.
///
/// # Errors
/// [`Error::NoState`] before the first run, [`Error::Stored`] where the state is damaged, [`Error::Io`] when `out` cannot be
/// written.
pub fn export(config: &Config, out: &Path) -> Result<Vec<PathBuf>, Error> {
    let state = State::open_to_read(&config.state)?;
    std::fs::create_dir_all(out).map_err(|source| Error::Output { path: out.to_owned(), source })?;
    let (mut detections, mut lives) = (Vec::new(), Vec::new());
    let mut detections_csv = String::from(
        "site,datetime,track_id,start_m,end_m,length_m,offset_m,change,score,p_value,q_value,appearance,view\n",
    );
    let mut lives_csv = String::from(
        "site,life_id,track_id,state,start_m,end_m,length_m,first_seen,last_seen,first_missed,seen_count,move_count,\
         score,appearance,seen_by\n",
    );
    for site in &config.site {
        let tracks = state.tracks(&site.id)?;
        for row in state.detections(&site.id)? {
            detection(&site.id, &tracks, &row, &mut detections, &mut detections_csv)?;
        }
        for row in state.lives(&site.id)? {
            life(&site.id, &tracks, &row, &mut lives, &mut lives_csv)?;
        }
    }
    let collection = |features: Vec<Value>| {
        json!({ "type": "FeatureCollection", "features": features }).to_string() + "\n"
    };
    let files = [
        ("detections.geojson", collection(detections)),
        ("detections.csv", detections_csv),
        ("lives.geojson", collection(lives)),
        ("lives.csv", lives_csv),
    ];
    Ok(io::write_files(out, files)?)
}

fn track_id(tracks: &[TrackRow], index: usize) -> &str {
    tracks.get(index).map_or("", |t| t.track_id.as_str())
}

fn detection(
    site: &str,
    tracks: &[TrackRow],
    d: &DetectionRow,
    features: &mut Vec<Value>,
    csv: &mut String,
) -> Result<(), Error> {
    let track = track_id(tracks, d.track_index);
    let geometry: Value = of_json("the outline of a detection", &d.geometry)?;
    let contrast: Value = of_json("the contrast of a detection", &d.contrast)?;
    features.push(json!({
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "site": site, "datetime": d.datetime, "kind": "train", "change": d.change, "track_id": track,
            "chainage_start_m": d.start_m, "chainage_end_m": d.end_m, "length_m": d.end_m - d.start_m,
            "offset_m": d.offset_m, "score": d.score, "p_value": d.p_value, "q_value": d.q_value,
            "appearance": d.appearance, "contrast": contrast, "view": d.view,
        },
    }));
    // Writing into a string cannot fail.
    let _ = writeln!(
        csv,
        "{site},{},{track},{:.0},{:.0},{:.0},{:.1},{},{:.3},{:.3e},{:.3e},{},{}",
        d.datetime,
        d.start_m,
        d.end_m,
        d.end_m - d.start_m,
        d.offset_m,
        d.change,
        d.score,
        d.p_value,
        d.q_value,
        d.appearance,
        quoted(&d.view)
    );
    Ok(())
}

fn life(
    site: &str,
    tracks: &[TrackRow],
    row: &LifeRow,
    features: &mut Vec<Value>,
    csv: &mut String,
) -> Result<(), Error> {
    let life = &row.life;
    let part = |track| part_of(track, life.place.start_m, life.place.end_m);
    let line = tracks.get(life.place.track).map(part).transpose()?;
    let kind = if life.state == LifeState::Permanent { "permanent change" } else { "train" };
    features.push(json!({
        "type": "Feature",
        "id": life.id,
        "geometry": { "type": "LineString", "coordinates": line.unwrap_or_default() },
        "properties": {
            "site": site, "kind": kind, "state": life.state, "track_id": row.track_id,
            "chainage_start_m": life.place.start_m, "chainage_end_m": life.place.end_m,
            "length_m": life.place.length_m(), "first_seen": life.first_seen, "last_seen": life.last_seen,
            "first_missed": life.first_missed, "seen_count": life.seen_count, "move_count": life.move_count,
            "score": life.score, "appearance": life.appearance, "seen_by": life.seen_by,
        },
    }));
    // Writing into a string cannot fail.
    let _ = writeln!(
        csv,
        "{site},{},{},{},{:.0},{:.0},{:.0},{},{},{},{},{},{:.3},{},{}",
        life.id,
        row.track_id,
        Word(life.state),
        life.place.start_m,
        life.place.end_m,
        life.place.length_m(),
        life.first_seen,
        life.last_seen,
        life.first_missed.map(|t| t.to_string()).unwrap_or_default(),
        life.seen_count,
        life.move_count,
        life.score,
        life.appearance,
        quoted(&life.seen_by.iter().map(String::as_str).collect::<Vec<_>>().join("; "))
    );
    Ok(())
}

/// The line of a track as it is stored.
#[derive(Deserialize)]
struct Line {
    coordinates: Vec<[f64; 2]>,
}

/// Longitude and latitude of a track between two chainages; lengths are shared out by those of its segments in degrees,
/// scaled to the latitude.
fn part_of(track: &TrackRow, start_m: f64, end_m: f64) -> Result<Vec<[f64; 2]>, Error> {
    let Line { coordinates: points } = of_json("the line of a track", &track.geometry)?;
    let scale = points.first().map_or(1.0, |p| p[1].to_radians().cos());
    let length = |a: &[f64; 2], b: &[f64; 2]| ((b[0] - a[0]) * scale).hypot(b[1] - a[1]);
    let whole: f64 = points.windows(2).map(|w| length(&w[0], &w[1])).sum();
    let (from, to) = (start_m / track.length_m * whole, end_m / track.length_m * whole);
    let (mut part, mut at) = (Vec::new(), 0.0);
    for pair in points.windows(2) {
        let step = length(&pair[0], &pair[1]);
        let inside = |along: f64| {
            let f = ((along - at) / step.max(1e-12)).clamp(0.0, 1.0);
            position([0, 1].map(|k| pair[0][k] + f * (pair[1][k] - pair[0][k])))
        };
        if at + step >= from && at <= to {
            if part.is_empty() {
                part.push(inside(from));
            }
            part.push(inside(to));
        }
        at += step;
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_between_its_ends() {
        let mut track = TrackRow {
            track_index: 0,
            track_id: "a".into(),
            name: None,
            length_m: 300.0,
            geometry: r#"{"type":"LineString","coordinates":[[10.0,0.0],[10.001,0.0],[10.003,0.0]]}"#.into(),
        };
        let part = part_of(&track, 50.0, 200.0).unwrap();
        assert_eq!(part, [[10.0005, 0.0], [10.001, 0.0], [10.002, 0.0]]);
        // What is damaged is no line without points.
        for damaged in ["", "{}", r#"{"type":"LineString","coordinates":null}"#, r#"{"coordinates":[[10.0,"#]
        {
            track.geometry = damaged.into();
            let message = part_of(&track, 50.0, 200.0).unwrap_err().to_string();
            assert!(message.starts_with("the state holds the line of a track that"), "{message}");
        }
    }
}

//! `railwatch search`, and the choice of scenes that `fetch` shares with it.

use super::args::{ChoiceArgs, Global, SearchArgs};
use super::logging::{say, to_stdout};
use super::{Failure, Outcome};
use crate::catalog::{
    Catalog, CatalogAddress, Cloud, Corridor, Error, HttpParams, Query, SelectParams, Selected, Skipped,
    select,
};
use crate::scene::{first_moment, last_moment};
use crate::units::counted;
use jiff::Timestamp;
use miette::miette;
use rayon::prelude::*;
use std::fmt::Write as _;
use std::num::NonZeroUsize;

/// A chosen scene, with its clouds where they were looked at.
pub(super) struct Choice {
    pub(super) scene: Selected,
    pub(super) cloud: Option<Cloud>,
}

/// Everything that was chosen.
pub(super) struct Choices {
    pub(super) catalog: Catalog,
    pub(super) corridor: Corridor,
    pub(super) scenes: Vec<Choice>,
    pub(super) dropped: Vec<Skipped>,
    pub(super) skipped: Vec<Skipped>,
}

/// Searches and lists.
pub(super) fn run(global: &Global, args: &SearchArgs) -> Result<Outcome, Failure> {
    let choices = choose(&args.choice)?;
    if args.json {
        to_stdout(collection(&choices.scenes).to_string().as_bytes())?;
    }
    say(global, &listing(&choices))?;
    Ok(if choices.skipped.is_empty() { Outcome::Done } else { Outcome::Skipped })
}

/// Searches, resolves copies and tiles, and looks at the clouds where asked.
pub(super) fn choose(args: &ChoiceArgs) -> Result<Choices, Failure> {
    let (from, to) = period(args)?;
    let corridor = corridor(args)?;
    let query = Query {
        area: Some(corridor.area().clone()),
        from,
        to,
        collections: args.collections.clone(),
        max_tile_cloud_fraction: args.max_tile_cloud.map(|f| fraction("--max-tile-cloud", f)).transpose()?,
    };
    let max_cloud = args.max_cloud.map(|f| fraction("--max-cloud", f)).transpose()?;
    let catalog = Catalog::new(CatalogAddress::parse(&args.source)?, &HttpParams::default())?;
    let found = catalog.search(&query)?;
    let params = SelectParams { tiles: args.tiles.clone(), ..SelectParams::default() };
    let selection = select(found.items, corridor.area(), &params);
    let limit = args.limit.map_or(usize::MAX, NonZeroUsize::get);
    let dropped = [found.dropped, selection.dropped].concat();
    let mut choices = Choices { catalog, corridor, scenes: Vec::new(), dropped, skipped: found.skipped };
    let beyond = |scene: Selected| Skipped {
        id: scene.item().id.clone(),
        reason: format!("older than the {limit} newest, to which --limit restricts the list"),
    };
    let mut left = selection.scenes.into_iter();
    let Some(max_cloud) = max_cloud else {
        choices.scenes.extend(left.by_ref().take(limit).map(|scene| Choice { scene, cloud: None }));
        choices.dropped.extend(left.map(beyond));
        return Ok(choices);
    };
    while choices.scenes.len() < limit {
        // A few at a time: with a limit, older scenes are only looked at when newer ones are cloudy.
        let some: Vec<Selected> = left.by_ref().take(rayon::current_num_threads().max(4)).collect();
        if some.is_empty() {
            break;
        }
        let looked: Vec<_> =
            some.par_iter().map(|scene| choices.catalog.cloud(scene, &choices.corridor)).collect();
        for (scene, cloud) in some.into_iter().zip(looked) {
            let id = scene.item().id.clone();
            match cloud {
                Ok(cloud) if cloud.observed_fraction <= 0.0 => {
                    choices.dropped.push(Skipped { id, reason: "no data over the corridor".to_owned() });
                }
                Ok(cloud) if cloud.cloud_fraction > max_cloud => {
                    let reason = format!("{:.0} % cloud over the corridor", 100.0 * cloud.cloud_fraction);
                    choices.dropped.push(Skipped { id, reason });
                }
                Ok(cloud) => choices.scenes.push(Choice { scene, cloud: Some(cloud) }),
                Err(error) => choices.skipped.push(Skipped { id, reason: error.to_string() }),
            }
        }
    }
    let many = choices.scenes.split_off(limit.min(choices.scenes.len()));
    choices.dropped.extend(many.into_iter().map(|choice| choice.scene).chain(left).map(beyond));
    Ok(choices)
}

fn corridor(args: &ChoiceArgs) -> Result<Corridor, Error> {
    match (&args.rails, args.bbox.as_slice()) {
        (Some(rails), _) => Corridor::read(rails, args.buffer_m, args.margin_m),
        (None, &[w, s, e, n]) => Corridor::of_bbox([w, s, e, n], args.margin_m),
        (None, other) => Err(Error::Query {
            what: "--bbox".to_owned(),
            reason: format!("give four numbers west,south,east,north, not {}", other.len()),
        }),
    }
}

/// First and last moment asked for, in this order.
fn period(args: &ChoiceArgs) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
    let wrong = |option: &str, text: &str, e: &jiff::Error| {
        Failure::usage(miette!("{option} {text}: not a time ({e}); write 2024-06-17 or 2024-06-17T02:00:00Z"))
    };
    let from =
        args.from.as_deref().map(|t| first_moment(t).map_err(|e| wrong("--from", t, &e))).transpose()?;
    let to = args.to.as_deref().map(|t| last_moment(t).map_err(|e| wrong("--to", t, &e))).transpose()?;
    if let Some((first, last)) = from.zip(to).filter(|(first, last)| first > last) {
        return Err(Failure::usage(miette!("--from {first} is later than --to {last}: swap them")));
    }
    Ok((from, to))
}

fn fraction(option: &str, value: f64) -> Result<f64, Failure> {
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(Failure::usage(miette!("{option} {value}: give a share from 0 to 1")))
}

/// The chosen items as one STAC item collection, with what was seen of the corridor.
fn collection(scenes: &[Choice]) -> serde_json::Value {
    let features: Vec<serde_json::Value> = scenes
        .iter()
        .flat_map(|choice| choice.scene.parts().iter().map(move |item| (item, choice)))
        .map(|(item, choice)| {
            let mut json = item.json.clone();
            if let (Some(cloud), Some(properties)) =
                (choice.cloud, json.get_mut("properties").and_then(serde_json::Value::as_object_mut))
            {
                properties.insert("railwatch:cloud_fraction".to_owned(), cloud.cloud_fraction.into());
                properties.insert("railwatch:observed_fraction".to_owned(), cloud.observed_fraction.into());
            }
            json
        })
        .collect();
    serde_json::json!({ "type": "FeatureCollection", "features": features })
}

/// One line a scene, then what was left out and why.
fn listing(choices: &Choices) -> String {
    let mut text = String::new();
    for choice in &choices.scenes {
        let item = choice.scene.item();
        let time = item.datetime.map_or_else(|| "undated".to_owned(), |t| t.strftime("%F %R").to_string());
        let cloud = match (choice.cloud, item.cloud_fraction) {
            (Some(c), _) => format!("{:3.0} % cloud over the corridor", 100.0 * c.cloud_fraction),
            (None, Some(f)) => format!("{:3.0} % cloud over the tile", 100.0 * f),
            (None, None) => "cloud unknown".to_owned(),
        };
        let strips = match choice.scene.parts().len() {
            1 => String::new(),
            n => format!(", {n} strips"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{time}  {cloud}  {}{strips}", item.id);
    }
    text + &summary(choices)
}

/// How many scenes were chosen, then what was left out and what could not be read, and why.
pub(super) fn summary(choices: &Choices) -> String {
    let scenes = counted(choices.scenes.len(), "scene");
    let mut text = format!("{scenes}, {} left out\n", choices.dropped.len());
    for (word, list) in [("left out", &choices.dropped), ("skipped", &choices.skipped)] {
        for one in list {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{word}  {}: {}", one.id, one.reason);
        }
    }
    text
}

/// A catalog's error with its exit code.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let report = miette!("{error}");
        if error.is_usage() { Self::usage(report) } else { Self::failed(report) }
    }
}

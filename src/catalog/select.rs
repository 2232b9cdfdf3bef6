//! Which of the found items are scenes of their own: copies dropped, strips joined, tiles chosen.
//!
//! Sentinel-2 items are the same scene when platform, tile and start of the datatake agree. Of its copies one that has files
//! wins over one that has none, then the surface reflectance over the top of the atmosphere, then the newest processing
//! baseline, then the one that states its offset; among equals of these the one with most ground of the corridor, then the
//! last processed. Items of the winning processing that add ground of the corridor are strips of one scene, cut by a change
//! of ground station; the others repeat it. A corridor is followed on its home tiles: the fewest that cover it, for
//! overlapping tiles show the same ground twice.

use super::{Area, Item, SelectParams, Skipped};
use geo::{Contains, MultiPolygon, Point, Translate};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// One scene: an item, or the strips that make one up.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The strips, the one with most ground first; never empty.
    parts: Vec<Item>,
}

impl Selected {
    /// A scene of one item.
    #[must_use]
    pub fn single(item: Item) -> Self {
        Self { parts: vec![item] }
    }

    /// The strips, the one with most ground first.
    #[must_use]
    pub fn parts(&self) -> &[Item] {
        &self.parts
    }

    /// The first strip, whose name the scene bears.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.parts[0]
    }
}

/// What is left of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Scenes, the newest first.
    pub scenes: Vec<Selected>,
    /// Items that were left out, and why; tiles that were asked for in vain.
    pub dropped: Vec<Skipped>,
    /// The tiles on which the corridor is followed, the one with most of it first.
    pub home_tiles: Vec<String>,
}

/// Resolves duplicates, strips and overlapping tiles among the items of a search over `area`.
///
/// Does not depend on the order of the items.
#[must_use]
pub fn select(items: Vec<Item>, area: &Area, params: &SelectParams) -> Selection {
    let points = area.points(params.step_m);
    let mut selection = Selection { home_tiles: home_tiles(&items, &points, params), ..Selection::default() };
    let mut groups: BTreeMap<Key, Vec<Item>> = BTreeMap::new();
    for tile in params.tiles.iter().filter(|tile| !items.iter().any(|i| i.tile.as_ref() == Some(*tile))) {
        let reason = "no scene of the corridor lies on this tile".to_owned();
        selection.dropped.push(Skipped { id: format!("tile {tile}"), reason });
    }
    for item in items {
        let foreign = item.tile.as_ref().filter(|t| !selection.home_tiles.contains(t));
        if let Some(tile) = foreign {
            let homes = selection.home_tiles.join(", ");
            let reason = if homes.is_empty() {
                format!("tile {tile} shows too little of the corridor")
            } else if params.tiles.is_empty() {
                format!("tile {tile} adds nothing: the corridor is followed on {homes}")
            } else {
                format!("it is of tile {tile}; asked for: {homes}")
            };
            selection.dropped.push(Skipped { id: item.id, reason });
        } else {
            groups.entry(key_of(&item)).or_default().push(item);
        }
    }
    for group in groups.into_values() {
        let (scene, dropped) = resolved(group, &points, params);
        selection.scenes.extend(scene);
        selection.dropped.extend(dropped);
    }
    selection.scenes.sort_by(|a, b| {
        let (a, b) = (a.item(), b.item());
        b.datetime.cmp(&a.datetime).then_with(|| a.id.cmp(&b.id))
    });
    selection.dropped.sort_by(|a, b| a.id.cmp(&b.id));
    selection
}

/// What makes two items the same scene.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Datatake {
        platform: Option<String>,
        tile: String,
        start: Timestamp,
    },
    /// Scenes outside the tiling: the product without the checksum that each processing gives anew.
    Product(String),
}

fn key_of(item: &Item) -> Key {
    let datatake =
        item.product.as_ref().map(|p| p.datatake).or_else(|| datatake_of(item)).or_else(|| day_of(item));
    match (&item.tile, datatake) {
        (Some(tile), Some(start)) if item.platform.as_ref().is_none_or(|p| p.starts_with("Sentinel-2")) => {
            Key::Datatake { platform: item.platform.clone(), tile: tile.clone(), start }
        }
        _ => Key::Product(without_checksum(&item.id).to_owned()),
    }
}

/// Start of the datatake by `s2:datatake_id`: `GS2A_20240422T173911_046141_N05.10`.
fn datatake_of(item: &Item) -> Option<Timestamp> {
    let id = item.json.pointer("/properties/s2:datatake_id")?.as_str()?;
    let civil: jiff::civil::DateTime = id.split('_').nth(1)?.parse().ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
}

/// The day of sensing, where nothing states the datatake: below 80° a platform sees a tile once a day.
fn day_of(item: &Item) -> Option<Timestamp> {
    let second = item.datetime?.as_second();
    Timestamp::from_second(second - second.rem_euclid(86_400)).ok()
}

/// A Sentinel-1 name without its last word of four hexadecimal digits.
fn without_checksum(id: &str) -> &str {
    match id.rsplit_once('_') {
        Some((name, sum))
            if id.starts_with("S1") && sum.len() == 4 && sum.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            name
        }
        _ => id,
    }
}

/// One processing of a scene; greater is better, and what stands first decides first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    has_files: bool,
    is_surface: bool,
    /// In hundredths: baselines have two digits behind the point; −1 where it is unknown.
    processing_baseline: i64,
    states_offset: bool,
}

fn rank_of(item: &Item) -> Rank {
    let level = item.product.as_ref().map(|p| p.level.as_str());
    let rule = &item.stac.scaling.rule;
    Rank {
        has_files: !item.stac.assets.is_empty(),
        is_surface: level.map_or_else(|| item.id.contains("L2A"), |l| l == "L2A"),
        processing_baseline: item.processing_baseline.map_or(-1, |b| (b * 100.0).round() as i64),
        states_offset: rule.starts_with("offset") || rule.starts_with("boa"),
    }
}

/// The scene of a group of copies and strips, and what it does without.
fn resolved(
    mut group: Vec<Item>,
    points: &[Point<f64>],
    params: &SelectParams,
) -> (Option<Selected>, Vec<Skipped>) {
    let covered = |item: &Item| -> BTreeSet<usize> { covering(item, points) };
    group.sort_by_cached_key(|i| {
        (
            Reverse(rank_of(i)),
            Reverse(covered(i).len()),
            Reverse(i.updated),
            i.collection.clone(),
            i.id.clone(),
        )
    });
    let mut rest = group.into_iter();
    let Some(first) = rest.next() else { return (None, Vec::new()) };
    let (rank, collection, name) = (rank_of(&first), first.collection.clone(), first.id.clone());
    let mut seen = covered(&first);
    let (mut parts, mut dropped) = (vec![first], Vec::new());
    let least = (params.least_gain_fraction * points.len() as f64).max(1.0);
    for item in rest {
        let reason = if rank_of(&item) != rank || item.collection != collection {
            let version = |b: Option<f64>| b.map_or_else(|| "unknown".to_owned(), |b| format!("{b:05.2}"));
            format!(
                "another processing of {name}: baseline {} against {}",
                version(item.processing_baseline),
                version(parts[0].processing_baseline)
            )
        } else {
            let own = covered(&item);
            let gain = own.difference(&seen).count();
            if gain as f64 >= least {
                seen.extend(own);
                parts.push(item);
                continue;
            }
            format!("repeats {name}: it adds no ground of the corridor")
        };
        dropped.push(Skipped { id: item.id, reason });
    }
    (Some(Selected { parts }), dropped)
}

/// Which points lie on the item's data; all of them where it does not state its outline.
fn covering(item: &Item, points: &[Point<f64>]) -> BTreeSet<usize> {
    let on = |p: &Point<f64>| item.footprint.0.is_empty() || holds(&item.footprint, *p);
    points.iter().enumerate().filter(|(_, p)| on(p)).map(|(i, _)| i).collect()
}

fn holds(footprint: &MultiPolygon<f64>, point: Point<f64>) -> bool {
    [0.0, 360.0, -360.0].into_iter().any(|turn| footprint.contains(&point.translate(turn, 0.0)))
}

/// The fewest tiles that cover the points, found greedily; those that were asked for, where any were.
fn home_tiles(items: &[Item], points: &[Point<f64>], params: &SelectParams) -> Vec<String> {
    if !params.tiles.is_empty() {
        return params.tiles.clone();
    }
    let mut tiles: BTreeMap<&str, (BTreeSet<usize>, usize)> = BTreeMap::new();
    for item in items {
        if let Some(tile) = &item.tile {
            let entry = tiles.entry(tile).or_default();
            entry.0.extend(covering(item, points));
            entry.1 += 1;
        }
    }
    let least = (params.least_gain_fraction * points.len() as f64).max(1.0);
    let (mut seen, mut homes) = (BTreeSet::new(), Vec::new());
    while let Some((tile, gain)) = tiles
        .iter()
        .map(|(tile, (covered, count))| ((covered.difference(&seen).count(), *count, Reverse(*tile)), *tile))
        .max()
        .map(|((gain, ..), tile)| (tile, gain))
    {
        if (gain as f64) < least {
            break;
        }
        if let Some((covered, _)) = tiles.remove(tile) {
            seen.extend(covered);
        }
        homes.push(tile.to_owned());
    }
    homes
}

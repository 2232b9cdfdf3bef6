//! From rail lines to tracks: one track runs from switch to switch, however the file cuts its lines.
//!
//! 1. Vertices within `snap_m` become one node; a line's end that touches the middle of another line
//!    splits it there. 2. Segments between the same two nodes are one edge, so a line that is in the file
//!    twice counts once. 3. Chains of nodes with two edges become tracks, whatever the directions of their
//!    lines; pieces between close switches go to the track that runs on straightest. 4. Tracks get an id from their longitudes and latitudes, run from west to east, are cut at the area's edge,
//!    and those that follow longer ones within `duplicate_m` are dropped.

mod join;

use super::index::SegmentIndex;
use super::{RailLine, Track, TrackParams};
use crate::grid::Bounds;
use crate::units::METRES_PER_DEGREE;
use geo::{Contains, Polygon};
use rstar::primitives::{GeomWithData, Line};
use rstar::{PointDistance, RTree};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Why no track could be made.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The vector holds no line.
    #[error(
        "the rail vector holds no rail line: give lines (for OpenStreetMap data, ways with railway=rail)"
    )]
    NoLines,
    /// The rails lie elsewhere.
    #[error(
        "no rail lies inside the scene: the {line_count} rail lines span x {rails}, the scene spans x {area} \
         (metres in the working CRS); check that both are of the same place and that the vector's CRS is right"
    )]
    OutsideScene {
        /// Lines given.
        line_count: usize,
        /// Box of the rails.
        rails: Bounds,
        /// Box of the scene.
        area: Bounds,
    },
    /// Every track is too short.
    #[error(
        "no track inside the scene is as long as {min_length_m} m (the longest is {longest_m:.0} m): \
         join the pieces in the vector, or lower `min_length_m` under `[tracks]` in --config"
    )]
    TooShort {
        /// Longest track inside the scene, metres.
        longest_m: f64,
        /// Shortest length that is kept, metres.
        min_length_m: f64,
    },
}

/// Tracks of the rail network inside `area` (the scene's outline in working map metres), sorted by id.
///
/// The id depends on the whole track between its switches, not on the area, the working CRS or the order of the lines;
/// chainage starts where the track enters the area. A track that leaves the area and comes back gives
/// several tracks, numbered `-2`, `-3`, … along it.
///
/// # Errors
/// [`enum@Error`] when there is no line, none inside the area, or none long enough.
///
/// ```
/// use railwatch::corridor::{RailLine, TrackParams, build_tracks};
/// let (vertices, lonlat) = (vec![(900.0, 50.0), (-200.0, 50.0)], vec![(13.02, 52.0), (13.0, 52.0)]);
/// let rails = RailLine { vertices, lonlat, name: Some("Main".into()), source_id: None, is_osm: false };
/// let area = geo::Rect::new((0.0, 0.0), (1000.0, 100.0)).to_polygon();
/// let tracks = build_tracks(&[rails], &area, &TrackParams::default())?;
/// assert_eq!(tracks[0].length_m(), 900.0); // cut at the area's edge
/// assert_eq!(tracks[0].at(0.0).xy, (0.0, 50.0)); // runs from west to east
/// assert!(tracks[0].id.starts_with("main-"));
/// # Ok::<(), railwatch::corridor::Error>(())
/// ```
pub fn build_tracks(
    lines: &[RailLine],
    area: &Polygon<f64>,
    params: &TrackParams,
) -> Result<Vec<Track>, Error> {
    if lines.iter().all(|l| l.vertices.len() < 2) {
        return Err(Error::NoLines);
    }
    let mut inside = Vec::new();
    for chain in chains(lines, params) {
        for (k, vertices) in clip(&chain.vertices, area).into_iter().enumerate() {
            let id = if k == 0 { chain.id.clone() } else { format!("{}-{}", chain.id, k + 1) };
            inside.extend(Track::new(id, chain.name.clone(), vertices));
        }
    }
    if inside.is_empty() {
        return Err(Error::OutsideScene {
            line_count: lines.len(),
            rails: Bounds::around(lines.iter().flat_map(|l| l.vertices.iter().copied())),
            area: Bounds::around(area.exterior().points().map(geo::Point::x_y)),
        });
    }
    let longest_m = inside.iter().map(Track::length_m).fold(0.0, f64::max);
    inside.retain(|t| t.length_m() >= params.min_length_m);
    if inside.is_empty() {
        return Err(Error::TooShort { longest_m, min_length_m: params.min_length_m });
    }
    Ok(without_duplicates(inside, params))
}

/// A track before it is cut at the area's edge.
struct Chain {
    id: String,
    name: Option<String>,
    vertices: Vec<(f64, f64)>,
}

/// Pairs of coordinates, one a node.
type Places = Vec<(f64, f64)>;

/// Node numbers by place.
type NodeIndex = RTree<GeomWithData<[f64; 2], usize>>;

/// Nodes and undirected edges between them.
struct Network {
    nodes: Places,
    /// The nodes' longitudes and latitudes, degrees.
    lonlat: Places,
    edges: BTreeMap<(usize, usize), Option<String>>,
}

fn chains(lines: &[RailLine], params: &TrackParams) -> Vec<Chain> {
    let network = Network::new(lines, params.snap_m);
    let walks = network.join_short(network.walks(params.max_deflection_deg), params.min_length_m);
    let mut chains: Vec<Chain> = walks.iter().map(|w| network.chain(w)).collect();
    chains.sort_by(|a, b| a.id.cmp(&b.id));
    chains
}

impl Network {
    fn new(lines: &[RailLine], snap_m: f64) -> Self {
        let (nodes, lonlat, tree) = snapped_nodes(lines, snap_m);
        let node_of = |p: (f64, f64)| tree.nearest_neighbor(&[p.0, p.1]).map_or(0, |g| g.data);
        let finite = |l: &RailLine| {
            let mut path: Vec<usize> = l
                .vertices
                .iter()
                .filter(|v| v.0.is_finite() && v.1.is_finite())
                .map(|&v| node_of(v))
                .collect();
            path.dedup();
            path
        };
        let paths: Vec<Vec<usize>> = lines.iter().map(finite).collect();
        let ends: BTreeSet<usize> =
            paths.iter().flat_map(|p| [p.first(), p.last()]).flatten().copied().collect();
        let ends = RTree::bulk_load(
            ends.into_iter().map(|e| GeomWithData::new([nodes[e].0, nodes[e].1], e)).collect(),
        );
        let mut edges = BTreeMap::new();
        for (path, line) in paths.iter().zip(lines) {
            for pair in path.windows(2) {
                let stops = stops_between(&nodes, &ends, (pair[0], pair[1]), snap_m);
                for e in stops.windows(2) {
                    let name: &mut Option<String> =
                        edges.entry((e[0].min(e[1]), e[0].max(e[1]))).or_default();
                    // Of two names the smaller wins, so that the order of the lines does not matter.
                    *name = match (name.take(), line.name.clone()) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
            }
        }
        Self { nodes, lonlat, edges }
    }

    /// Node sequences from break to break; every edge is in exactly one.
    fn walks(&self, max_deflection_deg: f64) -> Vec<Vec<usize>> {
        let mut around: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for &(a, b) in self.edges.keys() {
            around[a].push(b);
            around[b].push(a);
        }
        let passes = |n: usize| match around[n][..] {
            [a, b] => self.deflection_deg(a, n, b) <= max_deflection_deg,
            _ => false,
        };
        let mut left: BTreeSet<(usize, usize)> = self.edges.keys().copied().collect();
        let mut walks = Vec::new();
        let breaks = (0..self.nodes.len()).filter(|&n| !passes(n));
        let loops = (0..self.nodes.len()).filter(|&n| passes(n));
        for start in breaks.chain(loops) {
            for &first in &around[start] {
                let mut walk = vec![start];
                let mut next = first;
                while left.remove(&(walk[walk.len() - 1].min(next), walk[walk.len() - 1].max(next))) {
                    let from = walk[walk.len() - 1];
                    walk.push(next);
                    if next == start || !passes(next) {
                        break;
                    }
                    next = if around[next][0] == from { around[next][1] } else { around[next][0] };
                }
                if walk.len() > 1 {
                    walks.push(walk);
                }
            }
        }
        walks
    }

    fn deflection_deg(&self, a: usize, n: usize, b: usize) -> f64 {
        let (a, n, b) = (self.nodes[a], self.nodes[n], self.nodes[b]);
        let (u, v) = ((n.0 - a.0, n.1 - a.1), (b.0 - n.0, b.1 - n.1));
        (u.0 * v.1 - u.1 * v.0).atan2(u.0 * v.0 + u.1 * v.1).abs().to_degrees()
    }

    /// The chain of a walk: direction from west to east (south to north where it is as long as wide), name, id.
    fn chain(&self, walk: &[usize]) -> Chain {
        let mut length_by_name: BTreeMap<&str, f64> = BTreeMap::new();
        for e in walk.windows(2) {
            if let Some(Some(name)) = self.edges.get(&(e[0].min(e[1]), e[0].max(e[1]))) {
                let (p, q) = (self.nodes[e[0]], self.nodes[e[1]]);
                *length_by_name.entry(name).or_default() += (p.0 - q.0).hypot(p.1 - q.1);
            }
        }
        let name = length_by_name.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(n, _)| (*n).to_owned());
        let mut vertices: Vec<(f64, f64)> = walk.iter().map(|&n| self.nodes[n]).collect();
        let mut local = local_m(walk.iter().map(|&n| self.lonlat[n]));
        let (a, b) = (local[0], local[local.len() - 1]);
        let westward = if (a.0 - b.0).abs() < 1.0 { a.1 > b.1 } else { a.0 > b.0 };
        if westward {
            vertices.reverse();
            local.reverse();
        }
        Chain { id: id_of(name.as_deref(), local), name, vertices }
    }
}

/// Node positions in map metres and in degrees, and their index. Vertices are taken in the order of their longitudes, so
/// that the nodes depend neither on the order of the lines nor on the working CRS.
fn snapped_nodes(lines: &[RailLine], snap_m: f64) -> (Places, Places, NodeIndex) {
    let mut vertices: Vec<((f64, f64), (f64, f64))> = lines
        .iter()
        .flat_map(|l| l.lonlat.iter().copied().zip(l.vertices.iter().copied()))
        .filter(|(_, v)| v.0.is_finite() && v.1.is_finite())
        .collect();
    vertices.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (mut nodes, mut lonlat, mut tree) = (Vec::new(), Vec::new(), RTree::new());
    for (degrees, v) in vertices {
        if tree.locate_within_distance([v.0, v.1], snap_m * snap_m).next().is_none() {
            tree.insert(GeomWithData::new([v.0, v.1], nodes.len()));
            nodes.push(v);
            lonlat.push(degrees);
        }
    }
    (nodes, lonlat, tree)
}

/// The two nodes of a segment with the line ends between them that touch it, in order along it.
fn stops_between(nodes: &[(f64, f64)], ends: &NodeIndex, (a, b): (usize, usize), snap_m: f64) -> Vec<usize> {
    let (p, q) = (nodes[a], nodes[b]);
    let line = Line::new([p.0, p.1], [q.0, q.1]);
    let length = (q.0 - p.0).hypot(q.1 - p.1);
    let along = |n: usize| ((nodes[n].0 - p.0) * (q.0 - p.0) + (nodes[n].1 - p.1) * (q.1 - p.1)) / length;
    let middle = [f64::midpoint(p.0, q.0), f64::midpoint(p.1, q.1)];
    let mut stops: Vec<usize> = ends
        .locate_within_distance(middle, (length / 2.0 + snap_m).powi(2))
        .filter(|g| g.data != a && g.data != b && line.distance_2(g.geom()) <= snap_m * snap_m)
        .map(|g| g.data)
        .filter(|&n| along(n) > 0.0 && along(n) < length)
        .collect();
    stops.sort_by(|&i, &j| along(i).total_cmp(&along(j)));
    stops.insert(0, a);
    stops.push(b);
    stops
}

/// Longitudes and latitudes as metres east and north on a sphere, on the parallel of the southern one of the ends.
fn local_m(lonlat: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let all: Vec<(f64, f64)> = lonlat.collect();
    let ends = [all.first(), all.last()].into_iter().flatten();
    let parallel_deg = ends.map(|p| p.1).fold(f64::INFINITY, f64::min);
    let per_lon = METRES_PER_DEGREE * parallel_deg.to_radians().cos();
    all.into_iter().map(|(lon, lat)| (lon * per_lon, lat * METRES_PER_DEGREE)).collect()
}

/// `name-1a2b3c4d`: the hash is of both ends and the middle, in whole metres of [`local_m`].
fn id_of(name: Option<&str>, local: Vec<(f64, f64)>) -> String {
    // Rails are often given in round numbers: cells must not begin at them, or noise of the last digit would decide the cell.
    let metre = |v: f64| (v + 0.291).floor();
    let mut hash = Sha256::new();
    if let Some(track) = Track::new(String::new(), None, local) {
        let length_m = track.length_m();
        for f in [0.0, 0.5, 1.0] {
            let (x, y) = track.at(f * length_m).xy;
            hash.update(format!("{:.0} {:.0};", metre(x), metre(y)));
        }
    }
    let digest = hash.finalize();
    let digits = format!("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    let words: Vec<String> = name
        .unwrap_or("track")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() { format!("track-{digits}") } else { format!("{}-{digits}", words.join("-")) }
}

/// The parts of a polyline inside a polygon, in order.
fn clip(vertices: &[(f64, f64)], area: &Polygon<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for pair in vertices.windows(2) {
        let (p, q) = (pair[0], pair[1]);
        let at = |f: f64| (p.0 + f * (q.0 - p.0), p.1 + f * (q.1 - p.1));
        let mut cuts = vec![0.0, 1.0];
        cuts.extend(
            std::iter::once(area.exterior())
                .chain(area.interiors())
                .flat_map(geo::LineString::lines)
                .filter_map(|e| crossing((p, q), (e.start.x_y(), e.end.x_y()))),
        );
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        for f in cuts.windows(2) {
            let inside = area.contains(&geo::Point::from(at(f64::midpoint(f[0], f[1]))));
            match (inside, open) {
                (true, true) => parts.last_mut().into_iter().for_each(|part| part.push(at(f[1]))),
                (true, false) => parts.push(vec![at(f[0]), at(f[1])]),
                _ => {}
            }
            open = inside;
        }
    }
    parts
}

/// Fraction of the segment `pq` at which it crosses the segment `ab`; `None` for parallels.
fn crossing((p, q): ((f64, f64), (f64, f64)), (a, b): ((f64, f64), (f64, f64))) -> Option<f64> {
    let (u, v, w) = ((q.0 - p.0, q.1 - p.1), (b.0 - a.0, b.1 - a.1), (a.0 - p.0, a.1 - p.1));
    let det = u.0 * v.1 - u.1 * v.0;
    // p + f·u = a + g·v
    let (f, g) = ((w.0 * v.1 - w.1 * v.0) / det, (w.0 * u.1 - w.1 * u.0) / det);
    (f > 0.0 && f < 1.0 && (0.0..=1.0).contains(&g)).then_some(f)
}

/// Drops each track that follows longer ones; the rest sorted by id.
fn without_duplicates(mut tracks: Vec<Track>, params: &TrackParams) -> Vec<Track> {
    const STEP_M: f64 = 5.0;
    tracks.sort_by(|a, b| b.length_m().total_cmp(&a.length_m()).then(a.id.cmp(&b.id)));
    let index = SegmentIndex::new(&tracks, 50.0);
    let mut kept = vec![true; tracks.len()];
    for (i, track) in tracks.iter().enumerate() {
        let count = (track.length_m() / STEP_M) as usize + 1;
        let followed = (0..count)
            .filter(|&k| {
                let xy = track.at(k as f64 * STEP_M).xy;
                index.within(xy, params.duplicate_m).any(|p| p.track < i && kept[p.track])
            })
            .count();
        kept[i] = followed == 0 || (followed as f64) < params.duplicate_fraction * count as f64;
    }
    let mut kept = kept.into_iter();
    tracks.retain(|_| kept.next().unwrap_or(true));
    tracks.sort_by(|a, b| a.id.cmp(&b.id));
    tracks
}

#[cfg(test)]
mod tests;

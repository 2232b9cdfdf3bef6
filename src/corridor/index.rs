//! Spatial index of track segments: which tracks pass near a map point.

use super::Track;
use rstar::primitives::{GeomWithData, Line};
use rstar::{PointDistance, RTree};

/// Which track a piece of rail belongs to and which chainages it covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// Index into the slice the index was built from.
    pub(super) track: usize,
    /// Chainage of the first point, metres.
    pub(super) start_m: f64,
    /// Chainage of the last point, metres.
    pub(super) end_m: f64,
}

/// Segments of several tracks, cut into pieces.
pub(super) struct SegmentIndex(RTree<Rail>);

/// A straight piece of rail.
pub(super) type Rail = GeomWithData<Line<[f64; 2]>, Piece>;

impl SegmentIndex {
    /// Index of the segments, none longer than `max_piece_m`.
    pub(super) fn new<'a>(tracks: impl IntoIterator<Item = &'a Track>, max_piece_m: f64) -> Self {
        let mut pieces = Vec::new();
        for (track, t) in tracks.into_iter().enumerate() {
            for (line, start_m, end_m) in pieces_of(t, max_piece_m) {
                pieces.push(GeomWithData::new(line, Piece { track, start_m, end_m }));
            }
        }
        Self(RTree::bulk_load(pieces))
    }

    /// The pieces within `distance_m` of a map point.
    pub(super) fn within(&self, xy: (f64, f64), distance_m: f64) -> impl Iterator<Item = &Piece> {
        self.near(xy, distance_m).map(|rail| &rail.data)
    }

    /// [`Self::within`] with the lines themselves.
    pub(super) fn near(&self, xy: (f64, f64), distance_m: f64) -> impl Iterator<Item = &Rail> {
        // rstar compares with `<=` on squares; boxes are found first, so the exact test is repeated here.
        let d2 = distance_m * distance_m;
        self.0.locate_within_distance([xy.0, xy.1], d2).filter(move |g| g.distance_2(&[xy.0, xy.1]) <= d2)
    }
}

/// The segments of a track as lines with their chainages, none longer than `max_piece_m`.
pub(super) fn pieces_of(
    track: &Track,
    max_piece_m: f64,
) -> impl Iterator<Item = (Line<[f64; 2]>, f64, f64)> + '_ {
    let mut chainage_m = 0.0;
    track.vertices().windows(2).flat_map(move |pair| {
        let (a, b) = (pair[0], pair[1]);
        let length_m = (b.0 - a.0).hypot(b.1 - a.1);
        let start_m = chainage_m;
        chainage_m += length_m;
        let count = (length_m / max_piece_m.max(1.0)).ceil().max(1.0) as usize;
        let at = move |i: usize| {
            let f = i as f64 / count as f64;
            ([a.0 + f * (b.0 - a.0), a.1 + f * (b.1 - a.1)], start_m + f * length_m)
        };
        (0..count).map(move |i| {
            let ((p, p_m), (q, q_m)) = (at(i), at(i + 1));
            (Line::new(p, q), p_m, q_m)
        })
    })
}

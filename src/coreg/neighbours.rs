//! Which tie points agree with their neighbours: the normalised median test of Westerweel & Scarano 2005
//! (10.1007/s00348-005-0016-6), which lets a smooth field vary over the scene and takes out lone strays.

use super::TiePoint;
use crate::stats::median;
use rstar::RTree;
use rstar::primitives::GeomWithData;

/// Neighbours asked about each point.
const NEIGHBOURS: usize = 12;
/// Noise that every field has, px: keeps perfect neighbours from condemning all others.
const NOISE_PX: f64 = 0.1;
/// Largest distance from the neighbours' median, in units of their own scatter.
const LIMIT: f64 = 3.0;
/// Neighbours that scatter more than this, px, say nothing: chance matches do.
const SCATTER_MAX_PX: f64 = 0.75;

/// The points that pass; order kept.
pub(super) fn agreeing(points: &[TiePoint]) -> Vec<TiePoint> {
    if points.len() < 4 {
        return Vec::new();
    }
    let entries = points.iter().enumerate().map(|(i, p)| GeomWithData::new([p.row, p.col], i)).collect();
    let tree: RTree<GeomWithData<[f64; 2], usize>> = RTree::bulk_load(entries);
    let agrees = |i: usize, p: &TiePoint| {
        let near: Vec<&TiePoint> = tree
            .nearest_neighbor_iter(&[p.row, p.col])
            .filter(|n| n.data != i)
            .take(NEIGHBOURS)
            .map(|n| &points[n.data])
            .collect();
        let row = median(&mut near.iter().map(|n| n.shift_row_px).collect::<Vec<_>>());
        let col = median(&mut near.iter().map(|n| n.shift_col_px).collect::<Vec<_>>());
        let from = |q: &TiePoint| (q.shift_row_px - row).hypot(q.shift_col_px - col);
        // r = |d − med d_k| / (med |d_k − med d_k| + ε)
        let scatter = median(&mut near.iter().map(|n| from(n)).collect::<Vec<_>>());
        scatter <= SCATTER_MAX_PX && from(p) <= LIMIT * (scatter + NOISE_PX)
    };
    points.iter().enumerate().filter(|(i, p)| agrees(*i, p)).map(|(_, p)| *p).collect()
}

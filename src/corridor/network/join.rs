//! Pieces between close switches are too short to hold a train; they go to the track that runs on straightest.

use super::Network;
use std::collections::{BTreeMap, BTreeSet};

/// A train takes a switch's branch at a few degrees; sharper corners are other lines.
const STRAIGHT_DEG: f64 = 30.0;

impl Network {
    /// Joins each walk shorter than `min_length_m` to the straightest continuation at either of its ends.
    pub(super) fn join_short(&self, mut walks: Vec<Vec<usize>>, min_length_m: f64) -> Vec<Vec<usize>> {
        let mut at_node: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (w, walk) in walks.iter().enumerate() {
            for end in ends(walk) {
                at_node.entry(end).or_default().insert(w);
            }
        }
        let millimetres = |walk: &[usize]| (self.walk_length_m(walk) * 1000.0) as u64;
        // The shortest first; node numbers follow coordinates, so ties do not depend on the file's order.
        let mut short: BTreeSet<(u64, usize)> = (walks.iter().enumerate())
            .map(|(w, walk)| (millimetres(walk), w))
            .filter(|&(mm, _)| (mm as f64) < min_length_m * 1000.0)
            .collect();
        while let Some((_, w)) = short.pop_first() {
            let piece = std::mem::take(&mut walks[w]);
            let Some((other, joined)) = self.straightest(&piece, w, &walks, &at_node) else {
                walks[w] = piece;
                continue;
            };
            for end in ends(&piece).into_iter().chain(ends(&walks[other])) {
                let here = at_node.entry(end).or_default();
                here.remove(&w);
                here.remove(&other);
            }
            short.remove(&(millimetres(&walks[other]), other));
            for end in ends(&joined) {
                at_node.entry(end).or_default().insert(other);
            }
            let mm = millimetres(&joined);
            if (mm as f64) < min_length_m * 1000.0 {
                short.insert((mm, other));
            }
            walks[other] = joined;
        }
        walks.retain(|w| !w.is_empty());
        walks
    }

    /// The walk that continues `piece` with the least turn, and both as one walk.
    fn straightest(
        &self,
        piece: &[usize],
        own: usize,
        walks: &[Vec<usize>],
        at_node: &BTreeMap<usize, BTreeSet<usize>>,
    ) -> Option<(usize, Vec<usize>)> {
        let mut best: Option<(f64, usize, Vec<usize>)> = None;
        let reversed: Vec<usize> = piece.iter().rev().copied().collect();
        for head in [piece, &reversed[..]] {
            let (&node, &before) = (head.last()?, head.get(head.len().checked_sub(2)?)?);
            for &w in at_node.get(&node).into_iter().flatten().filter(|&&w| w != own) {
                let mut tail = walks[w].clone();
                if tail.first() != Some(&node) {
                    tail.reverse();
                }
                let Some(&after) = tail.get(1) else { continue };
                let turn_deg = self.deflection_deg(before, node, after);
                if turn_deg <= STRAIGHT_DEG && best.as_ref().is_none_or(|b| turn_deg < b.0) {
                    best = Some((turn_deg, w, head.iter().chain(&tail[1..]).copied().collect()));
                }
            }
        }
        best.map(|(_, w, joined)| (w, joined))
    }

    fn walk_length_m(&self, walk: &[usize]) -> f64 {
        let step = |e: &[usize]| {
            let (p, q) = (self.nodes[e[0]], self.nodes[e[1]]);
            (p.0 - q.0).hypot(p.1 - q.1)
        };
        walk.windows(2).map(step).sum()
    }
}

/// First and last node.
fn ends(walk: &[usize]) -> Vec<usize> {
    [walk.first(), walk.last()].into_iter().flatten().copied().collect()
}

//! The edges of a scene, whichever side of them is brighter: what two different bands have in common.
//!
//! Vegetation is dark in the visible and bright in the near infrared, so the values of two bands run against each other
//! in some places and along with each other in others; the size of their gradient does neither.

use super::{Side, filter};
use ndarray::Array2;

/// Size of the gradient (central differences of the finely smoothed values) per px, and where it is known.
#[must_use]
pub fn edges(side: Side<'_>) -> (Array2<f32>, Array2<bool>) {
    let usable = filter::usable(side);
    let smooth = filter::fine(Side { values: side.values, ok: usable.view() });
    let (h, w) = smooth.dim();
    let mut size = Array2::zeros((h, w));
    let mut ok = Array2::from_elem((h, w), false);
    for r in 1..h.saturating_sub(1) {
        for c in 1..w.saturating_sub(1) {
            let around = [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)];
            if usable[(r, c)] && around.into_iter().all(|at| usable[at]) {
                let [above, below, left, right] = around.map(|at| smooth[at]);
                size[(r, c)] = 0.5 * (below - above).hypot(right - left);
                ok[(r, c)] = true;
            }
        }
    }
    (size, ok)
}

//! Points as SVG path data.

use super::Point;
use std::fmt::Write as _;

/// An open path through the points at two decimals; append ` Z` to close it.
pub(super) fn svg_path(points: &[Point]) -> String {
    let mut path = String::new();
    for (k, [x, y]) in points.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = write!(path, "{}{x:.2} {y:.2}", if k == 0 { "M" } else { " L" });
    }
    path
}

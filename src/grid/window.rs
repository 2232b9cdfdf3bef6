//! A rectangular part of a grid.

use super::Bounds;

/// A part of a grid, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// First row.
    pub row: usize,
    /// First column.
    pub col: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Window {
    /// The whole pixels between two continuous corners (last row and column inclusive), clipped to `shape`;
    /// `None` when nothing is left.
    #[must_use]
    pub fn clipped(row0: f64, col0: f64, row1: f64, col1: f64, shape: (usize, usize)) -> Option<Self> {
        let first = |v: f64| v.max(0.0) as usize;
        let (r0, c0) = (first(row0), first(col0));
        if row1 < 0.0 || col1 < 0.0 {
            return None;
        }
        let r1 = (row1 as usize).min(shape.0.checked_sub(1)?);
        let c1 = (col1 as usize).min(shape.1.checked_sub(1)?);
        (r0 <= r1 && c0 <= c1).then(|| Self { row: r0, col: c0, height: r1 - r0 + 1, width: c1 - c0 + 1 })
    }

    /// The smallest window that holds every finite one of some continuous pixel positions `(row, col)` plus `margin_px`, clipped
    /// to `shape`; `None` when nothing of it lies inside.
    #[must_use]
    pub fn around(
        positions: impl IntoIterator<Item = (f64, f64)>,
        margin_px: f64,
        shape: (usize, usize),
    ) -> Option<Self> {
        let Bounds { min, max } = Bounds::around(positions).grown(margin_px);
        Self::clipped(min.0.floor(), min.1.floor(), max.0.ceil(), max.1.ceil(), shape)
    }

    /// The part that two windows share.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (r0, c0) = (self.row.max(other.row), self.col.max(other.col));
        let r1 = (self.row + self.height).min(other.row + other.height);
        let c1 = (self.col + self.width).min(other.col + other.width);
        (r0 < r1 && c0 < c1).then(|| Self { row: r0, col: c0, height: r1 - r0, width: c1 - c0 })
    }

    /// Grown by `margin_px` on all sides, clipped to `shape`.
    #[must_use]
    pub fn grown(self, margin_px: usize, shape: (usize, usize)) -> Self {
        let (row, col) = (self.row.saturating_sub(margin_px), self.col.saturating_sub(margin_px));
        let end_row = (self.row + self.height + margin_px).min(shape.0);
        let end_col = (self.col + self.width + margin_px).min(shape.1);
        Self { row, col, height: end_row.saturating_sub(row), width: end_col.saturating_sub(col) }
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixel_count(self) -> usize {
        self.height * self.width
    }
}

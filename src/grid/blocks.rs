//! A window cut into blocks: the unit of parallel work, so that memory follows the block and not the tile.

use super::Window;

/// Iterator over the blocks of a window, row by row.
#[derive(Debug, Clone)]
pub struct Blocks {
    whole: Window,
    side_px: usize,
    next: usize,
}

impl Blocks {
    /// Blocks of at most `side_px` × `side_px` pixels; a side of zero counts as one.
    #[must_use]
    pub fn new(whole: Window, side_px: usize) -> Self {
        Self { whole, side_px: side_px.max(1), next: 0 }
    }
}

impl Iterator for Blocks {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let across = self.whole.width.div_ceil(self.side_px);
        let down = self.whole.height.div_ceil(self.side_px);
        if self.next >= across * down {
            return None;
        }
        let (i, j) = (self.next / across, self.next % across);
        self.next += 1;
        let (row, col) = (i * self.side_px, j * self.side_px);
        Some(Window {
            row: self.whole.row + row,
            col: self.whole.col + col,
            height: self.side_px.min(self.whole.height - row),
            width: self.side_px.min(self.whole.width - col),
        })
    }
}

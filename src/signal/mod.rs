//! Interpolation (cubic convolution, windowed sinc, a scene moved by a field of shifts) and sums over squares.

mod cubic;
mod lanczos;
mod squares;
mod warp;

pub use cubic::{cubic_at, kernel_fits};
pub use lanczos::{LANCZOS_TAPS, lanczos, lanczos_taps};
pub use squares::{box_sum, square_sums};
pub use warp::{KernelTable, ShiftLattice, lanczos_at, warp};

//! Interpolation: cubic convolution, windowed sinc, and a scene moved by a field of shifts.

mod cubic;
mod lanczos;
mod warp;

pub use cubic::cubic_at;
pub use lanczos::{LANCZOS_TAPS, lanczos, lanczos_taps};
pub use warp::{KernelTable, Part, ShiftLattice, lanczos_at, warp};

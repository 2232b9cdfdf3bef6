//! Interpolation kernels, tapers, Fourier transforms and the cross-track profile of a train.

mod cubic;
mod lanczos;
mod warp;

pub use cubic::cubic_at;
pub use lanczos::{LANCZOS_TAPS, lanczos, lanczos_taps};
pub use warp::{KernelTable, Part, ShiftLattice, lanczos_at, warp};

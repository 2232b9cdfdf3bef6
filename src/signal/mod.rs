//! Interpolation kernels, tapers, Fourier transforms and the cross-track profile of a train.

mod cubic;

pub use cubic::cubic_at;

//! Rail lines as curves of chainage and offset, and what is sampled along them. No files here.

mod rails;
mod strip;
mod track;

pub use rails::RailLine;
pub use strip::{Strip, StripGeometry, sample_strip};
pub use track::{Track, TrackPoint};

//! Rail lines as curves of chainage and offset, and what is sampled along them. No files here.

mod buffer;
mod index;
mod network;
mod params;
mod placebo;
mod rails;
mod strip;
mod track;

pub use buffer::corridor_mask;
pub use network::{Error, build_tracks};
pub use params::TrackParams;
pub use placebo::exclusions;
pub use rails::RailLine;
pub use strip::{Strip, StripGeometry, sample_strip};
pub use track::{Track, TrackPoint};

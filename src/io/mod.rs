//! Files in and out, and PROJ: the only module that names the crate `gdal`.
//!
//! [`open_scene`] finds out what a scene is made of, [`read_raster`] reads windows of it, [`read_lines`]
//! reads the rails, the writers leave a whole file or none.

mod bands;
mod blockwise;
mod checksum;
mod coarse;
mod crs;
mod error;
mod files;
mod folder;
mod geotiff;
mod ground;
mod kind;
mod library;
mod link;
mod names;
mod open;
mod options;
mod pixels;
mod points;
mod read;
#[cfg(test)]
#[path = "../../tests/real_data/mod.rs"]
mod real_data;
mod safe;
mod sample;
mod scaling;
mod sentinel1;
mod stac;
mod stored;
#[cfg(test)]
mod tests;
mod vector;
mod whole;
mod write;
mod xml;

pub use blockwise::{BandFormat, BlockBand, BlockReader, BlockWriter};
pub use checksum::{hex, sha256, short_hash, source_files, sum_of};
pub use coarse::read_coarse;
pub use crs::{crs_from_epsg, from_wgs84, in_metres, mapping, to_wgs84, utm_of, working_crs};
pub use error::Error;
pub use folder::{Listed, list_scenes};
pub use geotiff::{CogInput, write_cog, write_scene};
pub use ground::{ground_pixel_m, outline};
pub use kind::Kind;
pub use library::{
    configure, file_of as file_behind, forget_remote, is_plain_path, is_remote, set_store_option,
};
pub use link::joined;
pub use open::open_scene;
pub use options::{Classifications, SceneOptions};
pub use points::{PointLayer, write_geopackage};
pub use read::read_raster;
pub use scaling::{OffsetCheck, verify_offset};
pub use stac::{StacAsset, StacItem, classification_of_item, open_item_json};
pub use stored::{StoredBand, StoredValues, band_grid, read_stored, tag_of, write_stored};
pub use vector::{read_lines, read_polygons};
use write::write_beside;
pub use write::{write_bytes, write_files, write_text};

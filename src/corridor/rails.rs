//! Rail lines as a vector file gives them, before they are split and merged into tracks.

/// One line of the rail vector, in map metres of the working CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct RailLine {
    /// The polyline in map metres.
    pub vertices: Vec<(f64, f64)>,
    /// The same vertices, longitude and latitude in degrees: what names and directs a track whatever the working CRS is.
    pub lonlat: Vec<(f64, f64)>,
    /// The line's name where the file has one.
    pub name: Option<String>,
    /// Identifier in the file (`osm_id`, feature id) where there is one.
    pub source_id: Option<String>,
    /// Comes from OpenStreetMap, whose licence asks for its name on what is made of it.
    pub is_osm: bool,
}

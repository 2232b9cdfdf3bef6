//! Rail lines and yards from anything OGR reads, in map metres of the working CRS.

use super::crs::{Way, wgs84};
use super::{Error, library};
use crate::corridor::RailLine;
use crate::grid::Crs;
use gdal::vector::sql::Dialect;
use gdal::vector::{Feature, Geometry, LayerAccess, OGRwkbGeometryType};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use std::path::Path;

/// The points of a line or of the edge of a polygon, in map metres and in degrees.
struct Ring {
    vertices: Vec<(f64, f64)>,
    lonlat: Vec<(f64, f64)>,
}

/// A part of a feature with what its attributes say.
struct Part {
    rings: Vec<Ring>,
    railway: Option<String>,
    name: Option<String>,
    source_id: Option<String>,
    /// The feature carries an identifier of OpenStreetMap.
    has_osm_id: bool,
}

/// Lines or polygons.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Lines,
    Polygons,
}

impl Shape {
    /// What belongs where nothing is.
    fn wanted(self) -> &'static str {
        match self {
            Self::Lines => "rail lines: GeoJSON, GeoPackage, Shapefile, OSM PBF, anything OGR reads",
            Self::Polygons => "yard outlines as polygons: GeoJSON, GeoPackage, Shapefile, anything OGR reads",
        }
    }
}

/// Rail lines of a vector file, reprojected to `crs`, multi-part lines split.
///
/// Where any feature has a `railway` attribute (or OSM tag), only `railway=rail` is kept, which
/// includes yards and sidings. Lines outside the domain of `crs` are left out, and so are points alone outside it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Open`] for an unreadable file, [`Error::Vector`] for one without CRS or
/// without lines.
pub fn read_lines(path: &str, crs: &Crs) -> Result<Vec<RailLine>, Error> {
    let (parts, is_osm) = read_parts(path, crs, Shape::Lines)?;
    let total = parts.len();
    let untagged = parts.iter().filter(|p| p.railway.is_none()).count();
    let tagged = is_osm || untagged < total;
    if !is_osm && tagged && untagged > 0 {
        tracing::warn!(
            path,
            untagged,
            of = total,
            "lines without a railway tag are left out, because others have one; tag all rails railway=rail or none"
        );
    }
    let lines: Vec<RailLine> = parts
        .into_iter()
        .filter(|p| !tagged || p.railway.as_deref() == Some("rail"))
        .flat_map(|p| {
            let (name, source_id, is_osm) = (p.name, p.source_id, is_osm || p.has_osm_id);
            p.rings.into_iter().map(move |ring| RailLine {
                vertices: ring.vertices,
                lonlat: ring.lonlat,
                name: name.clone(),
                source_id: source_id.clone(),
                is_osm,
            })
        })
        .filter(|line| line.vertices.len() >= 2)
        .collect();
    if !lines.is_empty() {
        return Ok(lines);
    }
    let reason = match total {
        0 => "it holds no lines that can be brought to the scene's CRS (longitude is written first, then latitude); give rail \
              centre lines".to_owned(),
        n => format!("none of its {n} lines is tagged railway=rail; give rail centre lines"),
    };
    Err(Error::Vector { path: path.to_owned(), reason })
}

/// Polygons of a vector file (yards), reprojected to `crs`, multi-part polygons split.
///
/// # Errors
/// As [`read_lines`].
pub fn read_polygons(path: &str, crs: &Crs) -> Result<Vec<geo::Polygon<f64>>, Error> {
    let (parts, _) = read_parts(path, crs, Shape::Polygons)?;
    let ring = |ring: Ring| geo::LineString::from(ring.vertices);
    let polygons: Vec<_> = parts
        .into_iter()
        .filter_map(|p| {
            let mut rings = p.rings.into_iter().filter(|r| r.vertices.len() >= 3).map(ring);
            rings.next().map(|outer| geo::Polygon::new(outer, rings.collect()))
        })
        .collect();
    if polygons.is_empty() {
        let reason =
            "it holds no polygons that can be brought to the scene's CRS; give yard outlines".to_owned();
        return Err(Error::Vector { path: path.to_owned(), reason });
    }
    Ok(polygons)
}

/// Parts of all layers, and whether the file is an OSM extract.
fn read_parts(path: &str, crs: &Crs, shape: Shape) -> Result<(Vec<Part>, bool), Error> {
    let file = library::gdal_path(path);
    if library::is_plain_path(&file) && !Path::new(&file).exists() {
        return Err(Error::NotFound { path: path.to_owned(), what: shape.wanted() });
    }
    let (opened, messages) = library::watched(|| {
        let open_flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
        Dataset::open_ex(&file, DatasetOptions { open_flags, ..DatasetOptions::default() })
    });
    let dataset = opened.map_err(|e| {
        let reason = messages.failures.first().cloned().unwrap_or_else(|| e.to_string());
        Error::open(path, "vector", reason)
    })?;
    let is_osm = dataset.driver().short_name() == "OSM";
    let mut parts = Vec::new();
    let (read, messages) = library::watched(|| -> Result<(), Error> {
        if is_osm {
            // Reading one layer by SQL is what keeps the OSM driver from storing the others.
            let layer = if shape == Shape::Lines { "lines" } else { "multipolygons" };
            let sql = format!("SELECT * FROM {layer}");
            let found = dataset
                .execute_sql(sql, None, Dialect::DEFAULT)
                .map_err(|e| Error::open(path, "vector", e))?;
            if let Some(mut layer) = found {
                read_layer(&mut *layer, path, crs, shape, &mut parts)?;
            }
            return Ok(());
        }
        for mut layer in dataset.layers() {
            read_layer(&mut layer, path, crs, shape, &mut parts)?;
        }
        Ok(())
    });
    read?;
    match messages.failures.into_iter().find(|_| parts.is_empty()) {
        Some(reason) => Err(Error::open(path, "vector", reason)),
        None => Ok((parts, is_osm)),
    }
}

fn read_layer<L: LayerAccess>(
    layer: &mut L,
    path: &str,
    crs: &Crs,
    shape: Shape,
    parts: &mut Vec<Part>,
) -> Result<(), Error> {
    let mut ways: Option<[Way; 2]> = None;
    let reference = layer.spatial_ref();
    let layer_name = layer.name();
    for feature in layer.features() {
        let Some(geometry) = feature.geometry() else { continue };
        let mut pieces = Vec::new();
        collect(geometry, shape, &mut pieces);
        if pieces.is_empty() {
            continue;
        }
        if ways.is_none() {
            let reference = reference.as_ref().ok_or_else(|| Error::Vector {
                path: path.to_owned(),
                reason: format!(
                    "layer {layer_name} has no CRS; add one, for example with `ogr2ogr -a_srs EPSG:4326`"
                ),
            })?;
            let way = |to: &Crs| Way::between(reference, to, format!("{layer_name} to {}", to.name()));
            ways = Some([way(crs)?, way(&wgs84()?)?]);
        }
        let Some(ways) = &ways else { continue };
        let text = |names: &[&str]| text_of(&feature, names);
        let railway = text(&["railway"]).or_else(|| other_tag(&text(&["other_tags"])?, "railway"));
        let osm_id = text(&["osm_id", "@id", "osm_way_id"]);
        let has_osm_id = osm_id.is_some();
        let source_id =
            osm_id.or_else(|| text(&["id", "fid"])).or_else(|| feature.fid().map(|fid| fid.to_string()));
        let name = text(&["name", "NAME"]);
        for piece in pieces {
            let rings: Vec<Ring> = match piece.iter().map(|points| ring_of(points, ways)).collect() {
                Ok(rings) => rings,
                Err(_) if shape == Shape::Lines => {
                    piece.iter().flat_map(|p| within_domain(p, ways)).collect()
                }
                Err(_) => Vec::new(),
            };
            if rings.is_empty() {
                continue;
            }
            parts.push(Part {
                rings,
                railway: railway.clone(),
                name: name.clone(),
                source_id: source_id.clone(),
                has_osm_id,
            });
        }
    }
    Ok(())
}

/// The runs of a line's points that both systems have a place for: of a line with a point mistyped, the rest.
fn within_domain(points: &[(f64, f64)], ways: &[Way; 2]) -> Vec<Ring> {
    let has_place = |point: &(f64, f64)| ways.iter().all(|way| way.apply(&[*point]).is_ok());
    let runs = points.chunk_by(|a, b| has_place(a) && has_place(b));
    runs.filter(|run| run.len() >= 2).filter_map(|run| ring_of(run, ways).ok()).collect()
}

/// Points by both ways, each place once.
fn ring_of(points: &[(f64, f64)], [to_map, to_degrees]: &[Way; 2]) -> Result<Ring, Error> {
    let mut both: Vec<_> = to_map.apply(points)?.into_iter().zip(to_degrees.apply(points)?).collect();
    both.dedup_by_key(|(map, _)| *map);
    let (vertices, lonlat) = both.into_iter().unzip();
    Ok(Ring { vertices, lonlat })
}

/// Coordinates of the lines or polygons inside a geometry of any kind.
fn collect(geometry: &Geometry, shape: Shape, pieces: &mut Vec<Vec<Vec<(f64, f64)>>>) {
    use OGRwkbGeometryType as Kind;
    let points = |g: &Geometry| {
        let mut all = Vec::new();
        g.get_points(&mut all);
        all.into_iter().map(|p| (p.0, p.1)).collect::<Vec<_>>()
    };
    match (gdal::vector::geometry_type_flatten(geometry.geometry_type()), shape) {
        (Kind::wkbLineString, Shape::Lines) => pieces.push(vec![points(geometry)]),
        (Kind::wkbPolygon, Shape::Polygons) => {
            pieces.push((0..geometry.geometry_count()).map(|i| points(&geometry.get_geometry(i))).collect());
        }
        (Kind::wkbMultiLineString | Kind::wkbMultiPolygon | Kind::wkbGeometryCollection, _) => {
            for i in 0..geometry.geometry_count() {
                collect(&geometry.get_geometry(i), shape, pieces);
            }
        }
        _ => {}
    }
}

/// The first of these attributes that the feature has and that is not empty.
fn text_of(feature: &Feature<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let index = feature.field_index(name).ok()?;
        feature.field_as_string(index).ok().flatten().filter(|t| !t.trim().is_empty())
    })
}

/// A tag inside OGR's `other_tags`: `"railway"=>"rail","gauge"=>"1435"`.
fn other_tag(tags: &str, key: &str) -> Option<String> {
    let at = tags.find(&format!("\"{key}\"=>\""))? + key.len() + 5;
    tags[at..].split('"').next().map(str::to_owned)
}

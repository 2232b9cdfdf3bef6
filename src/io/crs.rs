//! What a coordinate reference system means, asked of PROJ; axes are always (x, y) = (east, north).

use super::{Error, library};
use crate::grid::{Bounds, Crs, Grid, Lattice, Mapping};
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

/// Largest error of a lattice, pixels of the scene.
const LATTICE_TOLERANCE_PX: f64 = 0.005;
/// Coarsest node spacing of a lattice, metres.
const LATTICE_SPACING_M: f64 = 2_000.0;
/// Most nodes of a lattice: a tile of 110 km at the finest spacing has 13 million.
const MOST_NODES: f64 = 16e6;

/// The system of an EPSG code.
///
/// # Errors
/// [`Error::Crs`] when PROJ does not know the code.
pub fn crs_from_epsg(code: u32) -> Result<Crs, Error> {
    let name = format!("EPSG:{code}");
    let (reference, _) = library::watched(|| SpatialRef::from_epsg(code));
    let Ok(reference) = reference else {
        let reason = "PROJ knows no system of this code; take one of the EPSG register, such as 32633";
        return Err(Error::Crs { crs: name, reason: reason.to_owned() });
    };
    let wkt = reference.to_wkt().map_err(|e| crs_error(&name, &e))?;
    Ok(Crs { epsg: Some(code), wkt })
}

/// Our name of GDAL's reference.
pub(super) fn crs_of(reference: &SpatialRef) -> Result<Crs, Error> {
    let wkt = reference.to_wkt().map_err(|e| crs_error("of the file", &e))?;
    let code = |r: &SpatialRef| {
        r.auth_name()
            .filter(|n| n == "EPSG")
            .and_then(|_| r.auth_code().ok())
            .and_then(|c| u32::try_from(c).ok())
    };
    let (epsg, _) = library::watched(|| {
        code(reference).or_else(|| {
            let mut copy = reference.clone();
            copy.auto_identify_epsg().ok().and_then(|()| code(&copy))
        })
    });
    Ok(Crs { epsg, wkt })
}

/// GDAL's reference with axes in the order (x, y).
pub(super) fn reference_of(crs: &Crs) -> Result<SpatialRef, Error> {
    library::configure();
    let made = match crs.epsg {
        Some(code) => SpatialRef::from_epsg(code),
        None => SpatialRef::from_wkt(&crs.wkt),
    };
    let mut reference = made.map_err(|e| crs_error(&crs.name(), &e))?;
    reference.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(reference)
}

/// Longitudes and latitudes in degrees of map points.
///
/// # Errors
/// [`Error::Crs`] when the system is unknown or a point lies outside its domain.
pub fn to_wgs84(crs: &Crs, points: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, Error> {
    transform(crs, &wgs84()?, points)
}

/// Map points of longitudes and latitudes in degrees.
///
/// # Errors
/// [`Error::Crs`] when the system is unknown or a point lies outside its domain.
pub fn from_wgs84(crs: &Crs, lon_lat: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, Error> {
    transform(&wgs84()?, crs, lon_lat)
}

/// The system in which lengths are metres: the grid's own, or the UTM zone of its centre where the
/// grid is in degrees, feet or web Mercator.
///
/// # Errors
/// [`Error::Crs`] when the grid's system is unknown or its centre has no longitude.
pub fn working_crs(grid: &Grid) -> Result<Crs, Error> {
    if in_metres(&grid.crs)? {
        return Ok(grid.crs.clone());
    }
    let centre = grid.xy((grid.shape.0 as f64 - 1.0) / 2.0, (grid.shape.1 as f64 - 1.0) / 2.0);
    let (lon, lat) = to_wgs84(&grid.crs, &[centre])?[0];
    utm_of(lon, lat)
}

/// Whether lengths are metres in a system: not in degrees or feet, nor in web Mercator.
///
/// # Errors
/// [`Error::Crs`] when the system is unknown.
pub fn in_metres(crs: &Crs) -> Result<bool, Error> {
    let reference = reference_of(crs)?;
    let web_mercator = matches!(crs.epsg, Some(3857 | 3785 | 900_913 | 3395));
    Ok(reference.is_projected() && (reference.linear_units() - 1.0).abs() < 1e-9 && !web_mercator)
}

/// The UTM zone of a longitude and latitude in degrees.
///
/// # Errors
/// [`Error::Crs`] when PROJ does not know the zone.
pub fn utm_of(lon_deg: f64, lat_deg: f64) -> Result<Crs, Error> {
    let zone = ((lon_deg + 180.0).rem_euclid(360.0) / 6.0).floor().clamp(0.0, 59.0) as u32 + 1;
    crs_from_epsg(if lat_deg >= 0.0 { 32_600 } else { 32_700 } + zone)
}

/// The way from working map points inside `bounds` to pixels of `scene`.
///
/// In another CRS PROJ is asked at the nodes of a lattice that is made finer until bilinear
/// interpolation errs by less than 0.005 px at the cell centres.
///
/// # Errors
/// [`Error::Crs`] when there is no way, or the bounds are not finite or outside the systems' domain.
pub fn mapping(working: &Crs, scene: &Grid, bounds: Bounds) -> Result<Mapping, Error> {
    if *working == scene.crs {
        return Ok(Mapping::Affine(scene.affine));
    }
    let ((x0, y0), (x1, y1)) = (bounds.min, bounds.max);
    let both = format!("{} to {}", working.name(), scene.crs.name());
    if ![x0, y0, x1, y1].iter().all(|v| v.is_finite()) || x1 < x0 || y1 < y0 {
        return Err(Error::Crs { crs: both, reason: format!("the bounds x {bounds} are empty") });
    }
    let way = Way::new(working, &scene.crs)?;
    // Degrees and feet have other numbers than metres: never fewer than one cell, never coarser than the bounds.
    let coarsest = LATTICE_SPACING_M.min((x1 - x0).max(y1 - y0).max(f64::MIN_POSITIVE));
    let mut spacing = coarsest;
    loop {
        let count = |length: f64| (length / spacing).ceil().max(1.0) + 1.0;
        let (nx, ny) = (count(x1 - x0), count(y1 - y0));
        if nx * ny > MOST_NODES {
            let reason = format!(
                "no smooth way on ground as large as x {bounds}; cut the scene to the place, or warp it to a map grid"
            );
            return Err(Error::Crs { crs: both, reason });
        }
        let counts = (nx as usize, ny as usize);
        let at = |i: f64, j: f64| (x0 + i * spacing, y0 + j * spacing);
        let grid_points = |nx: usize, ny: usize, shift: f64| -> Vec<(f64, f64)> {
            (0..ny).flat_map(|j| (0..nx).map(move |i| at(i as f64 + shift, j as f64 + shift))).collect()
        };
        let nodes = way.apply(&grid_points(counts.0, counts.1, 0.0))?;
        let lattice = Lattice { origin: (x0, y0), spacing, counts, nodes };
        let centres = grid_points(counts.0 - 1, counts.1 - 1, 0.5);
        let exact = way.apply(&centres)?;
        let worst = centres.iter().zip(&exact).fold(0.0_f64, |worst, (&(x, y), &(ex, ey))| {
            let (lx, ly) = lattice.at(x, y);
            let (r, c) = scene.row_col(lx, ly);
            let (er, ec) = scene.row_col(ex, ey);
            worst.max((r - er).hypot(c - ec))
        });
        if worst < LATTICE_TOLERANCE_PX {
            return Ok(Mapping::Lattice(lattice, scene.affine));
        }
        spacing /= 2.0;
        if spacing < coarsest / 64.0 || !worst.is_finite() {
            return Err(Error::Crs { crs: both, reason: format!("no smooth way inside x {bounds}") });
        }
    }
}

/// A transformation between two systems, usable many times on one thread.
pub(super) struct Way {
    inner: CoordTransform,
    name: String,
}

impl Way {
    pub(super) fn new(from: &Crs, to: &Crs) -> Result<Self, Error> {
        let name = format!("{} to {}", from.name(), to.name());
        Self::between(&reference_of(from)?, to, name)
    }

    /// From GDAL's own reference of a file.
    pub(super) fn between(from: &SpatialRef, to: &Crs, name: String) -> Result<Self, Error> {
        let mut from = from.clone();
        from.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        let inner = CoordTransform::new(&from, &reference_of(to)?).map_err(|e| crs_error(&name, &e))?;
        Ok(Self { inner, name })
    }

    pub(super) fn apply(&self, points: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, Error> {
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        if !points.is_empty() {
            let (done, _) = library::watched(|| self.inner.transform_coords(&mut x, &mut y, &mut []));
            done.map_err(|e| crs_error(&self.name, &e))?;
        }
        if x.iter().chain(&y).all(|v| v.is_finite()) {
            return Ok(x.into_iter().zip(y).collect());
        }
        Err(Error::Crs { crs: self.name.clone(), reason: "a point lies outside the domain".to_owned() })
    }
}

fn transform(from: &Crs, to: &Crs, points: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, Error> {
    if from == to { Ok(points.to_vec()) } else { Way::new(from, to)?.apply(points) }
}

pub(super) fn wgs84() -> Result<Crs, Error> {
    crs_from_epsg(4326)
}

fn crs_error(crs: &str, error: &gdal::errors::GdalError) -> Error {
    Error::Crs { crs: crs.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Affine;

    fn grid(epsg: u32, gdal: [f64; 6], shape: (usize, usize)) -> Grid {
        Grid { crs: crs_from_epsg(epsg).unwrap(), affine: Affine::from_gdal(gdal).unwrap(), shape }
    }

    #[test]
    fn there_and_back_keeps_east_before_north() {
        let utm = crs_from_epsg(32_652).unwrap();
        let lon_lat = [(130.58, 42.43), (130.2, 42.9)];
        let xy = from_wgs84(&utm, &lon_lat).unwrap();
        assert!((xy[0].0 - 630_000.0).abs() < 5_000.0 && (xy[0].1 - 4_699_000.0).abs() < 5_000.0, "{xy:?}");
        for (a, b) in to_wgs84(&utm, &xy).unwrap().iter().zip(&lon_lat) {
            assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        }
        assert!(crs_from_epsg(1).is_err());
    }

    #[test]
    fn lattice_errs_less_than_a_hundredth_pixel() {
        let working = crs_from_epsg(32_633).unwrap();
        let scene = grid(32_632, [700_000.0, 10.0, 0.0, 5_900_000.0, 0.0, -10.0], (10_980, 10_980));
        let corners = transform(&scene.crs, &working, &scene.corners()).unwrap();
        let bounds = Bounds::around(corners);
        let map = mapping(&working, &scene, bounds).unwrap();
        let points: Vec<(f64, f64)> = (0..500)
            .map(|i| (f64::from(i) * 0.618_034 % 1.0, f64::from(i) * 0.754_878 % 1.0))
            .map(|(u, v)| {
                let (low, high) = (bounds.min, bounds.max);
                (low.0 + u * (high.0 - low.0), low.1 + v * (high.1 - low.1))
            })
            .collect();
        let exact = transform(&working, &scene.crs, &points).unwrap();
        for (&(x, y), &(ex, ey)) in points.iter().zip(&exact) {
            let ((r, c), (er, ec)) = (map.row_col(x, y), scene.row_col(ex, ey));
            assert!((r - er).hypot(c - ec) < 0.01, "{r} {c} {er} {ec}");
        }
    }

    #[test]
    fn ground_of_absurd_size_is_refused_before_memory_is_asked_for() {
        let degrees = grid(4326, [-180.0, 0.36, 0.0, 90.0, 0.0, -0.18], (1_000, 1_000));
        let bounds = Bounds { min: (-1e9, -1e9), max: (1e9, 1e9) };
        let refused = mapping(&crs_from_epsg(32_652).unwrap(), &degrees, bounds).unwrap_err();
        assert!(refused.to_string().contains("cut the scene to the place"), "{refused}");
    }

    #[test]
    fn degrees_and_web_mercator_work_in_utm() {
        let degrees = grid(4326, [13.0, 1e-4, 0.0, 52.0, 0.0, -1e-4], (1_000, 1_000));
        assert_eq!(working_crs(&degrees).unwrap().epsg, Some(32_633));
        let web = grid(3857, [-7_800_000.0, 10.0, 0.0, -2_000_000.0, 0.0, -10.0], (10, 10));
        assert_eq!(working_crs(&web).unwrap().epsg, Some(32_719));
        let utm = grid(32_652, [0.0, 10.0, 0.0, 0.0, 0.0, -10.0], (10, 10));
        assert_eq!(working_crs(&utm).unwrap(), utm.crs);
    }
}

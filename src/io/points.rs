//! Points with numbers, as a GeoPackage.

use super::{Error, crs, library, write_beside};
use crate::grid::Crs;
use gdal::spatial_ref::SpatialRef;
use gdal::vector::{Feature, FieldDefn, Geometry, LayerAccess, LayerOptions};
use gdal::vector::{OGRFieldType, OGRwkbGeometryType};
use gdal::{Dataset, DriverManager};
use std::path::Path;

/// Points of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLayer<'a> {
    /// Name of the layer.
    pub name: &'a str,
    /// CRS of the places.
    pub crs: &'a Crs,
    /// Names of the numbers that every point has.
    pub numbers: &'a [&'a str],
    /// Name of what is true or false of every point.
    pub flag: &'a str,
    /// Map coordinates (x, y), the numbers and the flag of each point.
    pub points: Vec<((f64, f64), Vec<f64>, bool)>,
}

/// Writes points as a GeoPackage, whole or not at all; the flag is stored as 0 or 1.
///
/// # Errors
/// [`Error::Write`] when the folder takes no file or the disk is full.
pub fn write_geopackage(path: &Path, layer: &PointLayer<'_>) -> Result<(), Error> {
    library::configure();
    write_beside(path, |place| {
        // The driver makes new files only.
        std::fs::remove_file(place).map_err(|e| Error::write(path, e))?;
        let (written, messages) = library::watched(|| put(path, place, layer));
        written?;
        match messages.failures.into_iter().next() {
            Some(message) => Err(Error::write(path, message)),
            None => Ok(()),
        }
    })
}

/// Writes to `place`; messages speak of `path`.
fn put(path: &Path, place: &Path, layer: &PointLayer<'_>) -> Result<(), Error> {
    let failed = |e: gdal::errors::GdalError| Error::write(path, e);
    let driver = DriverManager::get_driver_by_name("GPKG").map_err(failed)?;
    let mut dataset = driver.create_vector_only(place).map_err(failed)?;
    let reference = crs::reference_of(layer.crs)?;
    let mut transaction = dataset.start_transaction().map_err(failed)?;
    fill(&mut transaction, layer, &reference).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    dataset.close().map_err(failed)
}

fn fill(dataset: &mut Dataset, layer: &PointLayer<'_>, reference: &SpatialRef) -> gdal::errors::Result<()> {
    let table = dataset.create_layer(LayerOptions {
        name: layer.name,
        srs: Some(reference),
        ty: OGRwkbGeometryType::wkbPoint,
        options: None,
    })?;
    let numbers = layer.numbers.iter().map(|name| (*name, OGRFieldType::OFTReal));
    for (name, kind) in numbers.chain([(layer.flag, OGRFieldType::OFTInteger)]) {
        FieldDefn::new(name, kind)?.add_to_layer(&table)?;
    }
    for ((x, y), numbers, flag) in &layer.points {
        let mut feature = Feature::new(table.defn())?;
        let mut point = Geometry::empty(OGRwkbGeometryType::wkbPoint)?;
        point.add_point_2d((*x, *y));
        feature.set_geometry(point)?;
        for (k, number) in numbers.iter().enumerate().take(layer.numbers.len()) {
            feature.set_field_double(k, *number)?;
        }
        feature.set_field_integer(layer.numbers.len(), i32::from(*flag))?;
        feature.create(&table)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ogr_reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.gpkg");
        let crs = super::super::crs_from_epsg(32633).unwrap();
        let point = |k: usize| {
            let v = k as f64;
            ((4e5 + 10.25 * v, 5.8e6 - 20.5 * v), vec![0.37 + v, -0.62 * v], k.is_multiple_of(3))
        };
        let points: Vec<_> = (0..500).map(point).collect();
        let layer =
            PointLayer { name: "tie_points", crs: &crs, numbers: &["row", "col"], flag: "used", points };
        // A file of that name is replaced.
        std::fs::write(&path, "old").unwrap();
        write_geopackage(&path, &layer).unwrap();
        let dataset = Dataset::open(&path).unwrap();
        let mut table = dataset.layer_by_name("tie_points").unwrap();
        assert_eq!(table.spatial_ref().unwrap().auth_code().unwrap(), 32633);
        assert_eq!(table.feature_count(), 500);
        for (feature, (place, numbers, flag)) in table.features().zip(&layer.points) {
            let at = feature.geometry().unwrap().get_point(0);
            assert_eq!((at.0, at.1), *place);
            assert_eq!(feature.field_as_double(0).unwrap(), Some(numbers[0]));
            assert_eq!(feature.field_as_double(1).unwrap(), Some(numbers[1]));
            assert_eq!(feature.field_as_integer(2).unwrap(), Some(i32::from(*flag)));
        }
        drop(dataset);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no journal stays");
        let nowhere = write_geopackage(&folder.path().join("no/such.gpkg"), &layer);
        assert!(nowhere.unwrap_err().to_string().contains("such.gpkg"));
    }
}

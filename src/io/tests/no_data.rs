//! What is no data: NaN, tags, fills without a tag, alpha bands and masks.

use super::{names_of, open, utm_grid};
use crate::io::*;
use crate::raster::Validity;
use crate::scene::Scene;
use gdal::Metadata;
use ndarray::{Array2, s};
use std::path::Path;

#[test]
fn nan_and_tagged_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x_20240501.tif");
    let mut plane = Array2::from_elem((40, 40), 0.2_f32);
    plane.slice_mut(s![..10, ..]).fill(f32::NAN);
    plane.slice_mut(s![10..20, ..]).fill(-9.0);
    plane.slice_mut(s![20..25, ..]).fill(-32_768.0);
    let grid = utm_grid(40, 40);
    let bands = vec![("B04".to_owned(), plane)];
    write_cog(&path, &CogInput { grid: &grid, bands, nodata: Some(-9.0), tags: Vec::new(), overviews: true })
        .unwrap();
    let scene = open(&path.display().to_string()).unwrap();
    assert!((scene.scaling.scale - 1.0).abs() < 1e-12, "{:?}", scene.scaling);
    let raster = read_raster(&scene, grid.window(), &[0]).unwrap();
    assert!((raster.valid_fraction() - 15.0 / 40.0).abs() < 1e-9);
    assert!(raster.values.iter().all(|v| v.is_finite()));
}

/// A raster of two bands whose left three quarters hold `fill` and the rest `seen`, without a tag.
fn filled<T: gdal::raster::GdalType + Copy>(path: &Path, fill: T, seen: T) -> Scene {
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver.create_with_band_type::<T, _>(path, 40, 40, 2).unwrap();
    let grid = utm_grid(40, 40);
    dataset.set_geo_transform(&grid.affine.to_gdal()).unwrap();
    dataset.set_spatial_ref(&crs::reference_of(&grid.crs).unwrap()).unwrap();
    for index in [1, 2] {
        let values = (0..1600).map(|k| if k % 40 < 30 { fill } else { seen }).collect();
        let mut buffer = gdal::raster::Buffer::new((40, 40), values);
        dataset.rasterband(index).unwrap().write((0, 0), (40, 40), &mut buffer).unwrap();
    }
    dataset.close().unwrap();
    open(&path.display().to_string()).unwrap()
}

#[test]
fn what_fills_the_edges_without_a_tag_is_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scenes = [
        filled::<u16>(&at("top.tif"), u16::MAX, 2000),
        filled::<i16>(&at("signed.tif"), i16::MAX, 2000),
        filled::<i16>(&at("marked.tif"), -9999, 2000),
        filled::<f32>(&at("float.tif"), -9999.0, 0.2),
    ];
    for scene in scenes {
        let whole = read_raster(&scene, scene.grid.window(), &[0, 1]).unwrap();
        let coarse = read_coarse(&scene, &[0, 1], 10).unwrap();
        for raster in [whole, coarse] {
            let quarter = raster.grid.shape.1 / 4;
            for ((_, col), flags) in raster.validity.indexed_iter() {
                assert_eq!(flags.contains(Validity::NO_DATA), col < 3 * quarter, "{} {col}", scene.id);
            }
            assert!((raster.values[[0, 0, 3 * quarter]] - 0.2).abs() < 1e-6, "{}", scene.scaling.rule);
        }
        let reader = BlockReader::open(&scene, &[0]).unwrap();
        let stored = reader.read(0, scene.grid.window()).unwrap();
        assert_eq!(stored.iter().filter(|v| v.is_nan()).count(), 1200, "{}", scene.id);
    }
    let white = filled::<u8>(&at("picture.tif"), 255, 50);
    let flags = read_raster(&white, white.grid.window(), &[0, 1]).unwrap().validity;
    assert_eq!(flags[[0, 0]], Validity::SATURATED, "a cloud is white, too");
}

/// Bands of 2000 in which the left half holds 777 without data by the band `alpha` (from 1), or by a mask that is no band.
fn half_transparent(path: &Path, names: &[&str], alpha: Option<usize>) -> String {
    use gdal::raster::{Buffer, ColorInterpretation};
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver.create_with_band_type::<u16, _>(path, 40, 40, names.len()).unwrap();
    let grid = utm_grid(40, 40);
    dataset.set_geo_transform(&grid.affine.to_gdal()).unwrap();
    dataset.set_spatial_ref(&crs::reference_of(&grid.crs).unwrap()).unwrap();
    let halves = |left: u16, right: u16| {
        let values = (0..1600).map(|k| if k % 40 < 20 { left } else { right + (k % 7) as u16 }).collect();
        Buffer::new((40, 40), values)
    };
    for (i, name) in names.iter().enumerate() {
        let mut band = dataset.rasterband(i + 1).unwrap();
        let is_alpha = alpha == Some(i + 1);
        let colour = if is_alpha { ColorInterpretation::AlphaBand } else { ColorInterpretation::GrayIndex };
        band.set_color_interpretation(colour).unwrap();
        band.set_description(name).unwrap();
        let mut values = if is_alpha && *name != "B08" { halves(0, 255) } else { halves(777, 2000) };
        band.write((0, 0), (40, 40), &mut values).unwrap();
    }
    if alpha.is_none() {
        let mut first = dataset.rasterband(1).unwrap();
        first.create_mask_band(true).unwrap();
        first.open_mask_band().unwrap().write((0, 0), (40, 40), &mut halves(0, 255)).unwrap();
    }
    dataset.close().unwrap();
    path.display().to_string()
}

#[test]
fn alpha_and_masks_say_where_there_is_no_data_and_are_no_bands() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let four = ["B02", "B03", "B04", "B08"];
    let cases = [
        (half_transparent(&at("named.tif"), &["B02", "B03", "B04", "B08", "alpha"], Some(5)), &four[..]),
        (half_transparent(&at("x_B02B03B04_y.tif"), &["", "", "", ""], Some(4)), &four[..3]),
        (half_transparent(&at("plain.tif"), &["", "", ""], Some(3)), &["band1", "band2"]),
        (half_transparent(&at("masked.tif"), &four, None), &four[..]),
    ];
    for (path, names) in cases {
        let scene = open(&path).unwrap();
        assert_eq!(names_of(&scene), names, "{path}");
        let all: Vec<usize> = (0..names.len()).collect();
        let raster = read_raster(&scene, scene.grid.window(), &all).unwrap();
        for ((_, col), flags) in raster.validity.indexed_iter() {
            assert_eq!(flags.contains(Validity::NO_DATA), col < 20, "{path} {col}");
        }
        assert!((raster.values[[1, 5, 21]] - 0.2004).abs() < 1e-6);
        assert!((read_coarse(&scene, &all, 10).unwrap().valid_fraction() - 0.5).abs() < 1e-9, "{path}");
        let stored = BlockReader::open(&scene, &all).unwrap().read(1, scene.grid.window()).unwrap();
        assert_eq!(stored.iter().filter(|v| v.is_nan()).count(), 800, "{path}");
    }
    // The fourth of four bands is called alpha unasked: a name says that it is none.
    let named = open(&half_transparent(&at("four.tif"), &four, Some(4))).unwrap();
    assert_eq!(names_of(&named), four);
    let path = half_transparent(&at("asked.tif"), &["", "", "", ""], Some(4));
    let options = SceneOptions { bands: Some(four.map(str::to_owned).to_vec()), ..SceneOptions::default() };
    let asked = open_scene(&path, &options).unwrap();
    assert_eq!(names_of(&asked), four);
    let options =
        SceneOptions { bands: Some(four[..3].iter().map(|b| (*b).to_owned()).collect()), ..options };
    assert_eq!(names_of(&open_scene(&path, &options).unwrap()), four[..3]);
}

#[test]
fn what_alpha_and_masks_say_survives_a_copy_of_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cases = [
        half_transparent(&at("plain.tif"), &["B04", ""], Some(2)),
        half_transparent(&at("masked.tif"), &["B04"], None),
    ];
    for (i, path) in cases.iter().enumerate() {
        let scene = open(path).unwrap();
        let window = crate::grid::Window { row: 3, col: 10, height: 20, width: 25 };
        let mut stored = read_stored(&scene.bands[0].source, window).unwrap();
        let copy = at(&format!("copy{i}")).join("B04.tif");
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        write_stored(&copy, &stored, "B04", &[]).unwrap();
        let copied = open(&copy.display().to_string()).unwrap();
        assert_eq!(names_of(&copied), ["B04"], "alpha is no band");
        let theirs = read_raster(&scene, window, &[0]).unwrap();
        let ours = read_raster(&copied, copied.grid.window(), &[0]).unwrap();
        assert_eq!((ours.values, ours.validity), (theirs.values, theirs.validity), "{path}");
        // Another strip of the tile fills what this one does not hold, and what neither holds stays so.
        let hidden = |band: &StoredBand| {
            band.shown.as_ref().map_or(0, |shown| shown.iter().filter(|shown| !**shown).count())
        };
        assert_eq!(hidden(&stored), 20 * 10);
        let mut strip = stored.clone();
        strip.shown = Some(Array2::from_shape_fn((20, 25), |(row, _)| row < 5));
        stored.fill_from(&strip, path).unwrap();
        assert_eq!(hidden(&stored), 15 * 10);
        // A window that is seen whole needs no alpha.
        let seen = crate::grid::Window { row: 0, col: 25, height: 10, width: 10 };
        assert_eq!(read_stored(&scene.bands[0].source, seen).unwrap().shown, None);
    }
}

//! Sentinel-1 as it comes: real products where the folder with real data is there, made-up ones elsewhere.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod real_data;

use railwatch::grid::Window;
use railwatch::io::{SceneOptions, open_scene, read_raster};
use railwatch::raster::{Raster, Validity};
use railwatch::scene::{Backscatter, Pass, Scene, Storage};
use railwatch::stats::median;
use real_data::real;

fn open(spec: &str) -> Scene {
    open_scene(spec, &SceneOptions::default()).unwrap()
}

fn levels_db(raster: &Raster) -> Vec<f64> {
    let clear = |plane: ndarray::ArrayView2<'_, f32>| {
        let seen = plane.iter().zip(&raster.validity).filter(|(_, f)| f.is_empty());
        let mut seen: Vec<f64> = seen.map(|(v, _)| f64::from(*v)).collect();
        10.0 * median(&mut seen).log10()
    };
    raster.values.outer_iter().map(clear).collect()
}

#[test]
fn opera_bursts_are_linear_gamma0_of_orbit_137() {
    let Some(folder) = real("s1_rtc_opera_22dates/cropped/2021-11-19") else { return };
    let scene = open(&folder.join("*T137-292318-IW2*.tif").display().to_string());
    let names: Vec<&str> = scene.bands.iter().map(|b| b.name.0.as_str()).collect();
    assert!(names.contains(&"VV") && names.contains(&"VH") && names.len() == 2);
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!((radar.relative_orbit, &radar.storage), (Some(137), &Storage::Linear));
    assert_eq!(radar.backscatter, Backscatter::Gamma0);
    assert_eq!(scene.platform.as_deref(), Some("Sentinel-1A"));
    assert!(scene.scaling.rule.contains("verified") || scene.scaling.rule.contains("by the values"));
    let db = levels_db(&read_raster(&scene, scene.grid.window(), &[0, 1]).unwrap());
    assert!(db.iter().all(|v| (-30.0..0.0).contains(v)), "{db:?}");
}

#[test]
fn decibels_are_read_as_power() {
    for (folder, file, pass) in [
        ("s2_s1_stack_belgium_a", "S1_GRD_ASC_20170801T173236_VVVH_dB_20m.tif", Some(Pass::Ascending)),
        ("s1_s2_mol_2023", "S1_GRD_20230403_VVVH_sigma0_dB.tif", None),
    ] {
        let Some(folder) = real(folder) else { return };
        let scene = open(&folder.join(file).display().to_string());
        let radar = scene.radar.as_ref().unwrap();
        assert_eq!((radar.pass, &radar.storage), (pass, &Storage::Decibel));
        let db = levels_db(&read_raster(&scene, scene.grid.window(), &[0, 1]).unwrap());
        // VV of fields and villages lies about −10 dB, VH about −16 dB.
        assert!((-15.0..-4.0).contains(&db[0]) && (-24.0..-10.0).contains(&db[1]), "{db:?}");
    }
}

#[test]
fn control_points_place_a_ground_range_image() {
    let Some(folder) = real("s1_grd_gcp_2018") else { return };
    let scene = open(&folder.join("iw-*.tiff").display().to_string());
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!((radar.pass, radar.relative_orbit), (Some(Pass::Descending), Some(165)));
    assert_eq!(radar.mode.as_deref(), Some("IW"));
    assert_eq!(scene.datetime.unwrap().to_string(), "2018-07-16T00:40:42Z");
    let rule = &scene.scaling.rule;
    let off: f64 = rule.split("control points, ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(off < 0.5, "{rule}");
    let (h, w) = scene.grid.shape;
    let window = Window { row: h / 2 - 100, col: w / 2 - 100, height: 200, width: 200 };
    let raster = read_raster(&scene, window, &[0, 1]).unwrap();
    assert!(raster.valid_fraction() > 0.99);
}

#[test]
fn products_of_430_megapixels_are_read_by_window() {
    let Some(folder) = real("safe_products/s1") else { return };
    let scene = open(
        &folder
            .join("S1B_IW_GRDH_1SDV_20211223T051122_20211223T051147_030148_039993_5371.SAFE")
            .display()
            .to_string(),
    );
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!((radar.pass, radar.relative_orbit), (Some(Pass::Descending), Some(22)));
    assert_eq!(radar.backscatter, Backscatter::Sigma0);
    assert!((scene.grid.pixel_size() - 10.0).abs() < 1e-9);
    // Hills are refused, of which this scene has many; where it is flat it is read.
    let (h, w) = scene.grid.shape;
    let windows = (2..9).flat_map(|i| (2..9).map(move |j| (i * h / 10, j * w / 10)));
    let read = |(row, col)| read_raster(&scene, Window { row, col, height: 300, width: 300 }, &[0]);
    let (flat, hilly): (Vec<_>, Vec<_>) = windows.map(read).partition(Result::is_ok);
    assert!(hilly.into_iter().all(|r| r.unwrap_err().to_string().contains("higher or lower")));
    let raster = flat.into_iter().next().unwrap().unwrap();
    assert!(raster.validity.iter().all(|v| v.contains(Validity::NO_DATA)), "the image holds zeros only");

    let path = folder.join("S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE");
    let scene = open(&path.display().to_string());
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!(radar.backscatter, Backscatter::Uncalibrated, "no calibration files lie in it");
    let options = SceneOptions { bands: Some(vec!["VH".into()]), ..SceneOptions::default() };
    let error = open_scene(&path.display().to_string(), &options).unwrap_err().to_string();
    assert!(error.contains("describes VH but has no measurement"), "{error}");
}

#[test]
fn a_zip_without_measurements_says_so() {
    let Some(folder) = real("safe_products/s1") else { return };
    let path = folder.join("S1A_IW_GRDH_1SDV_20150222T170725_20150222T170750_004739_005DD8_CEAB.zip");
    let error = open_scene(&path.display().to_string(), &SceneOptions::default()).unwrap_err().to_string();
    assert!(error.contains("has no measurement"), "{error}");
}

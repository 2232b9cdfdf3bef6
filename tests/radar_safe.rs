//! SAFE products of Sentinel-1 made up by the specification: folder, zip and COG measurements give the same pixels.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use ndarray::{Array2, Array3};
use railwatch::grid::{Affine, Grid, Window};
use railwatch::io::{self, CogInput, SceneOptions, open_scene, read_raster};
use railwatch::raster::{Raster, Validity};
use railwatch::scene::{Backscatter, Pass};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROWS: usize = 600;
const COLS: usize = 800;
const PRODUCT: &str = "S1C_IW_GRDH_1SDV_20250401T052623_20250401T052648_001681_003297_ECC8";
/// Columns of border noise.
const BORDER: usize = 64;

/// A product whose ground is as high as `height_m` tells of (row, col), of digital numbers `dn` beyond the border.
struct Made {
    dn: u16,
    height_m: fn(f64, f64) -> f64,
    cog: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self { dn: 300, height_m: |_, _| 100.0, cog: false }
    }
}

impl Made {
    fn write(&self, folder: &Path) -> PathBuf {
        let root = folder.join(format!("{PRODUCT}{}.SAFE", if self.cog { "_COG" } else { "" }));
        std::fs::create_dir_all(root.join("annotation/calibration")).unwrap();
        std::fs::create_dir_all(root.join("measurement")).unwrap();
        for polarisation in ["vv", "vh"] {
            let stem = format!("s1c-iw-grd-{polarisation}-20250401t052623-20250401t052648-001681-003297-001");
            let text = |name: String, xml: String| std::fs::write(root.join(name), xml).unwrap();
            text(format!("annotation/{stem}.xml"), self.annotation(polarisation));
            text(
                format!("annotation/calibration/calibration-{stem}.xml"),
                vectors("calibrationVector", "sigmaNought", 500.0),
            );
            text(
                format!("annotation/calibration/noise-{stem}.xml"),
                vectors("noiseRangeVector", "noiseRangeLut", 1000.0),
            );
            self.measure(&root, &stem);
        }
        root
    }

    fn measure(&self, root: &Path, stem: &str) {
        let affine = Affine::from_gdal([500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0]).unwrap();
        let grid = Grid { crs: io::crs_from_epsg(32632).unwrap(), affine, shape: (ROWS, COLS) };
        let dn = |col: usize| if col < BORDER { 5 } else { self.dn };
        if self.cog {
            let pixels = Array2::from_shape_fn((ROWS, COLS), |(_, c)| f32::from(dn(c)));
            let bands = vec![("dn".to_owned(), pixels)];
            let input = CogInput { grid: &grid, bands, nodata: None, tags: Vec::new(), overviews: false };
            io::write_cog(&root.join(format!("measurement/{stem}-cog.tiff")), &input).unwrap();
        } else {
            let pixels = Array3::from_shape_fn((1, ROWS, COLS), |(_, _, c)| dn(c));
            let path = root.join(format!("measurement/{stem}.tiff"));
            io::write_scene(&path, &grid, &pixels, &["dn"], &[]).unwrap();
        }
    }

    fn annotation(&self, polarisation: &str) -> String {
        use std::fmt::Write;
        let mut points = String::new();
        for i in 0..49 {
            let (row, col) =
                (f64::from(i / 7) * (ROWS - 1) as f64 / 6.0, f64::from(i % 7) * (COLS - 1) as f64 / 6.0);
            write!(
                points,
                "<geolocationGridPoint><line>{row}</line><pixel>{col}</pixel><latitude>{}</latitude>\
                 <longitude>{}</longitude><height>{}</height></geolocationGridPoint>",
                45.0 + row / 11_120.0,
                9.0 + col / 7_880.0,
                (self.height_m)(row, col)
            )
            .unwrap();
        }
        format!(
            "<product><adsHeader><missionId>S1C</missionId><productType>GRD</productType>\
             <polarisation>{}</polarisation><mode>IW</mode><startTime>2025-04-01T05:26:23.1</startTime>\
             <absoluteOrbitNumber>1681</absoluteOrbitNumber></adsHeader><generalAnnotation><productInformation>\
             <pass>Ascending</pass></productInformation></generalAnnotation><imageAnnotation><imageInformation>\
             <rangePixelSpacing>10</rangePixelSpacing><azimuthPixelSpacing>10</azimuthPixelSpacing>\
             <numberOfSamples>{COLS}</numberOfSamples><numberOfLines>{ROWS}</numberOfLines></imageInformation>\
             </imageAnnotation><geolocationGrid><geolocationGridPointList>{points}</geolocationGridPointList>\
             </geolocationGrid></product>",
            polarisation.to_uppercase()
        )
    }
}

/// Two vectors of one constant over the image.
fn vectors(vector: &str, lut: &str, value: f64) -> String {
    let one = |line: usize| {
        format!(
            "<{vector}><line>{line}</line><pixel count=\"2\">0 {}</pixel><{lut} count=\"2\">{value} {value}</{lut}></{vector}>",
            COLS - 1
        )
    };
    format!("<vectors>{}{}</vectors>", one(0), one(ROWS - 1))
}

/// The middle of the map grid, and all of it.
fn read(path: &Path) -> (Raster, Raster) {
    let scene = open_scene(&path.display().to_string(), &SceneOptions::default()).unwrap();
    let names: Vec<&str> = scene.bands.iter().map(|b| b.name.0.as_str()).collect();
    assert_eq!(names, ["VV", "VH"]);
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!((radar.backscatter, radar.pass), (Backscatter::Sigma0, Some(Pass::Ascending)));
    assert_eq!((radar.relative_orbit, radar.mode.as_deref()), (Some(110), Some("IW")));
    assert_eq!(scene.platform.as_deref(), Some("Sentinel-1C"));
    let (h, w) = scene.grid.shape;
    let window = Window { row: h / 2 - 20, col: w / 2 - 20, height: 40, width: 40 };
    let part = |window| read_raster(&scene, window, &[0, 1]).unwrap();
    (part(window), part(scene.grid.window()))
}

#[test]
fn folder_zip_and_cog_give_the_same_calibrated_pixels() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Made::default().write(dir.path());
    let (middle, whole) = read(&folder);
    // σ⁰ = (DN² − η) / A²
    let expected = (300.0_f32.powi(2) - 1000.0) / 500.0_f32.powi(2);
    assert!(middle.validity.iter().all(railwatch::raster::Validity::is_empty));
    assert!(middle.values.iter().all(|v| (v / expected - 1.0).abs() < 1e-4), "{expected}");
    // The border and its guard of 64 px hold no data: 128 of 800 columns.
    let seen = whole.valid_fraction();
    assert!((0.75..0.86).contains(&seen), "{seen}");
    let cog = Made { cog: true, ..Made::default() }.write(dir.path());
    assert_eq!(read(&cog), (middle.clone(), whole.clone()));
    let script = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2], sys.argv[3])";
    let name = folder.file_name().unwrap();
    let mut packed = Command::new("python3");
    packed.args(["-c", script]).arg(dir.path().join("p")).arg(dir.path()).arg(name);
    if packed.status().is_ok_and(|status| status.success()) {
        assert_eq!(read(&dir.path().join("p.zip")), (middle, whole));
    }
}

#[test]
fn a_product_in_ground_range_is_not_laid_on_another_grid() {
    let [a, b] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let out = a.path().join("out.tif");
    assert_cmd::Command::cargo_bin("railwatch")
        .unwrap()
        .arg("register")
        .arg("--reference")
        .arg(Made::default().write(a.path()))
        .arg("--moving")
        .arg(Made::default().write(b.path()))
        .arg("--out")
        .arg(&out)
        .assert()
        .code(2)
        .stderr(predicates::str::contains("ground range"));
    assert!(!out.exists());
}

#[test]
fn a_product_of_border_noise_holds_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let (_, whole) = read(&Made { dn: 5, ..Made::default() }.write(dir.path()));
    assert!(whole.validity.iter().all(|v| v.contains(Validity::NO_DATA)));
}

#[test]
fn relief_that_moves_pixels_beyond_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let hills =
        Made { height_m: |row, col| 300.0 * ((row / 37.0).sin() + (col / 41.0).cos()), ..Made::default() };
    let path = hills.write(dir.path()).display().to_string();
    let said = match open_scene(&path, &SceneOptions::default()) {
        Err(error) => error.to_string(),
        Ok(scene) => read_raster(&scene, scene.grid.window(), &[0]).unwrap_err().to_string(),
    };
    assert!(said.contains("terrain-corrected product"), "{said}");
}

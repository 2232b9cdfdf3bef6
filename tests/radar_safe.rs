//! SAFE products of Sentinel-1 made up by the specification: folder, zip and COG measurements give the same pixels.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use ndarray::{Array2, Array3};
use railwatch::grid::{Affine, Grid, Window};
use railwatch::io::{self, CogInput, SceneOptions, open_scene, read_raster};
use railwatch::raster::{Raster, Validity};
use railwatch::scene::{Backscatter, ElevationModel, Pass};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROWS: usize = 600;
const COLS: usize = 800;
const PRODUCT: &str = "S1C_IW_GRDH_1SDV_20250401T052623_20250401T052648_001681_003297_ECC8";
/// Columns of border noise.
const BORDER: usize = 64;
/// Wavelength of the stripes on the ground.
const STRIPES_PX: f64 = 24.0;

/// A product whose ground is as high as `height_m` tells of its (row, col) on the map, of digital numbers `dn` beyond the
/// border.
struct Made {
    dn: u16,
    height_m: fn(f64, f64) -> f64,
    cog: bool,
    /// Whether ground appears nearer to the satellite by its height, with stripes on it that tell where it appears.
    relief: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self { dn: 300, height_m: |_, _| 100.0, cog: false, relief: false }
    }
}

/// Incidence angle of a column, degrees.
fn incidence_deg(col: f64) -> f64 {
    33.0 + col / 800.0
}

/// Power of the stripes over their mean at a column of the map.
fn stripes(col: f64) -> f64 {
    1.0 + 0.5 * (std::f64::consts::TAU * col / STRIPES_PX).cos()
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
            let power = |r: usize, c: usize| {
                if self.relief { stripes(self.ground_col(r as f64, c as f64)) } else { 1.0 }
            };
            let pixels = Array3::from_shape_fn((1, ROWS, COLS), |(_, r, c)| {
                (f64::from(dn(c)) * power(r, c).sqrt()).round() as u16
            });
            let path = root.join(format!("measurement/{stem}.tiff"));
            io::write_scene(&path, &grid, &pixels, &["dn"], &[]).unwrap();
        }
    }

    /// Column on the map of the ground that a pixel shows: c = g − h cot θ.
    fn ground_col(&self, row: f64, col: f64) -> f64 {
        if !self.relief {
            return col;
        }
        let shift_px =
            |ground: f64| (self.height_m)(row, ground) / incidence_deg(col).to_radians().tan() / 10.0;
        (0..60).fold(col, |ground, _| col + shift_px(ground))
    }

    fn annotation(&self, polarisation: &str) -> String {
        use std::fmt::Write;
        let mut points = String::new();
        for i in 0..49 {
            let (row, col) =
                (f64::from(i / 7) * (ROWS - 1) as f64 / 6.0, f64::from(i % 7) * (COLS - 1) as f64 / 6.0);
            let ground_col = self.ground_col(row, col);
            write!(
                points,
                "<geolocationGridPoint><line>{row}</line><pixel>{col}</pixel><latitude>{}</latitude>\
                 <longitude>{}</longitude><height>{}</height><incidenceAngle>{}</incidenceAngle></geolocationGridPoint>",
                45.0 + row / 11_120.0,
                9.0 + ground_col / 7_880.0,
                (self.height_m)(row, ground_col),
                incidence_deg(col)
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

/// A product in which `from` is `to` in all annotation files.
fn with_annotation(folder: &Path, from: &str, to: &str) -> String {
    let root = Made::default().write(folder);
    for place in ["annotation", "annotation/calibration"] {
        for file in std::fs::read_dir(root.join(place)).unwrap().map(|f| f.unwrap().path()) {
            if file.is_file() {
                let text = std::fs::read_to_string(&file).unwrap();
                std::fs::write(&file, text.replace(from, to)).unwrap();
            }
        }
    }
    root.display().to_string()
}

#[test]
fn annotations_that_contradict_the_image_or_hold_no_numbers_are_refused() {
    let huge = "<numberOfSamples>9999999999999999999</numberOfSamples>";
    for (from, to, said) in [
        ("<numberOfLines>600</numberOfLines>", "<numberOfLines>601</numberOfLines>", "annotation 601 × 800"),
        ("<numberOfLines>600</numberOfLines>", "<numberOfLines>-1</numberOfLines>", "no image size"),
        ("<numberOfSamples>800</numberOfSamples>", huge, "fetch the product again"),
        ("500 500</sigmaNought>", "nan inf</sigmaNought>", "no sigma0 calibration vectors"),
        ("0 799</pixel>", "799 0</pixel>", "no sigma0 calibration vectors"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let scene = open_scene(&with_annotation(dir.path(), from, to), &SceneOptions::default());
        let window = Window { row: 300, col: 400, height: 20, width: 20 };
        let read = scene.and_then(|scene| read_raster(&scene, window, &[0]));
        let error = read.unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
    // A calibration of zero gives no power, and a pixel cannot be a billionth of a metre wide.
    let dir = tempfile::tempdir().unwrap();
    let path = with_annotation(dir.path(), "500 500</sigmaNought>", "0 0</sigmaNought>");
    let scene = open_scene(&path, &SceneOptions::default()).unwrap();
    let window = Window { row: 300, col: 400, height: 20, width: 20 };
    let raster = read_raster(&scene, window, &[0]).unwrap();
    assert!(raster.validity.iter().all(|v| v.contains(Validity::NO_DATA)));
    let dir = tempfile::tempdir().unwrap();
    let path = with_annotation(dir.path(), "PixelSpacing>10<", "PixelSpacing>1e-9<");
    let tiny = open_scene(&path, &SceneOptions::default()).unwrap();
    assert!(tiny.grid.pixel_size() >= 1.0);
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

/// Hills of 240 m every 3.8 km.
fn hills(row: f64, col: f64) -> f64 {
    150.0 + 120.0 * (col / 60.0).sin() * (row / 50.0).cos()
}

/// Heights above a geoid 48 m over the ellipsoid, in degrees, every 25–33 m: `height_m` of (row, col) on the map.
fn elevation(path: &Path, height_m: impl Fn(f64, f64) -> f64) -> ElevationModel {
    let affine = Affine::from_gdal([8.96, 3e-4, 0.0, 45.08, 0.0, -3e-4]).unwrap();
    let grid = Grid { crs: io::crs_from_epsg(4326).unwrap(), affine, shape: (350, 600) };
    let heights = Array2::from_shape_fn(grid.shape, |(r, c)| {
        let (lon, lat) = grid.xy(r as f64, c as f64);
        (height_m((lat - 45.0) * 11_120.0, (lon - 9.0) * 7_880.0) - 48.0) as f32
    });
    let bands = vec![("height".to_owned(), heights)];
    let input = CogInput { grid: &grid, bands, nodata: Some(-9999.0), tags: Vec::new(), overviews: false };
    io::write_cog(path, &input).unwrap();
    ElevationModel { path: path.display().to_string(), zero_m: 48.0 }
}

fn with(dem: ElevationModel) -> SceneOptions {
    SceneOptions { dem: Some(dem), ..SceneOptions::default() }
}

/// Pixels by which the stripes appear beside their place, of runs of two stripes along the rows of the map.
fn displacements_px(raster: &Raster) -> Vec<f64> {
    let (rows, cols) = raster.grid.shape;
    let run = 2 * STRIPES_PX as usize;
    let mut all = Vec::new();
    for row in (0..rows).step_by(8) {
        let xy: Vec<(f64, f64)> = (0..cols).map(|c| raster.grid.xy(row as f64, c as f64)).collect();
        let lonlat = io::to_wgs84(&raster.grid.crs, &xy).unwrap();
        for first in (0..cols.saturating_sub(run)).step_by(run) {
            let part = first..first + run;
            if !part.clone().all(|c| raster.validity[(row, c)].is_empty()) {
                continue;
            }
            let mean = part.clone().map(|c| f64::from(raster.values[(0, row, c)])).sum::<f64>() / run as f64;
            let (mut re, mut im) = (0.0, 0.0);
            for c in part {
                let phase = std::f64::consts::TAU * (lonlat[c].0 - 9.0) * 7_880.0 / STRIPES_PX;
                let v = f64::from(raster.values[(0, row, c)]) - mean;
                (re, im) = (re + v * phase.cos(), im + v * phase.sin());
            }
            all.push(im.atan2(re) * STRIPES_PX / std::f64::consts::TAU);
        }
    }
    all
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn an_elevation_model_takes_the_relief_out() {
    let dir = tempfile::tempdir().unwrap();
    let path =
        Made { height_m: hills, relief: true, ..Made::default() }.write(dir.path()).display().to_string();
    let scene = open_scene(&path, &SceneOptions::default()).unwrap();
    let window = scene.grid.window();
    let refused = read_raster(&scene, window, &[0]).unwrap_err().to_string();
    assert!(refused.contains("elevation model"), "{refused}");

    let dem = elevation(&dir.path().join("dem.tif"), hills);
    let scene = open_scene(&path, &with(dem.clone())).unwrap();
    assert!(scene.scaling.rule.contains("its zero 48 m above the ellipsoid"), "{}", scene.scaling.rule);
    let off = displacements_px(&read_raster(&scene, window, &[0]).unwrap());
    assert!(off.len() > 300, "{}", off.len());
    // The hills shift pixels by 2 to 41 px.
    assert!(rms(&off) < 0.3, "{}", rms(&off));

    // A zero 30 m too high shifts all ground away from the satellite: cot 33.5° · 3 px.
    let higher = ElevationModel { zero_m: 78.0, ..dem };
    let scene = open_scene(&path, &with(higher)).unwrap();
    let mut off = displacements_px(&read_raster(&scene, window, &[0]).unwrap());
    off.sort_by(f64::total_cmp);
    let middle = off[off.len() / 2];
    assert!((middle.abs() - 3.0 / 33.5_f64.to_radians().tan()).abs() < 0.3, "{middle}");
}

#[test]
fn elevation_models_that_tell_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path =
        Made { height_m: hills, relief: true, ..Made::default() }.write(dir.path()).display().to_string();
    let said = |dem: ElevationModel| match open_scene(&path, &with(dem)) {
        Err(error) => error.to_string(),
        Ok(scene) => read_raster(&scene, scene.grid.window(), &[0]).unwrap_err().to_string(),
    };
    let at = |name: &str| dir.path().join(name);
    let none = ElevationModel { path: at("none.tif").display().to_string(), zero_m: 0.0 };
    assert!(said(none).contains("no such file"));
    let hole =
        elevation(&at("hole.tif"), |r, c| if (r - 300.0).hypot(c - 400.0) < 40.0 { -9951.0 } else { 100.0 });
    assert!(said(hole).contains("no heights on"));
    let odd = elevation(&at("odd.tif"), |_, _| 25_000.0);
    assert!(said(odd).contains("no height in metres"));
    // Every other post 60 m higher: relief that its posts cannot follow.
    let rough = elevation(&at("rough.tif"), |r, c| {
        60.0 * f64::from(((r / 3.3) as i64 + (c / 2.4) as i64) as i32 % 2)
    });
    assert!(said(rough).contains("between its posts"));
    let text = at("text.tif");
    std::fs::write(&text, "no raster").unwrap();
    assert!(
        said(ElevationModel { path: text.display().to_string(), zero_m: 0.0 }).contains("cannot be used")
    );
    // Elsewhere, and degrees taken for metres of another zone.
    for (name, epsg, corner) in [("far.tif", 4326, [30.0, 60.0]), ("zone.tif", 32633, [8.96, 45.08])] {
        let affine = Affine::from_gdal([corner[0], 3e-4, 0.0, corner[1], 0.0, -3e-4]).unwrap();
        let grid = Grid { crs: io::crs_from_epsg(epsg).unwrap(), affine, shape: (350, 600) };
        let bands = vec![("height".to_owned(), Array2::<f32>::zeros(grid.shape))];
        let input = CogInput { grid: &grid, bands, nodata: None, tags: Vec::new(), overviews: false };
        io::write_cog(&at(name), &input).unwrap();
        let dem = ElevationModel { path: at(name).display().to_string(), zero_m: 0.0 };
        let said = said(dem);
        assert!(said.contains("shows other ground"), "{said}");
    }
}

#[test]
fn a_configuration_names_an_elevation_model_that_the_scenes_need() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let run = |radar: &str| {
        let config = dir.path().join("run.toml");
        let at = |name: &str| samples.join(name).display().to_string();
        let text = format!(
            "baseline = ['{}']\ntarget = '{}'\nrails = '{}'\nout = 'out'\n{radar}\n",
            at("tumangang_khasan_2022-11-19.tif"),
            at("tumangang_khasan_2022-11-29.tif"),
            at("tumangang_khasan_rails.geojson"),
        );
        std::fs::write(&config, text).unwrap();
        let mut command = assert_cmd::Command::cargo_bin("railwatch").unwrap();
        command.args(["detect", "--dry-run", "--config"]).arg(&config);
        let output = command.assert().code(2).get_output().stderr.clone();
        String::from_utf8(output).unwrap()
    };
    assert!(run("[radar]\ndem = { path = 'x.tif', zero_m = 0 }").contains("no scene is laid on the map"));
    assert!(
        run("[radar]\ndem = { path = 'x.tif', zero_m = 480 }")
            .contains("radar.dem.zero_m must be -120 to 120 m")
    );
    assert!(run("[radar]\ndem = { path = 'x.tif' }").contains("zero_m"));
}

//! What outputs made of other scenes say of themselves: units, offset, orbit, and what is simulated.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod support;

use gdal::Metadata;
use railwatch::io::{self, CogInput, read_raster, write_cog, write_scene};
use std::path::Path;
use support::{Run, opened, pair, railwatch, record};

fn tag(path: &Path, key: &str, value: &str) {
    let options =
        gdal::DatasetOptions { open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE, ..Default::default() };
    let mut dataset = gdal::Dataset::open_ex(path, options).unwrap();
    dataset.set_metadata_item(key, value, "").unwrap();
    dataset.close().unwrap();
}

fn register(moving: &Path, out: &Path) {
    let mut command = railwatch();
    command.arg("register").arg("--reference").arg(pair().join("baseline.tif")).arg("--moving").arg(moving);
    command.arg("--out").arg(out).assert().success();
}

#[test]
fn a_registered_scene_has_the_values_and_the_time_of_the_scene() {
    io::configure();
    let dir = tempfile::tempdir().unwrap();
    let plain = opened(&pair().join("target.tif"));
    let values = read_raster(&plain, plain.grid.window(), &[0, 1, 2, 3]).unwrap().values;
    let stored = values.mapv(|v| (v * 10_000.0 + 1000.0).round() as u16);
    // Nothing but the name tells that 1000 was added.
    let moving = dir.path().join("S2A_MSIL2A_20221129T021651_N0400_R003_T52TEN_20221129T040000.tif");
    write_scene(&moving, &plain.grid, &stored, &["B02", "B03", "B04", "B08"], &[]).unwrap();
    let truth = opened(&moving);
    assert_eq!(truth.scaling.offset.to_string(), "-1000");
    for name in ["registered.tif", "registered.vrt", "N0200.tif"] {
        let out = dir.path().join(name);
        register(&moving, &out);
        let scene = opened(&out);
        let found = (scene.scaling.scale, scene.scaling.offset);
        assert_eq!(found, (truth.scaling.scale, truth.scaling.offset), "{name}: {}", scene.scaling.rule);
        assert_eq!((scene.datetime, &scene.platform), (truth.datetime, &truth.platform), "{name}");
    }
}

#[test]
fn a_registered_radar_scene_is_compared_as_itself() {
    io::configure();
    let dir = tempfile::tempdir().unwrap();
    let plain = opened(&pair().join("target.tif"));
    let values = read_raster(&plain, plain.grid.window(), &[0, 1]).unwrap().values;
    let tags = [
        ("MODE", "IW"),
        ("ORBIT_PASS_DIRECTION", "descending"),
        ("RELATIVE_ORBIT", "54"),
        ("UNITS", "linear"),
        ("BACKSCATTER", "gamma0"),
        ("PLATFORM", "Sentinel-1A"),
    ];
    let moving = dir.path().join("moving_20221129T021651.tif");
    let bands = ["VV", "VH"].iter().zip(values.outer_iter());
    let input = CogInput {
        grid: &plain.grid,
        bands: bands.map(|(name, plane)| ((*name).to_owned(), plane.to_owned())).collect(),
        nodata: Some(0.0),
        tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        overviews: false,
    };
    write_cog(&moving, &input).unwrap();
    let truth = opened(&moving);
    for name in ["registered.tif", "registered.vrt"] {
        let out = dir.path().join(name);
        register(&moving, &out);
        let scene = opened(&out);
        assert_eq!(scene.radar, truth.radar, "{name}");
        assert_eq!((scene.datetime, &scene.platform), (truth.datetime, &truth.platform), "{name}");
    }
}

#[test]
fn trains_put_into_satellite_scenes_are_told_as_such() {
    let run = Run::new();
    let at = |name: &str| run.out.path().join(name);
    for name in ["baseline.tif", "target.tif"] {
        std::fs::copy(pair().join(name), at(name)).unwrap();
        tag(&at(name), "PLATFORM", "Sentinel-2A");
    }
    railwatch()
        .args(["simulate", "--margin-m", "600", "--rails"])
        .arg(&run.rails)
        .arg("--into")
        .args([at("baseline.tif"), at("target.tif")])
        .arg("--out")
        .arg(at("implanted"))
        .assert()
        .success();
    let target = at("implanted").join("target.tif");
    assert_eq!(opened(&target).platform.as_deref(), Some("Sentinel-2A, trains simulated"));
    let run = Run { baseline: at("implanted").join("baseline.tif"), target: target.clone(), ..run };
    run.command().assert().success();
    let out = run.out.path().join("out");
    let told = record(&out)["attribution"].as_str().unwrap().to_owned();
    assert!(told.starts_with("Contains modified Copernicus Sentinel data 20"), "{told}");
    assert!(told.ends_with("; trains simulated"), "{told}");
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Trains were put into the satellite"));
    // What is made of such a scene says so too.
    let again = run.out.path().join("again.tif");
    register(&target, &again);
    assert_eq!(opened(&again).platform, opened(&target).platform);
}

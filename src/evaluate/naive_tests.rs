//! Laws of the naive references on strips small enough to see through.

use super::*;
use crate::corridor::StripGeometry;
use crate::evaluate::Axis;

fn strip(value: impl Fn(usize, usize) -> f32, seed: u32) -> Strip {
    let geometry = StripGeometry::for_pixel_m(10.0);
    let values = Array3::from_shape_fn((2, 300, 81), |(b, s, t)| {
        value(s, t) * (1.0 + b as f32) + 0.002 * noise(s, t, seed + 10 * b as u32)
    });
    Strip { values, valid: Array2::from_elem((300, 81), true), geometry }
}

fn noise(s: usize, t: usize, seed: u32) -> f32 {
    let z = ((s * 81 + t) as u32 ^ seed.wrapping_mul(0x9E37_79B9)).wrapping_mul(2_654_435_761);
    let z = (z ^ (z >> 15)).wrapping_mul(2_246_822_519);
    (z >> 8) as f32 / (1u32 << 24) as f32 - 0.5
}

#[test]
fn every_reference_finds_what_is_plain_and_cva_forgives_a_gain() {
    let ground = |s, t| 0.2 + 0.1 * noise(s, t, 1);
    let baseline = strip(ground, 2);
    let train = |s: usize, t: usize| if (100..130).contains(&s) && t.abs_diff(40) < 2 { 0.1 } else { 0.0 };
    let target = strip(|s, t| 1.5 * ground(s, t) + 0.01 + train(s, t), 3);
    let known = [Known {
        speed_m_s: None,
        kind: Kind::Train,
        axis: Axis::new(vec![(1000.0, 0.0), (1290.0, 0.0)]).unwrap(),
        cargo: "white".to_owned(),
        change: Change::Appeared,
        is_seen: true,
        limit_m: None,
    }];
    for reference in Reference::ALL {
        let statistic = statistic(reference, &[(&target, &baseline)]).unwrap().remove(0);
        let points = (0..300).map(|s| (10.0 * f64::from(s), 0.0)).collect();
        let track = NaiveTrack { points, statistic, is_null: true };
        let case = NaiveCase { tracks: vec![track], known: &known, observed_m: 3000.0 };
        let result = score(reference, &[case]);
        let first = result.curve[0];
        assert!(first.recall > 0.99 && first.false_alarms_per_100km < 1e-9, "{reference:?} {first:?}");
    }
}

#[test]
fn what_lies_on_a_train_out_of_sight_is_no_false_alarm_and_no_hit() {
    let train = |start: f64, is_seen: bool| Known {
        speed_m_s: None,
        kind: Kind::Train,
        axis: Axis::new(vec![(start, 0.0), (start + 200.0, 0.0)]).unwrap(),
        cargo: "white".to_owned(),
        change: Change::Appeared,
        is_seen,
        limit_m: None,
    };
    let known = [train(0.0, false), train(1000.0, true)];
    let points = (0..150).map(|s| (10.0 * f64::from(s), 0.0)).collect();
    let high = |range: std::ops::Range<usize>, s: usize| if range.contains(&s) { 5.0 } else { 0.0 };
    let statistic = (0..150).map(|s| high(2..18, s) + high(50..60, s)).collect();
    let tracks = vec![NaiveTrack { points, statistic, is_null: true }];
    let point = at_threshold(&[NaiveCase { tracks, known: &known, observed_m: 1e5 }], 1.0, 100.0);
    assert!((point.false_alarms_per_100km - 1.0).abs() < 1e-12 && point.recall.abs() < 1e-12, "{point:?}");
}

#[test]
fn runs_join_over_one_cell_and_never_have_no_length() {
    let points = (0..8).map(|s| (10.0 * f64::from(s), 0.0)).collect();
    let statistic = vec![0.0, 2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0];
    let track = NaiveTrack { points, statistic, is_null: true };
    let found = runs(&track, 1.0);
    assert_eq!(found, [vec![(5.0, 0.0), (35.0, 0.0)], vec![(65.0, 0.0), (70.0, 0.0)]]);
}

#[test]
fn a_run_is_compared_again_with_its_own_settings() {
    let text = r#"
        baseline = ["old.tif", "new.tif"]
        target = "target.tif"
        rails = "rails.geojson"
        out = "out"
        no_register = true
        min_length_m = 90.0
        buffer_m = 400.0
        datetime = "2024-06-17"
        [mask]
        dilate_m = 120.0
        [coreg]
        window_px = 64
        [tracks]
        snap_m = 2.0
        [radar]
        dem = { path = "dem.tif", zero_m = 48.0 }
    "#;
    let file: crate::pipeline::DetectFile = toml::from_str(text).unwrap();
    let config = DetectConfig::try_from(file).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut run = serde_json::json!({
        "settings": config,
        "scenes": [{ "path": "target.tif", "bands": ["B02", "B08"] }, { "path": "new.tif" }],
    });
    let write = |run: &serde_json::Value| {
        std::fs::write(dir.path().join("run.json"), run.to_string()).unwrap();
        settings(dir.path())
    };
    // The newest baseline that was used alone, and the bands that all of them had.
    let (baseline, bands) = (vec!["new.tif".to_owned()], ["B02", "B08"].map(str::to_owned).to_vec());
    assert_eq!(write(&run).unwrap(), DetectConfig { baseline, bands, ..config });
    // Records of earlier builds, and files that are no records at all.
    run.as_object_mut().unwrap().remove("settings");
    for run in [run, serde_json::json!([]), serde_json::json!("text")] {
        let message = write(&run).unwrap_err().to_string();
        assert!(
            message.contains("run.json") && message.contains("run `railwatch detect` again"),
            "{message}"
        );
    }
}

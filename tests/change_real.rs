//! Objects of change in a real winter pair, half of it hazy; skipped where the data is not at hand.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod real_data;

use ndarray::{Array2, Array3, Axis, s};
use railwatch::change::{ChangeObject, ChangeParams, ObjectParams, objects, statistic};
use real_data::real;

/// Target and hazy baseline, validity and a mask of a third of the rows.
type Pair = ([Array3<f32>; 2], [Array2<bool>; 2]);

/// The clear half of a winter pair.
fn clear_half() -> Option<Pair> {
    let folder = real("s2_pair_bernau_2021")?;
    let read = |date: &str| {
        let file = gdal::Dataset::open(folder.join(format!("bernau_S2_{date}_B02B03B04.tif"))).unwrap();
        let (width, height) = file.raster_size();
        let mut out = Array3::zeros((3, height, width));
        for (b, mut layer) in out.axis_iter_mut(Axis(0)).enumerate() {
            let values = file.rasterband(b + 1).unwrap().read_band_as::<f32>().unwrap();
            layer.assign(&Array2::from_shape_vec((height, width), values.data().to_vec()).unwrap());
        }
        out
    };
    let (hazy, clear) = (read("20210121"), read("20210126"));
    let (_, height, width) = clear.dim();
    let ok = Array2::from_shape_fn((height, width), |(r, c)| {
        c < width / 2 && clear[[0, r, c]] > -1e4 && hazy[[0, r, c]] > -1e4
    });
    let mask = Array2::from_shape_fn((height, width), |(r, _)| (height / 3..2 * height / 3).contains(&r));
    Some(([clear, hazy], [ok, mask]))
}

#[test]
fn clear_half_of_a_hazy_pair_holds_few_objects() {
    let Some(([target, baseline], [ok, mask])) = clear_half() else { return };
    let map = statistic(&target, &[baseline], &ok, &ChangeParams::default()).unwrap();
    let found = objects(&map, &mask, 10.0, &ObjectParams::default()).unwrap();
    assert!(found.len() <= 2, "{}", found.len());
}

#[test]
fn half_of_the_cargo_in_a_hazy_pair_is_found_at_four_false_objects_per_km2() {
    let Some(([mut target, baseline], [ok, mask])) = clear_half() else { return };
    let (_, height, width) = target.dim();
    let mut places = Vec::new();
    for row in (height / 3 + 12..2 * height / 3 - 12).step_by(25) {
        for col in (12..width / 2 - 20).step_by(25) {
            // 30 m × 40 m, brighter by 0.1 in reflectance.
            target.slice_mut(s![.., row..row + 3, col..col + 4]).mapv_inplace(|v| v + 1000.0);
            places.push((row, col));
        }
    }
    let map = statistic(&target, &[baseline], &ok, &ChangeParams::default()).unwrap();
    let params = ObjectParams { false_objects_per_km2: Some(4.0), ..ObjectParams::default() };
    let found = objects(&map, &mask, 10.0, &params).unwrap();
    let holds = |o: &ChangeObject, (row, col): (usize, usize)| {
        o.pixels.iter().any(|&(r, c)| (row..row + 3).contains(&r) && (col..col + 4).contains(&c))
    };
    let hits = places.iter().filter(|p| found.iter().any(|o| holds(o, **p))).count();
    assert!(2 * hits >= places.len(), "{hits} of {}", places.len());
}

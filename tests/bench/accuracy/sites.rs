//! The real pairs of the trial, the virtual tracks laid across them and the real lines that lie in them.

use super::own::Rng;
use super::world::{Date, Pair};
use gdal::Dataset;
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use gdal::vector::{Geometry, LayerAccess as _};
use ndarray::{Array2, Array3, s};
use railwatch::corridor::Track;
use railwatch::grid::{Affine, Crs, Grid};
use railwatch::raster::{Raster, Validity};
use std::path::{Path, PathBuf};

fn read(path: &Path, window: Option<(usize, usize, usize, usize)>) -> Option<Raster> {
    let dataset = Dataset::open(path).ok()?;
    let (width, height) = dataset.raster_size();
    let (row, col, h, w) = window.unwrap_or((0, 0, height, width));
    let bands = dataset.raster_count();
    let mut values = Array3::zeros((bands, h, w));
    for b in 0..bands {
        let band = dataset.rasterband(b + 1).ok()?;
        let buffer = band.read_as::<f32>((col as isize, row as isize), (w, h), (w, h), None).ok()?;
        let plane = Array2::from_shape_vec((h, w), buffer.data().to_vec()).ok()?;
        values.slice_mut(s![b, .., ..]).assign(&plane.mapv(|v| v * 1e-4));
    }
    let validity = Array2::from_shape_fn((h, w), |at| {
        let dark = (0..bands).all(|b| values[(b, at.0, at.1)] <= 0.0) || values[(0, at.0, at.1)] < -3.0;
        if dark { Validity::NO_DATA } else { Validity::empty() }
    });
    let affine = Affine::from_gdal(dataset.geo_transform().ok()?).ok()?.shifted(row as f64, col as f64);
    let grid = Grid { crs: Crs { epsg: None, wkt: dataset.projection() }, affine, shape: (h, w) };
    Some(Raster { values, validity, grid })
}

/// Marks cells brighter than `limit` in the first band and their neighbourhood as cloud.
fn cloud_brighter(raster: &mut Raster, limit: f32, reach: usize) {
    let (h, w) = raster.validity.dim();
    let bright: Vec<(usize, usize)> = raster
        .values
        .slice(s![0, .., ..])
        .indexed_iter()
        .filter(|(_, v)| **v > limit)
        .map(|(at, _)| at)
        .collect();
    for (r, c) in bright {
        let (r0, c0) = (r.saturating_sub(reach), c.saturating_sub(reach));
        raster
            .validity
            .slice_mut(s![r0..(r + reach + 1).min(h), c0..(c + reach + 1).min(w)])
            .fill(Validity::CLOUD);
    }
}

/// Straight tracks of about `length_m` across the columns `cols` of a raster, `margin_px` from the edges.
fn lay(
    raster: &Raster,
    cols: std::ops::Range<usize>,
    (count, length_m, margin_px): (usize, f64, f64),
    rng: &mut Rng,
) -> Vec<Track> {
    let h = raster.grid.shape.0 as f64;
    let (left, right) = (cols.start as f64 + margin_px, cols.end as f64 - margin_px);
    let mut tracks = Vec::new();
    while tracks.len() < count {
        let (r, c) = (rng.uniform(margin_px, h - margin_px), rng.uniform(left, right));
        let angle = rng.uniform(0.0, std::f64::consts::TAU);
        let (r1, c1) = (r + angle.sin() * length_m / 10.0, c + angle.cos() * length_m / 10.0);
        if r1 < margin_px || c1 < left || r1 > h - margin_px || c1 > right {
            continue;
        }
        let ends = vec![raster.grid.xy(r, c), raster.grid.xy(r1, c1)];
        tracks.extend(Track::new(format!("t{}", tracks.len()), None, ends));
    }
    tracks
}

/// The lines of a file whose attribute `site` begins the site's name, all where there is no such attribute, in the frame of `grid`.
/// Their ids are name and kind.
fn lines(path: &Path, site: &str, grid: &Grid) -> Vec<Track> {
    let dataset = Dataset::open(path).unwrap();
    let mut layer = dataset.layer(0).unwrap();
    let text = |feature: &gdal::vector::Feature<'_>, field: &str| {
        feature.field_index(field).ok().and_then(|i| feature.field_as_string(i).unwrap())
    };
    let mut from = layer.spatial_ref().unwrap();
    let mut to = SpatialRef::from_wkt(&grid.crs.wkt).unwrap();
    for crs in [&mut from, &mut to] {
        crs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    }
    let transform = CoordTransform::new(&from, &to).unwrap();
    (layer.features())
        .filter(|f| text(f, "site").is_none_or(|own| site.starts_with(&own)))
        .filter_map(|f| {
            let name = format!("{}, {}", text(&f, "name")?, text(&f, "kind").unwrap_or("rail".to_owned()));
            let geometry: Geometry = f.geometry()?.transform(&transform).unwrap();
            let mut points = Vec::new();
            geometry.get_points(&mut points);
            Track::new(name, None, points.into_iter().map(|p| (p.0, p.1)).collect())
        })
        .collect()
}

/// The real lines of a site: those digitised for this trial, and at Bernau the rails that come with the scene.
pub(crate) fn real_lines(data: &Path, site: &str, grid: &Grid) -> Vec<Track> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/accuracy/lines.geojson");
    let mut all = lines(&own, site, grid);
    if site.starts_with("Bernau") {
        all.extend(lines(&data.join("s2_pair_bernau_2021/rails.geojson"), site, grid));
    }
    all
}

/// A site with its pairs, and whether nothing was ever chosen by it.
pub(crate) struct Site {
    pub(crate) name: &'static str,
    pub(crate) is_held_out: bool,
    pub(crate) pairs: Vec<Pair>,
}

/// Sites whose data are there and whose name holds `only`; `seed` lays the tracks, `share` of them are kept.
pub(crate) fn sites(data: &Path, only: &str, seed: u64, share: f64) -> Vec<Site> {
    type Make<'a> = Box<dyn Fn() -> Vec<Pair> + 'a>;
    let few = |n: usize| ((n as f64 * share) as usize).max(4);
    let all: [(&'static str, bool, Make<'_>); 5] = [
        (
            "Havelland, west half",
            false,
            Box::new(|| havelland(data, false, few(40), seed).into_iter().collect()),
        ),
        (
            "Havelland, east half",
            true,
            Box::new(|| havelland(data, true, few(40), seed).into_iter().collect()),
        ),
        ("Belgium A, even dates", false, Box::new(|| belgium(data, 0, few(40), seed))),
        ("Belgium A, odd dates", true, Box::new(|| belgium(data, 1, few(40), seed))),
        ("Bernau, clear half", false, Box::new(|| bernau(data, few(64), seed).into_iter().collect())),
    ];
    all.into_iter()
        .filter(|(name, ..)| name.contains(only))
        .map(|(name, is_held_out, make)| Site { name, is_held_out, pairs: make() })
        .filter(|s| !s.pairs.is_empty())
        .collect()
}

fn havelland(data: &Path, east: bool, count: usize, seed: u64) -> Option<Pair> {
    let folder = data.join("s2_pair_t33uuu_2016");
    let mut target = read(&folder.join("tgt_S2A_20160529T153631_T33UUU_sub.jp2"), None)?;
    let baseline = read(&folder.join("ref_S2A_20160608T153121_T33UUU_sub.jp2"), None)?;
    cloud_brighter(&mut target, 0.20, 12);
    let (_, width) = target.grid.shape;
    let mut frame = target.clone();
    frame.grid.shape.0 = 1850;
    let cols = if east { width / 2..width } else { 0..width / 2 };
    let tracks = lay(&frame, cols, (count, 8000.0, 40.0), &mut Rng(3 + 1000 * seed));
    let dates = vec![
        Date { raster: target, shift_px: (-1.907, 0.743), gain: 1.04, bands: vec![2] },
        Date { raster: baseline, shift_px: (0.0, 0.0), gain: 0.97, bands: vec![2] },
    ];
    Some(Pair { dates, tracks, lengths_m: (100.0, 800.0) })
}

fn bernau(data: &Path, count: usize, seed: u64) -> Option<Pair> {
    let folder = data.join("s2_pair_bernau_2021");
    let window = Some((0, 0, 564, 170));
    let mut dates = Vec::new();
    for day in ["26", "21"] {
        let raster = read(&folder.join(format!("bernau_S2_202101{day}_B02B03B04.tif")), window)?;
        let gain = 1.0 + 0.05 * Rng(7 * dates.len() as u64 + dates.len() as u64).normal();
        dates.push(Date { raster, shift_px: (0.0, 0.0), gain, bands: vec![0, 1, 2] });
    }
    let tracks = lay(&dates[0].raster, 0..170, (count, 4000.0, 12.0), &mut Rng(5 + 1000 * seed));
    Some(Pair { dates, tracks, lengths_m: (100.0, 800.0) })
}

/// Clear dates before the target.
const BASELINES: usize = 4;

/// One pair a clear date whose place in the series is even or odd, each with the clear dates before it.
fn belgium(data: &Path, parity: usize, count: usize, seed: u64) -> Vec<Pair> {
    let folder = data.join("s2_s1_stack_belgium_a");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().contains("B02B03B04B08")));
    paths.sort();
    let clear: Vec<PathBuf> = paths
        .into_iter()
        .filter(|p| {
            let name = p.file_name().unwrap().to_string_lossy().replace("S2_L2A_", "S2_SCL_");
            let scl = folder.join(name.replace("_B02B03B04B08_10m", "_20m"));
            let Some(classes) = read(&scl, None) else { return false };
            let good = classes.values.iter().filter(|v| matches!((*v * 1e4).round() as i32, 4..=7)).count();
            good as f64 > 0.95 * classes.values.len() as f64
        })
        .collect();
    (BASELINES..clear.len())
        .filter(|i| i % 2 == parity)
        .filter_map(|i| {
            let mut dates = Vec::new();
            for path in clear[i - BASELINES..=i].iter().rev() {
                let raster = read(path, None)?;
                let gain = 1.0 + 0.05 * Rng(100 * i as u64 + dates.len() as u64).normal();
                dates.push(Date { raster, shift_px: (0.0, 0.0), gain, bands: vec![0, 1, 2, 3] });
            }
            let tracks =
                lay(&dates[0].raster, 0..64, (count, 480.0, 4.0), &mut Rng(i as u64 + 100 + 1000 * seed));
            Some(Pair { dates, tracks, lengths_m: (100.0, 300.0) })
        })
        .collect()
}

//! The swipe between the two dates as one inline SVG in the after panel's pixel coordinates.

use super::super::panel::{WHOLE_PX, is_shared, png};
use super::super::{Error, Findings, Panel, Point, figure::boxed, outline::svg_path};
use crate::grid::Affine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::imageops;
use serde::Serialize;

/// Least and largest width over height at which a picture is shown whole; beyond, a corridor would be a thread, and it is
/// scrolled instead.
const NARROWEST: f64 = 0.5;
const WIDEST: f64 = 4.0;

#[derive(Debug, Serialize)]
pub(super) struct Swipe {
    width: u32,
    height: u32,
    before: String,
    after: String,
    before_size: [u32; 2],
    /// Before pixels (corner convention) to after pixels.
    before_matrix: [f64; 6],
    rails: Vec<String>,
    marks: Vec<Mark>,
    /// Width over height of the frame that the picture is seen through.
    shape: f64,
    /// Width of the picture in that of its frame, per cent.
    zoom_percent: f64,
    /// Whether the picture is longer than its frame and has to be scrolled.
    is_long: bool,
    /// Size of a number, px of the picture.
    letter: f64,
}

#[derive(Debug, Serialize)]
struct Mark {
    id: String,
    number: usize,
    title: String,
    change: String,
    outline: String,
    label: Point,
}

/// Pictures, rails and boxes of the swipe.
pub(super) fn swipe(
    findings: &Findings,
    [before, after]: [&Panel; 2],
    pngs: [&[u8]; 2],
) -> Result<Swipe, Error> {
    let to_after = after.affine()?;
    let (width, height) = after.image.dimensions();
    let corner = |[x, y]: Point| {
        let (row, col) = to_after.row_col(x, y);
        [col + 0.5, row + 0.5]
    };
    let (wide, high) = (f64::from(width), f64::from(height));
    let shape = (wide / high).clamp(NARROWEST, WIDEST);
    // What the frame shows of the picture's longer side at once.
    let longest = wide.max(high).min(WIDEST * high).min(wide / NARROWEST);
    let letter = longest / 45.0;
    let mut taken: Vec<[f64; 4]> = Vec::new();
    let marks = findings.detections.iter().filter(|d| !d.footprint_xy.is_empty()).map(|d| {
        let points: Vec<Point> = d.footprint_xy.iter().map(|p| corner(*p)).collect();
        let boxed = boxed(&points, (longest / 120.0).max(1.5)).unwrap_or_default();
        Mark {
            id: d.id.clone(),
            number: d.number,
            title: format!("{}; {}", super::text::headline(d), super::text::certainty(d)),
            change: d.change.clone(),
            outline: svg_path(&boxed) + " Z",
            label: label(&boxed, &d.number.to_string(), letter, [wide, high], &mut taken),
        }
    });
    Ok(Swipe {
        width,
        height,
        before: data_uri(before, pngs[0])?,
        after: data_uri(after, pngs[1])?,
        before_size: before.image.dimensions().into(),
        before_matrix: relative(before.affine()?, to_after),
        rails: findings
            .tracks
            .iter()
            .map(|t| svg_path(&t.vertices_xy.iter().map(|p| corner(*p)).collect::<Vec<_>>()))
            .collect(),
        marks: marks.collect(),
        shape,
        zoom_percent: 100.0 * (wide / high / shape).max(1.0),
        is_long: wide / high < NARROWEST || wide / high > WIDEST,
        letter,
    })
}

/// Middle and foot of a number at a corner of its box that no other number has `taken` (left, top, right, bottom): above it, else
/// below, right or left of it.
fn label(
    boxed: &[Point; 4],
    number: &str,
    letter: f64,
    [wide, high]: [f64; 2],
    taken: &mut Vec<[f64; 4]>,
) -> Point {
    let most = |value: fn(&Point) -> f64| {
        boxed.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or_default()
    };
    let half = 0.56 * super::text::width_px(number, letter);
    let (top, bottom, right, left) = (most(|p| -p[1]), most(|p| p[1]), most(|p| p[0]), most(|p| -p[0]));
    let places = [
        [top[0], top[1] - 0.6 * letter],
        [bottom[0], bottom[1] + 1.3 * letter],
        [right[0] + half + 0.4 * letter, right[1] + 0.35 * letter],
        [left[0] - half - 0.4 * letter, left[1] + 0.35 * letter],
    ];
    let plate = |[x, y]: Point| [x - half, y - 0.8 * letter, x + half, y + 0.1 * letter];
    let is_free = |p: &[f64; 4]| {
        let inside = p[0] >= 0.0 && p[1] >= 0.0 && p[2] <= wide && p[3] <= high;
        inside && !taken.iter().any(|t| p[0] < t[2] && t[0] < p[2] && p[1] < t[3] && t[1] < p[3])
    };
    let free = places.into_iter().find(|place| is_free(&plate(*place)));
    let place = free.unwrap_or([top[0], (top[1] - 0.6 * letter).max(letter)]);
    taken.push(plate(place));
    place
}

/// SVG matrix from one panel's pixels to another's, both in the corner convention.
fn relative(from: Affine, to: Affine) -> [f64; 6] {
    let at = |row: f64, col: f64| {
        let (x, y) = from.xy(row - 0.5, col - 0.5);
        let (row, col) = to.row_col(x, y);
        [col + 0.5, row + 0.5]
    };
    let (origin, right, down) = (at(0.0, 0.0), at(0.0, 1.0), at(1.0, 0.0));
    [
        right[0] - origin[0],
        right[1] - origin[1],
        down[0] - origin[0],
        down[1] - origin[1],
        origin[0],
        origin[1],
    ]
}

/// The panel for inside the page: as it was encoded, or smaller where it is very large.
fn data_uri(panel: &Panel, bytes: &[u8]) -> Result<String, Error> {
    let (w, h) = panel.image.dimensions();
    let encoded = if is_shared(panel) {
        STANDARD.encode(bytes)
    } else {
        let size = |v: u32| (v * WHOLE_PX / w.max(h)).max(1);
        STANDARD.encode(png(&imageops::resize(
            &panel.image,
            size(w),
            size(h),
            imageops::FilterType::Triangle,
        ))?)
    };
    Ok(format!("data:image/png;base64,{encoded}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: [f64; 6], b: [f64; 6]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn panels_on_one_grid_lie_on_each_other() {
        let a = Affine::from_gdal([500.0, 10.0, 0.0, 800.0, 0.0, -10.0]).unwrap();
        let b = Affine::from_gdal([520.0, 20.0, 0.0, 800.0, 0.0, -20.0]).unwrap();
        assert!(near(relative(a, a), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
        assert!(near(relative(b, a), [2.0, 0.0, 0.0, 2.0, 2.0, 0.0]));
    }

    #[test]
    fn numbers_of_touching_boxes_stay_apart() {
        let boxed = [[40.0, 40.0], [60.0, 40.0], [60.0, 50.0], [40.0, 50.0]];
        let mut taken = Vec::new();
        for number in ["3", "12", "6", "10"] {
            label(&boxed, number, 6.0, [100.0; 2], &mut taken);
        }
        for (k, a) in taken.iter().enumerate() {
            let apart = |b: &[f64; 4]| a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(taken[..k].iter().all(apart), "{taken:?}");
        }
    }

    #[test]
    fn a_long_corridor_is_scrolled_and_no_thread() {
        let of = |width, height| {
            let card = crate::report::PanelCard {
                geotransform: [0.0, 10.0, 0.0, 0.0, 0.0, -10.0],
                ..crate::report::PanelCard::default()
            };
            let image = image::RgbaImage::from_pixel(width, height, image::Rgba([90, 90, 90, 255]));
            let panel = Panel { image, card };
            swipe(&Findings::default(), [&panel, &panel], [&[], &[]]).unwrap()
        };
        // Frames that the picture fits are as before.
        for (width, height) in [(90, 60), (60, 90), (80, 20), (20, 40)] {
            let fits = of(width, height);
            assert!(!fits.is_long && (fits.zoom_percent - 100.0).abs() < 1e-9);
            assert!((fits.shape - f64::from(width) / f64::from(height)).abs() < 1e-9);
        }
        let (wide, tall) = (of(800, 20), of(20, 400));
        assert!(wide.is_long && (wide.shape, wide.zoom_percent) == (4.0, 1000.0));
        assert!(tall.is_long && (tall.shape, tall.zoom_percent) == (0.5, 100.0));
        // Numbers have the size that they have on a picture that is as large as the frame.
        assert!(
            (wide.letter - of(80, 20).letter).abs() < 1e-9 && (tall.letter - of(20, 40).letter).abs() < 1e-9
        );
    }
}

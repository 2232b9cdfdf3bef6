//! The pixels under a page's drawing: a picture smoothed onto the page, hatching where nothing was judged.
//!
//! Reference: Mitchell and Netravali, Reconstruction filters in computer graphics, SIGGRAPH 1988 (B = C = ⅓).

use super::frame::Frame;
use image::RgbaImage;
use rayon::prelude::*;

/// Page px from one hatching line to the next, and how wide a line is.
const HATCH: [f64; 2] = [12.0, 3.0];
const HATCH_LIGHT: [f32; 3] = [201.0, 205.0, 210.0];
const HATCH_DARK: [f32; 3] = [154.0, 161.0, 169.0];
const OPAQUE: f32 = 255.0;
/// Where the scene has no pixels at all.
const OUTSIDE: [f32; 4] = [233.0, 235.0, 238.0, OPAQUE];
/// How often a picture's edge is repeated beyond it.
const REPEATED: usize = 2;

/// A part of a panel and where its pixels lie on the page.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) image: RgbaImage,
    /// `x = m₀·col + m₂·row + m₄`, `y = m₁·col + m₃·row + m₅`; corners of pixels are whole numbers.
    pub(super) matrix: [f64; 6],
}

/// Draws `picture` into its frame on an opaque `canvas`.
pub(super) fn paint(canvas: &mut RgbaImage, frame: &Frame, picture: &Picture) {
    let (width, height) = canvas.dimensions();
    let edge = |v: f64, most: u32| v.round().clamp(0.0, f64::from(most)) as usize;
    let (left, right) = (edge(frame.x, width), edge(frame.x + frame.width, width));
    let (top, bottom) = (edge(frame.y, height), edge(frame.y + frame.height, height));
    let Some(sampler) = Sampler::new(picture, left, right) else { return };
    let stride = 4 * width as usize;
    let pixels: &mut [u8] = canvas;
    pixels[top * stride..bottom * stride].par_chunks_exact_mut(stride).enumerate().for_each(|(k, row)| {
        let y = (top + k) as f64 + 0.5;
        let line = sampler.line(y);
        let pixels = &mut row[4 * left..4 * right].as_chunks_mut().0;
        for (index, pixel) in pixels.iter_mut().enumerate() {
            let x = (left + index) as f64 + 0.5;
            let [r, g, b, alpha] = sampler.at(&line, index, x, y).unwrap_or(OUTSIDE);
            let hidden = 1.0 - alpha / OPAQUE;
            // C = C_over·α + C_under·(1 − α), over already multiplied
            let under = if hidden > 0.0 { hatching(x, y).map(|c| c * hidden) } else { [0.0; 3] };
            *pixel = rounded([r + under[0], g + under[1], b + under[2], OPAQUE]);
        }
    });
}

/// Colour of the hatching at a place of the page: lines at 45°, smooth over one px.
fn hatching(x: f64, y: f64) -> [f32; 3] {
    let lines = (x + y) * std::f64::consts::FRAC_1_SQRT_2 / HATCH[0];
    let across = (lines - f64::from(lines as i32)) * HATCH[0];
    let dark = (across.min(HATCH[1] - across) + 0.5).clamp(0.0, 1.0) as f32;
    [0, 1, 2].map(|i| HATCH_LIGHT[i] + (HATCH_DARK[i] - HATCH_LIGHT[i]) * dark)
}

/// Whole numbers 0…255 nearest to the values.
fn rounded(values: [f32; 4]) -> [u8; 4] {
    // A float beside 2²³ has whole numbers in its last bits: this is four at a time what a cast is for each alone.
    values.map(|v| (v.clamp(0.0, OPAQUE) + 8_388_608.0).to_bits() as u8)
}

/// Cubic sampling of a picture; by rows and columns apart where the picture stands upright on the page.
struct Sampler<'a> {
    image: &'a RgbaImage,
    /// Page to picture: `col = i₀·x + i₂·y + i₄`, `row = i₁·x + i₃·y + i₅`.
    inverse: [f64; 6],
    /// Taps of each column of the page, where the picture is upright.
    columns: Option<Vec<Option<Taps>>>,
}

/// Four neighbouring pixels along one axis and their weights.
#[derive(Debug, Clone, Copy)]
struct Taps {
    /// Index of the first, with the edge's pixel repeated [`REPEATED`] times before it.
    first: usize,
    weights: [f32; 4],
}

impl Taps {
    /// Around the corner-based position `v` of `size` pixels; `None` outside.
    fn around(v: f64, size: u32) -> Option<Self> {
        if !(v >= 0.0 && v <= f64::from(size)) {
            return None;
        }
        let start = (v - 0.5).floor();
        let weight = |k: usize| mitchell(v - 0.5 - (start + k as f64 - 1.0));
        Some(Self { first: (start + 1.0) as usize, weights: [0, 1, 2, 3].map(weight) })
    }

    /// The pixels of `size`, of which those at the edge are repeated.
    fn places(&self, size: u32) -> [usize; 4] {
        [0, 1, 2, 3].map(|k| (self.first + k).saturating_sub(REPEATED).min(size as usize - 1))
    }
}

/// The weight of a pixel at distance `t`.
fn mitchell(t: f64) -> f32 {
    let t = t.abs();
    // 6k(t) = 7t³ − 12t² + 16/3 for t < 1; −7/3·t³ + 12t² − 20t + 32/3 for t < 2
    let six = if t < 1.0 {
        (7.0 * t - 12.0) * t * t + 16.0 / 3.0
    } else if t < 2.0 {
        ((-7.0 / 3.0 * t + 12.0) * t - 20.0) * t + 32.0 / 3.0
    } else {
        0.0
    };
    (six / 6.0) as f32
}

/// What a row of the page needs: the picture's row there, filtered, colours multiplied by alpha, its ends repeated.
enum Line {
    Outside,
    Upright(Vec<[f32; 4]>),
    Turned,
}

impl<'a> Sampler<'a> {
    fn new(picture: &'a Picture, left: usize, right: usize) -> Option<Self> {
        let [a, b, c, d, e, f] = picture.matrix;
        let det = a * d - b * c;
        if det.abs() < 1e-12 {
            return None;
        }
        let (ia, ib, ic, id) = (d / det, -b / det, -c / det, a / det);
        let inverse = [ia, ib, ic, id, -(ia * e + ic * f), -(ib * e + id * f)];
        let upright = b.abs() < 1e-9 * a.abs() && c.abs() < 1e-9 * d.abs();
        let width = picture.image.width();
        let columns = upright.then(|| {
            let position = |x: usize| inverse[0] * (x as f64 + 0.5) + inverse[4];
            (left..right).map(|x| Taps::around(position(x), width)).collect()
        });
        Some(Self { image: &picture.image, inverse, columns })
    }

    /// The pixel with its colours multiplied by alpha, all 0…255.
    fn pixel(&self, col: usize, row: usize) -> [f32; 4] {
        under_alpha(self.image.get_pixel(col as u32, row as u32).0)
    }

    fn line(&self, y: f64) -> Line {
        if self.columns.is_none() {
            return Line::Turned;
        }
        let row = self.inverse[3] * y + self.inverse[5];
        let Some(taps) = Taps::around(row, self.image.height()) else { return Line::Outside };
        let width = self.image.width() as usize;
        let mut line = vec![[0.0_f32; 4]; width + 2 * REPEATED];
        for (row, weight) in taps.places(self.image.height()).into_iter().zip(taps.weights) {
            let pixels = self.image.as_raw()[4 * width * row..][..4 * width].as_chunks().0;
            for (sum, pixel) in line[REPEATED..].iter_mut().zip(pixels) {
                sum.iter_mut().zip(under_alpha(*pixel)).for_each(|(s, v)| *s += weight * v);
            }
        }
        let ends = (line[REPEATED], line[width + REPEATED - 1]);
        line[..REPEATED].fill(ends.0);
        line[width + REPEATED..].fill(ends.1);
        Line::Upright(line)
    }

    /// The sampled pixel at a place of the page; `None` outside the picture.
    fn at(&self, line: &Line, index: usize, x: f64, y: f64) -> Option<[f32; 4]> {
        match (line, &self.columns) {
            (Line::Upright(line), Some(columns)) => columns[index]
                .and_then(|taps| Some(weighted(*line[taps.first..].first_chunk()?, taps.weights))),
            (Line::Turned, _) => {
                let i = self.inverse;
                let (width, height) = self.image.dimensions();
                let across = Taps::around(i[0] * x + i[2] * y + i[4], width)?;
                let down = Taps::around(i[1] * x + i[3] * y + i[5], height)?;
                let cols = across.places(width);
                let row = |row| weighted(cols.map(|col| self.pixel(col, row)), across.weights);
                Some(weighted(down.places(height).map(row), down.weights))
            }
            _ => None,
        }
    }
}

/// Colours multiplied by alpha, all 0…255.
fn under_alpha(pixel: [u8; 4]) -> [f32; 4] {
    let [r, g, b, a] = pixel.map(f32::from);
    let share = a / OPAQUE;
    [r * share, g * share, b * share, a]
}

fn weighted(pixels: [[f32; 4]; 4], weights: [f32; 4]) -> [f32; 4] {
    let mut sum = [0.0; 4];
    for (pixel, weight) in pixels.iter().zip(weights) {
        sum.iter_mut().zip(pixel).for_each(|(s, v)| *s += weight * v);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::frame::Extent;
    use super::*;
    use image::Rgba;

    fn painted(matrix: [f64; 6], image: RgbaImage) -> RgbaImage {
        let mut canvas = RgbaImage::from_pixel(60, 50, Rgba([255; 4]));
        let extent = Extent { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let frame = Frame { extent, x: 10.0, y: 5.0, width: 40.0, height: 40.0 };
        paint(&mut canvas, &frame, &Picture { image, matrix });
        canvas
    }

    #[test]
    fn a_plain_picture_stays_plain_and_inside_its_frame() {
        let image = RgbaImage::from_pixel(10, 10, Rgba([90, 120, 30, 255]));
        let canvas = painted([4.0, 0.0, 0.0, 4.0, 10.0, 5.0], image);
        for (x, y, pixel) in canvas.enumerate_pixels() {
            let inside = (10..50).contains(&x) && (5..45).contains(&y);
            assert_eq!(pixel.0, if inside { [90, 120, 30, 255] } else { [255; 4] }, "{x} {y}");
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_upright_and_turned() {
        let image = RgbaImage::from_fn(10, 10, |x, _| Rgba([(20 * x) as u8, 0, 0, 255]));
        let upright = painted([4.0, 0.0, 0.0, 4.0, 10.0, 5.0], image.clone());
        // Turned by 90°: columns run down the page.
        let turned = painted([0.0, 4.0, -4.0, 0.0, 50.0, 5.0], image);
        for k in 8..32_u32 {
            let wanted = 20.0 * ((f64::from(k) + 0.5) / 4.0 - 0.5);
            let (a, b) = (upright.get_pixel(10 + k, 20).0[0], turned.get_pixel(30, 5 + k).0[0]);
            assert!((f64::from(a) - wanted).abs() < 1.0 && a.abs_diff(b) <= 1, "{k}: {a} {b} {wanted}");
        }
    }

    #[test]
    fn what_was_not_judged_is_hatched() {
        let canvas = painted([4.0, 0.0, 0.0, 4.0, 10.0, 5.0], RgbaImage::new(10, 10));
        let shades: std::collections::BTreeSet<u8> = (10..50).map(|x| canvas.get_pixel(x, 20).0[0]).collect();
        assert!(shades.contains(&201) && shades.contains(&154), "{shades:?}");
    }
}

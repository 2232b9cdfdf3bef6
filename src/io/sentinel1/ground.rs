//! Windows of a ground-range image laid on the map: calibrated, without thermal and border noise.
//!
//! σ⁰ = (DN² − η) / A², with η the thermal noise and A the calibration vector. Power is then interpolated once onto the
//! map grid by cubic convolution; a ground-range product is sampled at half its resolution, so that this
//! costs next to nothing. Heights of an elevation model are part of the position that is interpolated at. Border noise (products before March 2018): from either edge of the image
//! inwards pixels are without data until the power rises above the noise.

use super::super::pixels::read_window;
use super::super::{Error, library};
use super::dem::Heights;
use super::geocode::{Geolocation, Place};
use super::lut::Radiometry;
use crate::grid::{Grid, Window};
use crate::raster::{Raster, Validity};
use crate::scene::{GroundRange, Scene, Source};
use crate::signal::cubic_at;
use ndarray::{Array2, Array3, s};

/// Rows of the map that are made at a time.
const BLOCK_ROWS: usize = 256;
/// Spacing of the nodes at which the geolocation is asked, px; its error between them is far below 0.01 px.
const NODE_PX: usize = 16;
/// Border noise reaches no farther than this into the image, px.
const BORDER_REACH_PX: usize = 3000;
/// Pixels that are judged together.
const BORDER_RUN_PX: usize = 32;
/// Pixels behind the last run that are left out too: the edge is a ramp.
const BORDER_GUARD_PX: usize = 64;
/// Power below this multiple of the noise is noise.
const NOISE_FACTOR: f64 = 2.0;
/// Digital number below which power is noise where there is no noise vector.
const NOISE_DN: f64 = 30.0;
/// Pixels around a window that the interpolation needs.
const MARGIN_PX: f64 = 4.0;

/// Reads `window` of the scene's map grid.
pub(super) fn read(
    scene: &Scene,
    ground: &GroundRange,
    window: Window,
    bands: &[usize],
) -> Result<Raster, Error> {
    let spacing_m = scene.grid.pixel_size();
    let geolocation = Geolocation::new(&scene.path, &ground.points, ground.shape, spacing_m)?;
    let grid = scene.grid.sub_grid(window);
    let heights = if let Some(model) = &ground.dem {
        geolocation.check_incidence(&scene.path)?;
        let heights = Heights::read(model, &grid)?;
        geolocation.check_heights(&heights, model)?;
        Some(heights)
    } else {
        geolocation.check_relief(&scene.path, &grid)?;
        tracing::warn!(
            scene = scene.id,
            "laid on the map by control points whose heights are above the sea: all ground may lie off by the geoid's height \
             times 1.0 to 1.7; name an elevation model (`[radar] dem`) or take a terrain-corrected product"
        );
        None
    };
    let images = bands
        .iter()
        .map(|&b| {
            let annotation = ground.annotations.get(b).cloned().unwrap_or_default();
            Ok(Image {
                source: &scene.bands[b].source,
                radiometry: Radiometry::read(&annotation)?,
                shape: ground.shape,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut raster = Raster {
        values: Array3::zeros((bands.len(), window.height, window.width)),
        validity: Array2::from_elem((window.height, window.width), Validity::NO_DATA),
        grid: grid.clone(),
    };
    for first in (0..window.height).step_by(BLOCK_ROWS) {
        let height = BLOCK_ROWS.min(window.height - first);
        let block = grid.sub_grid(Window { row: first, col: 0, height, width: window.width });
        fill(&mut raster, first, &positions(&geolocation, &block, heights.as_ref()), &images)?;
    }
    Ok(raster)
}

/// One band's image.
struct Image<'a> {
    source: &'a Source,
    radiometry: Radiometry,
    shape: (usize, usize),
}

/// Image (row, col) of a block's pixels: the geolocation at nodes, bilinear between them, then the ground's height.
fn positions(geolocation: &Geolocation, block: &Grid, heights: Option<&Heights>) -> Array2<(f64, f64)> {
    let count = |n: usize| n.div_ceil(NODE_PX) + 1;
    let nodes = Array2::from_shape_fn((count(block.shape.0), count(block.shape.1)), |(i, j)| {
        let (x, y) = block.xy((i * NODE_PX) as f64, (j * NODE_PX) as f64);
        geolocation.place(x, y)
    });
    Array2::from_shape_fn(block.shape, |(row, col)| {
        let (i, j) = (row / NODE_PX, col / NODE_PX);
        let f = |n: usize| (n % NODE_PX) as f64 / NODE_PX as f64;
        let (fi, fj) = (f(row), f(col));
        let mix = |pick: fn(Place) -> f64| {
            let node = |di, dj| pick(nodes[(i + di, j + dj)]);
            (node(0, 0) * (1.0 - fj) + node(0, 1) * fj) * (1.0 - fi)
                + (node(1, 0) * (1.0 - fj) + node(1, 1) * fj) * fi
        };
        let place = Place { row: mix(|p| p.row), col: mix(|p| p.col), height_m: mix(|p| p.height_m) };
        let (x, y) = block.xy(row as f64, col as f64);
        let height_m = heights.and_then(|h| h.at(x, y));
        (place.row, height_m.map_or(place.col, |h| geolocation.col_at_height(place, h)))
    })
}

/// Fills a block of the raster from `first` on.
fn fill(
    raster: &mut Raster,
    first: usize,
    positions: &Array2<(f64, f64)>,
    images: &[Image<'_>],
) -> Result<(), Error> {
    let (height, width) = positions.dim();
    let mut sampled = Array2::from_elem((height, width), 0_usize);
    for (b, image) in images.iter().enumerate() {
        let Some(part) = Window::around(positions.iter().copied(), MARGIN_PX, image.shape) else {
            return Ok(());
        };
        let (power, usable) = image.power(part)?;
        for row in 0..height {
            for col in 0..width {
                let (r, c) = positions[(row, col)];
                let mut put =
                    |_: usize, v: f32| raster.values[(b, first + row, col)] = v.max(f32::MIN_POSITIVE);
                let at = (r - part.row as f64, c - part.col as f64);
                sampled[(row, col)] += usize::from(cubic_at(&power, &usable, at, &mut put));
            }
        }
    }
    for ((row, col), &count) in sampled.indexed_iter() {
        if count == images.len() {
            raster.validity[(first + row, col)] = Validity::empty();
        } else {
            raster.values.slice_mut(s![.., first + row, col]).fill(0.0);
        }
    }
    Ok(())
}

impl Image<'_> {
    /// σ⁰ of a part of the image, and which pixels hold a signal.
    fn power(&self, part: Window) -> Result<(Array3<f32>, Array2<bool>), Error> {
        // The edge must be in sight where border noise may be.
        let width = self.shape.1;
        let from = if part.col < BORDER_REACH_PX { 0 } else { part.col };
        let to = part.col + part.width;
        let to = if to + BORDER_REACH_PX > width { width } else { to };
        let wide = Window { col: from, width: to - from, ..part };
        let path = self.source.gdal_path.as_str();
        let dataset = library::open_raster(path)?;
        let (cols, rows) = dataset.raster_size();
        if (rows, cols) != self.shape {
            let reason = format!(
                "the image has {rows} × {cols} px and its annotation {} × {}; fetch the product again",
                self.shape.0, self.shape.1
            );
            return Err(Error::Metadata { path: path.to_owned(), reason });
        }
        let band = dataset.rasterband(self.source.band_index).map_err(|e| Error::read(path, e))?;
        let stored = read_window(&band, path, wide)?;
        let mut power = Array3::<f32>::zeros((1, part.height, part.width));
        let mut usable = Array2::from_elem((part.height, part.width), false);
        let skip = part.col - from;
        for i in 0..part.height {
            let row = part.row + i;
            let noise = self.radiometry.noise(row, from..to);
            let divisor = self.radiometry.divisor(row, part.col..part.col + part.width);
            let line: Vec<f64> = stored.row(i).iter().map(|&v| f64::from(v).powi(2)).collect();
            let (left, right) = border(&line, &noise, (from == 0, to == width));
            for j in 0..part.width {
                let k = skip + j;
                // σ⁰ = (DN² − η) / A², not below one count
                let sigma0 = ((line[k] - noise[k]).max(1.0) / divisor[j]) as f32;
                power[(0, i, j)] = sigma0;
                usable[(i, j)] = line[k] > 0.0 && k >= left && k < right && sigma0.is_finite();
            }
        }
        Ok((power, usable))
    }
}

/// First and last-but-one column with a signal, where the ends of `line` are edges of the image.
fn border(line: &[f64], noise: &[f64], edges: (bool, bool)) -> (usize, usize) {
    let n = line.len();
    let is_noise = |range: std::ops::Range<usize>| {
        let count = range.len() as f64;
        let mean = |v: &[f64]| v[range.clone()].iter().sum::<f64>() / count;
        let level = mean(noise);
        mean(line) <= if level > 0.0 { NOISE_FACTOR * level } else { NOISE_DN * NOISE_DN }
    };
    let reach = BORDER_REACH_PX.min(n);
    let mut left = 0;
    while edges.0 && left < reach && is_noise(left..(left + BORDER_RUN_PX).min(n)) {
        left = (left + BORDER_RUN_PX).min(n);
    }
    let mut right = n;
    while edges.1 && right > n - reach && is_noise(right.saturating_sub(BORDER_RUN_PX)..right) {
        right = right.saturating_sub(BORDER_RUN_PX);
    }
    let guard = |run: usize| if run > 0 { BORDER_GUARD_PX } else { 0 };
    (left + guard(left), right.saturating_sub(guard(n - right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn border_noise_ends_where_the_signal_begins() {
        let mut line = vec![40.0_f64.powi(2); 1000];
        line[..320].fill(9.0);
        line[960..].fill(25.0);
        let noise = vec![100.0; 1000];
        assert_eq!(border(&line, &noise, (true, true)), (384, 904));
        assert_eq!(border(&line, &noise, (false, false)), (0, 1000));
        let (left, right) = border(&[4.0; 500], &vec![0.0; 500], (true, true));
        assert!(left >= right, "a scene of border noise has no signal");
        assert_eq!(border(&[5000.0; 500], &vec![0.0; 500], (true, true)), (0, 500));
    }
}

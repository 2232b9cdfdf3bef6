//! From the map to the pixels of a ground-range image, by its ground control points.
//!
//! Rows and columns are polynomials of the map coordinates, with the points' heights as a further regressor where the
//! land is not flat: an elevated target is imaged nearer to the satellite. What they leave over (the processor's own model
//! of the ground changes in steps along the flight) is interpolated between the points. The degree is the one that
//! predicts left-out points best; that error is reported. Between the points the ground's height is theirs,
//! weighted by distance. How far that misses at points left out shows the relief that they do not see, and it shifts
//! pixels across the line of flight: windows where it does by more than a pixel are refused.
//!
//! An elevation model gives the ground's height H in place of the points' h: columns then move by −(H − h) cot θ, and what
//! the model misses between its posts is refused in place of what the points miss.

use super::super::{Error, crs};
use super::dem::Heights;
use super::incidence::Incidence;
use crate::grid::{Affine, Bounds, Crs, Grid, SingularAffine};
use crate::scene::{ControlPoint, ElevationModel, Pass};
use nalgebra::{DMatrix, DVector};

/// Parts of the cross-validation.
const FOLDS: usize = 5;
/// Highest degree that is tried.
const DEGREE_MAX: usize = 5;
/// Regressors with height.
const HEIGHT_TERMS: usize = 7;
/// Spread of heights from which on they enter the fit, metres.
const FLAT_M: f64 = 5.0;
/// Left-out points may miss by this much on average, px; beyond, the points do not describe the image.
const LARGEST_ERROR_PX: f64 = 3.0;
/// Shift of a pixel across the line of flight per metre of height, at the steepest incidence of IW, 30°: cot θ.
const SHIFT_PER_HEIGHT: f64 = 1.73;
/// A window is refused where unseen relief shifts its pixels by more, px.
const LARGEST_RELIEF_PX: f64 = 1.0;
/// Sides of a pixel that a product may state, metres; another number is a mistake, and the points tell the side.
const PIXEL_M: std::ops::RangeInclusive<f64> = 1.0..=1000.0;
/// Fewest points that show the relief of a window.
const RELIEF_POINTS: usize = 6;

/// The way from the map to the image.
#[derive(Debug, Clone)]
pub(super) struct Geolocation {
    /// The map grid that the image is laid on.
    pub(super) grid: Grid,
    /// Root mean square error at points left out of the fit, px.
    pub(super) held_out_px: f64,
    /// Lowest and highest control point, metres.
    heights_m: (f64, f64),
    /// Direction of flight.
    pub(super) pass: Option<Pass>,
    /// The angle under which the ground is seen, where something states it.
    incidence: Option<Incidence>,
    model: Model,
    /// Heights, and what the polynomials leave over.
    samples: Vec<Sample>,
}

/// Where the image shows a place of the map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Image row.
    pub(super) row: f64,
    /// Image column, of ground as high as `height_m`.
    pub(super) col: f64,
    /// Height that the control points state, metres.
    pub(super) height_m: f64,
}

/// A control point on the map.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Normalised map coordinates.
    u: f64,
    v: f64,
    height_m: f64,
    row: f64,
    col: f64,
}

/// Where the fitted polynomials apply.
#[derive(Debug, Clone)]
struct Model {
    centre: (f64, f64),
    scale: f64,
    trend: Trend,
}

/// The polynomials.
#[derive(Debug, Clone)]
struct Trend {
    degree: usize,
    with_height: bool,
    row: DVector<f64>,
    col: DVector<f64>,
}

impl Trend {
    fn at(&self, u: f64, v: f64, height_m: f64) -> (f64, f64) {
        let basis = DVector::from_vec(basis(u, v, height_m, self.degree, self.with_height));
        (basis.dot(&self.row), basis.dot(&self.col))
    }

    /// The samples with what the polynomials leave over in place of row and col.
    fn residuals(&self, samples: &[Sample]) -> Vec<Sample> {
        let rest = |s: &Sample| {
            let (row, col) = self.at(s.u, s.v, s.height_m);
            Sample { row: s.row - row, col: s.col - col, ..*s }
        };
        samples.iter().map(rest).collect()
    }
}

/// Height, row and col at a place by the samples around it, weights 1/d⁴ (Shepard 1968).
fn near(samples: &[Sample], u: f64, v: f64) -> (f64, f64, f64) {
    let (mut height, mut row, mut col, mut weights) = (0.0, 0.0, 0.0, 0.0);
    for s in samples {
        let squared = (s.u - u).powi(2) + (s.v - v).powi(2);
        let weight = 1.0 / (squared * squared + 1e-12);
        height += weight * s.height_m;
        row += weight * s.row;
        col += weight * s.col;
        weights += weight;
    }
    (height / weights, row / weights, col / weights)
}

impl Geolocation {
    /// Fits the control points of `path`, an image of `shape` whose pixels are `spacing_m` wide; 0 where nothing states it.
    pub(super) fn new(
        path: &str,
        points: &[ControlPoint],
        shape: (usize, usize),
        spacing_m: f64,
    ) -> Result<Self, Error> {
        let bad = |what: String| {
            let reason = format!("{what}; take a terrain-corrected product (RTC) of this scene");
            Error::NotGeoreferenced { path: path.to_owned(), reason }
        };
        if points.len() < 8 {
            return Err(bad(format!("it has {} ground control points, at least 8 are needed", points.len())));
        }
        let lonlat: Vec<(f64, f64)> = points.iter().map(|p| (p.lon_deg, p.lat_deg)).collect();
        let n = points.len() as f64;
        let mean = |pick: fn(&ControlPoint) -> f64| points.iter().map(pick).sum::<f64>() / n;
        let map = crs::utm_of(mean(|p| p.lon_deg), mean(|p| p.lat_deg))?;
        let xy = crs::from_wgs84(&map, &lonlat)?;
        let bounds = Bounds::around(xy.iter().copied());
        let (low, high) = (bounds.min, bounds.max);
        let centre = (0.5 * (low.0 + high.0), 0.5 * (low.1 + high.1));
        let scale = 0.5 * (high.0 - low.0).max(high.1 - low.1).max(1.0);
        let samples: Vec<Sample> = points
            .iter()
            .zip(&xy)
            .map(|(p, &(x, y))| Sample {
                u: (x - centre.0) / scale,
                v: (y - centre.1) / scale,
                height_m: p.height_m,
                row: p.row,
                col: p.col,
            })
            .collect();
        let low = samples.iter().map(|s| s.height_m).fold(f64::MAX, f64::min);
        let high = samples.iter().map(|s| s.height_m).fold(f64::MIN, f64::max);
        let with_height = high - low > FLAT_M;
        let (held_out_px, degree) = (1..=DEGREE_MAX)
            .filter(|&d| 3 * terms(d, with_height) <= 2 * samples.len())
            .filter_map(|d| Some((held_out(&samples, d, with_height)?, d)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .ok_or_else(|| bad("its ground control points do not span a plane".to_owned()))?;
        if held_out_px > LARGEST_ERROR_PX {
            return Err(bad(format!(
                "its ground control points contradict each other: left-out ones miss by {held_out_px:.1} px on average"
            )));
        }
        let trend = fit(&samples, degree, with_height)
            .ok_or_else(|| bad("its ground control points do not span a plane".to_owned()))?;
        let stated = Some(spacing_m).filter(|m| PIXEL_M.contains(m));
        let pixel_m = stated.unwrap_or_else(|| pixel_of(&samples, scale, shape));
        Ok(Self {
            grid: grid_around(map, bounds, pixel_m)
                .map_err(|e| bad(format!("its pixels have no size: {e}")))?,
            held_out_px,
            heights_m: (low, high),
            pass: pass(points),
            incidence: Incidence::new(points, shape.1, pixel_m),
            samples: trend.residuals(&samples),
            model: Model { centre, scale, trend },
        })
    }

    /// Where the image shows a map point, if its ground is as high as the control points state.
    pub(super) fn place(&self, x: f64, y: f64) -> Place {
        let m = &self.model;
        let (u, v) = ((x - m.centre.0) / m.scale, (y - m.centre.1) / m.scale);
        let (height_m, row, col) = near(&self.samples, u, v);
        let trend = m.trend.at(u, v, height_m);
        Place { row: trend.0 + row, col: trend.1 + col, height_m }
    }

    /// Image column of a place whose ground is `height_m` high; that of the points' height where no angle is known.
    pub(super) fn col_at_height(&self, place: Place, height_m: f64) -> f64 {
        let Some(incidence) = &self.incidence else { return place.col };
        // c = c₀ − (H − h) cot θ / Δ
        let shift_m = (height_m - place.height_m) * incidence.shift_per_height(place.col);
        place.col - shift_m / self.grid.pixel_size()
    }

    /// Refuses an image whose incidence angle nothing states: heights of an elevation model mean nothing in it.
    pub(super) fn check_incidence(&self, path: &str) -> Result<(), Error> {
        if self.incidence.is_some() {
            return Ok(());
        }
        let reason = "it states no incidence angle and is not as wide as a swath of IW, so that no elevation model can be \
                      applied; give the whole product with its annotation, or leave the model out";
        Err(Error::Metadata { path: path.to_owned(), reason: reason.to_owned() })
    }

    /// How well the image lies on the map, in words.
    pub(super) fn words(&self, dem: Option<&ElevationModel>) -> String {
        let pixel_m = self.grid.pixel_size();
        let fitted = format!(
            "geocoded by {} control points, {:.2} px ({:.0} m) off at points left out of the fit",
            self.samples.len(),
            self.held_out_px,
            self.held_out_px * pixel_m
        );
        if let Some(model) = dem {
            return format!(
                "{fitted}; heights from the elevation model {}, its zero {:.0} m above the ellipsoid; windows where it \
                 leaves relief that shifts a pixel by more than one are refused",
                model.path, model.zero_m
            );
        }
        let (low, high) = self.heights_m;
        let everywhere: Vec<usize> = (0..self.samples.len()).collect();
        let relief_m = self.missed_height_m(&everywhere);
        format!(
            "{fitted}; ground from {low:.0} to {high:.0} m high at the points, missed by {relief_m:.0} m between them, which \
             shifts a pixel by {:.1} px; the points' heights count as above the ellipsoid",
            SHIFT_PER_HEIGHT * relief_m / pixel_m,
        )
    }

    /// Refuses a window of the map on which relief that the elevation model misses shifts pixels by more than one.
    pub(super) fn check_heights(&self, heights: &Heights, model: &ElevationModel) -> Result<(), Error> {
        let missed_m = heights.missed_m();
        let shift_px = SHIFT_PER_HEIGHT * missed_m / self.grid.pixel_size();
        if shift_px <= LARGEST_RELIEF_PX {
            tracing::info!(missed_m, shift_px, "relief that the elevation model misses");
            return Ok(());
        }
        let reason = format!(
            "it misses {missed_m:.0} m of relief between its posts, which shifts pixels around the rails by {shift_px:.1} \
             px; name a finer one, or take a terrain-corrected product (RTC) of the scene"
        );
        Err(Error::Elevation { path: model.path.clone(), reason })
    }

    /// Refuses a window of the map in whose neighbourhood relief that no control point sees shifts pixels by more than one.
    pub(super) fn check_relief(&self, path: &str, window: &Grid) -> Result<(), Error> {
        let m = &self.model;
        let (h, w) = (window.shape.0 as f64 - 1.0, window.shape.1 as f64 - 1.0);
        let corners = [(0.0, 0.0), (0.0, w), (h, 0.0), (h, w)].map(|(row, col)| {
            let (x, y) = window.xy(row, col);
            ((x - m.centre.0) / m.scale, (y - m.centre.1) / m.scale)
        });
        let Bounds { min: (u0, v0), max: (u1, v1) } = Bounds::around(corners);
        let beside = |low: f64, at: f64, high: f64| (low - at).max(at - high).max(0.0);
        // The points in the window and, where those are few, the nearest around it.
        let mut order: Vec<(f64, usize)> = self
            .samples
            .iter()
            .enumerate()
            .map(|(i, s)| (beside(u0, s.u, u1).hypot(beside(v0, s.v, v1)), i))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near = order.iter().enumerate().filter(|(rank, (d, _))| *d <= 0.0 || *rank < RELIEF_POINTS);
        let relief_m = self.missed_height_m(&near.map(|(_, (_, i))| *i).collect::<Vec<_>>());
        let shift_px = SHIFT_PER_HEIGHT * relief_m / window.pixel_size();
        if shift_px <= LARGEST_RELIEF_PX {
            return Ok(());
        }
        let reason = format!(
            "the ground between its control points is {relief_m:.0} m higher or lower than they say, which shifts pixels \
             around the rails by {shift_px:.1} px; name an elevation model (`dem` under `[radar]` of a configuration), or \
             take a terrain-corrected product (RTC) of this scene"
        );
        Err(Error::NotGeoreferenced { path: path.to_owned(), reason })
    }

    /// Root mean square error, at the samples `which`, of the height that the others give, metres.
    fn missed_height_m(&self, which: &[usize]) -> f64 {
        let squared = |&i: &usize| {
            let own = self.samples[i];
            let others: Vec<Sample> =
                self.samples.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, s)| *s).collect();
            (near(&others, own.u, own.v).0 - own.height_m).powi(2)
        };
        (which.iter().map(squared).sum::<f64>() / which.len().max(1) as f64).sqrt()
    }
}

fn terms(degree: usize, with_height: bool) -> usize {
    (degree + 1) * (degree + 2) / 2 + if with_height { HEIGHT_TERMS } else { 0 }
}

/// 1, u, v, u², uv, …, then h(1, u, v, u², uv, v²) and h² in kilometres.
fn basis(u: f64, v: f64, height_m: f64, degree: usize, with_height: bool) -> Vec<f64> {
    let mut out = Vec::with_capacity(terms(degree, with_height));
    for total in 0..=degree {
        for j in 0..=total {
            out.push(u.powi((total - j) as i32) * v.powi(j as i32));
        }
    }
    if with_height {
        let h = height_m / 1000.0;
        out.extend([h, h * u, h * v, h * u * u, h * u * v, h * v * v, h * h]);
    }
    out
}

/// Least squares of rows and columns on the basis.
fn fit(samples: &[Sample], degree: usize, with_height: bool) -> Option<Trend> {
    let k = terms(degree, with_height);
    let rows: Vec<f64> =
        samples.iter().flat_map(|s| basis(s.u, s.v, s.height_m, degree, with_height)).collect();
    let x = DMatrix::from_row_slice(samples.len(), k, &rows);
    let svd = x.svd(true, true);
    if svd.rank(1e-10) < k {
        return None;
    }
    let solve = |pick: fn(&Sample) -> f64| {
        svd.solve(&DVector::from_iterator(samples.len(), samples.iter().map(pick)), 1e-12).ok()
    };
    Some(Trend { degree, with_height, row: solve(|s| s.row)?, col: solve(|s| s.col)? })
}

/// Root mean square distance at points that were left out, px.
fn held_out(samples: &[Sample], degree: usize, with_height: bool) -> Option<f64> {
    let mut sum = 0.0;
    for fold in 0..FOLDS {
        let part = |inside: bool| -> Vec<Sample> {
            let pick = |(i, _): &(usize, &Sample)| (i % FOLDS == fold) == inside;
            samples.iter().enumerate().filter(pick).map(|(_, s)| *s).collect()
        };
        let trend = fit(&part(false), degree, with_height)?;
        let rest = trend.residuals(&part(false));
        for s in part(true) {
            let ((row, col), (_, more_row, more_col)) =
                (trend.at(s.u, s.v, s.height_m), near(&rest, s.u, s.v));
            sum += (row + more_row - s.row).powi(2) + (col + more_col - s.col).powi(2);
        }
    }
    Some((sum / samples.len() as f64).sqrt())
}

/// Side of a pixel from the area that the image covers, metres.
fn pixel_of(samples: &[Sample], scale: f64, shape: (usize, usize)) -> f64 {
    let at = |row: f64, col: f64| {
        let near = |s: &&Sample| (s.row - row).powi(2) + (s.col - col).powi(2);
        samples.iter().min_by(|a, b| near(a).total_cmp(&near(b)))
    };
    let (h, w) = (shape.0 as f64, shape.1 as f64);
    let (Some(a), Some(b), Some(c)) = (at(0.0, 0.0), at(0.0, w), at(h, 0.0)) else { return 10.0 };
    let length = |a: &Sample, b: &Sample| scale * (a.u - b.u).hypot(a.v - b.v);
    let along = length(a, b) / (b.col - a.col).abs().max(1.0);
    let across = length(a, c) / (c.row - a.row).abs().max(1.0);
    (along * across).sqrt().round().max(1.0)
}

/// A north-up grid around the points, its corner at whole pixels.
fn grid_around(crs: Crs, bounds: Bounds, pixel_m: f64) -> Result<Grid, SingularAffine> {
    let low = |v: f64| (v / pixel_m).floor() * pixel_m;
    let high = |v: f64| (v / pixel_m).ceil() * pixel_m;
    let (x0, y1) = (low(bounds.min.0), high(bounds.max.1));
    let shape = (
        ((y1 - low(bounds.min.1)) / pixel_m).round().max(1.0) as usize,
        ((high(bounds.max.0) - x0) / pixel_m).round().max(1.0) as usize,
    );
    let affine = Affine::from_gdal([x0, pixel_m, 0.0, y1, 0.0, -pixel_m])?;
    Ok(Grid { crs, affine, shape })
}

/// Rows follow the flight: latitude grows with them on an ascending pass.
fn pass(points: &[ControlPoint]) -> Option<Pass> {
    let n = points.len() as f64;
    let row = points.iter().map(|p| p.row).sum::<f64>() / n;
    let lat = points.iter().map(|p| p.lat_deg).sum::<f64>() / n;
    let climb: f64 = points.iter().map(|p| (p.row - row) * (p.lat_deg - lat)).sum();
    (climb.abs() > 1e-9).then_some(if climb > 0.0 { Pass::Ascending } else { Pass::Descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 11 × 11 points every 10 km, image rows southwards, of ground as high as `height_m` says of (east, south) km.
    fn placed(height_m: impl Fn(f64, f64) -> f64) -> Geolocation {
        let points: Vec<ControlPoint> = (0..121)
            .map(|i| {
                let (east, south) = (f64::from(i % 11) * 10.0, f64::from(i / 11) * 10.0);
                ControlPoint {
                    row: south * 100.0,
                    col: east * 100.0,
                    lon_deg: 9.0 + east / 78.8,
                    lat_deg: 45.0 - south / 111.2,
                    height_m: height_m(east, south),
                    incidence_deg: None,
                }
            })
            .collect();
        Geolocation::new("made up", &points, (10_001, 10_001), 10.0).unwrap()
    }

    fn window(placed: &Geolocation) -> Grid {
        placed.grid.sub_grid(crate::grid::Window { row: 4500, col: 4500, height: 200, width: 200 })
    }

    /// At points left out of the fit, the ground is placed by their own heights as an elevation model would give them.
    #[test]
    fn true_heights_place_left_out_points_of_real_products() {
        let Some(folder) = crate::io::real_data::real("safe_products/s1") else { return };
        for name in [
            "S1B_IW_GRDH_1SDV_20211223T051122_20211223T051147_030148_039993_5371.SAFE/annotation/\
             s1b-iw-grd-vv-20211223t051122-20211223t051147-030148-039993-001.xml",
            "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE/annotation/\
             s1b-iw-grd-vv-20210401t052623-20210401t052648-026269-032297-001.xml",
        ] {
            let image = super::super::annotation::image(&folder.join(name).display().to_string()).unwrap();
            let (mut with, mut without, mut count) = (0.0, 0.0, 0.0_f64);
            let mut fitted_px = 0.0;
            for fold in 0..FOLDS {
                let pick = |inside: bool| -> Vec<ControlPoint> {
                    let all = image.points.iter().enumerate();
                    all.filter(|(i, _)| (i % FOLDS == fold) == inside).map(|(_, p)| *p).collect()
                };
                let placed = Geolocation::new(name, &pick(false), image.shape, 10.0).unwrap();
                fitted_px += placed.held_out_px / FOLDS as f64;
                let lonlat: Vec<(f64, f64)> = pick(true).iter().map(|p| (p.lon_deg, p.lat_deg)).collect();
                let places = crs::from_wgs84(&placed.grid.crs, &lonlat).unwrap();
                for (point, (x, y)) in pick(true).iter().zip(places) {
                    let place = placed.place(x, y);
                    let off = |col: f64| (col - point.col).powi(2) + (place.row - point.row).powi(2);
                    with += off(placed.col_at_height(place, point.height_m));
                    without += off(place.col);
                    count += 1.0;
                }
            }
            let (with, without) = ((with / count).sqrt(), (without / count).sqrt());
            assert!(with < 1.2 * fitted_px && without > 10.0 * with, "{with} {without} {fitted_px}");
        }
    }

    #[test]
    fn relief_beyond_a_pixel_is_refused_and_flat_or_far_relief_is_not() {
        let flat = placed(|_, _| 120.0);
        flat.check_relief("made up", &window(&flat)).unwrap();
        assert!(flat.words(None).contains("missed by 0 m"), "{}", flat.words(None));
        let rugged = placed(|e, s| 120.0 + 200.0 * ((e * 3.1).sin() + (s * 2.3).cos()));
        let error = rugged.check_relief("made up", &window(&rugged)).unwrap_err().to_string();
        assert!(error.contains("RTC") && error.contains("px"), "{error}");
        // Mountains in the east do not matter for rails in the middle.
        let far = placed(|e, s| if e > 85.0 { 900.0 * (s * 2.3).cos() } else { 120.0 });
        far.check_relief("made up", &window(&far)).unwrap();
    }
}

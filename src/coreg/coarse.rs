//! Whole-pixel shift of the overlap by phase correlation.
//!
//! Large overlaps are first averaged to at most 1024 px a side: a tie point's own search covers what that blurs.

use super::{Error, Side};
use crate::signal::box_sum;
use ndarray::{Array2, Axis, Zip};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, num_complex::ComplexFloat};

const LARGEST_SIDE_PX: usize = 1024;
/// Radius of the mean that is taken off: haze and seasons are larger.
const HIGH_PASS_RADIUS_PX: usize = 8;

/// Another peak of this share of the highest makes the shift one of several: texture that repeats itself.
const AMBIGUOUS: f64 = 0.8;
/// How far from the highest another peak begins, pixels of the correlation.
const APART_PX: f64 = 3.0;
/// Height over the surface's root mean square from which a peak is no chance.
const CLEAR_SIGMAS: f64 = 10.0;

/// The whole-pixel shift to add to the moving (row, col), at most `largest_px` each way, and by how many pixels it may be off.
///
/// # Errors
/// [`Error::Shape`] when the arrays differ in shape, [`Error::NoTexture`] when the high-passed overlap is flat,
/// [`Error::Ambiguous`] when its texture repeats itself.
pub fn shift(reference: Side<'_>, moving: Side<'_>, largest_px: f64) -> Result<((f64, f64), usize), Error> {
    let (h, w) = reference.values.dim();
    if moving.values.dim() != (h, w) {
        return Err(Error::Shape { reference: (h, w), moving: moving.values.dim() });
    }
    let (a, b) = rayon::join(|| Spectrum::new(reference), || Spectrum::new(moving));
    between(&a, &b, largest_px)
}

/// [`shift`] from the spectra of two arrays of one shape.
pub(super) fn between(
    reference: &Spectrum,
    moving: &Spectrum,
    largest_px: f64,
) -> Result<((f64, f64), usize), Error> {
    if reference.is_flat || moving.is_flat {
        return Err(Error::NoTexture);
    }
    let factor = reference.factor;
    let surface = phase_correlation(reference, moving);
    let (rows, cols) = surface.dim();
    let reach = (largest_px / factor as f64).ceil();
    let signed = |i: usize, n: usize| if i > n / 2 { i as f64 - n as f64 } else { i as f64 };
    let peaks = || {
        let all = surface.indexed_iter().map(|((r, c), &v)| (signed(r, rows), signed(c, cols), v));
        all.filter(|p| p.0.abs() <= reach && p.1.abs() <= reach)
    };
    let best = peaks().max_by(|p, q| p.2.total_cmp(&q.2)).ok_or(Error::NoTexture)?;
    let apart = |p: &(f64, f64, f64)| (p.0 - best.0).abs().max((p.1 - best.1).abs()) > APART_PX;
    let noise = (surface.iter().map(|v| v * v).sum::<f64>() / surface.len() as f64).sqrt();
    let second = peaks().filter(apart).max_by(|p, q| p.2.total_cmp(&q.2));
    if let Some(second) = second.filter(|p| p.2 > AMBIGUOUS * best.2 && p.2 > CLEAR_SIGMAS * noise) {
        let apart = |a: f64, b: f64| (a - b).abs() * factor as f64;
        return Err(Error::Ambiguous { apart_px: (apart(best.0, second.0), apart(best.1, second.1)) });
    }
    Ok(((best.0 * factor as f64, best.1 * factor as f64), factor))
}

/// How many times the surface's root mean square its highest value is, within `largest_px` each way; 0 without texture.
pub(super) fn clearness(a: &Spectrum, b: &Spectrum, largest_px: f64) -> f64 {
    if a.is_flat || b.is_flat {
        return 0.0;
    }
    let surface = phase_correlation(a, b);
    let (rows, cols) = surface.dim();
    let within = |i: usize, n: usize| i.min(n - i) as f64 <= largest_px;
    let near = surface.indexed_iter().filter(|((r, c), _)| within(*r, rows) && within(*c, cols));
    let highest = near.map(|(_, v)| *v).fold(0.0, f64::max);
    highest / (surface.iter().map(|v| v * v).sum::<f64>() / surface.len() as f64).sqrt().max(1e-30)
}

/// A scene as the phase correlation sees it.
#[derive(Debug)]
pub(super) struct Spectrum {
    /// Coefficients of the high-passed scene, (row, col) of the half plane of a real signal.
    terms: Array2<Complex<f64>>,
    /// Columns of the scene that was transformed.
    cols: usize,
    /// Scene pixels averaged in each direction.
    factor: usize,
    /// Whether nothing is left after the high pass.
    is_flat: bool,
}

impl Spectrum {
    /// Of the usable pixels of a scene; large scenes are averaged first.
    pub(super) fn new(side: Side<'_>) -> Self {
        let (h, w) = side.values.dim();
        let factor = h.max(w).div_ceil(LARGEST_SIDE_PX).max(1);
        let high = high_passed(side, factor);
        let is_flat = high.iter().all(|v| v.abs() < 1e-12);
        Self { terms: transformed(&high), cols: high.ncols(), factor, is_flat }
    }

    /// Of values that are usable where they are numbers.
    pub(super) fn of_numbers(values: &Array2<f32>) -> Self {
        let ok = values.mapv(f32::is_finite);
        Self::new(Side { values: values.view(), ok: ok.view() })
    }
}

/// High-passed, masked to zero, tapered, averaged over `factor` pixels and padded to a size that FFT likes.
fn high_passed(side: Side<'_>, factor: usize) -> Array2<f64> {
    let (h, w) = side.values.dim();
    let (rows, cols) = ((h / factor).max(1), (w / factor).max(1));
    let mut sum = Array2::<f64>::zeros((rows, cols));
    let mut count = Array2::<u32>::zeros((rows, cols));
    let place: Vec<usize> = (0..cols * factor).map(|c| c / factor).collect();
    for (r, (values, ok)) in
        side.values.outer_iter().zip(side.ok.outer_iter()).take(rows * factor).enumerate()
    {
        let (mut sum, mut count) = (sum.row_mut(r / factor), count.row_mut(r / factor));
        for ((&v, &ok), &c) in values.iter().zip(ok).zip(&place) {
            if ok && v.is_finite() {
                sum[c] += f64::from(v);
                count[c] += 1;
            }
        }
    }
    let (sums, counts) = (box_sum(&sum, HIGH_PASS_RADIUS_PX), box_sum(&count, HIGH_PASS_RADIUS_PX));
    let mut out = Array2::zeros((fft_size(rows), fft_size(cols)));
    let along: Vec<f64> = (0..cols).map(|c| taper(c, cols)).collect();
    for r in 0..rows {
        let down = taper(r, rows);
        for (c, along) in along.iter().enumerate() {
            let at = (r, c);
            if count[at] > 0 {
                let high = sum[at] / f64::from(count[at]) - sums[at] / f64::from(counts[at]);
                out[at] = high * down * along;
            }
        }
    }
    out
}

/// Raised cosine over an eighth of the side at either end.
fn taper(i: usize, n: usize) -> f64 {
    let edge = (n as f64 / 8.0).max(1.0);
    let d = (i as f64 + 0.5).min(n as f64 - i as f64 - 0.5);
    if d >= edge { 1.0 } else { 0.5 - 0.5 * (std::f64::consts::PI * d / edge).cos() }
}

/// The next product of small primes.
fn fft_size(n: usize) -> usize {
    (n..=2 * n.max(1))
        .find(|&m| {
            let mut rest = m;
            for p in [2, 3, 5] {
                while rest.is_multiple_of(p) {
                    rest /= p;
                }
            }
            rest == 1
        })
        .unwrap_or(n)
}

/// Fourier coefficients of a real array.
fn transformed(values: &Array2<f64>) -> Array2<Complex<f64>> {
    let (rows, cols) = values.dim();
    let forward = RealFftPlanner::<f64>::new().plan_fft_forward(cols);
    let mut out = Array2::<Complex<f64>>::zeros((rows, cols / 2 + 1));
    for (line, mut spectrum) in values.outer_iter().zip(out.outer_iter_mut()) {
        let (mut input, mut output) = (line.to_vec(), forward.make_output_vec());
        // Lengths come from the plan itself.
        if forward.process(&mut input, &mut output).is_ok() {
            spectrum.iter_mut().zip(output).for_each(|(s, o)| *s = o);
        }
    }
    down_columns(&mut out, true);
    out
}

/// F⁻¹[ A·B* / |A·B*| ]: its peak is at the shift to add to `b`.
fn phase_correlation(a: &Spectrum, b: &Spectrum) -> Array2<f64> {
    let (rows, cols) = (a.terms.nrows(), a.cols);
    let mut cross = Zip::from(&a.terms).and(&b.terms).map_collect(|x, y| {
        let cross = *x * y.conj();
        let size = cross.abs();
        if size > 1e-30 { cross / size } else { Complex::new(0.0, 0.0) }
    });
    down_columns(&mut cross, false);
    let backward = RealFftPlanner::<f64>::new().plan_fft_inverse(cols);
    let mut out = Array2::zeros((rows, cols));
    for (spectrum, mut line) in cross.outer_iter().zip(out.outer_iter_mut()) {
        let (mut input, mut output) = (spectrum.to_vec(), backward.make_output_vec());
        // A real signal has a real first and last coefficient; rounding must not say otherwise.
        input[0].im = 0.0;
        if cols.is_multiple_of(2) {
            input[cols / 2].im = 0.0;
        }
        if backward.process(&mut input, &mut output).is_ok() {
            line.iter_mut().zip(output).for_each(|(l, o)| *l = o);
        }
    }
    out
}

/// Complex FFT of every column.
fn down_columns(values: &mut Array2<Complex<f64>>, forward: bool) {
    let mut planner = rustfft::FftPlanner::<f64>::new();
    let rows = values.nrows();
    let plan = if forward { planner.plan_fft_forward(rows) } else { planner.plan_fft_inverse(rows) };
    for mut lane in values.lanes_mut(Axis(0)) {
        let mut column = lane.to_vec();
        plan.process(&mut column);
        lane.iter_mut().zip(column).for_each(|(l, v)| *l = v);
    }
}

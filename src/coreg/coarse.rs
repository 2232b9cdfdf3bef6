//! Whole-pixel shift of the overlap by phase correlation.
//!
//! Large overlaps are first averaged to at most 1024 px a side: a tie point's own search covers what that blurs.

use super::{Error, Side};
use ndarray::{Array2, Axis};
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
    let factor = h.max(w).div_ceil(LARGEST_SIDE_PX).max(1);
    let (a, b) = rayon::join(|| prepared(reference, factor), || prepared(moving, factor));
    if a.iter().all(|v| v.abs() < 1e-12) || b.iter().all(|v| v.abs() < 1e-12) {
        return Err(Error::NoTexture);
    }
    let surface = phase_correlation(&a, &b);
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
/// Pixels that are no numbers do not count.
pub(super) fn clearness(a: &Array2<f32>, b: &Array2<f32>, largest_px: f64) -> f64 {
    let ready = |values: &Array2<f32>| {
        let ok = values.mapv(f32::is_finite);
        prepared(Side { values: values.view(), ok: ok.view() }, 1)
    };
    let (a, b) = (ready(a), ready(b));
    if a.iter().all(|v| v.abs() < 1e-12) || b.iter().all(|v| v.abs() < 1e-12) {
        return 0.0;
    }
    let surface = phase_correlation(&a, &b);
    let (rows, cols) = surface.dim();
    let within = |i: usize, n: usize| i.min(n - i) as f64 <= largest_px;
    let near = surface.indexed_iter().filter(|((r, c), _)| within(*r, rows) && within(*c, cols));
    let highest = near.map(|(_, v)| *v).fold(0.0, f64::max);
    highest / (surface.iter().map(|v| v * v).sum::<f64>() / surface.len() as f64).sqrt().max(1e-30)
}

/// High-passed, masked to zero, tapered, averaged over `factor` pixels and padded to a size that FFT likes.
fn prepared(side: Side<'_>, factor: usize) -> Array2<f64> {
    let (h, w) = side.values.dim();
    let (rows, cols) = ((h / factor).max(1), (w / factor).max(1));
    let mut mean = Array2::<f64>::zeros((rows, cols));
    let mut weight = Array2::<f64>::zeros((rows, cols));
    for ((r, c), &v) in side.values.indexed_iter() {
        let at = (r / factor, c / factor);
        if at.0 < rows && at.1 < cols && side.ok[(r, c)] && v.is_finite() {
            mean[at] += f64::from(v);
            weight[at] += 1.0;
        }
    }
    let smooth_sum = box_sum(&mean, HIGH_PASS_RADIUS_PX);
    let smooth_weight = box_sum(&weight, HIGH_PASS_RADIUS_PX);
    let mut out = Array2::zeros((fft_size(rows), fft_size(cols)));
    for ((r, c), &n) in weight.indexed_iter() {
        if n > 0.0 {
            let high = mean[(r, c)] / n - smooth_sum[(r, c)] / smooth_weight[(r, c)];
            out[(r, c)] = high * taper(r, rows) * taper(c, cols);
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

/// Sum over a square of side 2·radius + 1, by running sums along both axes.
fn box_sum(values: &Array2<f64>, radius: usize) -> Array2<f64> {
    let mut out = values.clone();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in out.lanes_mut(axis) {
            let line: Vec<f64> = lane.to_vec();
            let mut prefix = vec![0.0; line.len() + 1];
            for (i, v) in line.iter().enumerate() {
                prefix[i + 1] = prefix[i] + v;
            }
            for (i, v) in lane.iter_mut().enumerate() {
                *v = prefix[(i + radius + 1).min(line.len())] - prefix[i.saturating_sub(radius)];
            }
        }
    }
    out
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

/// F⁻¹[ A·B* / |A·B*| ]: its peak is at the shift to add to `b`.
fn phase_correlation(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let (rows, cols) = a.dim();
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(cols);
    let backward = planner.plan_fft_inverse(cols);
    let half = cols / 2 + 1;
    let transform = |x: &Array2<f64>| {
        let mut out = Array2::<Complex<f64>>::zeros((rows, half));
        for (line, mut spectrum) in x.outer_iter().zip(out.outer_iter_mut()) {
            let (mut input, mut output) = (line.to_vec(), forward.make_output_vec());
            // Lengths come from the plan itself.
            if forward.process(&mut input, &mut output).is_ok() {
                spectrum.iter_mut().zip(output).for_each(|(s, o)| *s = o);
            }
        }
        down_columns(&mut out, true);
        out
    };
    let (mut fa, fb) = rayon::join(|| transform(a), || transform(b));
    fa.zip_mut_with(&fb, |x, y| {
        let cross = *x * y.conj();
        let size = cross.abs();
        *x = if size > 1e-30 { cross / size } else { Complex::new(0.0, 0.0) };
    });
    down_columns(&mut fa, false);
    let mut out = Array2::zeros((rows, cols));
    for (spectrum, mut line) in fa.outer_iter().zip(out.outer_iter_mut()) {
        let (mut input, mut output) = (spectrum.to_vec(), backward.make_output_vec());
        // A real signal has a real first and last coefficient; rounding must not say otherwise.
        input[0].im = 0.0;
        if cols.is_multiple_of(2) {
            input[half - 1].im = 0.0;
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

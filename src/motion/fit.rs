//! The velocity at which all bands show one and the same profile along the line.

use super::Seen;
use super::signal::Line;
use ndarray::Array2;

/// Spacing of the velocities that are tried, m/s.
const SPEED_STEP_M_S: f64 = 0.5;
/// Line beyond the ends found that is compared, metres: it holds the edges, which tell most.
const MARGIN_M: f64 = 60.0;
/// Gain over what noise shares below which nothing is there to be measured, in units of the noise.
const LEAST_GAIN: f64 = 16.0;
/// Rounds of the power iteration: the first eigenvalue stands far above the others where there is a train.
const ROUNDS: usize = 30;

/// The best velocity.
pub(super) struct Best {
    pub(super) velocity_m_s: f64,
    pub(super) sigma_m_s: f64,
}

/// Fits one profile q and one velocity to `bands` (delay, signal), `z_b(s) = c_b q(s − v τ_b)`; `None` where they do not settle one.
pub(super) fn fit(bands: &[(f64, Line)], step_m: f64, seen: Seen, fastest_m_s: f64) -> Option<Best> {
    let mean_s = bands.iter().map(|b| b.0).sum::<f64>() / bands.len() as f64;
    let steps = (fastest_m_s / SPEED_STEP_M_S).round() as i64;
    let profile: Vec<(f64, Left)> = (-steps..=steps)
        .map(|k| {
            let v = k as f64 * SPEED_STEP_M_S;
            (v, left(bands, step_m, seen, |delay_s| v * (delay_s - mean_s)))
        })
        .collect();
    let best = (0..profile.len()).min_by(|&a, &b| profile[a].1.residual.total_cmp(&profile[b].1.residual))?;
    if best == 0 || best + 1 == profile.len() {
        return None;
    }
    let (v, Left { residual, gain, freedom }) = profile[best];
    let noise = bands.iter().map(|b| b.1.inflation).sum::<f64>() / bands.len() as f64;
    let inflation = noise * ((residual + freedom) / freedom).max(1.0);
    // Bands of noise alone, n cells long, share λ ≤ n (1 + √(B / n))² (Marchenko and Pastur 1967), n the independent ones.
    let cells = (seen.end_m - seen.start_m + 2.0 * MARGIN_M) / step_m;
    let shared = cells * (1.0 + (bands.len() as f64 * noise / cells).sqrt()).powi(2);
    if gain - shared < LEAST_GAIN * inflation {
        return None;
    }
    // One standard error on either side: what is left grows by the inflation, over all that is not farther above.
    let within = profile.iter().filter(|p| p.1.residual < residual + inflation).map(|p| p.0);
    let (low, high) = within.fold((v, v), |(l, h), v| (l.min(v), h.max(v)));
    let (before, after) = (profile[best - 1].1.residual, profile[best + 1].1.residual);
    Some(Best {
        velocity_m_s: v + lowest(before, residual, after) * SPEED_STEP_M_S,
        sigma_m_s: (0.5 * (high - low)).max(0.5 * SPEED_STEP_M_S),
    })
}

/// What one profile explains of all bands at a velocity.
#[derive(Clone, Copy)]
struct Left {
    /// Power it does not explain, less that expected of noise.
    residual: f64,
    /// Power it explains.
    gain: f64,
    /// Power of noise that is expected to be left.
    freedom: f64,
}

/// Moves every band back by its way and splits the power into λ₁ of the bands' Gram matrix and the rest.
fn left(bands: &[(f64, Line)], step_m: f64, seen: Seen, way_m: impl Fn(f64) -> f64) -> Left {
    let first = ((seen.start_m - MARGIN_M) / step_m).floor() as i64;
    let last = ((seen.end_m + MARGIN_M) / step_m).ceil() as i64;
    let mut freedom = 0.0;
    let count = bands.len();
    let rows: Vec<Vec<f64>> = bands
        .iter()
        .map(|(delay_s, line)| {
            let shift = way_m(*delay_s) / step_m;
            let (whole, weights) = (shift.floor() as i64, keys(shift - shift.floor()));
            // Interpolation takes power from noise; without its share the fit would lean to half cells.
            let kept: f64 = weights.iter().map(|w| w * w).sum();
            freedom += kept * (last - first + 1) as f64 * (count - 1) as f64 / count as f64;
            let at =
                |i: i64| usize::try_from(i).ok().and_then(|i| line.values.get(i)).copied().unwrap_or(0.0);
            (first..=last)
                .map(|i| weights.iter().zip(-1..).map(|(w, k)| w * at(i + whole + k)).sum())
                .collect()
        })
        .collect();
    let gram = Array2::from_shape_fn((count, count), |(a, b)| {
        rows[a].iter().zip(&rows[b]).map(|(x, y)| x * y).sum::<f64>()
    });
    let gain = first_eigenvalue(&gram);
    Left { residual: gram.diag().sum() - gain - freedom, gain, freedom }
}

/// Weights of cubic convolution at −1…2 for a fraction of a cell (Keys 1981, a = −½).
fn keys(f: f64) -> [f64; 4] {
    [
        -0.5 * f * (1.0 - f).powi(2),
        1.0 + f * f * (1.5 * f - 2.5),
        f * (0.5 + f * (2.0 - 1.5 * f)),
        0.5 * f * f * (f - 1.0),
    ]
}

/// λ₁ of a positive matrix by power iteration from its longest column.
fn first_eigenvalue(gram: &Array2<f64>) -> f64 {
    let length = |v: &ndarray::Array1<f64>| v.dot(v).sqrt();
    let longest =
        gram.columns().into_iter().map(|c| c.to_owned()).max_by(|a, b| length(a).total_cmp(&length(b)));
    let Some(mut vector) = longest else { return 0.0 };
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let size = length(&vector);
        if size <= 0.0 {
            return 0.0;
        }
        vector /= size;
        let next = gram.dot(&vector);
        value = vector.dot(&next);
        vector = next;
    }
    value
}

/// Where the bottom of a parabola through three values lies, in steps from the middle one, −½…½.
fn lowest(left: f64, middle: f64, right: f64) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend <= 0.0 { 0.0 } else { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) }
}

//! The cross-track profile of a train as the sensor blurs it.

/// Sigma of the filter's Gaussian, px.
const FILTER_SIGMA_PX: f64 = 0.65;
/// Reach of the filter to either side, px.
pub(super) const REACH_PX: usize = 3;
/// Where the flank begins, px.
const FLANK_FROM_PX: f64 = 1.5;
/// Sigma of the blur of a Sentinel-2 pixel with its point spread function, px.
const BLUR_SIGMA_PX: f64 = 0.55;
/// Width of a wagon, metres.
const TRAIN_WIDTH_M: f64 = 3.0;

/// The filter at the strip's cells, −3…+3 px.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    /// h(t), zero mean, unit norm.
    pub(super) weights: Vec<f64>,
    /// Which cells are flank: −1 left, +1 right, 0 neither.
    pub(super) side: Vec<i8>,
    /// 1 for a cell of the left flank, else 0.
    pub(super) left: Vec<f64>,
    /// 1 for a cell of the right flank, else 0.
    pub(super) right: Vec<f64>,
    /// Cells of one flank.
    pub(super) flank_count: f64,
    /// Response of h to a blurred train of unit contrast in its central pixel.
    pub(super) response: f64,
    /// Contrast in the central pixel of a train of unit contrast.
    pub(super) cover: f64,
    cells_per_px: usize,
}

/// Profile of a blurred train, 1 in the middle.
fn blurred(t_px: f64) -> f64 {
    (-t_px * t_px / (2.0 * BLUR_SIGMA_PX * BLUR_SIGMA_PX)).exp()
}

impl Profile {
    /// For `cells_per_px` cells a pixel of `pixel_m`.
    pub(super) fn new(cells_per_px: usize, pixel_m: f64) -> Self {
        let reach = (REACH_PX * cells_per_px) as isize;
        let t: Vec<f64> = (-reach..=reach).map(|k| k as f64 / cells_per_px as f64).collect();
        // h(t) = exp(−t²/2σ²) − mean, ‖h‖ = 1
        let gauss = |t: f64, sigma: f64| (-t * t / (2.0 * sigma * sigma)).exp();
        let raw: Vec<f64> = t.iter().map(|&t| gauss(t, FILTER_SIGMA_PX)).collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        let norm = raw.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
        let weights: Vec<f64> = raw.iter().map(|v| (v - mean) / norm).collect();
        let response = weights.iter().zip(&t).map(|(w, &t)| w * blurred(t)).sum();
        let side: Vec<i8> = t
            .iter()
            .map(|t| match t {
                t if *t >= FLANK_FROM_PX => 1,
                t if *t <= -FLANK_FROM_PX => -1,
                _ => 0,
            })
            .collect();
        // share of the central sample: width × peak of the blur
        let cover = (TRAIN_WIDTH_M / pixel_m) / (BLUR_SIGMA_PX * (2.0 * std::f64::consts::PI).sqrt());
        let on = |flank: i8| side.iter().map(|&side| f64::from(u8::from(side == flank))).collect::<Vec<_>>();
        let (left, right) = (on(-1), on(1));
        let flank_count = right.iter().sum();
        Self { weights, left, right, side, flank_count, response, cover: cover.min(1.0), cells_per_px }
    }

    /// Response of h centred `offset_px` beside such a train.
    pub(super) fn response_at(&self, offset_px: f64) -> f64 {
        let reach = (REACH_PX * self.cells_per_px) as f64;
        let at = |k: usize| (k as f64 - reach) / self.cells_per_px as f64 + offset_px;
        self.weights.iter().enumerate().map(|(k, w)| w * blurred(at(k))).sum()
    }
}

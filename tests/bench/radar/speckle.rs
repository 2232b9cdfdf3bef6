//! Simulated speckle: the estimate of the looks, and the p-values of the likelihood-ratio test where nothing changed.

use ndarray::Array2;
use railwatch::report::curves::{Plot, Scale, Series, Style};
use railwatch::sar::{equal_means_p_value, equivalent_looks};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};
use std::fmt::Write;

const LOOKS: [f64; 6] = [1.0, 2.0, 3.0, 4.4, 8.0, 20.0];
/// Sigma of the point spread, px; 0 for independent pixels.
const BLURS_PX: [f64; 3] = [0.0, 0.55, 0.8];
const SCENES: u64 = 8;
const SIDE_PX: usize = 300;
/// Looks and baseline dates of the test.
const CASES: [(f64, u32); 4] = [(1.0, 8), (4.4, 1), (4.4, 8), (20.0, 8)];
const DRAWS: usize = 200_000;

/// Gamma speckle of `looks` looks over fields of 27 px whose levels span 10 dB, some with a bright building; blurred as a
/// complex image would be, by averaging power over a Gaussian, and rescaled to the looks that this leaves.
fn scene(looks: f64, blur_px: f64, rng: &mut ChaCha8Rng) -> (Array2<f32>, f64) {
    let speckle = Gamma::new(looks, 1.0 / looks).unwrap();
    let reach = (4.0 * blur_px).ceil() as isize;
    let weights: Vec<f64> = (-reach..=reach)
        .map(|d| if blur_px > 0.0 { (-((d * d) as f64) / (2.0 * blur_px * blur_px)).exp() } else { 1.0 })
        .collect();
    let total: f64 = weights.iter().sum();
    let raw = Array2::from_shape_fn((SIDE_PX, SIDE_PX), |_| speckle.sample(rng));
    let along = |image: &Array2<f64>, step: (isize, isize)| {
        Array2::from_shape_fn(image.dim(), |(r, c)| {
            let at = |k: usize| {
                let d = k as isize - reach;
                let place = |v: usize, s: isize| (v as isize + s * d).rem_euclid(SIDE_PX as isize) as usize;
                image[(place(r, step.0), place(c, step.1))] * weights[k] / total
            };
            (0..weights.len()).map(at).sum::<f64>()
        })
    };
    let blurred = along(&along(&raw, (1, 0)), (0, 1));
    // Independent pixels averaged with weights w have 1/Σw² times the looks, for either axis.
    let gain = weights.iter().map(|w| (w / total).powi(2)).sum::<f64>().powi(-2);
    let power = Array2::from_shape_fn(blurred.dim(), |(r, c)| {
        let field = ((r / 27) * 31 + (c / 27) * 17) % 11;
        let building = if r % 97 < 3 && c % 89 < 4 { 30.0 } else { 1.0 };
        (0.03 * 10f64.powf(field as f64 / 10.0) * building * blurred[(r, c)]) as f32
    });
    (power, looks * gain)
}

/// Prints how far the estimated looks are off.
fn report_looks() {
    println!("estimated over true looks of {SCENES} scenes of {SIDE_PX} px, mean (lowest to highest)");
    for looks in LOOKS {
        let mut line = format!("  {looks:>4} looks:");
        for blur_px in BLURS_PX {
            let ratios: Vec<f64> = (0..SCENES)
                .filter_map(|seed| {
                    // Fewer looks before the blur, so that it leaves those asked for.
                    let (_, gained) = scene(1.0, blur_px, &mut ChaCha8Rng::seed_from_u64(0));
                    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
                    let (power, made) = scene(looks / gained, blur_px, rng);
                    let ok = Array2::from_elem(power.dim(), true);
                    Some(equivalent_looks(&power.view(), &ok.view())? / made)
                })
                .collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let high = ratios.iter().copied().fold(0.0, f64::max);
            write!(line, "  blur {blur_px} px {mean:.3} ({low:.2} to {high:.2})").unwrap();
        }
        println!("{line}");
    }
}

/// Sorted p-values of the test where nothing changed.
fn p_values(looks: f64, dates: u32, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let power = Gamma::new(looks, 0.07 / looks).unwrap();
    let mut p: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let baseline = (0..dates).map(|_| power.sample(rng)).sum::<f64>() / f64::from(dates);
            equal_means_p_value(power.sample(rng), baseline, f64::from(dates), looks)
        })
        .collect();
    p.sort_by(f64::total_cmp);
    p
}

/// Prints how the p-values without change are distributed, and draws it: those found over those that a uniform law gives.
pub(super) fn report() -> Plot {
    report_looks();
    println!(
        "p-values without change, {DRAWS} draws: share below .1/.01/.001, largest distance from uniform"
    );
    let mut series = Vec::new();
    for (seed, (looks, dates)) in CASES.into_iter().enumerate() {
        let p = p_values(looks, dates, &mut ChaCha8Rng::seed_from_u64(seed as u64));
        let below = |level: f64| p.partition_point(|v| *v < level) as f64 / DRAWS as f64;
        let uniform = |i: usize| (i as f64 + 0.5) / DRAWS as f64;
        let distance = p.iter().enumerate().map(|(i, v)| (v - uniform(i)).abs()).fold(0.0, f64::max);
        println!(
            "  {looks} looks, {dates} dates: {:.4}/{:.4}/{:.5}, {distance:.4}",
            below(0.1),
            below(0.01),
            below(0.001)
        );
        // Evenly spaced on a logarithmic axis.
        let ranks = (0..=60).map(|k| (DRAWS as f64 * 10f64.powf(f64::from(k - 60) / 15.0)) as usize);
        series.push(Series {
            name: format!("{looks} looks, {dates} dates"),
            points: ranks.map(|i| i.min(DRAWS - 1)).map(|i| (uniform(i), p[i])).collect(),
            bars: Vec::new(),
            style: Style::Line,
        });
    }
    series.push(Series {
        name: "uniform".to_owned(),
        points: vec![(1e-4, 1e-4), (1.0, 1.0)],
        bars: Vec::new(),
        style: Style::Guide,
    });
    Plot {
        title: "Likelihood-ratio test, simulated speckle without change".to_owned(),
        labels: ("expected p-value".to_owned(), "p-value".to_owned()),
        x: Scale::Log(1e-4, 1.0),
        y: Scale::Log(1e-4, 1.0),
        series,
    }
}

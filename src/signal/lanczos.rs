//! Windowed sinc interpolation, Duchon 1979 (10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2) with four lobes.

/// Taps of the kernel: pixels −3 to +4 around a place.
pub const LANCZOS_TAPS: usize = 8;

/// sinc(x)·sinc(x/4) at the taps of a place `fraction` (0…1) behind its pixel, made to sum to one.
#[must_use]
pub fn lanczos_taps(fraction: f64) -> [f64; LANCZOS_TAPS] {
    let half = LANCZOS_TAPS as f64 / 2.0;
    let mut taps = std::array::from_fn(|k| lanczos(k as f64 + 1.0 - half - fraction));
    let sum: f64 = taps.iter().sum();
    for t in &mut taps {
        *t /= sum;
    }
    taps
}

/// sinc(x)·sinc(x/4) for |x| < 4, else 0; `x` in px.
#[must_use]
pub fn lanczos(x: f64) -> f64 {
    let half = LANCZOS_TAPS as f64 / 2.0;
    if x.abs() >= half {
        return 0.0;
    }
    let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    let x = std::f64::consts::PI * x;
    sinc(x) * sinc(x / half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_places_are_copied_and_slow_waves_kept() {
        assert!((lanczos_taps(0.0)[3] - 1.0).abs() < 1e-12);
        for i in 0..=10 {
            let f = f64::from(i) / 10.0;
            let taps = lanczos_taps(f);
            assert!((taps.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let wave: f64 = taps.iter().zip(-3..).map(|(t, k)| t * (0.8 * f64::from(k)).sin()).sum();
            assert!((wave - (0.8 * f).sin()).abs() < 3e-3, "{f}: {wave}");
        }
    }
}

//! False discovery rate: Benjamini & Hochberg 1995 (10.1111/j.2517-6161.1995.tb02031.x).

/// q-values of `p_values`, in the same order: the smallest false discovery rate at which each test is kept.
///
/// ```
/// use railwatch::stats::benjamini_hochberg;
/// let q = benjamini_hochberg(&[0.01, 0.5, 0.02]);
/// assert!((q[0] - 0.03).abs() < 1e-12 && (q[2] - 0.03).abs() < 1e-12 && (q[1] - 0.5).abs() < 1e-12);
/// ```
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut smallest = 1.0f64;
    for (from_top, &i) in order.iter().enumerate() {
        // q₍ₖ₎ = min over j ≥ k of m p₍ⱼ₎ / j
        smallest = smallest.min(m * p_values[i] / (m - from_top as f64));
        q_values[i] = smallest;
    }
    q_values
}

//! Functions of place that a shift may follow: a constant, a plane, or a smooth surface of cubic B-splines.
//!
//! The surface is a penalised spline (Eilers & Marx 1996, 10.1214/ss/1038425655) in two directions; its penalty is the
//! discrete thin-plate energy, which planes are free of: where points are missing it goes on straight.

use crate::grid::Window;
use nalgebra::{DMatrix, DVector};

/// Largest number of spline cells along the longer side.
const CELLS_MAX: f64 = 24.0;
/// Cells per square root of the number of points: at least about four points a coefficient.
const CELLS_PER_ROOT: f64 = 0.4;

/// Functions of (row, col) whose weighted sum is a component of the shift.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Basis {
    /// 1
    Constant,
    /// 1, (row − r₀)/L, (col − c₀)/L
    Plane { centre: (f64, f64), scale_px: f64 },
    /// Products of cubic B-splines on cells of `cell_px`.
    Spline { first: (f64, f64), cell_px: f64, counts: (usize, usize) },
}

impl Basis {
    /// A plane over an area.
    pub(super) fn plane(area: Window) -> Self {
        let half = (area.height as f64 / 2.0, area.width as f64 / 2.0);
        let centre = (area.row as f64 + half.0, area.col as f64 + half.1);
        Self::Plane { centre, scale_px: half.0.max(half.1).max(0.5) }
    }

    /// Splines over an area that `points` tie points can carry.
    pub(super) fn spline(area: Window, points: usize) -> Self {
        let cells = (CELLS_PER_ROOT * (points as f64).sqrt()).floor().clamp(1.0, CELLS_MAX);
        let cell_px = area.height.max(area.width).max(1) as f64 / cells;
        let count = |n: usize| (n as f64 / cell_px).ceil() as usize + 3;
        let first = (area.row as f64, area.col as f64);
        Self::Spline { first, cell_px, counts: (count(area.height.max(1)), count(area.width.max(1))) }
    }

    /// Number of functions.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Constant => 1,
            Self::Plane { .. } => 3,
            Self::Spline { counts, .. } => counts.0 * counts.1,
        }
    }

    /// Calls `take` with the index and value of every function that is not zero at a place.
    pub(super) fn each(&self, row: f64, col: f64, mut take: impl FnMut(usize, f64)) {
        match self {
            Self::Constant => take(0, 1.0),
            Self::Plane { centre, scale_px } => {
                take(0, 1.0);
                take(1, (row - centre.0) / scale_px);
                take(2, (col - centre.1) / scale_px);
            }
            Self::Spline { first, cell_px, counts } => {
                let (i, down) = cubic((row - first.0) / cell_px, counts.0);
                let (j, along) = cubic((col - first.1) / cell_px, counts.1);
                for (k, a) in down.into_iter().enumerate() {
                    for (l, b) in along.into_iter().enumerate() {
                        take((i + k) * counts.1 + j + l, a * b);
                    }
                }
            }
        }
    }

    /// The sum of the functions weighted by `coefficients`.
    pub(super) fn value(&self, coefficients: &[f64], row: f64, col: f64) -> f64 {
        let mut sum = 0.0;
        self.each(row, col, |k, b| sum += b * coefficients[k]);
        sum
    }

    /// The penalty as a matrix P: `cᵀPc = Σ (Δᵣ²c)² + 2 (ΔᵣΔₖc)² + (Δₖ²c)²`, Δᵣ down and Δₖ across.
    pub(super) fn penalty(&self) -> DMatrix<f64> {
        let mut p = DMatrix::zeros(self.len(), self.len());
        let Self::Spline { counts, .. } = self else { return p };
        let at = |i: usize, j: usize| i * counts.1 + j;
        let mut add = |terms: &[(usize, f64)], weight: f64| {
            for &(a, x) in terms {
                for &(b, y) in terms {
                    p[(a, b)] += weight * x * y;
                }
            }
        };
        for i in 0..counts.0 {
            for j in 0..counts.1 {
                if i + 2 < counts.0 {
                    add(&[(at(i, j), 1.0), (at(i + 1, j), -2.0), (at(i + 2, j), 1.0)], 1.0);
                }
                if j + 2 < counts.1 {
                    add(&[(at(i, j), 1.0), (at(i, j + 1), -2.0), (at(i, j + 2), 1.0)], 1.0);
                }
                if i + 1 < counts.0 && j + 1 < counts.1 {
                    let corner = [
                        (at(i, j), 1.0),
                        (at(i + 1, j), -1.0),
                        (at(i, j + 1), -1.0),
                        (at(i + 1, j + 1), 1.0),
                    ];
                    add(&corner, 2.0);
                }
            }
        }
        p
    }
}

/// First function and the four values of cubic B-splines at `x` cells; beyond the ends the last cell's go on.
fn cubic(x: f64, count: usize) -> (usize, [f64; 4]) {
    let cells = count - 3;
    let x = x.clamp(0.0, cells as f64);
    let cell = (x as usize).min(cells - 1);
    let f = x - cell as f64;
    let (g, f2, f3) = (1.0 - f, f * f, f * f * f);
    let sixth = 1.0 / 6.0;
    let values = [
        sixth * g * g * g,
        sixth * (3.0 * f3 - 6.0 * f2 + 4.0),
        sixth * (-3.0 * f3 + 3.0 * f2 + 3.0 * f + 1.0),
        sixth * f3,
    ];
    (cell, values)
}

/// One point of a fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datum {
    pub(super) place: (f64, f64),
    pub(super) values: [f64; 2],
    pub(super) weight: f64,
}

/// Coefficients of both components and `(BᵀWB + λP)⁻¹`.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) coefficients: [Vec<f64>; 2],
    pub(super) inverse: DMatrix<f64>,
}

/// Sums of a least-squares fit that points are added to and taken from.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    matrix: DMatrix<f64>,
    right: [DVector<f64>; 2],
}

impl Normal {
    pub(super) fn new(basis: &Basis, data: &[Datum]) -> Self {
        let n = basis.len();
        let mut matrix = DMatrix::zeros(n, n);
        let mut right = [DVector::zeros(n), DVector::zeros(n)];
        let mut terms: Vec<(usize, f64)> = Vec::with_capacity(16);
        for datum in data {
            terms.clear();
            basis.each(datum.place.0, datum.place.1, |k, b| terms.push((k, b)));
            for &(a, x) in &terms {
                for &(b, y) in &terms {
                    matrix[(a, b)] += datum.weight * x * y;
                }
                for (right, value) in right.iter_mut().zip(datum.values) {
                    right[a] += datum.weight * x * value;
                }
            }
        }
        Self { matrix, right }
    }

    /// Minimises Σ w (d − Bc)² + λ cᵀPc; `None` when the points do not hold the functions.
    pub(super) fn coefficients(&self, penalty: &DMatrix<f64>, lambda: f64) -> Option<[Vec<f64>; 2]> {
        let factor = self.factor(penalty, lambda)?;
        Some([0, 1].map(|k| factor.solve(&self.right[k]).as_slice().to_vec()))
    }

    /// [`Normal::coefficients`] and the inverse of the matrix.
    pub(super) fn fit(&self, penalty: &DMatrix<f64>, lambda: f64) -> Option<Fit> {
        let factor = self.factor(penalty, lambda)?;
        let coefficients = [0, 1].map(|k| factor.solve(&self.right[k]).as_slice().to_vec());
        Some(Fit { coefficients, inverse: factor.inverse() })
    }

    fn factor(&self, penalty: &DMatrix<f64>, lambda: f64) -> Option<nalgebra::Cholesky<f64, nalgebra::Dyn>> {
        // Functions far from every point are held by the penalty alone; a trace of ridge keeps the factor finite.
        let ridge = 1e-9 * self.matrix.trace() / self.matrix.nrows() as f64;
        let mut matrix = &self.matrix + penalty * lambda;
        for i in 0..matrix.nrows() {
            matrix[(i, i)] += ridge;
        }
        matrix.cholesky()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_kept_whatever_the_penalty() {
        let basis = Basis::spline(Window { row: 0, col: 0, height: 500, width: 700 }, 400);
        let plane = |r: f64, c: f64| 0.3 + 0.002 * r - 0.001 * c;
        let data: Vec<Datum> = (0..400)
            .map(|i| (f64::from(i) * 0.618_034 % 1.0 * 500.0, f64::from(i) * 0.754_878 % 1.0 * 700.0))
            .map(|place| Datum { place, values: [plane(place.0, place.1), 1.0], weight: 1.0 })
            .collect();
        let normal = Normal::new(&basis, &data);
        for lambda in [1e-3, 1.0, 1e6] {
            let c = normal.coefficients(&basis.penalty(), lambda).unwrap();
            for (r, col) in [(0.0, 0.0), (250.0, 350.0), (499.0, 699.0)] {
                assert!((basis.value(&c[0], r, col) - plane(r, col)).abs() < 1e-4, "{lambda}");
                assert!((basis.value(&c[1], r, col) - 1.0).abs() < 1e-4, "{lambda}");
            }
        }
    }
}

//! From map coordinates of one CRS to pixel coordinates of a scene that may be in another.
//!
//! Projections are exact but slow and live in `io`; a [`Lattice`] holds them at regular nodes and
//! interpolates bilinearly between. Over the few kilometres between nodes two conformal
//! projections differ from bilinear by far less than a hundredth of a pixel (tested in `io`).

use super::Affine;

/// Continuous pixel coordinates of a scene from map coordinates of the working CRS.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapping {
    /// The scene is in the working CRS.
    Affine(Affine),
    /// The scene is in another CRS; its map coordinates are interpolated, then its affine applies.
    Lattice(Lattice, Affine),
}

impl Mapping {
    /// Continuous `(row, col)` of the scene at the working map point `(x, y)`; NaN outside a lattice.
    #[must_use]
    pub fn row_col(&self, x: f64, y: f64) -> (f64, f64) {
        match self {
            Self::Affine(affine) => affine.row_col(x, y),
            Self::Lattice(lattice, affine) => {
                let (x, y) = lattice.at(x, y);
                affine.row_col(x, y)
            }
        }
    }
}

/// Map coordinates of another CRS at regular nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    /// First node in the working CRS.
    pub origin: (f64, f64),
    /// Node spacing in the working CRS, > 0.
    pub spacing: f64,
    /// Nodes in x and in y, each ≥ 2.
    pub counts: (usize, usize),
    /// Coordinates in the other CRS, x fastest; `counts.0 * counts.1` long.
    pub nodes: Vec<(f64, f64)>,
}

impl Lattice {
    /// Bilinear interpolation; NaN outside.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (u, v) = ((x - self.origin.0) / self.spacing, (y - self.origin.1) / self.spacing);
        let (nx, ny) = self.counts;
        if !(u >= 0.0 && v >= 0.0 && u <= (nx - 1) as f64 && v <= (ny - 1) as f64) {
            return (f64::NAN, f64::NAN);
        }
        let (i, j) = ((u as usize).min(nx - 2), (v as usize).min(ny - 2));
        let (fu, fv) = (u - i as f64, v - j as f64);
        let node = |di: usize, dj: usize| self.nodes[(j + dj) * nx + i + di];
        let mix = |pick: fn((f64, f64)) -> f64| {
            let bottom = pick(node(0, 0)) * (1.0 - fu) + pick(node(1, 0)) * fu;
            let top = pick(node(0, 1)) * (1.0 - fu) + pick(node(1, 1)) * fu;
            bottom * (1.0 - fv) + top * fv
        };
        (mix(|p| p.0), mix(|p| p.1))
    }
}

//! Random fields that are functions of place: the same seed and point give the same number.
//!
//! Value noise: Perlin's fractal sum of smoothed lattice values; cells: Worley 1996, 10.1145/237170.237267.

/// A uniform number 0…1 for a lattice point (`SplitMix64` finaliser over mixed coordinates).
pub(super) fn uniform(seed: u64, i: i64, j: i64) -> f64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((i as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add((j as u64).wrapping_mul(0xaef1_7502_108e_f2d9));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// The largest whole number that is not above `v`; several times faster than the call of `floor`.
fn below(v: f64) -> i64 {
    let cut = v as i64;
    cut - i64::from(cut as f64 > v)
}

/// Smooth noise of mean 0 and about unit standard deviation, correlated over `scale_m`.
pub(super) fn value(seed: u64, (x, y): (f64, f64), scale_m: f64) -> f64 {
    let (u, v) = (x / scale_m, y / scale_m);
    let (i, j) = (below(u), below(v));
    let smooth = |f: f64| f * f * (3.0 - 2.0 * f);
    let (fu, fv) = (smooth(u - i as f64), smooth(v - j as f64));
    let at = |di: i64, dj: i64| uniform(seed, i + di, j + dj);
    let low = at(0, 0) * (1.0 - fu) + at(1, 0) * fu;
    let high = at(0, 1) * (1.0 - fu) + at(1, 1) * fu;
    // A uniform number has σ = 1/√12; bilinear smoothing keeps 0.74 of it on average.
    (low * (1.0 - fv) + high * fv - 0.5) * 4.68
}

/// `octaves` layers of value noise, each of half the scale and half the strength; unit standard deviation.
pub(super) fn fractal(seed: u64, xy: (f64, f64), scale_m: f64, octaves: u32) -> f64 {
    let (mut sum, mut power, mut weight) = (0.0, 0.0, 1.0);
    for k in 0..octaves {
        let layer = seed.wrapping_add(u64::from(k).wrapping_mul(7919));
        sum += weight * value(layer, xy, scale_m * weight);
        power += weight * weight;
        weight /= 2.0;
    }
    sum / power.max(1e-9).sqrt()
}

/// Which cell of a jittered lattice a point lies in.
pub(super) struct Cell {
    /// Lattice place of the cell: its name.
    pub(super) key: (i64, i64),
    /// How much farther the second nearest centre is than the nearest, metres: 0 on the border.
    pub(super) border_m: f64,
}

/// The Voronoi cell of a point among centres jittered in squares of `side_m`.
pub(super) fn cell(seed: u64, (x, y): (f64, f64), side_m: f64) -> Cell {
    let (i0, j0) = (below(x / side_m), below(y / side_m));
    let (mut nearest, mut second, mut key) = (f64::INFINITY, f64::INFINITY, (i0, j0));
    for i in i0 - 1..=i0 + 1 {
        for j in j0 - 1..=j0 + 1 {
            let cx = (i as f64 + uniform(seed, i, j)) * side_m;
            let cy = (j as f64 + uniform(seed ^ 0x5555, i, j)) * side_m;
            let d = (cx - x).hypot(cy - y);
            if d < nearest {
                (second, nearest, key) = (nearest, d, (i, j));
            } else if d < second {
                second = d;
            }
        }
    }
    Cell { key, border_m: second - nearest }
}

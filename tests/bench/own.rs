//! What trials share that put trains into pixels independently of `railwatch::simulate`: random numbers and
//! cargoes.

/// Splitmix64, so that a trial is the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Names, and reflectance in B02, B03, B04, B08, of seven cargoes. Not those of `railwatch::scene::Cargo`, of which the detector
/// is told.
pub(crate) const CARGOS: [(&str, [f64; 4]); 7] = [
    ("coal", [0.040, 0.040, 0.045, 0.050]),
    ("rust", [0.060, 0.080, 0.150, 0.220]),
    ("grey box", [0.200, 0.210, 0.220, 0.240]),
    ("white", [0.420, 0.430, 0.440, 0.450]),
    ("blue", [0.220, 0.160, 0.100, 0.220]),
    ("green", [0.070, 0.130, 0.090, 0.300]),
    ("tank", [0.300, 0.310, 0.320, 0.330]),
];

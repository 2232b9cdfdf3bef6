//! Reflectances of the simulated land, in the four 10 m bands of Sentinel-2; those of trains stand in [`crate::scene::Cargo`].
//!
//! The numbers are rounded from the ranges of public spectral libraries (ECOSTRESS, formerly ASTER: Meerdink
//! et al. 2019, 10.1016/j.rse.2019.05.015; USGS splib07: Kokaly et al. 2017, 10.3133/ds1035). They are bulk values of weathered
//! surfaces seen from above with shaded gaps, hence below laboratory values: that reduction is an assumption.

use crate::scene::Spectrum;

/// Leafless oak and some pine in late autumn.
pub(super) const FOREST: Spectrum = [0.032, 0.046, 0.050, 0.150];
/// What lies on fields in late autumn: stubble, bare soil, winter cereal, wet paddy, fallow grass.
pub(super) const FIELDS: [Spectrum; 5] = [
    [0.070, 0.095, 0.130, 0.220],
    [0.080, 0.105, 0.140, 0.190],
    [0.042, 0.072, 0.060, 0.290],
    [0.058, 0.076, 0.098, 0.150],
    [0.060, 0.085, 0.110, 0.205],
];
/// Turbid river water.
pub(super) const WATER: Spectrum = [0.058, 0.068, 0.060, 0.028];
/// Sand bars at the water's edge.
pub(super) const SAND: Spectrum = [0.130, 0.160, 0.195, 0.240];
/// Worn asphalt and gravel roads.
pub(super) const ROAD: Spectrum = [0.100, 0.112, 0.125, 0.150];
/// Yards and gardens between houses.
pub(super) const VILLAGE: Spectrum = [0.085, 0.105, 0.130, 0.190];
/// Roofs: tile grey, rust red, blue sheet, pale slate.
pub(super) const ROOFS: [Spectrum; 4] = [
    [0.150, 0.158, 0.165, 0.180],
    [0.075, 0.095, 0.170, 0.220],
    [0.230, 0.190, 0.120, 0.240],
    [0.300, 0.310, 0.320, 0.330],
];

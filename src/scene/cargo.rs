//! What cargoes and the ballast below them reflect in the four 10 m bands of Sentinel-2: the one table of both the
//! simulator and the detection limits.
//!
//! The numbers are rounded from the ranges of public spectral libraries (ECOSTRESS, formerly ASTER: Meerdink
//! et al. 2019, 10.1016/j.rse.2019.05.015; USGS splib07: Kokaly et al. 2017, 10.3133/ds1035). They are bulk values of weathered
//! surfaces seen from above with shaded gaps, hence below laboratory values: that reduction is an assumption.

use serde::{Deserialize, Serialize};

/// Reflectance in B02, B03, B04, B08.
pub type Spectrum = [f64; 4];

/// A 10 m band of Sentinel-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpectralBand {
    /// Blue, 490 nm.
    B02,
    /// Green, 560 nm.
    B03,
    /// Red, 665 nm.
    B04,
    /// Near infrared, 842 nm.
    B08,
}

impl SpectralBand {
    /// All four, in the order of [`Spectrum`].
    pub const ALL: [Self; 4] = [Self::B02, Self::B03, Self::B04, Self::B08];

    /// Place in a [`Spectrum`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its Sentinel-2 name.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["B02", "B03", "B04", "B08"][self.index()]
    }

    /// The band by its Sentinel-2 name, `None` for other bands.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "B02" | "B2" => Some(Self::B02),
            "B03" | "B3" => Some(Self::B03),
            "B04" | "B4" => Some(Self::B04),
            "B08" | "B8" => Some(Self::B08),
            _ => None,
        }
    }
}

/// What a train is loaded with or looks like from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cargo {
    /// Open wagons of coal.
    Coal,
    /// Rusted empty gondolas, ore, scrap.
    Rust,
    /// Grey covered wagons and containers.
    GreyBox,
    /// White containers or refrigerated wagons.
    White,
    /// Blue tarpaulin.
    BlueTarpaulin,
    /// Green tarpaulin.
    GreenTarpaulin,
    /// Tank wagons, unpainted or light grey.
    Tank,
    /// Each wagon another of the above.
    Mixed,
}

impl Cargo {
    /// Every cargo.
    pub const ALL: [Self; 8] = [
        Self::Coal,
        Self::Rust,
        Self::GreyBox,
        Self::White,
        Self::BlueTarpaulin,
        Self::GreenTarpaulin,
        Self::Tank,
        Self::Mixed,
    ];

    /// Reflectance; for `Mixed` that of a grey box (its wagons are drawn from the others).
    #[must_use]
    pub fn reflectance(self) -> Spectrum {
        match self {
            // Libraries: anthracite and bituminous coal 0.03–0.07, flat.
            Self::Coal => [0.045, 0.047, 0.050, 0.060],
            // Libraries: goethite and haematite coatings, rusted steel: 0.04 in blue rising to 0.2–0.3 near 800 nm.
            Self::Rust => [0.060, 0.085, 0.150, 0.210],
            // Assumption: weathered light grey paint, flat (libraries: galvanised metal and grey paint 0.2–0.4).
            Self::GreyBox => [0.230, 0.240, 0.250, 0.260],
            // Libraries: white paint on metal 0.6–0.8; reduced by dirt and gaps.
            Self::White => [0.460, 0.470, 0.470, 0.460],
            // Assumption after polyethylene sheet with phthalocyanine blue: peak in blue, low red, high near infrared.
            Self::BlueTarpaulin => [0.290, 0.200, 0.090, 0.350],
            // Assumption after dark green polyvinyl sheet: peak in green, high near infrared.
            Self::GreenTarpaulin => [0.070, 0.115, 0.075, 0.230],
            // Assumption: aluminium and grey paint on a cylinder, part of it shaded.
            Self::Tank => [0.330, 0.335, 0.340, 0.340],
            Self::Mixed => Self::GreyBox.reflectance(),
        }
    }

    /// Reflectance less that of the ballast that a wagon hides.
    #[must_use]
    pub fn contrast(self) -> Spectrum {
        let own = self.reflectance();
        std::array::from_fn(|b| own[b] - BALLAST[b])
    }

    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Coal => "coal",
            Self::Rust => "rust",
            Self::GreyBox => "grey box",
            Self::White => "white",
            Self::BlueTarpaulin => "blue tarpaulin",
            Self::GreenTarpaulin => "green tarpaulin",
            Self::Tank => "tank",
            Self::Mixed => "mixed",
        }
    }
}

/// Crushed stone with brake dust (libraries: basalt and granite gravel 0.1–0.2, rising slowly).
pub const BALLAST: Spectrum = [0.105, 0.120, 0.130, 0.150];

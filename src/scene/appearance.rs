//! How a thing looks against the ground that it covers, by its contrast band by band.
//!
//! The angle between the contrast and an equal change of all bands distinguishes grey from colour: within 45°, where the part that all
//! bands share is larger than what they differ by, the thing is bright or dark. No contrast at all is bright.

use serde::{Deserialize, Serialize};

/// How a thing looks against the ground that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// Brighter, all bands together.
    Bright,
    /// Darker, all bands together.
    Dark,
    /// The bands differ more from each other than all from the ground.
    Coloured,
}

impl Appearance {
    /// The appearance of a contrast, one value a band, of the thing less the ground.
    #[must_use]
    pub fn of(contrast: &[f64]) -> Self {
        let count = contrast.len().max(1) as f64;
        let grey = contrast.iter().sum::<f64>() / count;
        let colour = (contrast.iter().map(|v| (v - grey).powi(2)).sum::<f64>() / count).sqrt();
        if colour > grey.abs() {
            Self::Coloured
        } else if grey >= 0.0 {
            Self::Bright
        } else {
            Self::Dark
        }
    }

    /// Its word in files and figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bright => "bright",
            Self::Dark => "dark",
            Self::Coloured => "coloured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_told_from_colour_at_any_scale_and_signs_turn_bright_to_dark() {
        for scale in [1e-3, 1.0, 30.0] {
            let of = |contrast: [f64; 4]| Appearance::of(&contrast.map(|c| c * scale));
            assert_eq!(of([0.1, 0.1, 0.12, 0.08]), Appearance::Bright);
            assert_eq!(of([-0.1, -0.1, -0.12, -0.08]), Appearance::Dark);
            assert_eq!(of([0.1, -0.1, 0.05, -0.04]), Appearance::Coloured);
        }
        for appearance in [Appearance::Bright, Appearance::Dark, Appearance::Coloured] {
            assert_eq!(serde_json::json!(appearance), appearance.word());
        }
    }
}

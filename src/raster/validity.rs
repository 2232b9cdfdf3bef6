//! Why a pixel is not to be used: one bit a reason, none = valid.

bitflags::bitflags! {
    /// Reasons against a pixel; empty means valid.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Validity: u8 {
        /// Outside the scene, the tagged no-data value, NaN, or an untagged swath edge.
        const NO_DATA = 1;
        /// At the top of the sensor's range.
        const SATURATED = 1 << 1;
        /// Cloud or cirrus, by the product's classification or by railwatch's own test (`mask`), grown on all sides.
        const CLOUD = 1 << 2;
        /// Cloud shadow.
        const SHADOW = 1 << 3;
        /// Snow or ice.
        const SNOW = 1 << 4;
        /// Water: carries no tie points.
        const WATER = 1 << 5;
        /// The interpolation kernel touches an unusable pixel.
        const EDGE = 1 << 6;
        /// Water on what is land in the scene that this one is compared with (`mask`), grown on all sides.
        const FLOOD = 1 << 7;
    }
}

impl Validity {
    /// Whether the ground itself can be seen: water and snow are ground here, clouds and floods are not.
    #[must_use]
    pub fn shows_ground(self) -> bool {
        self.difference(Self::WATER | Self::SNOW).is_empty()
    }
}

//! Number types of rasters: their ranges, and which numbers mean that nothing was recorded or that it was too bright.

use gdal::raster::{GdalDataType, RasterBand};

/// The least number of 16 bits, and the usual mark of grids of text: both are written for no data without a tag.
const COMMON_NO_DATA: [f64; 2] = [-32_768.0, -9999.0];

/// Whether a number is one that means no data in files without a tag, or not even a number; nothing measured is so low.
pub(super) fn is_common_no_data(v: f64) -> bool {
    let [lowest, exactly] = COMMON_NO_DATA;
    !v.is_finite() || v <= lowest || (v - exactly).abs() == 0.0
}

/// Types that stored numbers are handled in; others are read and written as [`Kind::Float32`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0…255.
    UInt8,
    /// 0…65 535.
    UInt16,
    /// −32 768…32 767.
    Int16,
    /// 32-bit floating point.
    Float32,
}

impl Kind {
    /// The type of a band.
    pub(super) fn of(band: &RasterBand<'_>) -> Self {
        match band.band_type() {
            GdalDataType::UInt8 => Self::UInt8,
            GdalDataType::UInt16 => Self::UInt16,
            GdalDataType::Int16 => Self::Int16,
            _ => Self::Float32,
        }
    }

    /// GDAL's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UInt8 => "Byte",
            Self::UInt16 => "UInt16",
            Self::Int16 => "Int16",
            Self::Float32 => "Float32",
        }
    }

    /// The no-data value of bands that name none.
    pub(super) fn usual_no_data(self) -> f64 {
        match self {
            Self::UInt8 | Self::UInt16 => 0.0,
            Self::Int16 => COMMON_NO_DATA[0],
            Self::Float32 => f64::NAN,
        }
    }

    /// Least and greatest number; `None` for floating point.
    pub(super) fn range(self) -> Option<(f64, f64)> {
        match self {
            Self::UInt8 => Some((0.0, 255.0)),
            Self::UInt16 => Some((0.0, 65_535.0)),
            Self::Int16 => Some((-32_768.0, 32_767.0)),
            Self::Float32 => None,
        }
    }

    /// Whether a number is the greatest of the type, which means saturated.
    pub(super) fn is_top(self, v: f32) -> bool {
        self.range().is_some_and(|(_, top)| f64::from(v) >= top)
    }

    /// Whether a number, in all bands of a pixel, shows nothing: the top of 16 bits. White of 8 bits may be a cloud.
    pub(super) fn is_filled(self, v: f32) -> bool {
        self != Self::UInt8 && self.is_top(v)
    }
}

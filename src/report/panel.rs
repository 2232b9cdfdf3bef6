//! Pixels of a scene as a picture: true colour or grey, stretched, masked pixels faded.

use super::{Error, PanelCard};
use crate::grid::Affine;
use crate::raster::{Raster, Validity};
use crate::stats::quantile;
use image::{ImageFormat, Rgba, RgbaImage};
use ndarray::{ArrayView2, ArrayView3};
use std::io::Cursor;

/// Opacity of a pixel that is masked but was recorded (cloud, shadow): the hatching shows through.
const MASKED_ALPHA: u8 = 120;
/// Pixels looked at for the stretch, at most.
const STRETCH_SAMPLE: usize = 200_000;

/// One date as a picture with its place and caption data.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Pixels; alpha 0 where there is no data, half where masked.
    pub image: RgbaImage,
    /// Where and when.
    pub card: PanelCard,
}

/// What a panel is made from.
#[derive(Debug, Clone)]
pub struct PanelSource<'a> {
    /// Values, validity and grid.
    pub raster: &'a Raster,
    /// Name of each band of the raster.
    pub band_names: &'a [String],
    /// Scene, time, corners; its geotransform and CRS name are taken from the raster.
    pub card: PanelCard,
}

/// Black and white points of red, green and blue, in the units of the values (dB for radar).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch([[f64; 2]; 3]);

/// Both dates, each at the stretch of the ground that both show.
///
/// A stretch a date takes out what haze and the height of the sun do to the whole picture; what changed against
/// its surroundings still looks changed.
///
/// # Errors
/// [`Error::Panel`] when a raster has no pixels or no bands.
pub fn pair(before: PanelSource<'_>, after: PanelSource<'_>) -> Result<(Panel, Panel), Error> {
    let (of_before, of_after) = rayon::join(|| Stretch::of(&before, &after), || Stretch::of(&after, &before));
    let (before, after) = rayon::join(|| make(before, of_before), || make(after, of_after));
    Ok((before?, after?))
}

fn make(source: PanelSource<'_>, stretch: Stretch) -> Result<Panel, Error> {
    let PanelSource { raster, band_names, mut card } = source;
    if raster.values.is_empty() {
        return Err(Error::Panel { scene_id: card.scene_id, reason: "it has no pixels".into() });
    }
    card.geotransform = raster.grid.affine.to_gdal();
    card.crs_name = raster.grid.crs.name();
    let image = from_bands(&raster.values.view(), band_names, &raster.validity.view(), stretch);
    Ok(Panel { image, card })
}

/// Values `(band, row, col)` and validity `(row, col)` as a picture: B04/B03/B02 where all three are there,
/// else the first band in grey.
fn from_bands(
    values: &ArrayView3<'_, f32>,
    band_names: &[String],
    validity: &ArrayView2<'_, Validity>,
    stretch: Stretch,
) -> RgbaImage {
    let bands = channels(band_names);
    let shown = bands.map(|band| shown(band_names.get(band)));
    let (_, rows, cols) = values.dim();
    RgbaImage::from_fn(cols as u32, rows as u32, |col, row| {
        let at = (row as usize, col as usize);
        let flags = validity[at];
        let level = |k: usize| {
            let (band, [low, high]) = (bands[k], stretch.0[k]);
            let v = shown[k](values[(band, at.0, at.1)]);
            (tone(((v - low) / (high - low)).clamp(0.0, 1.0)) * 255.0).round() as u8
        };
        let alpha = if flags.intersects(Validity::NO_DATA) {
            0
        } else if flags.difference(Validity::EDGE | Validity::SATURATED).shows_ground() {
            255
        } else {
            MASKED_ALPHA
        };
        Rgba([level(0), level(1), level(2), alpha])
    })
}

/// The tone curve v^¾: lifts the shadows, where rails and ballast lie.
fn tone(v: f64) -> f64 {
    let root = v.sqrt();
    root * root.sqrt()
}

impl Stretch {
    /// The 2 and 98 % points over the pixels of `source` that are valid in both; over all its pixels where none is.
    fn of(source: &PanelSource<'_>, other: &PanelSource<'_>) -> Self {
        Self([0, 1, 2].map(|channel| {
            let (flags, others) = (&source.raster.validity, &other.raster.validity);
            let same = flags.dim() == others.dim();
            let seen = |at: (usize, usize)| flags[at].is_empty() && (!same || others[at].is_empty());
            let mut sample = sample(source, channel, seen);
            if sample.len() < 16 {
                sample = self::sample(source, channel, |at| !flags[at].intersects(Validity::NO_DATA));
            }
            let (low, high) = (quantile(&mut sample, 0.02), quantile(&mut sample, 0.98));
            if high > low {
                [low, high]
            } else if low.is_finite() {
                [low - 0.5, low + 0.5]
            } else {
                [0.0, 1.0]
            }
        }))
    }
}

/// Some values of a channel at the pixels that count.
fn sample(source: &PanelSource<'_>, channel: usize, counts: impl Fn((usize, usize)) -> bool) -> Vec<f64> {
    if source.raster.values.is_empty() {
        return Vec::new();
    }
    let band = channels(source.band_names)[channel];
    let values = source.raster.values.index_axis(ndarray::Axis(0), band);
    let step = values.len().div_ceil(STRETCH_SAMPLE).max(1);
    let pixels = values.indexed_iter().step_by(step).filter(|(at, _)| counts(*at));
    let shown = shown(source.band_names.get(band));
    pixels.map(|(_, &v)| shown(v)).filter(|v| v.is_finite()).collect()
}

/// How values of a band are looked at: radar power in decibels, reflectance as it is.
fn shown(band_name: Option<&String>) -> fn(f32) -> f64 {
    let is_polarisation = |n: &String| ["VV", "VH", "HH", "HV"].iter().any(|p| n.eq_ignore_ascii_case(p));
    if band_name.is_some_and(is_polarisation) {
        |power| crate::units::power_to_db(f64::from(power))
    } else {
        f64::from
    }
}

/// Band index of red, green and blue.
fn channels(band_names: &[String]) -> [usize; 3] {
    let find =
        |names: [&str; 2]| band_names.iter().position(|b| names.iter().any(|n| b.eq_ignore_ascii_case(n)));
    match (find(["B04", "red"]), find(["B03", "green"]), find(["B02", "blue"])) {
        (Some(r), Some(g), Some(b)) => [r, g, b],
        _ => [0; 3],
    }
}

impl Panel {
    /// The picture as PNG bytes.
    ///
    /// # Errors
    /// [`Error::Png`] when the encoder fails.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        png(&self.image)
    }

    /// A panel from the bytes that [`Panel::to_png`] made and its card.
    ///
    /// # Errors
    /// [`Error::Png`] when the bytes are not a picture.
    pub fn from_png(bytes: &[u8], card: PanelCard) -> Result<Self, Error> {
        let image = image::load_from_memory_with_format(bytes, ImageFormat::Png)?.into_rgba8();
        Ok(Self { image, card })
    }

    /// The pixel to map transform.
    ///
    /// # Errors
    /// [`Error::Panel`] when the geotransform has no inverse or there are no pixels.
    pub(super) fn affine(&self) -> Result<Affine, Error> {
        let fail = |reason: String| Error::Panel { scene_id: self.card.scene_id.clone(), reason };
        if self.image.width() == 0 || self.image.height() == 0 {
            return Err(fail("it has no pixels".into()));
        }
        Affine::from_gdal(self.card.geotransform).map_err(|e| fail(e.to_string()))
    }
}

/// Longest side of a picture that the HTML page holds whole and at full resolution, px.
pub(super) const WHOLE_PX: u32 = 2400;

/// Whether the page's own picture of a panel is fine enough for the figures too.
pub(super) fn is_shared(panel: &Panel) -> bool {
    panel.image.width().max(panel.image.height()) <= WHOLE_PX
}

/// PNG bytes of a picture.
pub(super) fn png(image: &RgbaImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

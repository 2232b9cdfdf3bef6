//! What a Sentinel-1 product's annotation and manifest state about one image.
//!
//! Reference: Sentinel-1 Product Specification, issue 3.9, ESA 2021, chapter 6.

use super::super::xml::{Met, visit};
use super::super::{Error, names};
use crate::scene::{ControlPoint, Pass};
use jiff::Timestamp;

/// One polarisation's annotation.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Image {
    pub(super) platform: Option<String>,
    pub(super) product: String,
    pub(super) polarisation: String,
    pub(super) mode: Option<String>,
    pub(super) start: Option<Timestamp>,
    pub(super) absolute_orbit: Option<u32>,
    pub(super) pass: Option<Pass>,
    /// Rows and columns.
    pub(super) shape: (usize, usize),
    /// Spacing in azimuth and range, metres.
    pub(super) spacing_m: (f64, f64),
    pub(super) points: Vec<ControlPoint>,
}

/// Reads the annotation of one image.
pub(super) fn image(path: &str) -> Result<Image, Error> {
    let mut found = Image::default();
    let mut point: Option<ControlPoint> = None;
    let mut header = false;
    visit(path, |met| match met {
        Met::Start("adsHeader") => header = true,
        Met::End("adsHeader") => header = false,
        Met::Start("geolocationGridPoint") => {
            point = Some(ControlPoint {
                row: f64::NAN,
                col: f64::NAN,
                lon_deg: f64::NAN,
                lat_deg: f64::NAN,
                height_m: 0.0,
                incidence_deg: None,
            });
        }
        Met::End("geolocationGridPoint") => {
            found.points.extend(point.take().filter(|p| (p.row + p.col + p.lon_deg + p.lat_deg).is_finite()));
        }
        Met::Text(element, text) => match (&mut point, header) {
            (Some(point), _) => grid_point(point, element, text),
            (None, true) => found.header(element, text),
            (None, false) => found.body(element, text),
        },
        _ => {}
    })?;
    let wrong = |what: &str| {
        let reason = format!("the annotation has no {what}; fetch the product again");
        Err(Error::Metadata { path: path.to_owned(), reason })
    };
    match () {
        () if found.polarisation.is_empty() => wrong("polarisation"),
        () if found.shape.0 == 0 || found.shape.1 == 0 => wrong("image size"),
        () if found.points.len() < 4 => wrong("geolocation grid"),
        () => Ok(found),
    }
}

fn grid_point(point: &mut ControlPoint, element: &str, text: &str) {
    let value = text.parse().unwrap_or(f64::NAN);
    match element {
        "line" => point.row = value,
        "pixel" => point.col = value,
        "latitude" => point.lat_deg = value,
        "longitude" => point.lon_deg = value,
        "height" => point.height_m = value,
        "incidenceAngle" => point.incidence_deg = Some(value).filter(|v| v.is_finite()),
        _ => {}
    }
}

impl Image {
    fn header(&mut self, element: &str, text: &str) {
        match element {
            "missionId" => self.platform = names::platform_of(text),
            "productType" => text.clone_into(&mut self.product),
            "polarisation" => self.polarisation = text.to_ascii_uppercase(),
            "mode" => self.mode = Some(text.to_owned()),
            "startTime" => self.start = time_of(text),
            "absoluteOrbitNumber" => self.absolute_orbit = text.parse().ok(),
            _ => {}
        }
    }

    fn body(&mut self, element: &str, text: &str) {
        let number = || text.parse::<f64>().unwrap_or(f64::NAN);
        match element {
            "pass" => self.pass = pass_of(text),
            "numberOfLines" => self.shape.0 = text.parse().unwrap_or(0),
            "numberOfSamples" => self.shape.1 = text.parse().unwrap_or(0),
            "azimuthPixelSpacing" => self.spacing_m.0 = number(),
            "rangePixelSpacing" => self.spacing_m.1 = number(),
            _ => {}
        }
    }
}

/// The relative orbit of a manifest; `None` where it does not state it.
pub(super) fn relative_orbit_of_manifest(path: &str) -> Option<u16> {
    let mut orbit = None;
    let read = visit(path, |met| {
        if let Met::Text("relativeOrbitNumber", text) = met {
            orbit = orbit.or_else(|| text.parse().ok());
        }
    });
    read.ok().and(orbit)
}

/// A direction by its word or its usual abbreviation.
pub(super) fn pass_of(word: &str) -> Option<Pass> {
    match word.to_ascii_lowercase().as_str() {
        "ascending" | "asc" => Some(Pass::Ascending),
        "descending" | "desc" | "dsc" => Some(Pass::Descending),
        _ => None,
    }
}

/// Times of the annotation are UTC without saying so.
fn time_of(text: &str) -> Option<Timestamp> {
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

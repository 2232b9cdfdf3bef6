//! Images in ground range made a scene: bands picked, one geometry, the map grid around it.

use super::super::Error;
use super::super::options::SceneOptions;
use super::dem;
use super::geocode::Geolocation;
use super::stated::Stated;
use super::{POLARISATIONS, radar};
use crate::scene::{Annotation, Backscatter, Band, BandName, GroundRange, Scaling, Scene, Source, Storage};

/// A product's images before they are laid on the map.
pub(super) struct Product {
    pub(super) id: String,
    pub(super) datetime: Option<jiff::Timestamp>,
    pub(super) stated: Stated,
    /// Side of a pixel, metres; 0 where nothing states it.
    pub(super) spacing_m: f64,
    /// Polarisation, pixels and geometry of each image.
    pub(super) images: Vec<(String, Source, GroundRange)>,
}

/// The scene of a product's images: bands picked, one geometry, the map grid around it.
pub(super) fn laid_out(spec: &str, mut product: Product, options: &SceneOptions) -> Result<Scene, Error> {
    let rank = |name: &str| POLARISATIONS.iter().position(|p| *p == name).unwrap_or(POLARISATIONS.len());
    product.images.sort_by_key(|(name, ..)| rank(name));
    if let Some(asked) = options.asked_bands() {
        let there = product.images.iter().map(|i| i.0.clone()).collect::<Vec<_>>().join(", ");
        let mut picked = Vec::new();
        for name in asked {
            let at = product.images.iter().position(|(n, ..)| *n == name).ok_or_else(|| {
                Error::bands(spec, format!("the product has no polarisation {name}; it has: {there}"))
            })?;
            picked.push(product.images.remove(at));
        }
        product.images = picked;
    }
    let annotations: Vec<Annotation> =
        product.images.iter().map(|(.., g)| g.annotations.first().cloned().unwrap_or_default()).collect();
    let Some((_, _, first)) = product.images.first() else {
        return Err(Error::bands(spec, "the product has no images; fetch it again"));
    };
    if let Some((name, source, _)) = product.images.iter().find(|(.., g)| g.shape != first.shape) {
        let reason = format!("the image of {name} is of another size than the others");
        return Err(Error::Mixed { path: source.gdal_path.clone(), reason });
    }
    let calibrated = annotations.iter().filter(|a| a.calibration.is_some()).count();
    let backscatter =
        if calibrated == annotations.len() { Backscatter::Sigma0 } else { Backscatter::Uncalibrated };
    let ground = GroundRange { annotations, dem: options.dem.clone(), ..first.clone() };
    let placed = Geolocation::new(spec, &ground.points, ground.shape, product.spacing_m)?;
    if let Some(model) = &ground.dem {
        placed.check_incidence(spec)?;
        dem::check(model, &placed.grid)?;
    }
    let stated = Stated { pass: product.stated.pass.or(placed.pass), ..product.stated };
    let radiometry = match backscatter {
        Backscatter::Sigma0 if ground.annotations.iter().all(|a| a.noise.is_some()) => {
            "sigma0 by the calibration vectors, thermal noise subtracted"
        }
        Backscatter::Sigma0 => "sigma0 by the calibration vectors; no noise vectors, thermal noise kept",
        _ => "squared digital numbers, no calibration beside the images",
    };
    let bands = product.images.into_iter().map(|(name, source, _)| Band { name: BandName(name), source });
    Ok(Scene {
        id: product.id,
        path: spec.to_owned(),
        datetime: product.datetime,
        platform: stated.platform.clone(),
        bands: bands.collect(),
        classification: None,
        grid: placed.grid.clone(),
        scaling: Scaling {
            offset: 0.0,
            scale: 1.0,
            rule: format!("{radiometry}; {}", placed.words(ground.dem.as_ref())),
        },
        radar: Some(radar(&stated, backscatter, Storage::GroundRange(Box::new(ground)))),
    })
}

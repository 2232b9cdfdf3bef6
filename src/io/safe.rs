//! Sentinel-2 SAFE products, as a folder or zipped: bands, classification and offsets of the XML.
//!
//! Reference: Sentinel-2 Products Specification Document, issue 14.9, ESA 2021.

use super::bands::{FoundBand, assemble, grid_of};
use super::options::{DEFAULT_BANDS, SceneOptions};
use super::{Error, library, names, scaling, sentinel1, xml};
use crate::scene::{REFLECTANCE_SCALE, Scaling, Scene, Source};
use std::path::Path;

/// Largest metadata file that is read, bytes.
const XML_LIMIT: usize = 64 << 20;

/// What the product's XML states.
#[derive(Debug, Default, PartialEq)]
struct Product {
    sensing_start: Option<String>,
    spacecraft: Option<String>,
    baseline: Option<String>,
    uri: Option<String>,
    quantification: Option<f64>,
    offsets: Vec<f64>,
}

/// Whether a folder is, or directly holds, a SAFE product.
pub(super) fn is_product(folder: &str) -> bool {
    let entries =
        |f: &Path| std::fs::read_dir(f).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    let is_named = |p: &Path| p.extension().is_some_and(|e| e == "SAFE");
    is_named(Path::new(folder))
        || entries(Path::new(folder)).any(|p| {
            is_xml(&p.display().to_string())
                || is_named(&p)
                || p.file_name().is_some_and(|n| n == "manifest.safe")
        })
}

/// A product in a zip file that GDAL reaches at `path`.
pub(super) fn open_zip(spec: &str, path: &str, options: &SceneOptions) -> Result<Scene, Error> {
    open_folder(spec, &format!("/vsizip/{path}"), options)
}

fn is_xml(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("MTD_MSIL") && names::has_extension(path, &["xml"])
}

/// A product of either Sentinel in the folder `root`.
pub(super) fn open_folder(spec: &str, root: &str, options: &SceneOptions) -> Result<Scene, Error> {
    let (listed, messages) = library::watched(|| gdal::vsi::read_dir(root, true));
    let listed = listed.map_err(|e| {
        let told = messages.failures.first().cloned();
        let reason = if root.starts_with("/vsizip/") {
            // GDAL has no words for a zip without a directory at its end.
            let told = told.map_or_else(String::new, |told| format!(" ({told})"));
            format!("the zip file is damaged or cut off, or it is no zip file{told}: fetch it again")
        } else {
            told.unwrap_or_else(|| e.to_string())
        };
        Error::open(spec, "SAFE product", reason)
    })?;
    let files: Vec<String> = listed.iter().map(|p| p.display().to_string()).collect();
    if sentinel1::is_product(&files) {
        return sentinel1::open_safe(spec, root, &files, options);
    }
    let xml = files.iter().filter(|f| is_xml(f)).min_by_key(|f| f.matches('/').count()).ok_or_else(|| {
        let reason =
            "it holds no MTD_MSIL1C.xml, MTD_MSIL2A.xml or annotation/s1….xml; Sentinel-1 GRD and Sentinel-2 \
             products are read as SAFE";
        Error::open(spec, "SAFE product", reason)
    })?;
    let xml_path = format!("{root}/{xml}");
    let product = parse(&library::read_bytes(&xml_path, XML_LIMIT)?)
        .map_err(|reason| Error::Metadata { path: xml_path.clone(), reason })?;
    let mut found = Vec::new();
    for name in options.asked_bands().unwrap_or_else(|| DEFAULT_BANDS.map(str::to_owned).to_vec()) {
        let file = image_of(&files, &name).ok_or_else(|| missing(spec, &files, &name))?;
        found.push(found_band(format!("{root}/{file}"), name)?);
    }
    if let Some(file) = image_of(&files, names::SCL) {
        found.push(found_band(format!("{root}/{file}"), names::SCL.to_owned())?);
    }
    let taken = SceneOptions { datetime: options.datetime, ..SceneOptions::default() };
    let (bands, classification, grid) = assemble(spec, found, &taken)?;
    let id = product.uri.as_deref().map_or_else(|| names::stem(spec), names::stem);
    let told = |text: &Option<String>| text.as_deref().and_then(names::datetime_of_text);
    Ok(Scene {
        datetime: options
            .datetime
            .or_else(|| told(&product.sensing_start))
            .or_else(|| names::datetime_of_name(&id)),
        platform: product
            .spacecraft
            .as_deref()
            .and_then(names::platform_of)
            .or_else(|| names::platform_of(&id)),
        scaling: scaling_of(&product, &id, &xml_path),
        id,
        path: spec.to_owned(),
        bands,
        classification,
        grid,
        radar: None,
    })
}

/// The finest image of a band, by file name: `…_B02_10m.jp2`, `…_B02.jp2`.
fn image_of<'a>(files: &'a [String], band: &str) -> Option<&'a String> {
    files
        .iter()
        .filter(|f| f.contains("IMG_DATA") && names::has_extension(f, &["jp2", "tif"]))
        .filter(|f| names::bands_of_stem(&names::stem(f)) == [band])
        .min_by_key(|f| {
            let resolution =
                names::stem(f).rsplit('_').next().and_then(|t| t.trim_end_matches('m').parse().ok());
            (resolution.unwrap_or(10_u32), f.len())
        })
}

fn missing(spec: &str, files: &[String], band: &str) -> Error {
    let images = files.iter().filter(|f| f.contains("IMG_DATA") && names::has_extension(f, &["jp2"])).count();
    Error::bands(
        spec,
        format!("the product has no image of {band} ({images} images in all); fetch the whole product again"),
    )
}

fn found_band(path: String, name: String) -> Result<FoundBand, Error> {
    let grid = grid_of(&library::open_raster(&path)?, &path)?;
    Ok(FoundBand {
        name: Some(name),
        source: Source { gdal_path: path, band_index: 1, alpha_index: None },
        grid,
        is_alpha: false,
    })
}

/// Offset and scale by the XML, else by the baseline in the product's name.
fn scaling_of(product: &Product, id: &str, xml: &str) -> Scaling {
    let file = names::stem(xml);
    let scale = product.quantification.filter(|q| *q > 0.0).map_or(REFLECTANCE_SCALE, |q| 1.0 / q);
    let baseline = product.baseline.as_deref().and_then(|b| b.trim().parse::<f64>().ok());
    let (offset, rule) = if let Some(&offset) = product.offsets.first() {
        (offset, format!("offset {offset} of {file}.xml"))
    } else if let Some(b) = baseline {
        (
            scaling::offset_of_baseline(b),
            format!("processing baseline {b:05.2} of {file}.xml, no offset listed"),
        )
    } else if let Some(b) = names::baseline_of_name(id) {
        (scaling::offset_of_baseline(b), format!("processing baseline {b:05.2} of the product name"))
    } else {
        (0.0, format!("{file}.xml states neither offset nor processing baseline: offset 0"))
    };
    Scaling { offset, scale, rule }
}

/// Collects the few elements that matter; the words of the parser where the XML is broken.
fn parse(document: &[u8]) -> Result<Product, String> {
    let mut product = Product::default();
    // Real products are found whose file lists at the end are cut off; what is needed stands before them.
    xml::walk(document, |met| {
        if let xml::Met::Text(element, text) = met {
            product.take(element, text.to_owned());
        }
    })?;
    Ok(product)
}

impl Product {
    fn take(&mut self, element: &str, text: String) {
        match element {
            "DATATAKE_SENSING_START" => self.sensing_start = Some(text),
            "PRODUCT_START_TIME" if self.sensing_start.is_none() => self.sensing_start = Some(text),
            "SPACECRAFT_NAME" => self.spacecraft = Some(text),
            "PROCESSING_BASELINE" => self.baseline = Some(text),
            "PRODUCT_URI" | "PRODUCT_URI_2A" | "PRODUCT_URI_1C" => {
                self.uri.get_or_insert(text);
            }
            "QUANTIFICATION_VALUE" | "BOA_QUANTIFICATION_VALUE" | "L2A_BOA_QUANTIFICATION_VALUE" => {
                self.quantification = text.parse().ok();
            }
            "BOA_ADD_OFFSET" | "RADIO_ADD_OFFSET" => self.offsets.extend(text.parse::<f64>().ok()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_xml_tells_offset_time_and_platform() {
        let xml = br#"<a:P xmlns:a="x"><PRODUCT_START_TIME>2022-04-13T15:07:59.024Z</PRODUCT_START_TIME>
            <SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME><PROCESSING_BASELINE>04.00</PROCESSING_BASELINE>
            <BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
            <BOA_ADD_OFFSET band_id="0">-1000</BOA_ADD_OFFSET></a:P>"#;
        let product = parse(xml).unwrap();
        let scaling = scaling_of(&product, "x", "MTD_MSIL2A.xml");
        assert!((scaling.offset + 1000.0).abs() < 1e-9 && (scaling.scale - 1e-4).abs() < 1e-12);
        assert_eq!(product.spacecraft.as_deref(), Some("Sentinel-2B"));
        assert!(parse(b"not xml at all").is_err());
        assert!(parse(b"<a><b></a>").is_err());
    }

    #[test]
    fn the_finest_image_of_a_band_is_taken() {
        let files: Vec<String> = ["R20m/T_2_B02_20m.jp2", "R10m/T_2_B02_10m.jp2", "R10m/T_2_TCI_10m.jp2"]
            .iter()
            .map(|f| format!("G/IMG_DATA/{f}"))
            .collect();
        assert!(image_of(&files, "B02").unwrap().ends_with("B02_10m.jp2"));
        assert!(image_of(&files, "B08").is_none());
    }
}

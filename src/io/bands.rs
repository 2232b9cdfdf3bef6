//! The bands of a scene as files have them: named, picked, and on one map.

use super::options::SceneOptions;
use super::{Error, crs, library, names};
use crate::grid::{Affine, Grid, Window};
use crate::scene::{Band, BandName, Source};
use gdal::{Dataset, Metadata};

/// One band as a file has it.
pub(super) struct FoundBand {
    /// Name by description or file name; `None` where nothing states it.
    pub(super) name: Option<String>,
    pub(super) source: Source,
    pub(super) grid: Grid,
    /// Whether it says where the others hold something, and is no image itself.
    pub(super) is_alpha: bool,
}

/// The grid of a raster.
pub(super) fn grid_of(dataset: &Dataset, path: &str) -> Result<Grid, Error> {
    let missing = |reason: String| Error::NotGeoreferenced { path: path.to_owned(), reason };
    let gcps = dataset.gcps().len();
    let (transform, _) = library::watched(|| dataset.geo_transform());
    let transform = transform.ok().ok_or_else(|| {
        missing(if gcps > 0 {
            format!(
                "it has {gcps} ground control points and no affine transform; warp it to a map grid first, for example \
                 with `gdalwarp -t_srs EPSG:32633`"
            )
        } else {
            "it does not say where it lies; give the STAC item or SAFE product that it belongs to, or set its corners \
             with `gdal_translate -a_srs EPSG:32633 -a_ullr …`"
                .to_owned()
        })
    })?;
    let affine = Affine::from_gdal(transform).map_err(|e| missing(e.to_string()))?;
    let reference = dataset.spatial_ref().ok().ok_or_else(|| {
        missing("it has no CRS; set it, for example with `gdal_translate -a_srs EPSG:32633`".to_owned())
    })?;
    let (width, height) = dataset.raster_size();
    Ok(Grid { crs: crs::crs_of(&reference)?, affine, shape: (height, width) })
}

/// The bands of one file. A band without a name whose colour is said to be alpha tells where the others hold something; one
/// that is named after a band is that band, for formats call the fourth of four bands alpha unasked.
pub(super) fn bands_of_file(dataset: &Dataset, path: &str) -> Result<Vec<FoundBand>, Error> {
    let grid = grid_of(dataset, path)?;
    let count = dataset.raster_count();
    let band_at = |band_index: usize| dataset.rasterband(band_index).map_err(|e| Error::read(path, e));
    let described = (1..=count)
        .map(|i| Ok(band_at(i)?.description().ok().and_then(|d| names::band_of_description(&d))))
        .collect::<Result<Vec<_>, Error>>()?;
    let listed = names::bands_of_stem(&names::stem(path));
    let mut alpha_index = None;
    for (i, described) in described.iter().enumerate().skip(1) {
        if described.is_none() && listed.len() != count && library::is_alpha(&band_at(i + 1)?) {
            alpha_index = Some(i + 1);
        }
    }
    // A name may list the image bands alone.
    let images = count - usize::from(alpha_index.is_some());
    let mut listed = Some(listed).filter(|listed| listed.len() == images).into_iter().flatten();
    let found = described.into_iter().enumerate().map(|(i, described)| {
        let is_alpha = alpha_index == Some(i + 1);
        let listed = if is_alpha { None } else { listed.next() };
        let source = Source { gdal_path: path.to_owned(), band_index: i + 1, alpha_index };
        FoundBand { name: described.or(listed), source, grid: grid.clone(), is_alpha }
    });
    Ok(found.collect())
}

/// Names, picks and checks bands: image bands, classification and the finest grid.
pub(super) fn assemble(
    spec: &str,
    found: Vec<FoundBand>,
    options: &SceneOptions,
) -> Result<(Vec<Band>, Option<Source>, Grid), Error> {
    let (named, asked) = name_bands(images(found, options), options);
    let (scl, image): (Vec<_>, Vec<_>) = named.into_iter().partition(|(name, _)| name == names::SCL);
    let image = pick_bands(spec, image, &asked)?;
    let finest = image
        .iter()
        .map(|(_, b)| &b.grid)
        .min_by(|a, b| a.pixel_size().total_cmp(&b.pixel_size()))
        .ok_or_else(|| Error::bands(spec, "no image bands"))?
        .clone();
    for (_, other) in image.iter().chain(&scl) {
        check_fit(&finest, other)?;
    }
    let classification = scl.into_iter().next().map(|(_, b)| b.source);
    let bands = image.into_iter().map(|(name, b)| Band { name: BandName(name), source: b.source }).collect();
    Ok((bands, classification, finest))
}

/// Refuses a band of another CRS, or of other ground than the finest band.
fn check_fit(finest: &Grid, band: &FoundBand) -> Result<(), Error> {
    let mixed = |reason: String| Error::Mixed { path: band.source.gdal_path.clone(), reason };
    if band.grid.crs != finest.crs {
        return Err(mixed(format!("its CRS is {}, not {}", band.grid.crs.name(), finest.crs.name())));
    }
    let window = |c: &[(f64, f64)]| finest.window_around(c.iter().copied(), 0.0);
    let shared = window(&band.grid.corners()).map_or(0, Window::pixel_count);
    if 2 * shared < finest.window().pixel_count() {
        return Err(mixed("it covers less than half of the finest band".to_owned()));
    }
    Ok(())
}

/// Leaves out alpha bands, unless as many names are asked as there are bands and none has a name: then they are what the user says.
fn images(mut found: Vec<FoundBand>, options: &SceneOptions) -> Vec<FoundBand> {
    let asked = options.bands.as_ref().map_or(0, Vec::len);
    if asked == found.len() && found.iter().all(|b| b.name.is_none()) {
        for band in &mut found {
            band.source.alpha_index = None;
        }
    } else {
        found.retain(|b| !b.is_alpha);
    }
    found
}

/// Gives every band a name: its own, else the next of the asked ones where as many were asked as are
/// unnamed, else `band1`, …; then the asked names are used up.
pub(super) fn name_bands(
    found: Vec<FoundBand>,
    options: &SceneOptions,
) -> (Vec<(String, FoundBand)>, Vec<String>) {
    let unnamed = found.iter().filter(|b| b.name.is_none()).count();
    let mut asked = options.asked_bands().unwrap_or_default();
    let fresh = if unnamed > 0 && asked.len() == unnamed { std::mem::take(&mut asked) } else { Vec::new() };
    let mut fresh = fresh.into_iter();
    let named = found
        .into_iter()
        .enumerate()
        .map(|(i, band)| {
            let name = band.name.clone().or_else(|| fresh.next());
            (name.unwrap_or_else(|| format!("band{}", i + 1)), band)
        })
        .collect();
    (named, asked)
}

/// Takes the image bands that were asked for, in the order asked; all where nothing was.
pub(super) fn pick_bands(
    spec: &str,
    mut named: Vec<(String, FoundBand)>,
    asked: &[String],
) -> Result<Vec<(String, FoundBand)>, Error> {
    for i in 1..named.len() {
        if named[..i].iter().any(|(n, _)| *n == named[i].0) {
            return Err(Error::bands(spec, format!("band {} occurs twice; give each band once", named[i].0)));
        }
    }
    if asked.is_empty() {
        return Ok(named);
    }
    let there = named.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
    asked
        .iter()
        .filter(|name| *name != names::SCL)
        .enumerate()
        .map(|(i, name)| {
            let at = named.iter().position(|(n, _)| n == name).ok_or_else(|| {
                let twice = asked[..i].contains(name);
                let why = if twice { "is asked for twice" } else { "is not there" };
                Error::bands(spec, format!("band {name} {why}; choose from: {there}"))
            })?;
            Ok(named.remove(at))
        })
        .collect()
}

//! Two scenes opened, and how the pixels of one lie on the grid of the other.

use super::RegisterRequest;
use crate::grid::{Grid, Mapping, Window};
use crate::io::{self, SceneOptions};
use crate::pipeline::Error;
use crate::pipeline::gridded::bounds;
use crate::pipeline::plan::is_same_scene;
use crate::pipeline::radar::is_ground_range;
use crate::pipeline::stages::SHARPEST_BANDS;
use crate::scene::{BandName, Scene};

/// Scenes to register, checked before a pixel is read.
#[derive(Debug)]
pub(in crate::pipeline) struct Pair {
    pub(in crate::pipeline) reference: Scene,
    pub(in crate::pipeline) moving: Scene,
    /// Pairs of band indices that the shift may be measured on, the most promising first.
    pub(in crate::pipeline) candidates: Vec<(usize, usize)>,
    /// Part of the reference's grid that the moving scene covers, with the largest shift around.
    pub(in crate::pipeline) overlap: Window,
    /// How the moving scene's pixels lie on the reference's grid.
    pub(in crate::pipeline) link: Link,
    /// Side of a reference pixel on the ground, m.
    pub(in crate::pipeline) pixel_m: f64,
}

/// From the reference's grid to pixels of another.
#[derive(Debug, Clone)]
pub(in crate::pipeline) enum Link {
    /// Same CRS and pixels of one size and direction: pixel (0, 0) of the other lies here, px.
    Aligned { first: (f64, f64) },
    /// Any other: sampled through map coordinates by a kernel `scale` times as wide.
    Warped { mapping: Box<Mapping>, scale: f64 },
}

impl Link {
    /// The link from `reference` to `other` for places inside `area` of the reference.
    pub(in crate::pipeline) fn new(reference: &Grid, other: &Grid, area: Window) -> Result<Self, Error> {
        let (a, b) = (reference.affine.to_gdal(), other.affine.to_gdal());
        let size = reference.pixel_size();
        let steps = [1, 2, 4, 5].into_iter().all(|k| (a[k] - b[k]).abs() * 20_000.0 < 1e-3 * size);
        if reference.crs == other.crs && steps {
            let (x, y) = other.xy(0.0, 0.0);
            let (row, col) = reference.row_col(x, y);
            let snap = |v: f64| if (v - v.round()).abs() < 1e-6 { v.round() } else { v };
            return Ok(Self::Aligned { first: (snap(row), snap(col)) });
        }
        let mapping = io::mapping(&reference.crs, other, bounds(&reference.sub_grid(area)))?;
        let at = |r: f64, c: f64| {
            let (x, y) = reference.xy(r, c);
            mapping.row_col(x, y)
        };
        let (r, c) = (area.row as f64 + area.height as f64 / 2.0, area.col as f64 + area.width as f64 / 2.0);
        let (here, down, right) = (at(r, c), at(r + 1.0, c), at(r, c + 1.0));
        let step = |p: (f64, f64)| (p.0 - here.0).hypot(p.1 - here.1);
        // A coarser reference is an average of the other's pixels.
        let scale = (step(down) * step(right)).sqrt().max(1.0);
        Ok(Self::Warped { mapping: Box::new(mapping), scale })
    }
}

impl Pair {
    /// Opens both scenes and checks that one can be measured against the other.
    pub(in crate::pipeline) fn open(request: &RegisterRequest) -> Result<Self, Error> {
        if is_same_scene(&request.reference, &request.moving) {
            return Err(Error::SameScene { path: request.moving.clone() });
        }
        request.coreg.check()?;
        let wanted = (!request.bands.is_empty()).then(|| request.bands.clone());
        let open = |spec: &String| {
            io::open_scene(spec, &SceneOptions { bands: wanted.clone(), ..SceneOptions::default() })
        };
        let (reference, moving) = (open(&request.reference)?, open(&request.moving)?);
        if request.out.is_some() && moving.radar.as_ref().is_some_and(is_ground_range) {
            return Err(Error::GroundRange { scene: moving.id });
        }
        let candidates = candidates(&reference, &moving, request.match_band.as_deref())?;
        let overlap = overlap(&reference, &moving, request.coreg.largest_shift_px)?;
        let link = Link::new(&reference.grid, &moving.grid, overlap)?;
        let pixel_m = io::ground_pixel_m(&reference.grid)?;
        Ok(Self { reference, moving, candidates, overlap, link, pixel_m })
    }

    /// Whether two bands see different things, so that only their edges can be compared. Polarisations of radar do not.
    pub(in crate::pipeline) fn differ(&self, (reference, moving): (usize, usize)) -> bool {
        let name = |scene: &Scene, band: usize| scene.bands.get(band).map(|b| b.name.clone());
        self.reference.radar.is_none() && name(&self.reference, reference) != name(&self.moving, moving)
    }
}

/// Part of the reference that the moving scene's outline covers, with `margin_px` around.
fn overlap(reference: &Scene, moving: &Scene, margin_px: f64) -> Result<Window, Error> {
    const NODES: usize = 16;
    let mut ring: Vec<(f64, f64)> = moving.grid.edge(NODES).collect();
    if reference.grid.crs != moving.grid.crs {
        ring = io::from_wgs84(&reference.grid.crs, &io::to_wgs84(&moving.grid.crs, &ring)?)?;
    }
    reference.grid.window_around(ring, margin_px).ok_or_else(|| Error::NoOverlap {
        first: reference.id.clone(),
        second: moving.id.clone(),
        hint: "take scenes of one place",
    })
}

/// Bands of one name in both scenes, those with the sharpest ground texture first; any pair where none has.
fn candidates(reference: &Scene, moving: &Scene, asked: Option<&str>) -> Result<Vec<(usize, usize)>, Error> {
    let position = |scene: &Scene, name: &BandName| scene.bands.iter().position(|b| b.name == *name);
    let mut common: Vec<(usize, usize)> = reference
        .bands
        .iter()
        .enumerate()
        .filter_map(|(i, band)| Some((i, position(moving, &band.name)?)))
        .filter(|(i, _)| asked.is_none_or(|name| reference.bands[*i].name.0 == name))
        .collect();
    if common.is_empty() {
        if let Some(band) = asked {
            return Err(Error::NoSuchBand {
                band: band.to_owned(),
                reference: format!("{} has {}", reference.id, reference.band_list()),
                moving: format!("{} has {}", moving.id, moving.band_list()),
            });
        }
        return Ok((0..moving.bands.len()).map(|m| (0, m)).collect());
    }
    let rank = |i: usize| {
        let place = SHARPEST_BANDS.iter().position(|n| *n == reference.bands[i].name.0);
        place.unwrap_or(SHARPEST_BANDS.len())
    };
    common.sort_by_key(|(i, _)| rank(*i));
    Ok(common)
}

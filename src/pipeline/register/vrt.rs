//! The moving scene with its georeference corrected and its pixels untouched: a virtual raster.
//!
//! Within one CRS a translation or an affine shift is an affine transform, and exact. Anything else becomes ground control
//! points, which `gdalwarp -tps` and QGIS follow.

use super::measure::Measured;
use super::pair::Pair;
use crate::coreg::Model;
use crate::grid::Grid;
use crate::io::{self, BlockBand, BlockReader};
use crate::pipeline::Error;
use crate::pipeline::origin::{described, scene_tags};
use quick_xml::escape::escape;
use std::fmt::Write as _;
use std::path::Path;

/// Control points along the longer side.
const NODES: usize = 24;

pub(super) fn write(path: &Path, pair: &Pair, measured: &Measured) -> Result<(), Error> {
    let all: Vec<usize> = (0..pair.moving.bands.len()).collect();
    let grid = &pair.moving.grid;
    let bands: Vec<BlockBand> = BlockReader::open(&pair.moving, &all)?
        .bands()
        .filter(|b| covers(&b.grid, grid))
        .map(|b| BlockBand { format: described(&pair.moving, &b.format), ..b.clone() })
        .collect();
    let corrected = |row: f64, col: f64| corrected(pair, measured, (row, col));
    let (h, w) = grid.shape;
    let mut text = format!("<VRTDataset rasterXSize=\"{w}\" rasterYSize=\"{h}\">\n");
    let plain = measured.registration.field.model() < Model::Field && pair.reference.grid.crs == grid.crs;
    // Writing into a String cannot fail.
    if plain {
        let (origin, right, down) =
            (corrected(-0.5, -0.5)?, corrected(-0.5, w as f64 - 0.5)?, corrected(h as f64 - 0.5, -0.5)?);
        let per = |a: f64, b: f64, n: usize| (b - a) / n as f64;
        let transform = [
            origin.0,
            per(origin.0, right.0, w),
            per(origin.0, down.0, h),
            origin.1,
            per(origin.1, right.1, w),
            per(origin.1, down.1, h),
        ];
        let _ = writeln!(text, "  <SRS>{}</SRS>", escape(&grid.crs.wkt));
        let _ =
            writeln!(text, "  <GeoTransform>{}</GeoTransform>", transform.map(|v| v.to_string()).join(", "));
    } else {
        let _ = writeln!(text, "  <GCPList Projection=\"{}\">", escape(&pair.reference.grid.crs.wkt));
        let count = |n: usize| (NODES * n / h.max(w)).max(3);
        let (rows, cols) = (count(h), count(w));
        for i in 0..=rows {
            for j in 0..=cols {
                let (r, c) = (i as f64 * h as f64 / rows as f64, j as f64 * w as f64 / cols as f64);
                let (x, y) = corrected(r - 0.5, c - 0.5)?;
                let id = i * (cols + 1) + j + 1;
                let _ =
                    writeln!(text, "    <GCP Id=\"{id}\" Pixel=\"{c}\" Line=\"{r}\" X=\"{x}\" Y=\"{y}\"/>");
            }
        }
        text.push_str("  </GCPList>\n");
    }
    text.push_str("  <Metadata>\n");
    for (key, value) in scene_tags(&pair.moving) {
        let _ = writeln!(text, "    <MDI key=\"{key}\">{}</MDI>", escape(value.as_str()));
    }
    text.push_str("  </Metadata>\n");
    for (i, band) in bands.iter().enumerate() {
        push_band(&mut text, i + 1, band, grid);
    }
    text.push_str("</VRTDataset>\n");
    Ok(io::write_text(path, &text)?)
}

/// Whether a band of larger or smaller pixels shows just the ground of the scene's grid, to a thousandth of its pixels.
fn covers(band: &Grid, grid: &Grid) -> bool {
    let corner = |g: &Grid, k: f64| g.xy(k * g.shape.0 as f64 - 0.5, k * g.shape.1 as f64 - 0.5);
    let limit = 1e-3 * grid.pixel_size();
    band.crs == grid.crs
        && [0.0, 1.0].into_iter().all(|k| {
            let (a, b) = (corner(band, k), corner(grid, k));
            (a.0 - b.0).abs() <= limit && (a.1 - b.1).abs() <= limit
        })
}

fn push_band(text: &mut String, number: usize, band: &BlockBand, grid: &Grid) {
    let ((h, w), (own_h, own_w)) = (grid.shape, band.grid.shape);
    let file = Path::new(&band.source.gdal_path);
    let file = std::path::absolute(file).ok().filter(|_| file.exists()).unwrap_or_else(|| file.to_owned());
    let _ = write!(
        text,
        "  <VRTRasterBand dataType=\"{}\" band=\"{number}\">\n    <Description>{}</Description>\n    \
         <NoDataValue>{}</NoDataValue>\n",
        band.format.kind.name(),
        escape(&band.format.name),
        band.format.no_data
    );
    if let Some((scale, offset)) = band.format.scale {
        let _ = write!(text, "    <Offset>{offset}</Offset>\n    <Scale>{scale}</Scale>\n");
    }
    let _ = write!(
        text,
        "    <SimpleSource>\n      <SourceFilename relativeToVRT=\"0\">{}</SourceFilename>\n      \
         <SourceBand>{}</SourceBand>\n      <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"{own_w}\" ySize=\"{own_h}\"/>\n      \
         <DstRect xOff=\"0\" yOff=\"0\" xSize=\"{w}\" ySize=\"{h}\"/>\n    </SimpleSource>\n  </VRTRasterBand>\n",
        escape(file.display().to_string()),
        band.source.band_index
    );
}

/// True map coordinates of a continuous pixel of the moving scene: in its own CRS where that is the reference's, else in
/// the reference's.
fn corrected(pair: &Pair, measured: &Measured, (row, col): (f64, f64)) -> Result<(f64, f64), Error> {
    let (mut x, mut y) = pair.moving.grid.xy(row, col);
    let reference = &pair.reference.grid;
    if pair.moving.grid.crs != reference.crs {
        (x, y) = io::from_wgs84(&reference.crs, &io::to_wgs84(&pair.moving.grid.crs, &[(x, y)])?)?[0];
    }
    // p = q + d(p): the field is defined at the place that the pixel comes to.
    let q = reference.row_col(x, y);
    let mut p = q;
    for _ in 0..20 {
        let d = measured.registration.field.shift_px(p.0, p.1);
        p = (q.0 + d.0, q.1 + d.1);
    }
    Ok(reference.xy(p.0, p.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Affine;
    use crate::io::{BandFormat, Kind};
    use crate::scene::Source;

    #[test]
    fn bands_of_larger_pixels_cover_the_scene_too() {
        let grid = |side: usize, step: f64, x: f64| Grid {
            crs: io::crs_from_epsg(32633).unwrap(),
            affine: Affine::from_gdal([x, step, 0.0, 5.8e6, 0.0, -step]).unwrap(),
            shape: (side, side),
        };
        let fine = grid(120, 10.0, 3e5);
        assert!(covers(&fine, &fine) && covers(&grid(60, 20.0, 3e5), &fine));
        assert!(!covers(&grid(60, 20.0, 3e5 + 10.0), &fine) && !covers(&grid(59, 20.0, 3e5), &fine));
        let source = Source { gdal_path: "b05.tif".to_owned(), band_index: 1, alpha_index: None };
        let format = BandFormat { name: "B05".to_owned(), kind: Kind::UInt16, no_data: 0.0, scale: None };
        let band = BlockBand { grid: grid(60, 20.0, 3e5), format, source };
        let mut text = String::new();
        push_band(&mut text, 1, &band, &fine);
        assert!(text.contains("SrcRect xOff=\"0\" yOff=\"0\" xSize=\"60\" ySize=\"60\""), "{text}");
        assert!(text.contains("DstRect xOff=\"0\" yOff=\"0\" xSize=\"120\" ySize=\"120\""), "{text}");
    }
}

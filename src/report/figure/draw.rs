//! A page from its layout: pictures cut out and painted, the template filled, the drawing laid over them.

use super::super::drawing::png_over;
use super::super::{Error, Findings, Panel, fill, outline::svg_path, panel, text};
use super::frame::{Extent, Frame, Geodetic};
use super::ground::{self, Picture};
use super::labels::Rect;
use super::layout::{self, KeyEntry, LegendEntry, PanelView};
use super::{Figure, Page, WIDTH_PX, geodetic};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{Rgba, RgbaImage, imageops};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../templates/figure.svg");
const CAPTION_PX: f64 = 20.0;

#[derive(Debug, Serialize)]
struct Context {
    width: f64,
    height: f64,
    title: String,
    subtitle: String,
    simulated: bool,
    top: f64,
    /// Whether pictures and their ground belong to the drawing; the PNG has them painted below it.
    pictures: bool,
    panels: Vec<PanelView>,
    legend: Vec<LegendEntry>,
    legend_y: f64,
    key: Vec<KeyEntry>,
    locator: Option<Locator>,
    caption: Vec<String>,
    caption_y: f64,
    page_number: usize,
    attribution: String,
    provenance: String,
    caption_text: String,
}

#[derive(Debug, Serialize)]
struct Locator {
    frame: Rect,
    rails: Vec<String>,
    here: String,
}

/// Draws one page; `whole` is the extent of the overview for the locator of close-ups.
pub(super) fn page(
    findings: &Findings,
    panels: [&Panel; 2],
    page: &Page,
    whole: Extent,
) -> Result<Figure, Error> {
    let geodetic = geodetic(panels);
    let top = if findings.simulated { 138.0 } else { 98.0 };
    let (frames, end) = layout::frames(page.extent, page.stacked, top);
    let mut views = Vec::new();
    let mut pictures = Vec::new();
    for (k, (panel, frame)) in panels.iter().zip(&frames).enumerate() {
        let picture = cut(panel, frame)?;
        views.push(view(findings, (panel, &picture), page, (frame, k), geodetic.as_ref())?);
        pictures.push(picture);
    }
    let masked = panels.iter().any(|p| p.image.pixels().any(|px| px.0[3] < 255));
    let legend_y = end + 24.0;
    let (key, end) = layout::key(findings, page, legend_y + 42.0);
    let locator = (page.number > 1).then(|| locator(findings, page.extent, whole, legend_y - 8.0));
    let end = locator.as_ref().map_or(end, |l| end.max(l.frame.y + l.frame.h + 12.0));
    let caption_text = format!("Figure {}. {}", page.number, layout::caption(findings, page));
    let caption = text::wrapped(&caption_text, CAPTION_PX * 1.02, WIDTH_PX - 80.0);
    let caption_y = end + 30.0;
    let mut context = Context {
        width: WIDTH_PX,
        height: (caption_y + 29.0 * caption.len() as f64 + 34.0).ceil(),
        title: text::fitted(&title(findings), 32.0, (WIDTH_PX - 80.0) / 1.12),
        subtitle: subtitle(findings),
        simulated: findings.simulated,
        top,
        pictures: false,
        panels: views,
        legend: layout::legend(findings, page, masked),
        legend_y,
        key,
        locator,
        caption: caption
            .iter()
            .map(|l| l.trim_start_matches(&format!("Figure {}.", page.number)).to_owned())
            .collect(),
        caption_y,
        page_number: page.number,
        attribution: findings.attribution.clone(),
        provenance: format!(
            "railwatch {} · run {}",
            findings.version,
            text::fitted(&findings.run_id, 14.0, 220.0)
        ),
        caption_text: caption_text.clone(),
    };
    let mut canvas = RgbaImage::from_pixel(WIDTH_PX as u32, context.height as u32, Rgba([255; 4]));
    for (frame, picture) in frames.iter().zip(&pictures) {
        ground::paint(&mut canvas, frame, picture);
    }
    let png = png_over(&fill("figure.svg", TEMPLATE, &context)?, canvas)?;
    context.pictures = true;
    let svg = fill("figure.svg", TEMPLATE, &context)?;
    Ok(Figure { svg, png, caption: caption_text })
}

fn title(findings: &Findings) -> String {
    if findings.title.is_empty() { "Rail corridor".into() } else { findings.title.clone() }
}

fn subtitle(findings: &Findings) -> String {
    let target = text::date(findings.target.datetime);
    match findings.baselines.first() {
        Some(b) => format!("Change between {} and {target}", text::date(b.datetime)),
        None => target,
    }
}

fn view(
    findings: &Findings,
    (panel, picture): (&Panel, &Picture),
    page: &Page,
    (frame, index): (&Frame, usize),
    geodetic: Option<&Geodetic>,
) -> Result<PanelView, Error> {
    let (matrix, size, href) = if panel::is_shared(panel) {
        // The page has the whole picture already.
        let role = if index == 0 { "before" } else { "after" };
        (whole_matrix(panel, frame)?, panel.image.dimensions(), format!("#picture-{role}"))
    } else {
        let data = STANDARD.encode(panel::png(&picture.image)?);
        (picture.matrix, picture.image.dimensions(), format!("data:image/png;base64,{data}"))
    };
    let (scale_bar, north) = layout::furniture(findings, page, frame, geodetic);
    let taken = if index == 1 { vec![scale_bar.plate, north] } else { Vec::new() };
    let (lon_ticks, lat_ticks) = geodetic.map(|g| frame.graticule(g)).unwrap_or_default();
    Ok(PanelView {
        heading: if index == 0 { "Before" } else { "After" }.to_owned(),
        detail: [Some(text::date_time(panel.card.datetime)), panel.card.platform.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · "),
        frame: Rect { x: frame.x, y: frame.y, w: frame.width, h: frame.height },
        matrix,
        shared: panel::is_shared(panel),
        picture: href,
        ground: ground(panel, frame)?,
        picture_width: size.0,
        picture_height: size.1,
        rails: layout::rails(findings, frame, &page.detections),
        marks: layout::marks(findings, page, frame, index, &taken),
        lon_ticks,
        lat_ticks: if index == 0 || page.stacked { lat_ticks } else { Vec::new() },
        scale_bar: (index == 1).then_some(scale_bar),
        north: (index == 1).then_some(north),
    })
}

/// The outline of a panel's pixels on the page.
fn ground(panel: &Panel, frame: &Frame) -> Result<String, Error> {
    let affine = panel.affine()?;
    let (h, w) = (f64::from(panel.image.height()) - 0.5, f64::from(panel.image.width()) - 0.5);
    let corners =
        [(-0.5, -0.5), (-0.5, w), (h, w), (h, -0.5)].map(|(r, c)| frame.page(affine.xy(r, c).into()));
    Ok(svg_path(&corners) + " Z")
}

/// Pixels of the whole panel to the page.
fn whole_matrix(panel: &Panel, frame: &Frame) -> Result<[f64; 6], Error> {
    let g = panel.affine()?.to_gdal();
    let (sx, sy, e) = (frame.scale_x(), frame.scale_y(), frame.extent);
    let origin = [frame.x + (g[0] - e.x0) * sx, frame.y + (e.y1 - g[3]) * sy];
    Ok([g[1] * sx, -g[4] * sy, g[2] * sx, -g[5] * sy, origin[0], origin[1]])
}

/// The part of a panel that a frame shows, not finer than the page needs.
fn cut(panel: &Panel, frame: &Frame) -> Result<Picture, Error> {
    let affine = panel.affine()?;
    let e = frame.extent;
    let corners = [[e.x0, e.y0], [e.x0, e.y1], [e.x1, e.y1], [e.x1, e.y0]];
    let corners = corners.map(|[x, y]| affine.row_col(x, y));
    let range = |values: [f64; 4], size: u32| {
        let low = values.into_iter().fold(f64::MAX, f64::min).floor() - 2.0;
        let high = values.into_iter().fold(f64::MIN, f64::max).ceil() + 3.0;
        let low = low.clamp(0.0, f64::from(size) - 1.0) as u32;
        (low, (high.clamp(0.0, f64::from(size)) as u32).saturating_sub(low).max(1))
    };
    let (row, height) = range(corners.map(|c| c.0), panel.image.height());
    let (col, width) = range(corners.map(|c| c.1), panel.image.width());
    let mut picture = imageops::crop_imm(&panel.image, col, row, width, height).to_image();
    let g = affine.shifted(f64::from(row), f64::from(col)).to_gdal();
    let (sx, sy) = (frame.scale_x(), frame.scale_y());
    let most = 2.0 * frame.width.max(frame.height);
    if f64::from(width.max(height)) > most {
        let k = f64::from(width.max(height)) / most;
        let size = |v: u32| (f64::from(v) / k).ceil().max(1.0) as u32;
        picture = imageops::resize(&picture, size(width), size(height), imageops::FilterType::Triangle);
    }
    let matrix = [
        g[1] * sx * f64::from(width) / f64::from(picture.width()),
        -g[4] * sy * f64::from(width) / f64::from(picture.width()),
        g[2] * sx * f64::from(height) / f64::from(picture.height()),
        -g[5] * sy * f64::from(height) / f64::from(picture.height()),
        frame.x + (g[0] - e.x0) * sx,
        frame.y + (e.y1 - g[3]) * sy,
    ];
    Ok(Picture { image: picture, matrix })
}

fn locator(findings: &Findings, here: Extent, whole: Extent, y: f64) -> Locator {
    let (most_w, most_h) = (230.0, 150.0);
    let scale = f64::min(most_w / whole.width(), most_h / whole.height());
    let (width, height) = (whole.width() * scale, whole.height() * scale);
    let frame = Frame { extent: whole, x: WIDTH_PX - 40.0 - width, y, width, height };
    // A close-up at the edge can show ground beyond the overview.
    let here = here.within(&whole);
    let corners = [[here.x0, here.y1], [here.x1, here.y1], [here.x1, here.y0], [here.x0, here.y0]];
    Locator {
        frame: Rect { x: frame.x, y, w: width, h: height },
        rails: layout::rails(findings, &frame, &[]),
        here: svg_path(&corners.map(|p| frame.page(p))) + " Z",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locator_marks_only_what_the_overview_shows() {
        let whole = Extent { x0: 0.0, y0: 0.0, x1: 100.0, y1: 300.0 };
        let here = Extent { x0: -40.0, y0: 250.0, x1: 60.0, y1: 350.0 };
        let Locator { frame, here, .. } = locator(&Findings::default(), here, whole, 50.0);
        let numbers: Vec<f64> =
            here.split([' ', ',', 'M', 'L', 'Z']).filter_map(|n| n.parse().ok()).collect();
        assert_eq!(numbers.len(), 8);
        for corner in numbers.chunks(2) {
            assert!((frame.x - 0.1..=frame.x + frame.w + 0.1).contains(&corner[0]), "{here}");
            assert!((frame.y - 0.1..=frame.y + frame.h + 0.1).contains(&corner[1]), "{here}");
        }
    }
}

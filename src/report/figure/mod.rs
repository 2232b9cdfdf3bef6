//! The printed figure: before and after at the same stretch, detections boxed and numbered.
//!
//! [`render`] plans the pages (overview, then close-ups of clusters), lays each out as plain numbers,
//! fills one SVG template and lets `resvg` draw it, so the PNG is the SVG.

pub(super) mod draw;
mod frame;
mod labels;
mod layout;

use super::{Error, Findings, Panel, Point};
use frame::{Extent, Geodetic};
use rayon::prelude::*;

/// Pixels across a page.
pub const WIDTH_PX: f64 = 1600.0;
/// Close-up pages at most.
const CLOSE_UP_COUNT: usize = 5;
/// Page pixels per scene pixel from which the overview alone is readable.
const READABLE_SCALE: f64 = 4.5;
/// Page pixels per scene pixel above which panels are not made wider.
const COARSEST_SCALE: f64 = 14.0;
/// Side of a close-up, scene pixels, at least.
const CLOSE_UP_PX: f64 = 100.0;

/// One page of the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The page as a self-contained SVG.
    pub svg: String,
    /// The same page as PNG, 1600 px wide.
    pub png: Vec<u8>,
    /// The caption as plain text, for alternative texts.
    pub caption: String,
}

/// What a page shows.
#[derive(Debug, Clone)]
struct Page {
    number: usize,
    extent: Extent,
    stacked: bool,
    /// Whether other pages show the same detections closer.
    overview_of_many: bool,
    detections: Vec<usize>,
}

/// The pages of the figure: an overview, then up to five close-ups where the overview is too coarse to see a train.
///
/// # Errors
/// [`Error::Panel`] for a panel without pixels or georeference; [`Error::Template`], [`Error::Draw`] and
/// [`Error::Png`] are mistakes of this program.
pub fn render(findings: &Findings, before: &Panel, after: &Panel) -> Result<Vec<Figure>, Error> {
    before.affine()?;
    let pages = plan(findings, after)?;
    pages.par_iter().map(|page| draw::page(findings, [before, after], page, pages[0].extent)).collect()
}

fn plan(findings: &Findings, after: &Panel) -> Result<Vec<Page>, Error> {
    let bounds = Extent::of_panel(after)?;
    let pixel = after.affine()?.pixel_size();
    let outlines: Vec<Option<Extent>> =
        findings.detections.iter().map(|d| Extent::around(d.footprint_xy.iter().copied())).collect();
    let seen: Vec<usize> = by_score(findings)
        .into_iter()
        .filter(|&k| outlines[k].is_some_and(|e| bounds.contains(e.centre())))
        .collect();
    let rails =
        findings.tracks.iter().flat_map(|t| t.vertices_xy.iter().copied()).filter(|p| bounds.contains(*p));
    let found = seen.iter().filter_map(|&k| outlines[k]).flat_map(|e| [[e.x0, e.y0], [e.x1, e.y1]]);
    let subject = Extent::around(rails.chain(found)).unwrap_or(bounds);
    let margin = (0.06 * subject.width().max(subject.height())).max(12.0 * pixel);
    let subject = subject.grown(margin);
    let subject = subject.sized_within(subject.width(), subject.height(), &bounds);
    // A small scene stacked would show pixels as big as fingernails.
    let small = layout::panel_width(true) / (subject.width() / pixel) > COARSEST_SCALE;
    let stacked = subject.width() > 1.3 * subject.height() && !small;
    let aspect = if stacked { [0.3, 0.77] } else { [0.8, 2.0] };
    let extent = subject.with_aspect(aspect, &bounds);
    let scale = layout::panel_width(stacked) / (extent.width() / pixel);
    let close = scale < READABLE_SCALE && !seen.is_empty();
    let mut pages =
        vec![Page { number: 1, extent, stacked, overview_of_many: close, detections: seen.clone() }];
    let mut left = seen;
    while close && !left.is_empty() && pages.len() <= CLOSE_UP_COUNT {
        let Some(first) = outlines[left[0]] else { break };
        let side = (1.5 * first.width().max(first.height())).max(CLOSE_UP_PX * pixel);
        let extent = first.sized_within(side, side, &bounds).with_aspect([0.9, 1.1], &bounds);
        let inside = |k: &usize| outlines[*k].is_some_and(|e| extent.covers(&e));
        let (mut here, elsewhere): (Vec<usize>, Vec<usize>) = left.iter().copied().partition(inside);
        if here.is_empty() {
            here.push(left[0]);
        }
        left = elsewhere.into_iter().filter(|k| !here.contains(k)).collect();
        let number = pages.len() + 1;
        pages.push(Page { number, extent, stacked: false, overview_of_many: false, detections: here });
    }
    Ok(pages)
}

/// Indices of the detections, surest first.
fn by_score(findings: &Findings) -> Vec<usize> {
    let mut order: Vec<usize> = (0..findings.detections.len()).collect();
    order.sort_by(|&a, &b| findings.detections[b].score.total_cmp(&findings.detections[a].score));
    order
}

/// Longitude and latitude of the panels where either knows its corners.
fn geodetic(panels: [&Panel; 2]) -> Option<Geodetic> {
    Geodetic::of_panel(panels[1]).or_else(|| Geodetic::of_panel(panels[0]))
}

/// Corners of the box along an outline with `pad` to spare on every side; `None` without points.
pub(super) fn boxed(points: &[Point], pad: f64) -> Option<[Point; 4]> {
    labels::Oriented::around(points, pad).map(|b| b.corners)
}

/// Whether any point of a footprint is worth drawing on a page.
fn on_page(extent: &Extent, points: &[Point]) -> bool {
    Extent::around(points.iter().copied())
        .is_some_and(|e| e.x1 >= extent.x0 && e.x0 <= extent.x1 && e.y1 >= extent.y0 && e.y0 <= extent.y1)
}

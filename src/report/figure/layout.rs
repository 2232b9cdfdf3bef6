//! One page as plain numbers for the template: frames, boxes, labels, key, legend, caption.

use super::super::axis::Tick;
use super::super::{DetectionCard, Findings, Point, outline::svg_path, text};
use super::clip;
use super::frame::{Extent, Frame, Geodetic};
use super::labels::{self, Oriented, Rect};
use super::{Page, WIDTH_PX, on_page};
use serde::Serialize;

const MARGIN: f64 = 40.0;
/// Room for latitude labels.
const GUTTER: f64 = 24.0;
const GAP: f64 = 24.0;
const LABEL_PX: f64 = 17.0;
/// Room between a footprint and its box.
const BOX_PAD_PX: f64 = 9.0;
/// More detections than this on an overview are numbered only; the key and the table name them.
const NAMED_COUNT: usize = 12;
/// From one entry of the key to the next.
const KEY_ROW_PX: f64 = 78.0;
/// Detections in the key below the panels, at most.
const KEY_COUNT: usize = 12;

/// Width of one panel on the page, px.
pub(super) fn panel_width(stacked: bool) -> f64 {
    let room = WIDTH_PX - 2.0 * MARGIN - GUTTER;
    if stacked { room } else { (room - GAP) / 2.0 }
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct PanelView {
    pub(super) heading: String,
    pub(super) detail: String,
    pub(super) frame: Rect,
    pub(super) matrix: [f64; 6],
    /// Whether `picture` names one of the page's pictures.
    pub(super) shared: bool,
    pub(super) picture: String,
    /// Where the scene has pixels at all.
    pub(super) ground: String,
    pub(super) picture_width: u32,
    pub(super) picture_height: u32,
    pub(super) rails: Vec<String>,
    pub(super) marks: Vec<Mark>,
    pub(super) lon_ticks: Vec<Tick>,
    pub(super) lat_ticks: Vec<Tick>,
    pub(super) scale_bar: Option<ScaleBar>,
    pub(super) north: Option<Rect>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ScaleBar {
    pub(super) plate: Rect,
    pub(super) length: f64,
    pub(super) label: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Mark {
    pub(super) number: usize,
    pub(super) change: String,
    pub(super) outline: String,
    /// Solid where the thing is, dashed where it is not.
    pub(super) present: bool,
    /// Whether the box reaches over the frame and must be cut there.
    pub(super) cut: bool,
    pub(super) label: Option<Label>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Label {
    pub(super) plate: Rect,
    pub(super) leader: [Point; 2],
    pub(super) lines: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct KeyEntry {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) number: usize,
    pub(super) change: String,
    pub(super) title: String,
    pub(super) track: String,
    pub(super) detail: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct LegendEntry {
    pub(super) x: f64,
    pub(super) symbol: &'static str,
    pub(super) label: String,
}

/// Frames of the two panels from `top` on, and the y where they end (labels included).
pub(super) fn frames(extent: Extent, stacked: bool, top: f64) -> ([Frame; 2], f64) {
    let width = panel_width(stacked);
    let height = width * extent.height() / extent.width();
    let (x, heading, ticks) = (MARGIN + GUTTER, 34.0, 28.0);
    let first = Frame { extent, x, y: top + heading, width, height };
    let second = if stacked {
        Frame { y: first.y + height + ticks + heading + 8.0, ..first }
    } else {
        Frame { x: x + width + GAP, ..first }
    };
    ([first, second], second.y + height + ticks)
}

/// The marks of one panel: every box, and labels where `labelled`.
pub(super) fn marks(
    findings: &Findings,
    page: &Page,
    frame: &Frame,
    panel: usize,
    furniture: &[Rect],
) -> Vec<Mark> {
    let shown: Vec<(&DetectionCard, Oriented)> = page
        .detections
        .iter()
        .map(|&k| &findings.detections[k])
        .filter(|d| on_page(&page.extent, &d.footprint_xy))
        .filter_map(|d| {
            let points: Vec<Point> = d.footprint_xy.iter().map(|p| frame.page(*p)).collect();
            Some((d, Oriented::around(&points, BOX_PAD_PX)?))
        })
        .collect();
    let mut plates: Vec<Rect> = furniture.to_vec();
    let mut taken: Vec<Rect> = shown.iter().flat_map(|(_, b)| b.pieces()).collect();
    let room = Rect { x: frame.x, y: frame.y, w: frame.width, h: frame.height };
    let crowded = page.overview_of_many || shown.len() > NAMED_COUNT / 2;
    shown
        .iter()
        .map(|(d, outline)| {
            let (departed, on_before) = (d.change == "departed", panel == 0);
            let present = if d.before_newest_baseline { !departed } else { departed == on_before };
            // What departed before the earlier date is on neither.
            let named = present || (d.before_newest_baseline && on_before);
            let mut wordings = vec![vec![d.number.to_string()]];
            if named && shown.len() <= NAMED_COUNT {
                wordings.insert(0, vec![text::headline(d)]);
            }
            if named && !crowded {
                wordings.insert(0, vec![text::headline(d), text::certainty(d)]);
            }
            let label = wordings.into_iter().find_map(|lines| {
                let wide = lines.iter().map(|l| text::width_px(l, LABEL_PX) * 1.12).fold(0.0, f64::max);
                let size = [wide + 18.0, 22.0 * lines.len() as f64 + 8.0];
                let (plate, leader) = labels::place(size, outline, &room, &taken, &plates)?;
                plates.push(plate);
                taken.extend(labels::beads(leader));
                Some(Label { plate, leader, lines })
            });
            Mark {
                number: d.number,
                change: d.change.clone(),
                outline: svg_path(&outline.corners) + " Z",
                present,
                cut: !outline.pieces().iter().all(|piece| room.covers(piece)),
                label,
            }
        })
        .collect()
}

/// Scale bar and north arrow of a panel in corners that hide no detection.
pub(super) fn furniture(
    findings: &Findings,
    page: &Page,
    frame: &Frame,
    geodetic: Option<&Geodetic>,
) -> (ScaleBar, Rect) {
    let busy: Vec<Rect> = page
        .detections
        .iter()
        .filter_map(|&k| {
            let points: Vec<Point> =
                findings.detections[k].footprint_xy.iter().map(|p| frame.page(*p)).collect();
            Oriented::around(&points, 12.0)
        })
        .flat_map(|b| b.pieces())
        .collect();
    let corner = |w: f64, h: f64, order: [usize; 4], others: &[Rect]| {
        let (left, right) = (frame.x + 12.0, frame.x + frame.width - w - 12.0);
        let (top, bottom) = (frame.y + 12.0, frame.y + frame.height - h - 12.0);
        let all = [[left, bottom], [right, bottom], [right, top], [left, top]];
        let free = |r: &Rect| !busy.iter().chain(others).any(|b| b.overlaps(r, 6.0));
        let place = |k: usize| Rect { x: all[k][0], y: all[k][1], w, h };
        order.into_iter().map(place).find(free).unwrap_or_else(|| place(order[0]))
    };
    let (length, label) = frame.scale_bar(geodetic);
    let plate = corner(length + 24.0, 44.0, [0, 1, 3, 2], &[]);
    let north = corner(38.0, 54.0, [2, 3, 1, 0], &[plate]);
    (ScaleBar { plate, length, label }, north)
}

/// The rails inside a frame as path data, left out inside the boxes of `detections`.
pub(super) fn rails(findings: &Findings, frame: &Frame, detections: &[usize]) -> Vec<String> {
    let e = frame.extent;
    let window = [[e.x0, e.y0], [e.x1, e.y0], [e.x1, e.y1], [e.x0, e.y1]].map(|p| frame.page(p));
    let page = |points: &[Point]| points.iter().map(|p| frame.page(*p)).collect::<Vec<_>>();
    let boxes: Vec<[Point; 4]> = detections
        .iter()
        .filter_map(|&k| Oriented::around(&page(&findings.detections[k].footprint_xy), BOX_PAD_PX))
        .map(|b| b.corners)
        .collect();
    let tracks = findings.tracks.iter().filter(|t| on_page(&frame.extent, &t.vertices_xy));
    let cut = tracks.flat_map(|t| clip::pieces(&page(&t.vertices_xy), &window, &boxes));
    cut.map(|piece| svg_path(&piece)).collect()
}

/// The list of detections below the panels from `top` on, and the y where it ends.
pub(super) fn key(findings: &Findings, page: &Page, top: f64) -> (Vec<KeyEntry>, f64) {
    // Close-ups have the locator on the right.
    let columns = if page.number > 1 { 1 } else { 2 };
    let column = if columns == 1 { WIDTH_PX - 2.0 * MARGIN - 270.0 } else { (WIDTH_PX - 2.0 * MARGIN) / 2.0 };
    let shown = &page.detections[..page.detections.len().min(KEY_COUNT)];
    let rows = shown.len().div_ceil(columns);
    let entries = shown
        .iter()
        .enumerate()
        .map(|(k, &index)| {
            let d = &findings.detections[index];
            let track = match (&d.track_id, d.chainage_start_m) {
                (Some(track), Some(s)) => format!("track {track} at km {:.2}", s / 1000.0),
                (Some(track), None) => format!("track {track}"),
                _ => "off the track".to_owned(),
            };
            let place = text::middle(&d.footprint_lonlat).map(text::coordinates).unwrap_or_default();
            let title = format!("{} {}, {}", capital(&d.kind), d.change, text::about_m(d));
            let detail = [text::certainty(d), d.appearance.clone(), place];
            let detail = detail.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" · ");
            KeyEntry {
                x: MARGIN + column * (k / rows.max(1)) as f64,
                y: top + KEY_ROW_PX * (k % rows.max(1)) as f64,
                number: d.number,
                change: d.change.clone(),
                title: text::fitted(&title, 20.2, column - 60.0),
                track: text::fitted(&track, 16.0, column - 60.0),
                detail: text::fitted(&detail, 16.0, column - 50.0),
            }
        })
        .collect();
    (entries, top + KEY_ROW_PX * rows as f64)
}

/// Symbols that the page uses, in a row.
pub(super) fn legend(findings: &Findings, page: &Page, masked: bool) -> Vec<LegendEntry> {
    let changed = |what: &str| page.detections.iter().any(|&k| findings.detections[k].change == what);
    let entries = [
        (!findings.tracks.is_empty(), "rail", "rail line"),
        (changed("appeared"), "appeared", "appeared (dashed: not yet there)"),
        (changed("departed"), "departed", "departed (dashed: no longer there)"),
        (masked, "masked", "cloud, shadow, flood or no data: not judged"),
    ];
    let mut x = MARGIN + GUTTER;
    entries
        .into_iter()
        .filter(|e| e.0)
        .map(|(_, symbol, label)| {
            let entry = LegendEntry { x, symbol, label: label.to_owned() };
            x += 46.0 + text::width_px(label, 16.0) + 34.0;
            entry
        })
        .collect()
}

/// The sentences under a page.
pub(super) fn caption(findings: &Findings, page: &Page) -> String {
    let place = if findings.title.is_empty() { "the corridor" } else { findings.title.as_str() };
    let target = text::date(findings.target.datetime);
    let view = if page.number == 1 { "Overview" } else { "Close-up" };
    let mut sentences = vec![match findings.baselines.first() {
        Some(b) => {
            let others = match findings.baselines.len() - 1 {
                0 => String::new(),
                1 => " and one other date".into(),
                n => format!(" and {n} other dates"),
            };
            format!("{view} of {place} on {target}, compared with {}{others}.", text::date(b.datetime))
        }
        None => format!("{view} of {place} on {target}."),
    }];
    if page.number == 1 {
        sentences.push(text::summary(findings));
    } else {
        let mut numbers: Vec<usize> =
            page.detections.iter().map(|&k| findings.detections[k].number).collect();
        numbers.sort_unstable();
        let noun = if numbers.len() == 1 { "Detection" } else { "Detections" };
        sentences.push(format!("{noun} {}.", text::listed(&numbers)));
    }
    if page.detections.iter().any(|&k| findings.detections[k].length_interval_m.is_some()) {
        sentences.push("In brackets: likely range of the length.".to_owned());
    }
    if page.number == 1 && findings.detections.len() > KEY_COUNT {
        sentences.push(format!("The {KEY_COUNT} surest are listed; detections.geojson has all."));
    }
    let outside = findings.detections.len().saturating_sub(page.detections.len());
    if page.number == 1 && outside > 0 {
        sentences.push(format!("{outside} of them lie outside the view."));
    }
    if findings.simulated {
        let what = if findings.implanted {
            "Trains were put into the satellite's pixels"
        } else {
            "The pixels are simulated"
        };
        sentences.push(format!("{what}: this is no observation."));
    }
    sentences.join(" ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

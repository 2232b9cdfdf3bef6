//! `report.html`: one file that needs nothing else, for reading, checking and passing on.
//!
//! The page carries its own content policy that forbids every request, so it reads the same from a disk, a mail
//! or a server. Without scripts it still shows everything but the swipe and the sorting.

mod profile;
mod swipe;

use super::{DetectionCard, Error, Figure, Findings, Panel, SceneCard, fill, text};
use serde::Serialize;

const PAGE: &str = include_str!("../templates/report.html");
const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

#[derive(Debug, Serialize)]
struct Context<'a> {
    style: &'static str,
    script: &'static str,
    findings: &'a Findings,
    title: &'a str,
    before: String,
    after: String,
    summary: String,
    limits: Vec<String>,
    layover: Option<String>,
    swipe: swipe::Swipe,
    rows: Vec<Row<'a>>,
    moving: bool,
    figures: Vec<&'a str>,
    profiles: Vec<profile::Chart>,
    scenes: Vec<SceneRow<'a>>,
    placebo: String,
    arguments: String,
    total_s: f64,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    detection: &'a DetectionCard,
    /// Length, then its likely range.
    length: Vec<String>,
    chainage: String,
    p: String,
    q: String,
    false_alarms: String,
    contrast: Vec<String>,
    /// Latitude, then longitude.
    coordinates: Vec<String>,
    /// Latitude and longitude as maps take them.
    copied: String,
    motion: String,
}

#[derive(Debug, Serialize)]
struct SceneRow<'a> {
    role: &'static str,
    scene: &'a SceneCard,
    date: String,
}

/// The page with the swipe between the panels, the figures, the tables and the provenance; `pngs` are the
/// panels as [`Panel::to_png`] encodes them.
///
/// # Errors
/// [`Error::Panel`] for a panel without pixels or georeference; [`Error::Template`] and [`Error::Png`] are
/// mistakes of this program.
pub fn render(
    findings: &Findings,
    figures: &[Figure],
    [before, after]: [&Panel; 2],
    pngs: [&[u8]; 2],
) -> Result<String, Error> {
    let mut order: Vec<&DetectionCard> = findings.detections.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let baselines = findings.baselines.iter().map(|scene| ("baseline", scene));
    let context = Context {
        style: STYLE,
        script: SCRIPT,
        findings,
        title: if findings.title.is_empty() { "Rail corridor" } else { &findings.title },
        before: text::date_time(before.card.datetime),
        after: text::date_time(after.card.datetime.or(findings.target.datetime)),
        summary: text::summary(findings),
        limits: text::limits(findings),
        layover: text::layover(findings),
        swipe: swipe::swipe(findings, [before, after], pngs)?,
        rows: order.iter().map(|d| row(d)).collect(),
        moving: order.iter().any(|d| d.motion.is_some()),
        figures: figures.iter().map(|f| f.svg.as_str()).collect(),
        profiles: profile::charts(&findings.tracks, &findings.detections),
        scenes: std::iter::once(("target", &findings.target))
            .chain(baselines)
            .map(|(role, scene)| SceneRow { role, scene, date: text::date_time(scene.datetime) })
            .collect(),
        placebo: text::distance(findings.null.placebo_length_m),
        arguments: findings.arguments.join(" "),
        total_s: findings.timings_s.values().sum(),
    };
    fill("report.html", PAGE, context)
}

fn row(d: &DetectionCard) -> Row<'_> {
    let place = text::middle(&d.footprint_lonlat);
    Row {
        detection: d,
        length: match d.told_lengths_m() {
            (length_m, Some([low, high])) => vec![length_m.to_string(), format!("({low}–{high})")],
            (length_m, None) => vec![length_m.to_string()],
        },
        chainage: match (d.chainage_start_m, d.chainage_end_m) {
            (Some(a), Some(b)) => format!("{a:.0}–{b:.0}"),
            _ => "off the track".into(),
        },
        p: small(d.p_value),
        q: small(d.q_value),
        false_alarms: text::two_digits(d.false_alarms_per_100km),
        contrast: d.contrast.iter().map(|(band, v)| format!("{band} {v:+.3}").replace('-', "−")).collect(),
        coordinates: place
            .map(|p| text::coordinates(p).split_inclusive(", ").map(|t| t.trim_end().to_owned()).collect())
            .unwrap_or_default(),
        copied: place.map(|[lon, lat]| format!("{lat:.6}, {lon:.6}")).unwrap_or_default(),
        motion: motion(d),
    }
}

/// How it moves, with one standard error; a standing train with the speed that could have been seen.
fn motion(d: &DetectionCard) -> String {
    let sigma = d.speed_sigma_m_s.unwrap_or(f64::NAN);
    match (d.speed_m_s, d.heading_deg) {
        (Some(v), Some(h)) if d.heading_ambiguous == Some(true) => {
            format!("{v:.0} ± {sigma:.0} m/s to {h:.0}° or {:.0}°", (h + 180.0) % 360.0)
        }
        (Some(v), Some(h)) => format!("{v:.0} ± {sigma:.0} m/s to {h:.0}°"),
        (Some(v), None) => format!("{v:.0} ± {sigma:.0} m/s"),
        _ if d.motion.as_deref() == Some("standing") => format!("standing, 0 ± {sigma:.0} m/s"),
        _ => String::new(),
    }
}

/// A probability: two digits, powers of ten below 0.001.
fn small(p: f64) -> String {
    if !p.is_finite() {
        "unknown".into()
    } else if p >= 0.001 || p <= 0.0 {
        format!("{p:.3}")
    } else {
        let power = p.log10().floor();
        let digits: String = format!("{:.0}", -power)
            .chars()
            .filter_map(|c| c.to_digit(10))
            .filter_map(|d| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(d as usize))
            .collect();
        format!("{:.1} × 10⁻{digits}", p / 10f64.powf(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PanelCard;

    fn panel() -> Panel {
        let card = PanelCard { geotransform: [0.0, 10.0, 0.0, 80.0, 0.0, -10.0], ..PanelCard::default() };
        Panel { image: image::RgbaImage::from_pixel(8, 8, image::Rgba([90, 90, 90, 255])), card }
    }

    #[test]
    fn strings_of_the_user_are_escaped_and_nothing_is_fetched() {
        let findings = Findings { title: "<script>alert(1)</script>".into(), ..Findings::default() };
        let figures = super::super::figure::render(&findings, &panel(), &panel()).unwrap();
        let png = panel().to_png().unwrap();
        let page = render(&findings, &figures, [&panel(), &panel()], [&png, &png]).unwrap();
        assert!(!page.contains("<script>alert"));
        assert!(!figures[0].svg.contains("<script>"));
        for fetching in ["src=\"http", "href=\"http", "url(http", "@import"] {
            assert!(!page.contains(fetching), "{fetching}");
        }
    }

    #[test]
    fn small_probabilities_are_readable() {
        assert_eq!(small(0.0123), "0.012");
        assert_eq!(small(3.2e-12), "3.2 × 10⁻¹²");
    }
}

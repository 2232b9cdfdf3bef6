//! The picture of a registration: how the shift changes over the scene, and what the model leaves over.

use super::Error;
use super::axis::step_above;
use super::drawing::png_on_white;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// Side of a map, px.
const MAP_PX: f64 = 560.0;
const MARGIN_PX: f64 = 40.0;
const TOP_PX: f64 = 130.0;
/// Length of the longer arrows of a map, px.
const ARROW_PX: f64 = 26.0;
/// Shorter lines are not drawn: a dot alone says as much, and what has no length cannot be stroked.
const LEAST_LINE_PX: f64 = 0.05;

/// One tie point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrow {
    /// Row and column in the reference, px.
    pub place: (f64, f64),
    /// Measured shift (row, col), px.
    pub shift_px: (f64, f64),
    /// Measured less modelled shift (row, col), px.
    pub residual_px: (f64, f64),
}

/// What the picture shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuiverCard {
    /// Reference scene.
    pub reference: String,
    /// Moving scene.
    pub moving: String,
    /// Whose pixels were measured.
    pub attribution: String,
    /// Rows and columns of the reference.
    pub shape: (usize, usize),
    /// The shift in one figure (row, col), px.
    pub typical_px: (f64, f64),
    /// Form of the shift.
    pub model: String,
    /// Spread of the tie points about the model, px.
    pub residual_rmse_px: f64,
    /// Standard error of the model, px.
    pub field_rmse_px: f64,
    /// Side of a pixel, m.
    pub pixel_m: f64,
    /// Tie points in all.
    pub tie_point_count: usize,
    /// Those that are drawn.
    pub arrows: Vec<Arrow>,
}

/// Two maps side by side as PNG: shifts less the typical one, and residuals.
///
/// # Errors
/// [`Error::Draw`] and [`Error::Png`]: mistakes of this program.
pub fn render(card: &QuiverCard) -> Result<Vec<u8>, Error> {
    let scale = MAP_PX / card.shape.0.max(card.shape.1).max(1) as f64;
    let size = (card.shape.1 as f64 * scale, card.shape.0 as f64 * scale);
    let width = 2.0 * MAP_PX + 3.0 * MARGIN_PX;
    let height = TOP_PX + size.1 + 110.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"DejaVu Sans\" \
         font-size=\"15\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    );
    let (row, col) = card.typical_px;
    // Writing into a String cannot fail.
    let _ = write!(
        svg,
        "<text x=\"{MARGIN_PX}\" y=\"36\" font-size=\"21\" font-weight=\"bold\">Shift of {} onto {}</text>\
         <text x=\"{MARGIN_PX}\" y=\"64\">row {row:+.3}, col {col:+.3} px ({:.1} m) as {}; known to {:.3} px ({:.2} m); \
         {} tie points scatter by {:.3} px</text>",
        escape(&card.moving),
        escape(&card.reference),
        row.hypot(col) * card.pixel_m,
        card.model,
        card.field_rmse_px,
        card.field_rmse_px * card.pixel_m,
        card.tie_point_count,
        card.residual_rmse_px
    );
    let changes: Vec<((f64, f64), (f64, f64))> =
        card.arrows.iter().map(|a| (a.place, (a.shift_px.0 - row, a.shift_px.1 - col))).collect();
    let residuals: Vec<((f64, f64), (f64, f64))> =
        card.arrows.iter().map(|a| (a.place, a.residual_px)).collect();
    map(&mut svg, MARGIN_PX, "Shift less the typical shift", (&changes, scale, size));
    map(&mut svg, 2.0 * MARGIN_PX + MAP_PX, "What the model leaves over", (&residuals, scale, size));
    let _ = write!(
        svg,
        "<text x=\"{MARGIN_PX}\" y=\"{}\" font-size=\"13\" fill=\"#555\">{}</text></svg>",
        height - 20.0,
        escape(&card.attribution)
    );
    png_on_white(&svg)
}

type Vectors<'a> = (&'a [((f64, f64), (f64, f64))], f64, (f64, f64));

/// One map with its own scale of arrows and a sample arrow below.
fn map(svg: &mut String, left: f64, title: &str, (vectors, scale, size): Vectors<'_>) {
    let mut lengths: Vec<f64> = vectors.iter().map(|(_, v)| v.0.hypot(v.1)).collect();
    let long = crate::stats::quantile(&mut lengths, 0.95);
    let unit = step_above(if long.is_finite() { long.max(1e-4) } else { 1.0 });
    let per_px = ARROW_PX / unit;
    let _ = write!(
        svg,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>\
         <rect x=\"{left}\" y=\"{TOP_PX}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#f6f7f8\" stroke=\"#9aa3ab\"/>",
        TOP_PX - 14.0,
        size.0,
        size.1
    );
    for ((r, c), v) in vectors {
        let length = v.0.hypot(v.1);
        // Strays would cross the whole map.
        let drawn = length.min(3.0 * unit) / length.max(1e-12);
        let (x, y) = (left + c * scale, TOP_PX + r * scale);
        let (dx, dy) = (v.1 * per_px * drawn, v.0 * per_px * drawn);
        // Row and column signs apart by colour: a map with structure shows patches.
        let colour = colour(v.0.atan2(v.1));
        if dx.hypot(dy) > LEAST_LINE_PX {
            let _ = write!(
                svg,
                "<path d=\"M{x:.1} {y:.1}l{dx:.1} {dy:.1}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
            );
        }
        let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\" fill=\"{colour}\"/>");
    }
    let y = TOP_PX + size.1 + 34.0;
    let _ = write!(
        svg,
        "<path d=\"M{left} {y}h{ARROW_PX}\" stroke=\"#222\" stroke-width=\"2\"/><circle cx=\"{left}\" cy=\"{y}\" \
         r=\"2.2\" fill=\"#222\"/><text x=\"{}\" y=\"{}\">{unit} px; a dot is the tie point, its line the shift; colour \
         is direction</text>",
        left + ARROW_PX + 10.0,
        y + 5.0
    );
}

/// A colour of the wheel for an angle, dark enough for a light ground.
fn colour(angle_rad: f64) -> String {
    let part = |phase: f64| (105.0 + 85.0 * (angle_rad + phase).cos()) as u8;
    format!("#{:02x}{:02x}{:02x}", part(0.0), part(-2.094), part(2.094))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_length_is_a_dot_without_a_line() {
        let lines = |vectors: Vectors<'_>| {
            let mut svg = String::new();
            map(&mut svg, 0.0, "", vectors);
            (svg.matches("<path").count(), svg.matches("<circle").count())
        };
        let (still, moved) = (((1.0, 1.0), (0.0, 0.0)), ((2.0, 2.0), (0.0, 1.0)));
        // The sample arrow below the map is one of each.
        assert_eq!(
            (lines((&[still], 1.0, (9.0, 9.0))), lines((&[still, moved], 1.0, (9.0, 9.0)))),
            ((1, 2), (2, 3))
        );
    }

    #[test]
    fn a_picture_is_drawn_even_of_nothing() {
        let arrows =
            vec![Arrow { place: (5.0, 5.0), shift_px: (1.0, f64::EPSILON), residual_px: (0.0, 0.0) }];
        for card in [
            QuiverCard { shape: (10, 20), ..QuiverCard::default() },
            QuiverCard { shape: (10, 20), arrows, moving: "<a&b>".into(), ..QuiverCard::default() },
        ] {
            assert!(render(&card).unwrap().starts_with(b"\x89PNG"));
        }
    }
}

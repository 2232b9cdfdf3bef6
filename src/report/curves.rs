//! Curves with error bars in a grid of plots: one page, as SVG and PNG. Legends stand above the plots, where no data can be.

use super::axis::{Tick, multiples, step_above, tenth};
use super::{Error, drawing, text};
use serde::Serialize;

const TEMPLATE: &str = include_str!("templates/curves.svg");
const COLUMNS: usize = 2;
const PLOT_WIDTH: f64 = 620.0;
const PLOT_HEIGHT: f64 = 400.0;
const LEFT: f64 = 100.0;
const TOP: f64 = 130.0;
const GAP_X: f64 = 150.0;
const GAP_Y: f64 = 160.0;
const FOOT: f64 = 120.0;
/// Letters of the legend, the sample before a name with its gaps, and the height of a row, px.
const LEGEND_PX: f64 = 16.0;
const SAMPLE_PX: f64 = 36.0;
const LEGEND_GAP_PX: f64 = 26.0;
const LEGEND_ROW_PX: f64 = 26.0;
/// Distinct also for the colour-blind (Okabe & Ito 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#666666"];

/// How numbers become places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// In proportion, from the first to the second.
    Linear(f64, f64),
    /// By logarithm, both positive.
    Log(f64, f64),
}

/// A line or points of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend; empty = none.
    pub name: String,
    /// Points in order.
    pub points: Vec<(f64, f64)>,
    /// Ends of a vertical bar through each point; empty = none.
    pub bars: Vec<[f64; 2]>,
    /// How it is drawn.
    pub style: Style,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line through the points.
    Line,
    /// Dots with bars.
    Dots,
    /// A thin dashed line: what should be.
    Guide,
}

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below and beside it.
    pub labels: (String, String),
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
    /// What is drawn, the first on top of the colour list.
    pub series: Vec<Series>,
}

/// A page of plots.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// The page as a self-contained SVG.
    pub svg: String,
    /// The same as PNG.
    pub png: Vec<u8>,
}

#[derive(Debug, Serialize)]
struct Page {
    width: f64,
    height: f64,
    title: String,
    foot: String,
    plots: Vec<Drawn>,
}

#[derive(Debug, Serialize)]
struct Drawn {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    title: String,
    title_y: f64,
    x_label: String,
    y_label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    series: Vec<DrawnSeries>,
}

#[derive(Debug, Serialize)]
struct DrawnSeries {
    name: String,
    colour: &'static str,
    line: String,
    is_guide: bool,
    dots: Vec<[f64; 2]>,
    bars: Vec<[f64; 3]>,
    /// Left end of the sample and middle of the row.
    legend: [f64; 2],
}

impl Scale {
    /// Place between the ends, 0…1, clamped so that a bar to 0 stays on a logarithmic page.
    fn place(self, v: f64) -> f64 {
        let f = match self {
            Self::Linear(low, high) => (v - low) / (high - low),
            Self::Log(low, high) => (v.max(low * 1e-3) / low).ln() / (high / low).ln(),
        };
        f.clamp(0.0, 1.0)
    }

    /// Round numbers within the ends.
    fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(low, high) => multiples(low, high, step_above((high - low) / 5.0), usize::MAX),
            Self::Log(low, high) => {
                let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
                let few = (high / low).log10() < 2.5;
                let parts: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let all = decades.flat_map(|d| parts.iter().map(move |m| m * 10f64.powi(d)));
                all.filter(|v| *v >= low * 0.999 && *v <= high * 1.001).collect()
            }
        }
    }
}

/// Draws `plots`, two a row, under `title` and above `foot`.
///
/// # Errors
/// [`Error::Template`], [`Error::Draw`] and [`Error::Png`] are mistakes of this program.
pub fn render(title: &str, foot: &str, plots: &[Plot]) -> Result<Curves, Error> {
    let rows = plots.len().div_ceil(COLUMNS);
    let legends: Vec<Legend> = plots.iter().map(legend).collect();
    let legend_height = LEGEND_ROW_PX * legends.iter().map(|l| l.row_count).max().unwrap_or(0) as f64;
    let step_y = PLOT_HEIGHT + GAP_Y + legend_height;
    let place = |i: usize| {
        let (row, col) = ((i / COLUMNS) as f64, (i % COLUMNS) as f64);
        (LEFT + col * (PLOT_WIDTH + GAP_X), TOP + legend_height + row * step_y)
    };
    let drawn = |(i, (plot, legend))| drawn(plot, legend, place(i), legend_height);
    let page = Page {
        width: LEFT + COLUMNS as f64 * (PLOT_WIDTH + GAP_X) - GAP_X + 60.0,
        height: TOP + rows as f64 * step_y - GAP_Y + FOOT,
        title: title.to_owned(),
        foot: foot.to_owned(),
        plots: plots.iter().zip(&legends).enumerate().map(drawn).collect(),
    };
    let svg = super::fill("curves.svg", TEMPLATE, &page)?;
    Ok(Curves { png: drawing::png_on_white(&svg)?, svg })
}

/// Where the names of a plot's series stand, from its left end and the first row's middle.
struct Legend {
    places: Vec<[f64; 2]>,
    row_count: usize,
}

/// Names side by side, as many rows as they need.
fn legend(plot: &Plot) -> Legend {
    let (mut x, mut row, mut row_count) = (0.0, 0, 0);
    let places = plot.series.iter().map(|s| {
        if s.name.is_empty() {
            return [0.0; 2];
        }
        let width = SAMPLE_PX + text::width_px(&s.name, LEGEND_PX);
        if x > 0.0 && x + width > PLOT_WIDTH {
            (x, row) = (0.0, row + 1);
        }
        let place = [x, LEGEND_ROW_PX * row as f64];
        x += width + LEGEND_GAP_PX;
        row_count = row + 1;
        place
    });
    Legend { places: places.collect(), row_count }
}

fn drawn(plot: &Plot, legend: &Legend, (x, y): (f64, f64), legend_height: f64) -> Drawn {
    let px = |v: f64| tenth(x + PLOT_WIDTH * plot.x.place(v));
    let py = |v: f64| tenth(y + PLOT_HEIGHT * (1.0 - plot.y.place(v)));
    let tick = |at: f64, v: f64| Tick { at, label: number(v) };
    let title_y = y - 16.0 - legend_height;
    let series = (plot.series.iter().zip(&legend.places).enumerate())
        .map(|(i, (s, place))| {
            let points = s.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
            let places: Vec<[f64; 2]> = points.map(|p| [px(p.0), py(p.1)]).collect();
            let line: Vec<String> = places.iter().map(|p| format!("{},{}", p[0], p[1])).collect();
            let dots = s.style == Style::Dots;
            DrawnSeries {
                name: s.name.clone(),
                colour: if s.style == Style::Guide { "#8a9099" } else { COLOURS[i % COLOURS.len()] },
                line: if dots { String::new() } else { line.join(" ") },
                is_guide: s.style == Style::Guide,
                dots: if dots { places } else { Vec::new() },
                bars: s.points.iter().zip(&s.bars).map(|(p, b)| [px(p.0), py(b[0]), py(b[1])]).collect(),
                legend: [tenth(x + place[0]), tenth(title_y + LEGEND_ROW_PX - 6.0 + place[1])],
            }
        })
        .collect();
    Drawn {
        x,
        y,
        width: PLOT_WIDTH,
        height: PLOT_HEIGHT,
        title: plot.title.clone(),
        title_y,
        x_label: plot.labels.0.clone(),
        y_label: plot.labels.1.clone(),
        x_ticks: plot.x.ticks().into_iter().map(|v| tick(px(v), v)).collect(),
        y_ticks: plot.y.ticks().into_iter().map(|v| tick(py(v), v)).collect(),
        series,
    }
}

/// Few digits: 0.001, 0.25, 10, 2000.
fn number(v: f64) -> String {
    if v.abs() > 0.0 && v.abs() < 1e-3 { format!("{v:.0e}") } else { format!("{}", (v * 1e6).round() / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_place_their_ends_and_round_numbers() {
        let log = Scale::Log(1.0, 100.0);
        assert!((log.place(10.0) - 0.5).abs() < 1e-12 && log.place(0.0).abs() < 1e-12);
        assert_eq!(log.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        let ticks = Scale::Linear(0.0, 1.0).ticks();
        assert!(ticks.len() == 6 && (ticks[1] - 0.2).abs() < 1e-12);
    }

    #[test]
    fn names_are_escaped_and_the_page_is_a_picture() {
        let series = |style| Series {
            name: "a < b".to_owned(),
            points: vec![(1.0, 0.2), (10.0, 0.8)],
            bars: vec![[0.1, 0.3], [0.7, 0.9]],
            style,
        };
        let plot = Plot {
            title: "recall".to_owned(),
            labels: ("false alarms".to_owned(), "recall".to_owned()),
            x: Scale::Log(1.0, 100.0),
            y: Scale::Linear(0.0, 1.0),
            series: vec![series(Style::Line), series(Style::Dots), series(Style::Guide)],
        };
        let named = drawn(&plot, &legend(&plot), (100.0, 200.0), LEGEND_ROW_PX);
        // Names stand between title and plot, one after the other.
        let places: Vec<[f64; 2]> = named.series.iter().map(|s| s.legend).collect();
        assert!(places.iter().all(|p| p[1] > named.title_y && p[1] < named.y), "{places:?}");
        assert!(places.windows(2).all(|p| p[1][0] > p[0][0] + SAMPLE_PX), "{places:?}");
        let mut many = plot.clone();
        many.series.extend((0..20).map(|_| series(Style::Line)));
        let rows = legend(&many);
        assert!(rows.row_count > 1 && rows.places.iter().all(|p| p[0] < PLOT_WIDTH));
        let page = render("t", "f", &[plot.clone(), plot.clone(), plot]).unwrap();
        assert!(page.svg.contains("a &lt; b") && !page.svg.contains("a < b"));
        assert!(image::load_from_memory(&page.png).unwrap().width() > 1000);
    }
}

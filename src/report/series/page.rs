//! The page of a site: its charts, what happened, and the dates as a table.

use super::super::Error;
use super::{SeriesCard, SeriesChart};
use serde::Serialize;

/// Everything on the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesPage {
    /// Name of the site.
    pub title: String,
    /// Version of the program.
    pub version: String,
    /// Sum of all tracks first, then the tracks.
    pub cards: Vec<SeriesCard>,
    /// What happened, newest first.
    pub events: Vec<PageEvent>,
}

/// One row of the table of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PageEvent {
    /// The date.
    pub date: String,
    /// `first`, `moved`, …
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// Relative link to the figure and page of the date, where there is one.
    pub link: Option<String>,
}

#[derive(Serialize)]
struct Context<'a> {
    page: &'a SeriesPage,
    sections: Vec<Section<'a>>,
    css: &'static str,
}

#[derive(Serialize)]
struct Section<'a> {
    card: &'a SeriesCard,
    svg: &'a str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    date: String,
    occupied: String,
    range: String,
    view: String,
    agreed: String,
    disputed: String,
    seen: String,
    limit: String,
}

/// The page; `charts` belong to the cards in their order.
///
/// # Errors
/// [`Error::Template`]: a mistake of this program.
pub fn page(page: &SeriesPage, charts: &[SeriesChart]) -> Result<String, Error> {
    let sections: Vec<Section<'_>> = page
        .cards
        .iter()
        .zip(charts)
        .map(|(card, chart)| Section { card, svg: &chart.svg, rows: rows(card) })
        .collect();
    let context = Context { page, sections, css: include_str!("../templates/report.css") };
    super::super::fill("series.html", include_str!("../templates/series.html"), context)
}

fn rows(card: &SeriesCard) -> Vec<Row> {
    let row = |p: &super::SeriesPoint| Row {
        date: p.datetime.strftime("%Y-%m-%d %H:%M").to_string(),
        occupied: format!("{:.0}", p.occupied_m),
        range: format!("{:.0}–{:.0}", p.low_m, p.high_m),
        view: p.view.clone(),
        agreed: format!("{:.0}", p.agreed_m),
        disputed: format!("{:.0}", p.disputed_m),
        seen: format!("{:.0} %", 100.0 * p.observed_fraction),
        limit: p.limit_m.map_or_else(|| "none".to_owned(), |l| format!("{l:.0}")),
    };
    card.points.iter().rev().map(row).collect()
}

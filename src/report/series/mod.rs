//! Occupied track over time: a chart that can be printed and a page of all tracks of a site.
//!
//! Time runs to the right. The band is the 90 % range of the occupied metres, the broken line the shortest train that
//! would have been found, so that a zero below it says something; dates without a usable scene are gaps, hatched and
//! not bridged. Bars below show which share of the track could be seen. Radar and optical dates share the axes, each with
//! its own line, range and limit: where they disagree both are seen, and what the other one has is marked.

mod chart;
mod page;

pub use page::{PageEvent, SeriesPage, page};

use super::Error;
use super::drawing::png_on_white;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a series.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesCard {
    /// Name of the site.
    pub title: String,
    /// Name and id of the track; empty for all tracks of the site together.
    pub track: String,
    /// What it covers, in a line below the title, after the track.
    pub subtitle: String,
    /// Line that the data's licence asks for.
    pub attribution: String,
    /// Length of the track, metres.
    pub length_m: f64,
    /// Dates in order of time.
    pub points: Vec<SeriesPoint>,
    /// What happened, in order of time.
    pub notes: Vec<SeriesNote>,
}

/// One date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// The date.
    pub datetime: Timestamp,
    /// Occupied length, metres.
    pub occupied_m: f64,
    /// 90 % range of it, metres.
    pub low_m: f64,
    /// 90 % range of it, metres.
    pub high_m: f64,
    /// Shortest train that would be found, metres; `None` where none would.
    pub limit_m: Option<f64>,
    /// Share of the track that could be seen, 0…1.
    pub observed_fraction: f64,
    /// What saw it, for people: `optical`, or `radar` with its geometry.
    pub view: String,
    /// Whether that is radar.
    pub is_radar: bool,
    /// Occupied length on which another view saw the same trains, metres.
    pub agreed_m: f64,
    /// Length, shown clear and empty here, on which trains stand by the word of another view, metres.
    pub disputed_m: f64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesNote {
    /// When.
    pub datetime: Timestamp,
    /// What, in a few words.
    pub text: String,
}

/// A drawn chart.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChart {
    /// Self-contained SVG.
    pub svg: String,
    /// The same as PNG, 1600 px wide.
    pub png: Vec<u8>,
}

/// Draws a series.
///
/// # Errors
/// [`Error::Template`], [`Error::Draw`] and [`Error::Png`] are mistakes of this program.
pub fn render(card: &SeriesCard) -> Result<SeriesChart, Error> {
    let svg = super::fill("series.svg", include_str!("../templates/series.svg"), chart::lay_out(card))?;
    let png = png_on_white(&svg)?;
    Ok(SeriesChart { svg, png })
}

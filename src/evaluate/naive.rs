//! What is scripted without a track frame, scored by the same rule: the measure of what the detector adds.
//!
//! Each reference gives every pixel a number; along the track the largest within one pixel counts, runs of it above a
//! threshold are detections, and the threshold is lowered over all cases together. Registered change vector
//! analysis (Malila 1980): target against the robust line on the newest baseline, each band in units of its robust
//! spread, length of the vector. IR-MAD (Nielsen 2007, 10.1109/TIP.2006.888195) as a ranking. Plain difference: the
//! mean absolute difference over bands, neither registered nor normalised. Power of radar is compared in decibels.

use super::case::json;
use super::curve::{CurvePoint, recall_at_rate};
use super::{Case, Error, Known, RATES_PER_100KM};
use crate::change::{self, ChangeParams};
use crate::corridor::{Strip, sample_strip};
use crate::grid::Bounds;
use crate::io;
use crate::pipeline::{self, DetectConfig, GdalSource, Plan, RunOutput, Silent};
use crate::simulate::{Change, Kind};
use crate::stats::robust_line;
use ndarray::{Array2, Array3};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Half width beside the track in which the largest value counts, px.
const REACH_PX: f64 = 1.0;
/// The threshold goes down until there are this many false alarms per 100 km.
const LARGEST_RATE: f64 = 200.0;
/// Growth of the number of cells above the threshold from step to step.
const STEP_RATIO: f64 = 1.03;

/// A naive reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// Registered, normalised change vector analysis.
    Cva,
    /// Registered IR-MAD.
    IrMad,
    /// Difference of the scenes as they come.
    PlainDifference,
}

impl Reference {
    /// Every reference.
    pub const ALL: [Self; 3] = [Self::Cva, Self::IrMad, Self::PlainDifference];

    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cva => "registered CVA",
            Self::IrMad => "registered IR-MAD",
            Self::PlainDifference => "plain difference",
        }
    }
}

/// The statistic of a reference along one track.
#[derive(Debug, Clone, PartialEq)]
pub struct NaiveTrack {
    /// Where the cells lie, local metres.
    pub points: Vec<(f64, f64)>,
    /// One value a cell; NaN where nothing can be compared.
    pub statistic: Vec<f64>,
    /// Whether false alarms on it are counted.
    pub is_null: bool,
}

/// One case as a reference sees it.
#[derive(Debug, Clone)]
pub struct NaiveCase<'a> {
    /// Statistic along its tracks.
    pub tracks: Vec<NaiveTrack>,
    /// What is known.
    pub known: &'a [Known],
    /// Length on which false alarms are counted, metres.
    pub observed_m: f64,
}

/// How a reference did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NaiveResult {
    /// Which one.
    pub reference: Reference,
    /// Recall at each of [`RATES_PER_100KM`]; NaN where no train is known.
    pub recall_at: [f64; 3],
    /// Recall over false alarms.
    pub curve: Vec<CurvePoint>,
}

/// The statistic of `reference` along each track, from the pair (target, baseline) of its strips.
///
/// # Errors
/// [`change::Error`] when the pair cannot be compared.
pub fn statistic(reference: Reference, pairs: &[(&Strip, &Strip)]) -> Result<Vec<Vec<f64>>, change::Error> {
    let target = joined(pairs.iter().map(|p| p.0));
    let baseline = joined(pairs.iter().map(|p| p.1));
    let ok = Array2::from_shape_fn((target.dim().1, target.dim().2), |(s, t)| {
        (0..target.dim().0).all(|b| target[(b, s, t)].is_finite() && baseline[(b, s, t)].is_finite())
    });
    let mut map = match reference {
        Reference::Cva => cva(&target, &baseline, &ok),
        Reference::PlainDifference => {
            let bands = target.dim().0;
            let difference =
                |b: usize, at: (usize, usize)| (target[(b, at.0, at.1)] - baseline[(b, at.0, at.1)]).abs();
            Array2::from_shape_fn(ok.dim(), |at| {
                (0..bands).map(|b| f64::from(difference(b, at))).sum::<f64>() / bands as f64
            })
        }
        Reference::IrMad => {
            let params = ChangeParams { trend_reach_px: 0, ..ChangeParams::default() };
            change::statistic(&target, &[baseline], &ok, &params)?.statistic.mapv(f64::from)
        }
    };
    ndarray::Zip::from(&mut map).and(&ok).for_each(|v, &ok| *v = if ok { *v } else { f64::NAN });
    let mut row = 0;
    let mut out = Vec::new();
    for (strip, _) in pairs {
        let geometry = strip.geometry;
        let middle = geometry.half_across();
        let reach = (REACH_PX * geometry.along_step_m / geometry.across_step_m).round() as usize;
        let largest = |s: usize| {
            let cells = (middle - reach..=middle + reach).map(|t| map[(s, t)]);
            cells.filter(|v| v.is_finite()).fold(f64::NAN, f64::max)
        };
        let count = strip.valid.nrows();
        out.push((row..row + count).map(largest).collect());
        row += count;
    }
    Ok(out)
}

fn joined<'a>(strips: impl Iterator<Item = &'a Strip>) -> Array3<f32> {
    let views: Vec<_> = strips.map(|s| s.values.view()).collect();
    ndarray::concatenate(ndarray::Axis(1), &views).unwrap_or_else(|_| Array3::zeros((0, 0, 0)))
}

/// Length of the difference vector, each band in units of its robust spread about the robust line.
fn cva(target: &Array3<f32>, baseline: &Array3<f32>, ok: &Array2<bool>) -> Array2<f64> {
    let mut square = Array2::<f64>::zeros(ok.dim());
    for b in 0..target.dim().0 {
        let cells = ok.indexed_iter().filter(|(_, ok)| **ok).map(|(at, _)| at);
        let (x, y): (Vec<f64>, Vec<f64>) =
            cells.map(|(s, t)| (f64::from(baseline[(b, s, t)]), f64::from(target[(b, s, t)]))).unzip();
        let Some(line) = robust_line(&x, &y) else { continue };
        for ((s, t), v) in square.indexed_iter_mut() {
            let difference = f64::from(target[(b, s, t)]) - line.at(f64::from(baseline[(b, s, t)]));
            *v += (difference / line.sigma.max(1e-9)).powi(2);
        }
    }
    square.mapv(f64::sqrt)
}

/// Lowers the threshold over all cases together.
#[must_use]
pub fn score(reference: Reference, cases: &[NaiveCase<'_>]) -> NaiveResult {
    let mut values: Vec<f64> = cases
        .iter()
        .flat_map(|c| &c.tracks)
        .flat_map(|t| t.statistic.iter().copied().filter(|v| v.is_finite()))
        .collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let observed_km = cases.iter().map(|c| c.observed_m).sum::<f64>() / 1000.0;
    let mut curve = Vec::new();
    let mut rank = 0usize;
    while let Some(&threshold) = values.get(rank) {
        let point = at_threshold(cases, threshold, observed_km);
        let rate = point.false_alarms_per_100km;
        curve.push(point);
        if rate > LARGEST_RATE {
            break;
        }
        rank = (rank + 1).max((rank as f64 * STEP_RATIO) as usize);
    }
    let known_count = cases.iter().flat_map(|c| c.known).filter(|k| has_changed(k) && k.is_seen).count();
    let recall_at = RATES_PER_100KM.map(|rate| recall_at_rate(&curve, rate, known_count).0);
    NaiveResult { reference, recall_at, curve }
}

fn has_changed(known: &Known) -> bool {
    known.kind == Kind::Train && known.change != Change::Standing
}

fn at_threshold(cases: &[NaiveCase<'_>], threshold: f64, observed_km: f64) -> CurvePoint {
    let (mut hits, mut all, mut alarms) = (0usize, 0usize, 0usize);
    for case in cases {
        // What is found on a train out of sight is no false alarm, though the train is not counted.
        let known: Vec<&Known> = case.known.iter().filter(|k| has_changed(k)).collect();
        let mut found = vec![false; known.len()];
        for track in &case.tracks {
            for run in runs(track, threshold) {
                let mut is_hit = false;
                for (k, found) in known.iter().zip(&mut found) {
                    let here = k.axis.hit(&run).is_some();
                    *found |= here;
                    is_hit |= here;
                }
                alarms += usize::from(track.is_null && !is_hit);
            }
        }
        hits += known.iter().zip(&found).filter(|(k, found)| k.is_seen && **found).count();
        all += known.iter().filter(|k| k.is_seen).count();
    }
    CurvePoint {
        score: threshold,
        false_alarms_per_100km: 100.0 * alarms as f64 / observed_km,
        recall: hits as f64 / all as f64,
    }
}

/// The stretches at or above the threshold; a gap of one cell does not part them.
fn runs(track: &NaiveTrack, threshold: f64) -> Vec<Vec<(f64, f64)>> {
    let mut bounds: Vec<(usize, usize)> = Vec::new();
    for (i, _) in track.statistic.iter().enumerate().filter(|(_, v)| **v >= threshold) {
        match bounds.last_mut() {
            Some(last) if i <= last.1 + 2 => last.1 = i,
            _ => bounds.push((i, i)),
        }
    }
    let last = track.points.len() - 1;
    let between = |i: usize, k: usize| {
        let (a, b) = (track.points[i], track.points[k]);
        (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1))
    };
    bounds
        .into_iter()
        .map(|(i, k)| vec![between(i.saturating_sub(1), i), between(k, (k + 1).min(last))])
        .collect()
}

/// A case's scenes compared again, for the references.
#[derive(Debug)]
pub struct Compared {
    output: RunOutput,
}

/// Reads the scenes that `run.json` in `dir` names and compares target and newest baseline again with the settings of that
/// run; power of radar in decibels. Paths in it are taken from the current folder, as `railwatch detect` took them.
///
/// # Errors
/// [`Error::Read`] or [`Error::Content`] for the record, [`Error::Scenes`] when the scenes cannot be compared.
pub fn compare(dir: &Path) -> Result<Compared, Error> {
    let config = settings(dir)?;
    let scenes = |source: pipeline::Error| Error::Scenes { case: dir.display().to_string(), source };
    config.check().map_err(scenes)?;
    let plan = Plan::new(config).map_err(scenes)?;
    let mut output = pipeline::run(plan, &GdalSource, &Silent).map_err(scenes)?;
    if output.plan.is_radar() {
        output.baseline_map = pipeline::in_db(&output.baseline_map);
        output.target_map = pipeline::in_db(&output.target_map);
    }
    Ok(Compared { output })
}

/// The settings of the run in `dir`, with the newest baseline that it used alone.
fn settings(dir: &Path) -> Result<DetectConfig, Error> {
    let path = dir.join("run.json");
    let run = json(&path)?;
    let again = |what: &str, path: PathBuf| Error::Content {
        path,
        reason: format!("{what}: run `railwatch detect` again with this version"),
    };
    let mut config: DetectConfig = serde_json::from_value(run["settings"].clone())
        .map_err(|e| again(&format!("it lacks usable settings ({e})"), path.clone()))?;
    let newest = run["scenes"][1]["path"].as_str();
    config.baseline = vec![newest.ok_or_else(|| again("it names no baseline", path))?.to_owned()];
    if config.bands.is_empty() {
        // Those that all baselines of the run have.
        let used = run["scenes"][0]["bands"].as_array().into_iter().flatten();
        config.bands = used.filter_map(|band| band.as_str().map(str::to_owned)).collect();
    }
    Ok(config)
}

impl Compared {
    /// The statistic of a reference along the tracks of the case.
    ///
    /// # Errors
    /// [`Error::Output`] when PROJ cannot relate the systems, [`Error::Scenes`] when the pair cannot be compared or placed.
    pub fn tracks(&self, reference: Reference, case: &Case) -> Result<Vec<NaiveTrack>, Error> {
        let plan = &self.output.plan;
        let (baseline, target) = (&self.output.baseline_map, &self.output.target_map);
        // Registered, both lie on one grid; as they come, the target is where its own georeference puts it.
        let shift_px = match (reference, &self.output.used[0].registration) {
            (Reference::PlainDifference, Some(r)) => (r.shift_row_px, r.shift_col_px),
            _ => (0.0, 0.0),
        };
        let (mut targets, mut baselines, mut points) = (Vec::new(), Vec::new(), Vec::new());
        let geometry = plan.geometry();
        for track in &plan.tracks {
            let bounds = Bounds::around(track.vertices().iter().copied());
            let mapping = io::mapping(&plan.crs, &baseline.grid, bounds)?;
            targets.push(sample_strip(target, (0, 0), &mapping, shift_px, track, geometry));
            baselines.push(sample_strip(baseline, (0, 0), &mapping, (0.0, 0.0), track, geometry));
            let count = geometry.along_count(track.length_m());
            let xy: Vec<_> = (0..count).map(|s| track.at(s as f64 * geometry.along_step_m).xy).collect();
            let lonlat =
                plan.lonlat(&xy).map_err(|source| Error::Scenes { case: case.name.clone(), source })?;
            points.push(
                lonlat
                    .into_iter()
                    .map(|[lon, lat]| super::case::local((lon, lat), case.origin_lonlat))
                    .collect(),
            );
        }
        let pairs: Vec<_> = targets.iter().zip(&baselines).collect();
        let statistics = statistic(reference, &pairs).map_err(|source| Error::Scenes {
            case: case.name.clone(),
            source: pipeline::Error::from(source),
        })?;
        let track = |(points, statistic)| NaiveTrack { points, statistic, is_null: true };
        Ok(points.into_iter().zip(statistics).map(track).collect())
    }
}

#[cfg(test)]
#[path = "naive_tests.rs"]
mod tests;

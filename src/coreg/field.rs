//! The shift as a function of place, in the simplest form that the tie points ask for.
//!
//! A constant, a plane (affine) or a smooth surface. Held-out blocks of tie points decide (cross-validation in blocks, for
//! neighbouring windows err alike; Roberts et al. 2017, 10.1111/ecog.02881): a richer form must predict them better by
//! more than its standard error. Tukey weights hold down what strays. The uncertainty is the posterior one of a
//! penalised fit (Wahba 1983): it grows where points are missing.

use super::surface::{Basis, Datum, Fit, Normal};
use super::uncertainty::{self, Residual};
use super::{CoregParams, Error, TiePoint, consensus, neighbours};
use crate::grid::Window;
use crate::stats::{mad_sigma, median};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Smoothing weights tried, relative to the points' weight per coefficient, smoothest first.
const LAMBDAS: [f64; 6] = [10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4];
/// Smoothing under which strays are found first: rough, so that a steep field is not mistaken for them.
const FIRST_LAMBDA: f64 = 1e-3;
/// A richer form must lower the held-out variance by more than this share, and by so many standard errors.
const LEAST_GAIN_FRACTION: f64 = 0.01;
const LEAST_GAIN_SIGMAS: f64 = 2.0;
/// Parts that the blocks of tie points are dealt to.
const FOLDS: usize = 4;
/// Blocks along the longer side, at most.
const BLOCKS: f64 = 12.0;
/// Tukey's constant for tie points, in standard deviations.
const TUKEY_SIGMAS: f64 = 4.7;
/// Rounds of reweighting.
const ROUNDS: usize = 6;
/// A scene is never flatter than this, px.
const SPREAD_FLOOR_PX: f64 = 0.003;

/// The form of a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// One shift for the scene.
    Translation,
    /// A shift that changes linearly: turned, scaled, sheared.
    Affine,
    /// A shift that changes smoothly from place to place.
    Field,
}

impl Model {
    /// Its name, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Translation => "translation",
            Self::Affine => "affine",
            Self::Field => "field",
        }
    }

    /// Fewest tie points that carry it.
    fn least_tie_points(self) -> usize {
        match self {
            Self::Translation => 1,
            Self::Affine => 8,
            Self::Field => 40,
        }
    }
}

/// A shift known at every place, with its uncertainty.
#[derive(Debug, Clone)]
pub struct ShiftField {
    model: Model,
    basis: Basis,
    fit: Fit,
    /// Variance of a tie point of weight 1, both components together, px².
    variance: f64,
    /// Variance that is the same everywhere: change that may go the same way in all windows, what blocks of them
    /// disagree by, and the structure that the form leaves over, both components together, px².
    common: f64,
}

impl ShiftField {
    /// Its form.
    #[must_use]
    pub fn model(&self) -> Model {
        self.model
    }

    /// The shift at a continuous place of the reference, px (row, col): add it to the moving place to get this one.
    #[must_use]
    pub fn shift_px(&self, row: f64, col: f64) -> (f64, f64) {
        let [r, c] = &self.fit.coefficients;
        (self.basis.value(r, row, col), self.basis.value(c, row, col))
    }

    /// Standard error of the shift there, px: root of the sum of both components' variances.
    #[must_use]
    pub fn sigma_px(&self, row: f64, col: f64) -> f64 {
        let mut terms = Vec::with_capacity(16);
        self.basis.each(row, col, |k, b| terms.push((k, b)));
        // σ² = s² bᵀ(BᵀWB + λP)⁻¹b + τ²
        let quadratic: f64 = terms
            .iter()
            .map(|(a, x)| terms.iter().map(|(b, y)| x * y * self.fit.inverse[(*a, *b)]).sum::<f64>())
            .sum();
        (self.variance * quadratic.max(0.0) + self.common).sqrt()
    }
}

/// A shift that can be trusted at every place.
#[derive(Debug, Clone)]
pub struct FieldRegistration {
    /// The shift.
    pub field: ShiftField,
    /// The tie points that agree.
    pub tie_points: Vec<TiePoint>,
    /// Windows in which both scenes show ground.
    pub seen_count: usize,
    /// Windows with a sharp partner.
    pub matched_count: usize,
    /// Root mean square of the tie points about the field, px.
    pub residual_rmse_px: f64,
    /// Size of what the field leaves of a shift that changes from place to place, px; counted in its standard error.
    pub structure_px: f64,
    /// Root mean square of the field's standard error over the tie points, px.
    pub field_rmse_px: f64,
    /// Root mean square error of held-out tie points under each form that was tried, px.
    pub held_out_rmse_px: Vec<(Model, f64)>,
}

/// What the windows gave.
#[derive(Debug, Clone, Copy)]
pub struct Matches<'a> {
    /// Windows with a sharp partner.
    pub points: &'a [TiePoint],
    /// Windows in which both scenes show ground.
    pub seen_count: usize,
    /// Share of the windows laid out in which they do, percent.
    pub clear_percent: f64,
    /// Windows that share a pixel, on average: 1 without overlap.
    pub overlap: f64,
    /// Side of the windows, px.
    pub window_px: usize,
    /// Part of the reference over which they were laid out.
    pub area: Window,
}

/// The field of the tie points that agree, in the form `asked` or the simplest that they ask for.
///
/// # Errors
/// [`Error::TooFewTiePoints`] when hardly any agree, [`Error::TooFewForModel`] when they do not carry the form, [`Error::Scattered`] and [`Error::Uncertain`] when they say too little.
pub fn field(
    matches: Matches<'_>,
    asked: Option<Model>,
    params: &CoregParams,
) -> Result<FieldRegistration, Error> {
    params.check()?;
    let kept = neighbours::agreeing(matches.points);
    let needed = (params.least_tie_points.min((matches.seen_count / 4).max(3)))
        .max(consensus::least_agreeing(matches.points.len(), matches.seen_count));
    let (tried, clear_percent) = (matches.seen_count, matches.clear_percent);
    let too_few = |agreeing: usize| Error::TooFewTiePoints { agreeing, tried, needed, clear_percent };
    if kept.len() < needed {
        return Err(too_few(kept.len()));
    }
    let bases = bases(matches.area, kept.len(), asked);
    let richest = bases.last().ok_or_else(|| match asked {
        Some(model) => {
            Error::TooFewForModel { agreeing: kept.len(), tried, needed: model.least_tie_points(), model }
        }
        None => too_few(kept.len()),
    })?;
    let first = weighted(&kept, &richest.1, FIRST_LAMBDA).ok_or_else(|| too_few(kept.len()))?;
    // The smoothing that predicts best tells strays best.
    let best = best_lambda(richest, &first).unwrap_or(FIRST_LAMBDA);
    let data = weighted(&kept, &richest.1, best).ok_or_else(|| too_few(kept.len()))?;
    let agreeing: Vec<(TiePoint, Datum)> =
        kept.into_iter().zip(data).filter(|(_, d)| d.weight > 0.0).collect();
    if agreeing.len() < needed {
        return Err(too_few(agreeing.len()));
    }
    let (kept, data): (Vec<TiePoint>, Vec<Datum>) = agreeing.into_iter().unzip();
    let chosen = choose(&bases, &data).ok_or_else(|| too_few(kept.len()))?;
    let penalty = chosen.basis.penalty();
    let fit =
        Normal::new(&chosen.basis, &data).fit(&penalty, chosen.lambda).ok_or_else(|| too_few(kept.len()))?;
    let squares = |d: &Datum| square(&chosen.basis, &fit.coefficients, d);
    let freedom = (kept.len() as f64 - effective(&chosen.basis, &data, &fit)).max(1.0);
    let variance =
        data.iter().map(|d| d.weight * squares(d)).sum::<f64>() / freedom * matches.overlap.max(1.0);
    let residual_rmse_px = (data.iter().map(squares).sum::<f64>() / data.len() as f64).sqrt();
    let residual = |d: &Datum| {
        let at = |k: usize| d.values[k] - chosen.basis.value(&fit.coefficients[k], d.place.0, d.place.1);
        Residual { place: d.place, off_px: [at(0), at(1)], weight: d.weight }
    };
    let residuals: Vec<Residual> = data.iter().map(residual).collect();
    let structure = uncertainty::structure(&residuals, matches.window_px);
    let common = uncertainty::between_blocks(&residuals)
        + uncertainty::change(&residuals, &kept, (matches.window_px, matches.seen_count))
        + structure;
    let field = ShiftField { model: chosen.model, basis: chosen.basis, fit, variance, common };
    let errors: f64 = kept.iter().map(|p| field.sigma_px(p.row, p.col).powi(2)).sum();
    let field_rmse_px = (errors / kept.len() as f64).sqrt();
    if residual_rmse_px > params.largest_rmse_px {
        return Err(Error::Scattered { rmse_px: residual_rmse_px, largest_px: params.largest_rmse_px });
    }
    let of_fit_px = (field_rmse_px.powi(2) - field.common).max(0.0).sqrt();
    uncertainty::check(of_fit_px, field_rmse_px, params)?;
    Ok(FieldRegistration {
        field,
        tie_points: kept,
        seen_count: matches.seen_count,
        matched_count: matches.points.len(),
        residual_rmse_px,
        structure_px: structure.sqrt(),
        field_rmse_px,
        held_out_rmse_px: chosen.held_out,
    })
}

/// The forms that the points can carry, simplest first; only the asked one where one was asked.
fn bases(area: Window, points: usize, asked: Option<Model>) -> Vec<(Model, Basis)> {
    let all = [
        (Model::Translation, Basis::Constant),
        (Model::Affine, Basis::plane(area)),
        (Model::Field, Basis::spline(area, points)),
    ];
    let carried = |model: Model| points >= model.least_tie_points() && asked.is_none_or(|a| a == model);
    all.into_iter().filter(|(model, _)| carried(*model)).collect()
}

/// Sum of the points' weights per coefficient.
fn per_coefficient(basis: &Basis, data: &[Datum]) -> f64 {
    data.iter().map(|d| d.weight).sum::<f64>() / basis.len() as f64
}

/// The points with weights by their own error, the spread beyond it, and Tukey's for what strays from a fit that is smoothed
/// by `relative_lambda`.
fn weighted(points: &[TiePoint], basis: &Basis, relative_lambda: f64) -> Option<Vec<Datum>> {
    let place = |p: &TiePoint| (p.row, p.col);
    let mut data: Vec<Datum> = points
        .iter()
        .map(|p| Datum { place: place(p), values: [p.shift_row_px, p.shift_col_px], weight: 1.0 })
        .collect();
    let penalty = basis.penalty();
    for _ in 0..ROUNDS {
        let lambda = relative_lambda * per_coefficient(basis, &data);
        let c = Normal::new(basis, &data).coefficients(&penalty, lambda)?;
        let left: Vec<[f64; 2]> = data
            .iter()
            .map(|d| [0, 1].map(|k| d.values[k] - basis.value(&c[k], d.place.0, d.place.1)))
            .collect();
        let spread = [0, 1]
            .map(|k| mad_sigma(&left.iter().map(|r| r[k]).collect::<Vec<_>>(), 0.0).max(SPREAD_FLOOR_PX));
        // τ², what differs from place to place beyond each point's own error (DerSimonian & Laird 1986).
        let own = median(&mut points.iter().map(|p| p.sigma_px.powi(2)).collect::<Vec<_>>());
        let between = (0.5 * (spread[0].powi(2) + spread[1].powi(2)) - own).max(SPREAD_FLOOR_PX.powi(2));
        let typical = own + between;
        for ((d, r), p) in data.iter_mut().zip(&left).zip(points) {
            let variance = p.sigma_px.powi(2) + between;
            let scale = (variance / typical).max(1.0);
            let u2 = ((r[0] / spread[0]).powi(2) + (r[1] / spread[1]).powi(2))
                / (2.0 * scale * TUKEY_SIGMAS.powi(2));
            d.weight = if u2 < 1.0 { (1.0 - u2).powi(2) * typical / variance } else { 0.0 };
        }
    }
    Some(data)
}

fn square(basis: &Basis, coefficients: &[Vec<f64>; 2], d: &Datum) -> f64 {
    (0..2).map(|k| (d.values[k] - basis.value(&coefficients[k], d.place.0, d.place.1)).powi(2)).sum()
}

/// Effective number of coefficients: trace of B(BᵀWB + λP)⁻¹BᵀW.
fn effective(basis: &Basis, data: &[Datum], fit: &Fit) -> f64 {
    let mut terms = Vec::with_capacity(16);
    let mut trace = 0.0;
    for d in data {
        terms.clear();
        basis.each(d.place.0, d.place.1, |k, b| terms.push((k, b)));
        for &(a, x) in &terms {
            for &(b, y) in &terms {
                trace += d.weight * x * y * fit.inverse[(a, b)];
            }
        }
    }
    trace
}

struct Chosen {
    model: Model,
    basis: Basis,
    lambda: f64,
    held_out: Vec<(Model, f64)>,
}

/// A form with its smoothing and the error of each held-out point, px².
struct Candidate {
    model: Model,
    basis: Basis,
    lambda: f64,
    errors: Vec<f64>,
    mean: f64,
}

/// The relative smoothing that predicts held-out points best; `None` for forms without one.
fn best_lambda((model, basis): &(Model, Basis), data: &[Datum]) -> Option<f64> {
    if *model != Model::Field {
        return None;
    }
    let blocks = blocks(data);
    let per = per_coefficient(basis, data);
    let tried =
        LAMBDAS.iter().filter_map(|l| Some((*l, held_out((*model, basis), data, &blocks, l * per)?.mean)));
    tried.min_by(|a, b| a.1.total_cmp(&b.1)).map(|t| t.0)
}

fn choose(bases: &[(Model, Basis)], data: &[Datum]) -> Option<Chosen> {
    let blocks = blocks(data);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (model, basis) in bases {
        let lambdas: &[f64] = if *model == Model::Field { &LAMBDAS } else { &[0.0] };
        let per = per_coefficient(basis, data);
        let tried = lambdas.iter().filter_map(|l| held_out((*model, basis), data, &blocks, l * per));
        candidates.extend(tried.min_by(|a, b| a.mean.total_cmp(&b.mean)));
    }
    let held_out = candidates.iter().map(|c| (c.model, c.mean.sqrt())).collect();
    let best = candidates.iter().min_by(|a, b| a.mean.total_cmp(&b.mean))?;
    let index = candidates.iter().position(|c| !worse(c, best, data, &blocks))?;
    let chosen = candidates.swap_remove(index);
    Some(Chosen { model: chosen.model, basis: chosen.basis, lambda: chosen.lambda, held_out })
}

/// Block of each point, over the ground that the points cover: of few points there are two blocks at least.
fn blocks(data: &[Datum]) -> Vec<(usize, usize)> {
    let along = BLOCKS.min(((data.len() as f64).sqrt() / 2.0).max(2.0));
    let ends = |pick: fn(&Datum) -> f64| {
        let values = data.iter().map(pick);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |e, v| (e.0.min(v), e.1.max(v)))
    };
    let (rows, cols) = (ends(|d| d.place.0), ends(|d| d.place.1));
    let side = (rows.1 - rows.0).max(cols.1 - cols.0).max(1.0) / along;
    data.iter()
        .map(|d| (((d.place.0 - rows.0) / side) as usize, ((d.place.1 - cols.0) / side) as usize))
        .collect()
}

fn held_out(
    (model, basis): (Model, &Basis),
    data: &[Datum],
    blocks: &[(usize, usize)],
    lambda: f64,
) -> Option<Candidate> {
    let fold = |b: &(usize, usize)| (b.0 + 2 * b.1) % FOLDS;
    let penalty = basis.penalty();
    let mut errors = vec![0.0; data.len()];
    for k in 0..FOLDS {
        let others: Vec<Datum> =
            data.iter().zip(blocks).filter(|(_, b)| fold(b) != k).map(|(d, _)| *d).collect();
        let coefficients = Normal::new(basis, &others).coefficients(&penalty, lambda)?;
        for ((e, d), b) in errors.iter_mut().zip(data).zip(blocks) {
            if fold(b) == k {
                *e = square(basis, &coefficients, d);
            }
        }
    }
    let total: f64 = data.iter().map(|d| d.weight).sum();
    let mean = errors.iter().zip(data).map(|(e, d)| e * d.weight).sum::<f64>() / total;
    mean.is_finite().then(|| Candidate { model, basis: basis.clone(), lambda, errors, mean })
}

/// Whether `a` predicts clearly worse than `b`, the standard error of the difference being taken over blocks.
fn worse(a: &Candidate, b: &Candidate, data: &[Datum], blocks: &[(usize, usize)]) -> bool {
    let mut by_block: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let total: f64 = data.iter().map(|d| d.weight).sum();
    for (i, (d, block)) in data.iter().zip(blocks).enumerate() {
        *by_block.entry(*block).or_default() += d.weight * (a.errors[i] - b.errors[i]) / total;
    }
    let n = by_block.len() as f64;
    let difference: f64 = by_block.values().sum();
    let centred: f64 = by_block.values().map(|v| (v - difference / n).powi(2)).sum();
    let error = (centred * n / (n - 1.0).max(1.0)).sqrt();
    difference > (LEAST_GAIN_SIGMAS * error).max(LEAST_GAIN_FRACTION * b.mean)
}

//! Stretches of tracks on the ground: overlap across neighbouring tracks, and cells of strips that trains cover.

use super::lives::Stretch;
use crate::corridor::{Strip, StripGeometry, Track};
use jiff::Timestamp;

/// Neighbouring tracks closer than this cannot be told apart, metres: a pixel and a half.
const NEAR_PX: f64 = 1.5;

/// Empty dates that tell what a covered bed looks like: with more of them fields that were worked meanwhile are too.
const NEAREST: usize = 2;

/// Reach of a train's light across the track, pixels.
const BED_PX: f64 = 2.5;

/// The tracks of a site.
pub(super) struct TrackGround<'a> {
    tracks: &'a [Track],
    geometry: StripGeometry,
}

impl<'a> TrackGround<'a> {
    pub(super) fn new(tracks: &'a [Track], geometry: StripGeometry) -> Self {
        Self { tracks, geometry }
    }

    fn near_m(&self) -> f64 {
        NEAR_PX * self.geometry.along_step_m
    }

    /// Points of a stretch, one a cell along.
    fn points(&self, stretch: &Stretch) -> Vec<(f64, f64)> {
        let Some(track) = self.tracks.get(stretch.track) else { return Vec::new() };
        let count = (stretch.length_m() / self.geometry.along_step_m).ceil().max(1.0) as usize;
        let at =
            |i: usize| track.at(stretch.start_m + stretch.length_m() * (i as f64 + 0.5) / count as f64).xy;
        (0..count).map(at).collect()
    }

    /// Share of the shorter of two stretches that lies on the other, 0…1; tracks closer than a pixel and a half are one.
    pub(super) fn overlap(&self, a: &Stretch, b: &Stretch) -> f64 {
        let shorter_m = a.length_m().min(b.length_m()).max(1e-9);
        if a.track == b.track {
            return ((a.end_m.min(b.end_m) - a.start_m.max(b.start_m)) / shorter_m).clamp(0.0, 1.0);
        }
        let (a, b) = (self.points(a), self.points(b));
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let on = short.iter().filter(|p| is_near(**p, &long, self.near_m())).count();
        on as f64 / short.len().max(1) as f64
    }

    /// Cells along each track that a stretch covers, on its own track and on those that cannot be told from it.
    pub(super) fn covered(&self, stretch: &Stretch, track: usize, rows: usize) -> Vec<usize> {
        let step_m = self.geometry.along_step_m;
        if track == stretch.track {
            let from = (stretch.start_m / step_m).round().max(1.0) as usize - 1;
            let to = (stretch.end_m / step_m).round().max(0.0) as usize + 1;
            return (from..=to).filter(|s| *s < rows).collect();
        }
        let Some(line) = self.tracks.get(track) else { return Vec::new() };
        let ends = self.points(stretch);
        (0..rows).filter(|s| is_near(line.at(*s as f64 * step_m).xy, &ends, self.near_m())).collect()
    }
}

/// Baselines of one track as they would look without the trains that stood on them.
///
/// `occupied` has a flag a row for each of the `dates`. A covered cell within [`BED_PX`] of the track becomes what the [`NEAREST`] dates in
/// time that are empty there show, carried to its own date by the line `a + b x` that fits both dates on the rows where both are
/// empty: so that gain and season of a date stay the same along the whole track. Where every date is covered
/// the cell is left out.
pub(super) fn emptied(strips: &mut [Strip], dates: &[Timestamp], occupied: &[Vec<bool>]) {
    if !occupied.iter().flatten().any(|o| *o) {
        return;
    }
    let Some(first) = strips.first() else { return };
    let geometry = first.geometry;
    let (bands, rows, columns) = first.values.dim();
    let cells = (BED_PX * geometry.along_step_m / geometry.across_step_m).round() as usize;
    let middle = geometry.half_across();
    let original: Vec<Strip> = strips.to_vec();
    for t in middle.saturating_sub(cells)..=(middle + cells).min(columns - 1) {
        for band in 0..bands {
            let at = |date: usize, s: usize| {
                let shown = original[date].valid[(s, t)] && !occupied[date][s];
                shown.then(|| f64::from(original[date].values[(band, s, t)]))
            };
            for date in 0..original.len() {
                let mut others: Vec<Option<(usize, (f64, f64))>> = Vec::new();
                for s in (0..rows).filter(|s| occupied[date][*s]) {
                    if others.is_empty() {
                        let mut order: Vec<usize> =
                            (0..original.len()).filter(|other| *other != date).collect();
                        order
                            .sort_by_key(|&other| (dates[other].as_second() - dates[date].as_second()).abs());
                        others = order
                            .into_iter()
                            .map(|other| Some((other, fit(rows, &|s| at(other, s).zip(at(date, s)))?)))
                            .collect();
                    }
                    let guesses = others
                        .iter()
                        .flatten()
                        .filter_map(|(other, (a, b))| Some(a + b * at(*other, s)?))
                        .take(NEAREST);
                    let (sum, count) = guesses.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
                    let strip = &mut strips[date];
                    if count == 0 {
                        strip.valid[(s, t)] = false;
                        strip.values[(band, s, t)] = f32::NAN;
                    } else {
                        strip.values[(band, s, t)] = (sum / f64::from(count)) as f32;
                    }
                }
            }
        }
    }
}

/// Least squares line through the pairs `(x, y)` of the rows that have them; `None` below twelve.
fn fit(rows: usize, pair: &dyn Fn(usize) -> Option<(f64, f64)>) -> Option<(f64, f64)> {
    let pairs: Vec<(f64, f64)> = (0..rows).filter_map(pair).collect();
    if pairs.len() < 12 {
        return None;
    }
    let n = pairs.len() as f64;
    let (mx, my) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
    let (sxx, sxy) = pairs
        .iter()
        .fold((0.0, 0.0), |(xx, xy), (x, y)| (xx + (x - mx) * (x - mx), xy + (x - mx) * (y - my)));
    let b = if sxx > 0.0 { sxy / sxx } else { 0.0 };
    Some((my - b * mx, b))
}

fn is_near(p: (f64, f64), points: &[(f64, f64)], distance_m: f64) -> bool {
    points.iter().any(|q| (p.0 - q.0).hypot(p.1 - q.1) <= distance_m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    fn track(id: &str, y: f64) -> Track {
        Track::new(id.into(), None, vec![(0.0, y), (1000.0, y)]).unwrap()
    }

    #[test]
    fn neighbours_in_one_pixel_are_one_place() {
        let tracks = [track("a", 0.0), track("b", 5.0), track("c", 100.0)];
        let ground = TrackGround::new(&tracks, StripGeometry::for_pixel_m(10.0));
        let on = |track, start_m, end_m| Stretch { track, start_m, end_m };
        assert!((ground.overlap(&on(0, 100.0, 300.0), &on(0, 200.0, 500.0)) - 0.5).abs() < 1e-9);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(1, 100.0, 300.0)) > 0.95);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(1, 600.0, 800.0)) < 0.01);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(2, 100.0, 300.0)) < 0.01);
    }

    #[test]
    fn a_bed_under_a_train_is_that_of_the_empty_dates() {
        let geometry = StripGeometry::for_pixel_m(10.0);
        let shape = (geometry.along_count(1000.0), geometry.across_count());
        let middle = geometry.half_across();
        let ground = |s: usize, t: usize| 0.1 + 0.002 * ((s * 7 + t * 3) % 11) as f32;
        let strip = |gain: f32, train: bool| Strip {
            values: Array3::from_shape_fn((1, shape.0, shape.1), |(_, s, t)| {
                let on = train && (20..=40).contains(&s) && t.abs_diff(middle) <= 3;
                gain * ground(s, t) + if on { 0.2 } else { 0.0 }
            }),
            valid: Array2::from_elem(shape, true),
            geometry,
        };
        let tracks = [track("a", 0.0), track("b", 5.0), track("c", 100.0)];
        let places = TrackGround::new(&tracks, geometry);
        let train = Stretch { track: 0, start_m: 200.0, end_m: 400.0 };
        assert!(
            places.covered(&train, 1, shape.0).contains(&30) && places.covered(&train, 2, shape.0).is_empty()
        );
        let rows = places.covered(&train, 0, shape.0);
        let mut strips = vec![strip(1.3, true), strip(0.9, false), strip(1.0, false)];
        let flags = |on: bool| (0..shape.0).map(|s| on && rows.contains(&s)).collect::<Vec<bool>>();
        let dates = [0, 1, 2].map(|day| Timestamp::from_second(86_400 * day).unwrap());
        emptied(&mut strips, &dates, &[flags(true), flags(false), flags(false)]);
        // The date keeps its own gain, and the train is gone.
        for s in 0..shape.0 {
            assert!((strips[0].values[(0, s, middle)] - 1.3 * ground(s, middle)).abs() < 1e-4, "row {s}");
        }
        // Without an empty date the cells are left out.
        let mut alone = vec![strip(1.3, true)];
        emptied(&mut alone, &dates[..1], &[flags(true)]);
        assert!(!alone[0].valid[(30, middle)] && alone[0].valid[(60, middle)]);
    }
}

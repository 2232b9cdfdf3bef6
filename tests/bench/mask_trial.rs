//! Clouds, shadows and floods that railwatch's own test flags, against simulated ones: behind `docs/accuracy.md`.
//!
//! `cargo bench --bench mask_trial -- 4` prints, for four seeds, how much of the clouds, shadows and floods is flagged, and how much of
//! the ground that is clear and not near them. Each date is compared with the one before it, which is as clouded. The second half of
//! the line runs through water on the newer date, but for its bed.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a report for people")]

use ndarray::Array2;
use railwatch::corridor::Track;
use railwatch::grid::{Affine, Crs, Grid};
use railwatch::mask::{MaskParams, clouds};
use railwatch::raster::{Raster, Validity};
use railwatch::scene::BandName;
use railwatch::simulate::{ImplantParams, SimScene, SimulateParams, scene_pair};

/// Side of a scene, px of 10 m.
const SIDE: usize = 400;
/// Dates of a seed, ten days apart.
const DATES: usize = 5;
const FIRST_S: i64 = 1_664_762_400; // 2022-10-03T02:00:00Z
const DAY_S: i64 = 86_400;
/// What lies so near to a cloud or shadow is not called clear, metres.
const NEAR_M: f64 = 60.0;
const BANDS: [&str; 4] = ["B02", "B03", "B04", "B08"];
/// Reflectance of muddy water; its texture is a tenth of that of the land below.
const WATER: [f32; 4] = [0.06, 0.07, 0.06, 0.03];
/// Ends of the line, map metres.
const ENDS: [(f64, f64); 2] = [(500_100.0, 4_697_000.0), (503_900.0, 4_699_000.0)];
/// Distances from the line between which the flood lies, px: the bed is dry.
const FLOOD_PX: std::ops::Range<f64> = 1.5..30.0;

/// Pixels of one kind, and those of them that are flagged.
#[derive(Default, Clone, Copy)]
struct Share {
    flagged: u64,
    all: u64,
}

impl Share {
    fn add(&mut self, flagged: bool) {
        self.flagged += u64::from(flagged);
        self.all += 1;
    }

    fn text(self) -> String {
        format!("{:.3}", self.flagged as f64 / self.all.max(1) as f64)
    }
}

fn scenes(seed: u64, cloud_fraction: f64, field_change_fraction: f64) -> (Vec<SimScene>, Grid) {
    let affine = Affine::from_gdal([500_000.0, 10.0, 0.0, 4_700_000.0, 0.0, -10.0]).unwrap();
    let grid = Grid { crs: Crs { epsg: Some(32_652), wkt: String::new() }, affine, shape: (SIDE, SIDE) };
    let track = Track::new("line".into(), None, ENDS.to_vec()).unwrap();
    let time = |i: usize| jiff::Timestamp::from_second(FIRST_S + 10 * DAY_S * i as i64).unwrap();
    let params = SimulateParams {
        seed,
        datetimes: (0..DATES).map(time).collect(),
        target_shift_px: (0.0, 0.0),
        target_cloud_fraction: cloud_fraction,
        baseline_cloud_fraction: cloud_fraction,
        field_change_fraction,
        stockpile_count: 0,
        trains: ImplantParams {
            appeared_count: 0,
            departed_count: 0,
            standing_count: 0,
            ..Default::default()
        },
        ..SimulateParams::default()
    };
    (scene_pair(&params, &[track], &grid).unwrap().scenes, grid)
}

fn near(mask: &Array2<bool>) -> Array2<bool> {
    let reach = (NEAR_M / 10.0) as isize;
    let mut grown = mask.clone();
    for ((row, col), _) in mask.indexed_iter().filter(|(_, is)| **is) {
        for r in row.saturating_add_signed(-reach)..(row + reach as usize + 1).min(SIDE) {
            for c in col.saturating_add_signed(-reach)..(col + reach as usize + 1).min(SIDE) {
                grown[(r, c)] = true;
            }
        }
    }
    grown
}

/// Distance from the second half of the line, px; `None` where a pixel lies beside the rest of it.
fn beside_second_half(grid: &Grid, (row, col): (usize, usize)) -> Option<f64> {
    let (x, y) = grid.xy(row as f64, col as f64);
    let [a, b] = ENDS;
    let (along, length) = ((b.0 - a.0, b.1 - a.1), (b.0 - a.0).hypot(b.1 - a.1));
    let share = ((x - a.0) * along.0 + (y - a.1) * along.1) / length.powi(2);
    let across_m = ((x - a.0) * along.1 - (y - a.1) * along.0) / length;
    (0.5..1.0).contains(&share).then_some(across_m.abs() / 10.0)
}

/// Lays the flood on a scene; tells where it lies, its dry bed included.
fn flood(scene: &mut Raster) -> Array2<bool> {
    let grid = scene.grid.clone();
    let flooded = Array2::from_shape_fn((SIDE, SIDE), |at| {
        beside_second_half(&grid, at).is_some_and(|px| px < FLOOD_PX.end)
    });
    for ((band, row, col), v) in scene.values.indexed_iter_mut() {
        if beside_second_half(&grid, (row, col)).is_some_and(|px| FLOOD_PX.contains(&px)) {
            *v = WATER[band] + 0.1 * (*v - 0.15);
        }
    }
    flooded
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let seeds = words.first().and_then(|n| n.parse::<u64>().ok()).unwrap_or(2);
    let names = BANDS.map(|b| BandName(b.to_owned()));
    println!(
        "| clouds on each date | fields worked | clouds flagged | shadows flagged | floods flagged | clear ground farther than {NEAR_M:.0} m flagged as cloud | as shadow | as flood |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for (cloud_fraction, worked) in
        [(0.0, 0.3), (0.05, 0.02), (0.15, 0.02), (0.15, 0.3), (0.3, 0.1), (0.5, 0.1)]
    {
        let [mut cloud, mut shadow, mut water] = [Share::default(); 3];
        let [mut lost_to_cloud, mut lost_to_shadow, mut lost_to_flood] = [Share::default(); 3];
        for seed in 1..=seeds {
            let (scenes, grid) = scenes(seed, cloud_fraction, worked);
            let raster = |scene: &SimScene| Raster {
                values: scene.values.clone(),
                validity: Array2::from_elem((SIDE, SIDE), Validity::empty()),
                grid: grid.clone(),
            };
            for pair in scenes.windows(2) {
                let [before, after] = [raster(&pair[0]), raster(&pair[1])];
                let validity = clouds(&after, &names, Some(&before), 10.0, &MaskParams::default());
                let hidden = near(&(&pair[1].clouds | &pair[1].shadows));
                for (at, flags) in validity.indexed_iter() {
                    let any = flags.intersects(Validity::CLOUD | Validity::SHADOW);
                    if pair[1].clouds[at] {
                        cloud.add(any);
                    } else if pair[1].shadows[at] {
                        shadow.add(any);
                    } else if !hidden[at] {
                        lost_to_cloud.add(flags.contains(Validity::CLOUD));
                        lost_to_shadow
                            .add(flags.contains(Validity::SHADOW) && !flags.contains(Validity::CLOUD));
                        lost_to_flood.add(flags.contains(Validity::FLOOD));
                    }
                }
                let mut after = after;
                let flooded = flood(&mut after);
                let validity = clouds(&after, &names, Some(&before), 10.0, &MaskParams::default());
                for (at, _) in flooded.indexed_iter().filter(|(at, is)| **is && !hidden[*at]) {
                    water.add(!validity[at].shows_ground());
                }
            }
        }
        println!(
            "| {cloud_fraction} | {worked} | {} | {} | {} | {} | {} | {} |",
            cloud.text(),
            shadow.text(),
            water.text(),
            lost_to_cloud.text(),
            lost_to_shadow.text(),
            lost_to_flood.text()
        );
    }
}

//! Where nothing stands still: open water, and clouds over it.
//!
//! Clouds over land hide texture; over water they are the only one, and their drift would pass for the shift of a scene.
//! Over water a cloud is white over a dark, flat floor: it brightens the near infrared as much as the visible. Land does
//! not: vegetation brightens the infrared alone, soil and roofs more than the visible. A block of 320 m whose texture is
//! white is cloud where open water lies within two blocks; snow on a shore is taken for cloud then, the rest of it is not.

use ndarray::{Array2, ArrayView2, s};

/// Side of a block, px.
const BLOCK_PX: usize = 32;
/// Blocks on each side among which open water makes white texture cloud.
const REACH_BLOCKS: usize = 2;
/// Reflectance of open water in the near infrared, at most; land in full shadow has more.
const WATER_MAX: f32 = 0.06;
/// Open water's dark third spans no more than this: noise and waves.
const FLAT_SPAN: f32 = 0.015;
/// Standard deviation in the near infrared from which there is texture.
const TEXTURE_LEAST: f64 = 0.01;
/// Least correlation of white texture in both bands, and the ratio of its sizes (visible over infrared): 1 for cloud, at
/// most 0.7 for soil and roofs, above 1.25 where the floor is vegetation.
const WHITE_CORRELATION: f64 = 0.9;
const WHITE_RATIO: std::ops::Range<f64> = 0.8..1.25;

/// What a block shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Something that stands, or nothing recorded.
    Ground,
    /// Dark and flat.
    Water,
    /// White texture.
    Cloud,
}

/// Blocks of a scene that show nothing but water and clouds over it.
#[derive(Debug, Clone)]
pub struct Afloat {
    blocks: Array2<Block>,
}

impl Afloat {
    /// Looks at a band of the visible and one of the near infrared, reflectances `(row, col)` of one shape, where `recorded`.
    #[must_use]
    pub fn new(
        visible: &ArrayView2<'_, f32>,
        infrared: &ArrayView2<'_, f32>,
        recorded: &ArrayView2<'_, bool>,
    ) -> Self {
        let (h, w) = infrared.dim();
        let shape = (h.div_ceil(BLOCK_PX), w.div_ceil(BLOCK_PX));
        let pixels = |(i, j): (usize, usize)| -> Vec<(f32, f32)> {
            let (r, c) = (i * BLOCK_PX, j * BLOCK_PX);
            let part = s![r..(r + BLOCK_PX).min(h), c..(c + BLOCK_PX).min(w)];
            let seen = infrared.slice(part).into_iter().zip(visible.slice(part)).zip(recorded.slice(part));
            seen.filter(|(_, ok)| **ok).map(|((x, y), _)| (*x, *y)).collect()
        };
        let floor = Array2::from_shape_fn(shape, |at| has_floor(&pixels(at)));
        let near = |(i, j): (usize, usize)| {
            s![
                i.saturating_sub(REACH_BLOCKS)..(i + REACH_BLOCKS + 1).min(shape.0),
                j.saturating_sub(REACH_BLOCKS)..(j + REACH_BLOCKS + 1).min(shape.1)
            ]
        };
        // Far from water all is ground.
        let all = Array2::from_shape_fn(shape, |at| {
            let beside_floor = floor.slice(near(at)).iter().any(|floor| *floor);
            if beside_floor { kind(&pixels(at), floor[at]) } else { Block::Ground }
        });
        let mut blocks = all.clone();
        for (at, block) in blocks.indexed_iter_mut().filter(|b| *b.1 == Block::Cloud) {
            let mut around = all.slice(near(at)).into_iter().zip(floor.slice(near(at)));
            if !around.any(|(kind, floor)| *floor && *kind != Block::Ground) {
                *block = Block::Ground;
            }
        }
        Self { blocks }
    }

    fn block(&self, row: usize, col: usize) -> Block {
        self.blocks.get((row / BLOCK_PX, col / BLOCK_PX)).copied().unwrap_or(Block::Ground)
    }

    /// Whether one of the scenes shows clouds over water at the pixel and the other nothing that stands: water alone has no
    /// texture that would drift, and stays.
    #[must_use]
    pub fn drifts(&self, other: &Self, row: usize, col: usize) -> bool {
        let blocks = [self.block(row, col), other.block(row, col)];
        blocks.contains(&Block::Cloud) && !blocks.contains(&Block::Ground)
    }

    /// Whether anything [`Self::drifts`].
    #[must_use]
    pub fn any_drifts(&self, other: &Self) -> bool {
        let mut blocks = self.blocks.indexed_iter();
        blocks.any(|((i, j), _)| self.drifts(other, i * BLOCK_PX, j * BLOCK_PX))
    }

    /// Share of the blocks that show clouds over water, 0…1.
    #[must_use]
    pub fn cloud_fraction(&self) -> f64 {
        let clouds = self.blocks.iter().filter(|b| **b == Block::Cloud).count();
        clouds as f64 / self.blocks.len().max(1) as f64
    }
}

/// Whether the darkest third of the pixels (infrared, visible) is open water.
fn has_floor(pixels: &[(f32, f32)]) -> bool {
    // A tenth is left out: of lone dark pixels every block has some.
    let (tenth, third) = [0.1, 0.33].map(|share| (share * pixels.len() as f64) as usize).into();
    let dark = pixels.iter().filter(|p| p.0 < WATER_MAX).count();
    if dark <= third {
        return false;
    }
    let mut values: Vec<f32> = pixels.iter().map(|p| p.0).collect();
    let mut nth = |k: usize| *values.select_nth_unstable_by(k, f32::total_cmp).1;
    nth(third) - nth(tenth) < FLAT_SPAN
}

/// What the texture of the pixels (infrared, visible) is.
fn kind(pixels: &[(f32, f32)], floor: bool) -> Block {
    let n = pixels.len() as f64;
    if n < (BLOCK_PX * BLOCK_PX / 4) as f64 {
        return Block::Ground;
    }
    let mean = |pick: fn(&(f32, f32)) -> f32| pixels.iter().map(|p| f64::from(pick(p))).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let of = |weigh: fn(f64, f64) -> f64| {
        pixels.iter().map(|p| weigh(f64::from(p.0) - mx, f64::from(p.1) - my)).sum::<f64>() / n
    };
    let (xx, yy, xy) = (of(|x, _| x * x), of(|_, y| y * y), of(|x, y| x * y));
    if xx.sqrt() < TEXTURE_LEAST {
        return if floor { Block::Water } else { Block::Ground };
    }
    let white = xy > WHITE_CORRELATION * (xx * yy).sqrt() && WHITE_RATIO.contains(&(yy / xx).sqrt());
    if white { Block::Cloud } else { Block::Ground }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Infrared and visible: sea of 0.02 and 0.04 with waves, and what `on_it(row, col)` adds to them.
    fn flags(on_it: impl Fn(usize, usize) -> (f32, f32)) -> Afloat {
        let waves = |r: usize, c: usize| ((r * 7 + c * 13) % 11) as f32 * 0.0005;
        let infrared = Array2::from_shape_fn((256, 256), |(r, c)| 0.02 + waves(r, c) + on_it(r, c).0);
        let visible = Array2::from_shape_fn((256, 256), |(r, c)| 0.04 + waves(r, c) + on_it(r, c).1);
        let recorded = Array2::from_elem((256, 256), true);
        Afloat::new(&visible.view(), &infrared.view(), &recorded.view())
    }

    fn puff(r: usize, c: usize) -> f32 {
        0.3 * ((r as f32 / 9.0).sin() * (c as f32 / 11.0).cos()).max(0.0)
    }

    #[test]
    fn clouds_over_water_float_and_islands_do_not() {
        let clouds = flags(|r, c| (puff(r, c), puff(r, c)));
        assert!(clouds.cloud_fraction() > 0.9 && clouds.drifts(&clouds, 100, 100));
        let islands = flags(|r, c| (puff(r, c), 0.2 * puff(r, c)));
        assert!(islands.cloud_fraction() < 0.01 && !islands.drifts(&clouds, 100, 100));
        let sand = flags(|r, c| (puff(r, c), 0.6 * puff(r, c)));
        assert!(!sand.drifts(&clouds, 100, 100));
        let sea = flags(|_, _| (0.0, 0.0));
        assert!(sea.cloud_fraction() < 0.01 && sea.drifts(&clouds, 100, 100) && !sea.drifts(&sea, 100, 100));
    }

    #[test]
    fn white_texture_far_from_water_stays() {
        let land = flags(|r, c| (0.2 + puff(r, c), 0.1 + puff(r, c)));
        assert!(land.cloud_fraction() < 0.01 && !land.drifts(&land, 100, 100));
        let shore = flags(|r, c| if c < 64 { (0.0, 0.0) } else { (0.3 + puff(r, c), 0.2 + puff(r, c)) });
        assert!(shore.drifts(&shore, 100, 80) && !shore.drifts(&shore, 100, 200));
    }
}

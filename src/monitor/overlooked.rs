//! Dates on which a train stood before it was first seen, or after it was last seen: too weak then to be found, it would make its
//! empty bed stand out on later dates, as if something came that is the train turned round.

use super::bed::BedChange;
use super::eye::Eye;
use super::lives::{STANDS, Stay, Stretch};
use crate::corridor::Strip;
use jiff::Timestamp;

/// Share of a place that another train may cover on a date that still tells what its bed is like.
const SHARED: f64 = 0.3;

/// Adds stays to the stretches `covered` on each of the `dates`, which are in any order: from the first date on which a train was
/// seen backwards, and from the last one onwards, for as long as a date shows half of its contrast or more against the dates on
/// which nothing is known to stand there.
pub(super) fn overlooked(
    eye: &Eye<'_>,
    (dates, baselines): (&[Timestamp], &[Vec<Strip>]),
    covered: &mut [Vec<Stretch>],
    stays: &[Stay],
) {
    let mut order: Vec<usize> = (0..dates.len()).collect();
    order.sort_by_key(|&i| dates[i]);
    for stay in stays {
        let Some(contrast) = stay.contrasts.get(eye.name) else { continue };
        let is_free =
            |covered: &[Stretch]| covered.iter().all(|c| eye.ground.overlap(c, &stay.place) < SHARED);
        let before = order.iter().rev().filter(|&&i| dates[i] < stay.first_seen);
        let after = order.iter().filter(|&&i| dates[i] > stay.last_seen);
        for side in [before.copied().collect::<Vec<_>>(), after.copied().collect()] {
            for i in side {
                let empty = (0..dates.len()).filter(|&j| j != i && is_free(&covered[j]));
                let others: Vec<&Strip> = empty.filter_map(|j| baselines[j].get(stay.place.track)).collect();
                let Some(strip) = baselines[i].get(stay.place.track) else { break };
                if others.is_empty() || !is_free(&covered[i]) {
                    break;
                }
                let change = BedChange::new(strip, &others, eye.scale);
                let strength = change.strength(&stay.place, contrast);
                if strength < STANDS {
                    break;
                }
                // Under clouds nothing is seen, and the date before may tell.
                if strength >= STANDS {
                    covered[i].push(stay.place);
                }
            }
        }
    }
}

//! Smaller windows where large ones do not do: the one place for the whole-scene shift and for the field.
//!
//! Clouds leave holes that a large window does not fit into, and a few large windows carry no surface. Smaller windows hold less
//! to go by, so they are only tried where one of the two is the matter: where all is seen and large windows do not match,
//! small ones would match by chance.

use super::Error;
use super::matching::SMALLEST_SIDE_PX;

/// Runs `attempt` with windows of `window_px`, and with half the side as long as the refusal says that smaller windows may help, or the
/// result is `unsatisfying`. The first refusal where all attempts are refused; of two results the later one where it is
/// `better(later, earlier)`.
///
/// # Errors
/// What `attempt` fails with; the inner error is a refusal of the pair.
pub fn by_smaller_windows<T, E>(
    window_px: usize,
    mut attempt: impl FnMut(usize) -> Result<Result<T, Error>, E>,
    unsatisfying: impl Fn(&T) -> bool,
    better: impl Fn(&T, &T) -> bool,
) -> Result<Result<T, Error>, E> {
    let mut side_px = window_px;
    let mut best = attempt(side_px)?;
    while side_px >= 2 * SMALLEST_SIDE_PX {
        let again = match &best {
            Ok(found) => unsatisfying(found),
            Err(error) => error.asks_for_smaller_windows(),
        };
        if !again {
            break;
        }
        side_px /= 2;
        best = match (best, attempt(side_px)?) {
            (Ok(earlier), Ok(later)) => Ok(if better(&later, &earlier) { later } else { earlier }),
            (Ok(earlier), Err(_)) => Ok(earlier),
            (Err(_), Ok(later)) => Ok(later),
            (Err(earlier), Err(_)) => Err(earlier),
        };
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(clear_percent: f64, agreeing: usize) -> Error {
        Error::TooFewTiePoints { agreeing, tried: 30, needed: 5, clear_percent }
    }

    #[test]
    fn only_what_is_hidden_or_unexplained_is_tried_again() {
        let tried = |first: Result<usize, Error>, good: usize| {
            let mut sides = Vec::new();
            let found = by_smaller_windows(
                128,
                |side| {
                    sides.push(side);
                    Ok::<_, Error>(if side <= good { Ok(side) } else { first.clone() })
                },
                |found| *found == 128,
                |later, earlier| later < earlier,
            );
            (found.unwrap(), sides)
        };
        assert_eq!(tried(Err(refused(40.0, 1)), 32), (Ok(32), vec![128, 64, 32]));
        assert_eq!(tried(Err(refused(40.0, 1)), 64), (Ok(64), vec![128, 64]));
        assert_eq!(tried(Err(refused(100.0, 1)), 64), (Err(refused(100.0, 1)), vec![128]));
        assert_eq!(tried(Err(refused(40.0, 1)), 0), (Err(refused(40.0, 1)), vec![128, 64, 32]));
        assert_eq!(tried(Ok(128), 64), (Ok(64), vec![128, 64]));
    }
}

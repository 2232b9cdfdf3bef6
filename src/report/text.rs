//! Words and numbers as the report prints them, and how wide they are.

use super::{DetectionCard, Findings};
use crate::units::total_m;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Advance widths of `DejaVu` Sans, ASCII 32…126, in thousandths of the font size (from the font's hmtx table).
const ADVANCE: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295,
    295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838,
    500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521,
    392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// Width of `text` in `DejaVu` Sans at `size_px`, or of the letters of other scripts that stand in for its; bold is 12 % wider.
pub(super) fn width_px(text: &str, size_px: f64) -> f64 {
    let other = |c: char| if is_square(c) { 1.0 } else { 0.7 };
    let advance = |c: char| {
        (c as usize).checked_sub(32).and_then(|k| ADVANCE.get(k)).map_or(other(c), |&w| f64::from(w) / 1000.0)
    };
    text.chars().map(advance).sum::<f64>() * size_px
}

/// Whether a character is as wide as it is high: Hangul, Chinese characters, kana and full-width forms (Unicode Standard Annex 11,
/// by blocks).
fn is_square(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
}

/// `text` broken at spaces into lines no wider than `width`.
pub(super) fn wrapped(text: &str, size_px: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        match lines.last_mut() {
            Some(line)
                if width_px(line, size_px) + width_px(word, size_px) + width_px(" ", size_px) <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` cut with an ellipsis to fit `width`.
pub(super) fn fitted(text: &str, size_px: f64, width: f64) -> String {
    if width_px(text, size_px) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if width_px(&kept, size_px) + 2.0 * size_px > width {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

/// `December 8, 2022`.
pub(super) fn date(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "date unknown".into(), |t| t.strftime("%B %-d, %Y").to_string())
}

/// `December 8, 2022, 02:17 UTC`.
pub(super) fn date_time(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "date unknown".into(),
        |t| t.strftime("%B %-d, %Y, %H:%M UTC").to_string().replace(", 00:00 UTC", ""),
    )
}

/// A positive number at two significant digits without exponent, `below 0.001` for less.
pub(super) fn two_digits(v: f64) -> String {
    if !v.is_finite() {
        return "unknown".into();
    }
    if v < 0.001 {
        return "below 0.001".into();
    }
    let decimals = (1.0 - v.log10().floor()).clamp(0.0, 4.0) as usize;
    let text = format!("{v:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `about 340 m (322–378)`, with the likely range where there is one, which says how well it is known.
pub(super) fn about_m(d: &DetectionCard) -> String {
    match d.told_lengths_m() {
        (length_m, _) if !length_m.is_finite() => "length unknown".into(),
        (length_m, Some([low, high])) => format!("about {length_m} m ({low}–{high})"),
        (length_m, None) => format!("about {length_m} m"),
    }
}

/// `4.2 km` or `640 m`, with a space that does not break.
pub(super) fn distance(length_m: f64) -> String {
    if length_m >= 1000.0 {
        format!("{:.1}\u{a0}km", length_m / 1000.0)
    } else {
        format!("{length_m:.0}\u{a0}m")
    }
}

/// `52.67072° N, 13.57516° E`.
pub(super) fn coordinates([lon, lat]: [f64; 2]) -> String {
    let (ns, ew) = (if lat < 0.0 { 'S' } else { 'N' }, if lon < 0.0 { 'W' } else { 'E' });
    format!("{:.5}° {ns}, {:.5}° {ew}", lat.abs(), lon.abs())
}

/// Mean of the vertices of an open or closed outline.
pub(super) fn middle(points: &[[f64; 2]]) -> Option<[f64; 2]> {
    let closed = points.len() > 1 && points.first() == points.last();
    let open = &points[usize::from(closed)..];
    let n = open.len() as f64;
    (n > 0.0)
        .then(|| [open.iter().map(|p| p[0]).sum::<f64>() / n, open.iter().map(|p| p[1]).sum::<f64>() / n])
}

/// `train, about 340 m`, with the change where it is not an arrival since the baseline.
pub(super) fn headline(d: &DetectionCard) -> String {
    let gone = match (d.change.as_str(), d.before_newest_baseline) {
        ("departed", false) => " departed",
        ("departed", true) => " departed earlier",
        (_, true) => " already there",
        _ => "",
    };
    let speed = d.speed_m_s.map_or(String::new(), |v| format!(", {v:.0} m/s"));
    format!("{}: {}{gone}, {}{speed}", d.number, d.kind, about_m(d))
}

/// `expected false alarms 0.02 per 100 km`.
pub(super) fn certainty(d: &DetectionCard) -> String {
    format!("expected false alarms {} per 100 km", two_digits(d.false_alarms_per_100km))
}

/// How many things were found on how much track, and the limit where nothing was.
pub(super) fn summary(f: &Findings) -> String {
    let length = total_m(f.tracks.iter().map(|t| t.length_m));
    let observed = total_m(f.tracks.iter().map(|t| t.observed_m));
    let coverage = format!("{} of {} of track could be judged", distance(observed), distance(length));
    let rate = two_digits(f.null.false_alarms_per_100km_asked);
    match f.detections.len() {
        0 => {
            let unknown = f.detection_limit_unknown.as_ref();
            let unknown =
                unknown.map_or_else(String::new, |why| format!(" No detection limit is known: {why}."));
            let limit = hardest(f).map_or(unknown, |l| format!(" {l}"));
            format!("Nothing new was found at {rate} expected false alarms per 100 km; {coverage}.{limit}")
        }
        1 => format!("One change was found; {coverage}."),
        n => format!("{n} changes were found, numbered by certainty; {coverage}."),
    }
}

/// `1`, `1 and 2`, `1, 2 and 5`.
pub(super) fn listed(numbers: &[usize]) -> String {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// How a limit is meant, in sentences that stand alone.
const SEEN: &str =
    "would have been seen with 90 % probability (measured with trains implanted beside the track)";

/// Of each cargo the shortest train that would have been seen, below a line that says so.
pub(super) fn limits(f: &Findings) -> Vec<String> {
    let below = |sentence: String| sentence.replace(&format!(" {SEEN}"), "");
    limits_by_cargo(f).into_iter().map(|(_, sentence)| below(sentence)).collect()
}

/// The sentence of the cargo that is hardest to see: what holds for it holds for all. `None` where no limit is known.
fn hardest(f: &Findings) -> Option<String> {
    let all = limits_by_cargo(f);
    let is_one_of_many = all.len() > 1;
    let (_, sentence) = all.into_iter().max_by(|a, b| a.0.0.cmp(&b.0.0).then(a.0.1.total_cmp(&b.0.1)))?;
    Some(match sentence.strip_prefix('A') {
        Some(rest) if is_one_of_many && !sentence.contains("would not") => format!("Even a{rest}"),
        _ => sentence,
    })
}

/// How hard each cargo is to see (tracks on which it would be found at no length, the length on the worst of the others), and the
/// sentence that says so.
fn limits_by_cargo(f: &Findings) -> Vec<((usize, f64), String)> {
    let mut by_cargo: BTreeMap<&str, Vec<(f64, Option<f64>)>> = BTreeMap::new();
    for track in &f.tracks {
        for (cargo, limit) in &track.detection_limit_m {
            let of_track = (track.observed_m, limit.filter(|v| v.is_finite()));
            by_cargo.entry(cargo).or_default().push(of_track);
        }
    }
    by_cargo
        .into_iter()
        .map(|(cargo, limits)| {
            let article = if cargo.starts_with(['a', 'e', 'i', 'o', 'u']) { "An" } else { "A" };
            // Radar knows no cargo, only how far wagons stand out of the bed: `wagons +3 dB`.
            let train = |size: &str| match cargo.strip_prefix("wagons +") {
                Some(db) => format!("A train{size} with wagons {db} above the bed"),
                None => format!("{article} {cargo} train{size}"),
            };
            let known: Vec<f64> = limits.iter().filter_map(|(_, limit)| *limit).collect();
            let low = known.iter().copied().fold(f64::MAX, f64::min);
            let high = known.iter().copied().fold(0.0, f64::max);
            // A track of which less was seen than such a train needs says nothing about it.
            let hides = |&&(seen_m, limit): &&(f64, Option<f64>)| limit.is_none() && seen_m > high;
            let rest = limits.iter().filter(hides).count();
            let short = limits.len() - known.len() - rest;
            let mut sentence = if known.is_empty() {
                let never =
                    format!("{} would not have been seen with 90 % probability at any length.", train(""));
                return ((limits.len(), high), never);
            } else if high - low < 5.0 {
                format!("{} {SEEN}", train(&format!(" of ≥ {high:.0} m")))
            } else {
                let size = format!(" of ≥ {low:.0} m (best track) to ≥ {high:.0} m (worst)");
                format!("{} {SEEN}", train(&size))
            };
            if rest > 0 {
                let _ = write!(
                    sentence,
                    " on {} of {} tracks, on the others at no length",
                    known.len(),
                    known.len() + rest
                );
            }
            if short > 0 {
                let tracks = crate::units::counted(short, "track");
                let _ =
                    write!(sentence, " (left out: {tracks} of which too little was seen for such a train)");
            }
            ((rest, high), sentence + ".")
        })
        .collect()
}

/// Layover across the track from which a train may stand on the next one, m: half the spacing of tracks in a yard.
const NEXT_TRACK_M: f64 = 2.25;

/// What radar's layover means for the trains of which the track is in doubt; `None` where it means nothing.
pub(super) fn layover(f: &Findings) -> Option<String> {
    let doubtful: Vec<&DetectionCard> = f
        .detections
        .iter()
        .filter(|d| d.layover_across_m.is_some_and(|across| across.abs() >= NEXT_TRACK_M))
        .collect();
    let most = doubtful.iter().filter_map(|d| d.layover_m).fold(0.0, f64::max);
    let toward_deg = doubtful.first()?.layover_toward_deg?;
    let mut numbers: Vec<usize> = doubtful.iter().map(|d| d.number).collect();
    numbers.sort_unstable();
    let noun = if numbers.len() == 1 { "detection" } else { "detections" };
    Some(format!(
        "Radar shows high things nearer to the satellite: the top of a wagon by up to {most:.0}\u{a0}m towards \
         {toward_deg:.0}°. For {noun} {} this is across the track: if another track lies that near on the side away \
         from the satellite, the train may stand on that one.",
        listed(&numbers)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_print() {
        assert_eq!(two_digits(0.0234), "0.023");
        assert_eq!(two_digits(0.02), "0.02");
        assert_eq!(two_digits(140.0), "140");
        assert_eq!(two_digits(1e-9), "below 0.001");
        assert_eq!(coordinates([-13.5, 52.0]), "52.00000° N, 13.50000° W");
        let mut train = DetectionCard { length_m: 340.0, ..DetectionCard::default() };
        assert_eq!(about_m(&train), "about 340 m");
        train.length_interval_m = Some([311.9, 371.2]);
        assert_eq!(about_m(&train), "about 340 m (312–371)");
    }

    #[test]
    fn nothing_found_is_told_with_the_limit_of_the_hardest_cargo() {
        let track = |limits: &[(&str, Option<f64>)]| crate::report::TrackCard {
            detection_limit_m: limits.iter().map(|(cargo, v)| ((*cargo).to_owned(), *v)).collect(),
            ..crate::report::TrackCard::default()
        };
        let told = |tracks| summary(&Findings { tracks, ..Findings::default() });
        assert!(told(Vec::new()).contains("; 0\u{a0}m of 0\u{a0}m"));
        let one = [("blue tarpaulin", Some(240.0)), ("rust", Some(390.0)), ("white", Some(350.0))];
        let text = told(vec![track(&one)]);
        assert!(text.contains("judged. Even a rust train of ≥ 390 m would have been seen"), "{text}");
        // A cargo that one track would hide at any length is harder than any length.
        let seen = |observed_m, limits: &[(&str, Option<f64>)]| crate::report::TrackCard {
            observed_m,
            ..track(limits)
        };
        let two = told(vec![track(&one), seen(2000.0, &[("white", None), ("rust", Some(800.0))])]);
        assert!(two.contains("Even a white train of ≥ 350 m") && two.contains("on 1 of 2 tracks"), "{two}");
        // A siding on which no train of that length fits is no track on which it would be missed.
        let siding = told(vec![track(&one), seen(60.0, &[("white", None), ("rust", None)])]);
        assert!(
            siding.contains("Even a rust train of ≥ 390 m") && siding.contains("(left out: 1 track of"),
            "{siding}"
        );
        assert!(!siding.contains("at no length"), "{siding}");
        let text = told(vec![track(&[("coal", Some(200.0)), ("rust", None)])]);
        assert!(
            text.contains("A rust train would not have been seen with 90 % probability at any"),
            "{text}"
        );
        let text = told(vec![track(&[("wagons +3 dB", Some(330.0)), ("wagons +8 dB", Some(90.0))])]);
        assert!(text.contains("Even a train of ≥ 330 m with wagons 3 dB above the bed would have"), "{text}");
        assert!(told(vec![track(&[("coal", Some(200.0))])]).contains(" A coal train of ≥ 200 m would"));
    }

    #[test]
    fn layover_is_told_of_trains_across_the_line_of_sight() {
        let of = |number, across| DetectionCard {
            number,
            layover_m: Some(6.9),
            layover_toward_deg: Some(256.0),
            layover_across_m: across,
            ..DetectionCard::default()
        };
        let told = |detections| layover(&Findings { detections, ..Findings::default() });
        assert_eq!(told(vec![of(1, None), of(2, Some(1.0))]), None);
        let text = told(vec![of(3, Some(-6.0)), of(2, Some(1.0)), of(1, Some(5.0))]).unwrap();
        assert!(text.contains("detections 1 and 3") && text.contains("7\u{a0}m towards 256°"), "{text}");
    }

    #[test]
    fn letters_of_other_scripts_have_their_width() {
        assert!((width_px("두만강하산", 10.0) - 50.0).abs() < 1e-9);
        assert!(width_px("Хасан", 10.0) < 36.0);
        assert!(fitted("두만강하산선", 10.0, 50.0).chars().count() < 6);
    }

    #[test]
    fn wrapping_keeps_every_word_within_the_width() {
        let text = "a train of wagons stands on the main line at the border";
        let lines = wrapped(text, 10.0, 120.0);
        assert_eq!(lines.join(" "), text);
        assert!(lines.iter().all(|l| width_px(l, 10.0) <= 120.0));
        assert!(width_px(&fitted(text, 10.0, 100.0), 10.0) <= 100.0);
    }
}

//! Laws of the network: order, direction and cuts of the lines do not matter.

use super::*;

fn line(vertices: &[(f64, f64)]) -> RailLine {
    let lonlat = vertices.iter().map(|v| (v.0 / METRES_PER_DEGREE, v.1 / METRES_PER_DEGREE)).collect();
    RailLine { vertices: vertices.to_vec(), lonlat, name: None, source_id: None, is_osm: false }
}

fn square(side: f64) -> Polygon<f64> {
    geo::Rect::new((0.0, 0.0), (side, side)).to_polygon()
}

#[test]
fn ids_and_directions_do_not_depend_on_the_working_crs() {
    // A line due north and a loop beside it, turned by the convergence of another zone and moved.
    let lines = [
        line(&[(500.0, 100.0), (500.4, 900.0), (500.0, 1800.0)]),
        line(&[(500.0, 100.0), (520.0, 900.0), (500.0, 1800.0)]),
        line(&[(100.0, 600.0), (1900.0, 640.0)]),
    ];
    let (sin, cos) = 3f64.to_radians().sin_cos();
    let turned = lines.clone().map(|l| RailLine {
        vertices: l
            .vertices
            .iter()
            .map(|(x, y)| (cos * x + sin * y + 7.3, cos * y - sin * x + 2.9))
            .collect(),
        ..l
    });
    let area = geo::Rect::new((-3000.0, -3000.0), (3000.0, 3000.0)).to_polygon();
    let of = |lines: &[RailLine]| build_tracks(lines, &area, &TrackParams::default()).unwrap();
    let (one, other) = (of(&lines), of(&turned));
    assert_eq!(one.len(), 3);
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(a.id, b.id);
        let ((x, y), there) = (a.at(0.0).xy, b.at(0.0).xy);
        assert!((there.0 - (cos * x + sin * y + 7.3)).hypot(there.1 - (cos * y - sin * x + 2.9)) < 1e-6);
    }
}

fn tracks(lines: &[RailLine]) -> Vec<Track> {
    build_tracks(lines, &square(2000.0), &TrackParams::default()).unwrap()
}

#[test]
fn cuts_directions_order_and_repeats_of_lines_do_not_matter() {
    let whole = tracks(&[line(&[(100.0, 500.0), (600.0, 520.0), (1500.0, 700.0)])]);
    let pieces = [
        line(&[(1500.0, 700.0), (600.1, 520.0)]),
        line(&[(600.0, 520.0), (100.0, 500.0)]),
        line(&[(100.0, 500.0), (600.0, 520.0)]),
    ];
    let reversed: Vec<RailLine> = pieces.iter().rev().cloned().collect();
    assert_eq!(whole.len(), 1);
    assert_eq!(whole, tracks(&pieces));
    assert_eq!(whole, tracks(&reversed));
    assert!((whole[0].at(0.0).xy.0 - 100.0).abs() < 1e-9);
}

#[test]
fn a_line_that_ends_on_another_makes_a_switch() {
    let found = tracks(&[
        line(&[(100.0, 500.0), (1500.0, 500.0)]),
        line(&[(700.0, 500.3), (900.0, 560.0), (1500.0, 560.0)]),
    ]);
    assert_eq!(found.len(), 3);
    let ids = |tracks: &[Track]| tracks.iter().map(|t| t.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&found).into_iter().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn the_id_does_not_depend_on_the_scene() {
    let lines = [line(&[(-500.0, 500.0), (2500.0, 700.0)])];
    let small = build_tracks(&lines, &square(1000.0), &TrackParams::default()).unwrap();
    let large = tracks(&lines);
    assert_eq!(small[0].id, large[0].id);
    assert!((small[0].length_m() - 1000f64.hypot(1000.0 / 15.0)).abs() < 1e-6);
}

#[test]
fn twice_digitised_is_one_track_and_true_parallels_are_two() {
    let pair = |apart: f64| {
        tracks(&[
            line(&[(100.0, 500.0), (1500.0, 500.0)]),
            line(&[(150.0, 500.0 + apart), (1450.0, 500.0 + apart)]),
        ])
        .len()
    };
    assert_eq!((pair(2.0), pair(4.7)), (1, 2));
}

#[test]
fn rings_and_re_entries_keep_their_whole_length() {
    let ring: Vec<(f64, f64)> = (0..=36)
        .map(|k| f64::from(k * 10).to_radians())
        .map(|a| (1000.0 + 300.0 * a.cos(), 1000.0 + 300.0 * a.sin()))
        .collect();
    let found = tracks(&[line(&ring)]);
    assert_eq!(found.len(), 1);
    assert!((found[0].length_m() - 36.0 * 600.0 * 5f64.to_radians().sin()).abs() < 1.0);
    let bow = tracks(&[line(&[(500.0, 1500.0), (800.0, 2500.0), (1100.0, 1500.0)])]);
    assert_eq!(bow.len(), 2, "cut where it turns sharply, each half clipped");
}

#[test]
fn errors_tell_both_places() {
    let params = TrackParams::default();
    assert_eq!(build_tracks(&[], &square(10.0), &params), Err(Error::NoLines));
    let text =
        build_tracks(&[line(&[(5e5, 5e5), (6e5, 6e5)])], &square(10.0), &params).unwrap_err().to_string();
    assert!(text.contains("500000…600000") && text.contains("0…10"), "{text}");
    let short = build_tracks(&[line(&[(1.0, 1.0), (9.0, 9.0)])], &square(10.0), &params);
    assert!(matches!(short, Err(Error::TooShort { .. })));
}

#[test]
fn close_switches_leave_no_gap_in_the_main_line() {
    let main = line(&[(100.0, 500.0), (1900.0, 500.0)]);
    let branch = |x: f64, side: f64| {
        line(&[(x, 500.0), (x + 100.0, 500.0 + side * 15.0), (x + 500.0, 500.0 + side * 40.0)])
    };
    let found = tracks(&[main, branch(700.0, 1.0), branch(730.0, -1.0), branch(750.0, 2.0)]);
    let on_main = |t: &&Track| t.vertices().iter().all(|v| (v.1 - 500.0).abs() < 1e-9);
    let main_m: f64 = found.iter().filter(on_main).map(Track::length_m).sum();
    assert!((main_m - 1800.0).abs() < 1e-6, "{main_m}");
    assert_eq!(found.len(), 5);
}

#[test]
fn without_room_for_duplicates_a_line_alone_stays() {
    let params = TrackParams { duplicate_fraction: 0.0, ..TrackParams::default() };
    let lines = [line(&[(100.0, 500.0), (1900.0, 500.0)]), line(&[(100.0, 502.0), (1800.0, 502.0)])];
    assert_eq!(build_tracks(&lines, &square(2000.0), &params).unwrap().len(), 1);
}

//! Scenes on a server: only the bytes of the window travel.

use super::{names_of, open, utm_grid};
use crate::grid::Window;
use crate::io::*;
use ndarray::Array2;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves the files of a folder with byte ranges on a free port; counts requests and bytes.
fn serve(folder: PathBuf) -> (String, Arc<[AtomicUsize; 2]>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let shared = Arc::clone(&counts);
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let lines: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
            let Some(mut words) = lines.first().map(|l| l.split(' ')) else { continue };
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            shared[0].fetch_add(1, Ordering::Relaxed);
            let answer = answer(&folder.join(path.trim_start_matches('/')), &lines, method == "GET");
            shared[1].fetch_add(answer.len(), Ordering::Relaxed);
            let _ = (&stream).write_all(&answer);
        }
    });
    (url, counts)
}

fn answer(file: &Path, lines: &[String], with_body: bool) -> Vec<u8> {
    let Ok(bytes) = std::fs::read(file) else {
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    };
    let range = lines.iter().find_map(|l| {
        let lower = l.to_ascii_lowercase();
        let (first, last) = lower.strip_prefix("range: bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse().unwrap_or(usize::MAX).min(bytes.len() - 1)))
    });
    let (first, last) = range.unwrap_or((0, bytes.len() - 1));
    let status = match range {
        Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{}", bytes.len()),
        None => "200 OK".to_owned(),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        last + 1 - first
    );
    let body: &[u8] = if with_body { &bytes[first..=last] } else { &[] };
    [head.as_bytes(), body].concat()
}

#[test]
fn a_window_of_a_remote_scene_costs_its_own_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let grid = utm_grid(2_048, 2_048);
    // Noise does not compress, so the file is about 8 MB.
    let noise = |r: usize, c: usize| {
        ((r * 7_919 + c * 104_729).wrapping_mul(2_654_435_761) % 65_521) as f32 / 65_521.0
    };
    for band in ["B03", "B04"] {
        let bands = vec![(band.to_owned(), Array2::from_shape_fn(grid.shape, |(r, c)| noise(r, c)))];
        let input = CogInput { grid: &grid, bands, nodata: None, tags: Vec::new(), overviews: true };
        write_cog(&folder.path().join(format!("{band}.tif")), &input).unwrap();
    }
    let item = r#"{"type":"Feature","id":"S2A_52TEN_20240501_0_L2A","properties":{"datetime":"2024-05-01T02:03:04Z",
        "platform":"sentinel-2a","s2:processing_baseline":"05.10"},
        "assets":{"green":{"href":"./B03.tif"},"red":{"href":"B04.tif"}}}"#;
    std::fs::write(folder.path().join("item"), item).unwrap();
    let size = std::fs::metadata(folder.path().join("B04.tif")).unwrap().len() as usize;
    let (url, counts) = serve(folder.path().to_owned());
    let scene = open(&format!("{url}/B04.tif")).unwrap();
    let raster = read_raster(&scene, Window { row: 600, col: 700, height: 50, width: 200 }, &[0]).unwrap();
    assert!((raster.values[[0, 0, 0]] - noise(600, 700)).abs() < 1e-6);
    let (requests, bytes) = (counts[0].load(Ordering::Relaxed), counts[1].load(Ordering::Relaxed));
    assert!(bytes < size / 2 && requests <= 12, "{requests} requests, {bytes} of {size} bytes");
    assert_eq!(sha256(&scene), Ok(None));
    let scene = open(&format!("{url}/item")).unwrap();
    assert_eq!(names_of(&scene), ["B03", "B04"]);
    assert!((scene.scaling.offset + 1000.0).abs() < 1e-9, "{:?}", scene.scaling);
    assert!(read_raster(&scene, Window { row: 0, col: 0, height: 5, width: 5 }, &[0, 1]).is_ok());
    let absent = open(&format!("{url}/absent.tif")).unwrap_err();
    assert!(matches!(absent, Error::Open { .. }), "{absent}");
    assert_eq!(absent.http_status(), Some(404), "{absent}");
    // What is there and broken has no such status, whatever its name.
    std::fs::write(folder.path().join("404.tif"), [0x5A; 4_000]).unwrap();
    let broken = open(&format!("{url}/404.tif")).unwrap_err();
    assert!(broken.to_string().contains("404") && broken.http_status().is_none(), "{broken}");
}

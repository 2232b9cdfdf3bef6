//! A STAC API and file server on 127.0.0.1 for tests: pages, ranges, tokens, faults, and a count of what was asked.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// A status, with `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// Nothing for this many milliseconds, then the answer.
    Slow(u64),
    /// The connection ends in the middle of the body.
    Truncated,
    /// `Content-Length` is smaller than the body.
    ShortLength,
    /// The file has another version from now on.
    Changed,
}

/// How pages are linked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Paging {
    /// POST with the whole body.
    Post,
    /// POST with a token alone, and `merge`.
    PostMerge,
    /// POST with a token alone and `merge: false`, as Earth Search answers.
    PostBare,
    /// GET.
    Get,
    /// The next link leads to the same page.
    Loop,
    /// Pages without items, for ever.
    Empty,
}

#[derive(Default)]
struct State {
    requests: AtomicUsize,
    bytes: AtomicUsize,
    version: AtomicUsize,
    tokens: AtomicUsize,
    signed: AtomicBool,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    log: Mutex<Vec<(String, Value)>>,
}

/// The server; its thread ends with the process.
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<State>,
}

/// What is served.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) folder: PathBuf,
    pub(super) items: Vec<Value>,
    pub(super) paging: Paging,
    pub(super) conforms: Vec<&'static str>,
}

pub(super) const ALL: [&str; 4] = [
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
];

impl Server {
    /// Starts on a free port. `{url}` in items becomes the server's URL.
    pub(super) fn start(mut content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        for item in &mut content.items {
            *item = serde_json::from_str(&item.to_string().replace("{url}", &url)).unwrap();
        }
        let state = Arc::new(State::default());
        let (shared, own) = (Arc::clone(&state), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (content, state, url) = (content.clone(), Arc::clone(&shared), own.clone());
                std::thread::spawn(move || answer(&stream, &content, &state, &url));
            }
        });
        Self { url, state }
    }

    /// Puts a fault before the next request whose path holds `part`.
    pub(super) fn fail(&self, part: &'static str, fault: Fault) {
        self.state.faults.lock().unwrap().push_back((part, fault));
    }
    pub(super) fn faults_left(&self) -> usize {
        self.state.faults.lock().unwrap().len()
    }
    /// Files need a token from now on; tokens given earlier are no longer good.
    pub(super) fn expire_tokens(&self) {
        self.state.signed.store(true, Ordering::SeqCst);
        self.state.tokens.fetch_add(1, Ordering::SeqCst);
    }
    pub(super) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
    pub(super) fn bytes(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }
    /// Path and body of each request so far.
    pub(super) fn log(&self) -> Vec<(String, Value)> {
        self.state.log.lock().unwrap().clone()
    }
}

struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, headers: String::new(), body }
}

fn answer(stream: &TcpStream, content: &Content, state: &State, url: &str) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        lines.push(std::mem::take(&mut line).trim_end().to_owned());
    }
    let Some(mut words) = lines.first().map(|l| l.split(' ')) else { return };
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
    let header = |name: &str| {
        lines.iter().find_map(|l| {
            l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
        })
    };
    let length = header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut sent = vec![0_u8; length];
    reader.read_exact(&mut sent).unwrap();
    let body: Value = serde_json::from_slice(&sent).unwrap_or_default();
    state.requests.fetch_add(1, Ordering::SeqCst);
    state.log.lock().unwrap().push((path.clone(), body.clone()));
    let fault = {
        let mut faults = state.faults.lock().unwrap();
        let at = faults.iter().position(|(part, _)| path.contains(part));
        at.and_then(|at| faults.remove(at)).map(|(_, fault)| fault)
    };
    let mut reply = match fault {
        Some(Fault::Status(status, wait)) => {
            let headers = wait.map_or_else(String::new, |s| format!("Retry-After: {s}\r\n"));
            Reply { status, headers, body: b"try later".to_vec() }
        }
        _ => route(content, state, url, &path, (&body, header("range"))),
    };
    if let Some(Fault::Slow(ms)) = fault {
        std::thread::sleep(Duration::from_millis(ms));
    }
    if fault == Some(Fault::Changed) {
        state.version.fetch_add(1, Ordering::SeqCst);
    }
    let announced = if fault == Some(Fault::ShortLength) { reply.body.len() / 2 } else { reply.body.len() };
    if fault == Some(Fault::Truncated) {
        reply.body.truncate(reply.body.len() / 2);
    }
    if method == "HEAD" {
        reply.body.clear();
    }
    let head = format!(
        "HTTP/1.1 {} X\r\nContent-Length: {announced}\r\nConnection: close\r\n{}\r\n",
        reply.status, reply.headers
    );
    state.bytes.fetch_add(reply.body.len(), Ordering::SeqCst);
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body));
}

fn route(content: &Content, state: &State, url: &str, path: &str, asked: (&Value, Option<String>)) -> Reply {
    let (plain, query) = path.split_once('?').unwrap_or((path, ""));
    let json = |value: &Value| reply(200, value.to_string().into_bytes());
    if plain == "/" {
        return json(&landing(content, url));
    }
    if plain == "/search" {
        return json(&search(content, url, query, asked.0));
    }
    if plain.starts_with("/token/") {
        let token = format!("sig={}", state.tokens.load(Ordering::SeqCst));
        return json(&json!({ "token": token, "msft:expiry": "2999-01-01T00:00:00Z" }));
    }
    if state.signed.load(Ordering::SeqCst) && query != format!("sig={}", state.tokens.load(Ordering::SeqCst))
    {
        return reply(403, b"the signature is not good".to_vec());
    }
    let Ok(bytes) = std::fs::read(content.folder.join(plain.trim_start_matches('/'))) else {
        return reply(404, Vec::new());
    };
    let last_byte = bytes.len().saturating_sub(1);
    let range = asked.1.and_then(|r| {
        let (first, last) = r.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse().unwrap_or(last_byte).min(last_byte)))
    });
    let etag = format!("ETag: \"v{}\"\r\nAccept-Ranges: bytes\r\n", state.version.load(Ordering::SeqCst));
    match range {
        Some((first, last)) if first <= last => Reply {
            status: 206,
            headers: format!("{etag}Content-Range: bytes {first}-{last}/{}\r\n", bytes.len()),
            body: bytes[first..=last].to_vec(),
        },
        Some(_) => reply(416, Vec::new()),
        None => Reply { status: 200, headers: etag, body: bytes },
    }
}

fn landing(content: &Content, url: &str) -> Value {
    let search = |method: &str| json!({ "rel": "search", "type": "application/geo+json", "method": method, "href": format!("{url}/search") });
    // Some servers link an `OpenSearch` description under the same relation.
    let other = json!({ "rel": "search", "type": "application/opensearchdescription+xml", "href": format!("{url}/x") });
    let links = match content.paging {
        Paging::Get => vec![other, search("GET")],
        _ => vec![other, search("GET"), search("POST")],
    };
    json!({ "type": "Catalog", "id": "test", "stac_version": "1.0.0", "conformsTo": content.conforms, "links": links })
}

fn search(content: &Content, url: &str, query: &str, body: &Value) -> Value {
    let parameter = |name: &str| {
        query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let limit = body["limit"].as_u64().or_else(|| parameter("limit")?.parse().ok()).unwrap_or(10) as usize;
    let token = body["token"].as_u64().or_else(|| parameter("token")?.parse().ok()).unwrap_or(0) as usize;
    let most = body.pointer("/filter/args/1").or_else(|| body.pointer("/query/eo:cloud_cover/lte"));
    let most = most.and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    let mut items: Vec<&Value> = content
        .items
        .iter()
        .filter(|i| i["properties"]["eo:cloud_cover"].as_f64().is_none_or(|c| c <= most))
        .collect();
    if body.get("sortby").is_some() || query.contains("sortby=-") {
        items.sort_by_key(|i| std::cmp::Reverse(i["properties"]["datetime"].as_str().map(str::to_owned)));
    }
    let page: Vec<&Value> = items.iter().skip(token).take(limit).copied().collect();
    let more = token + page.len() < items.len();
    let next = token + page.len();
    let href = format!("{url}/search");
    let bare = json!({ "token": next });
    let link = |body: Value, merge: bool| json!([{ "rel": "next", "method": "POST", "href": href, "body": body, "merge": merge }]);
    let links = match content.paging {
        Paging::Loop => json!([{ "rel": "next", "method": "POST", "href": href, "body": body }]),
        Paging::Empty => link(json!({ "token": token + 1_000_000 }), false),
        _ if !more => json!([]),
        Paging::PostMerge => link(bare, true),
        Paging::PostBare => link(bare, false),
        Paging::Post => {
            let mut whole = body.clone();
            whole["token"] = json!(next);
            link(whole, false)
        }
        Paging::Get => {
            let rest: Vec<&str> = query.split('&').filter(|p| !p.starts_with("token=")).collect();
            json!([{ "rel": "next", "href": format!("/search?{}&token={next}", rest.join("&")) }])
        }
    };
    json!({ "type": "FeatureCollection", "features": page, "links": links })
}

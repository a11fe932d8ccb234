//! A service of the OSV interface on loopback, honest or not, and records for it and for files.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The record of a vulnerability in a package of Debian 12, repaired in a version.
pub(super) fn record(id: &str, package: &str, fixed: &str) -> Value {
    let events = [json!({"introduced": "0"}), json!({"fixed": fixed})];
    json!({
        "id": id, "modified": "2026-11-20T00:00:00Z", "summary": format!("{package} is broken"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }],
    })
}

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers, one id a page; the first request of all is put off with 429.
    Honest,
    /// Answers with a page of HTML.
    Garbage,
    /// Has always another page.
    Endless,
    /// Sends its clients away for a day.
    Busy,
    /// Names ids and has no records of them.
    Forgetful,
    /// Sends its clients to another address.
    Elsewhere,
}

/// The server; it ends with the test's process.
pub(super) struct Osv {
    address: std::net::SocketAddr,
    /// Path and body of each request.
    log: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Osv {
    pub(super) fn start(manner: Manner, records: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, manner, &records, &shared);
            }
        });
        Self { address, log }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn log(&self) -> Vec<(String, Value)> {
        self.log.lock().unwrap().clone()
    }

    /// Whether it was asked about this version of a package.
    pub(super) fn was_asked(&self, package: &str, version: &str) -> bool {
        let questions = self
            .log()
            .into_iter()
            .flat_map(|(_, body)| body["queries"].as_array().cloned().unwrap_or_default());
        questions.into_iter().any(|question| {
            question["package"]["name"] == package
                && question["package"]["ecosystem"] == "Debian:12"
                && question["version"] == version
        })
    }
}

fn answer(
    mut stream: TcpStream,
    manner: Manner,
    records: &[Value],
    log: &Mutex<Vec<(String, Value)>>,
) {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap();
        assert!(!name.eq_ignore_ascii_case("authorization"), "no credentials are sent");
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let number = {
        let mut log = log.lock().unwrap();
        log.push((path.clone(), body));
        log.len()
    };
    let body = &log.lock().unwrap()[number - 1].1.clone();
    let (head, text) = respond(manner, number, &path, body, records);
    let length = text.len();
    let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let _gone = stream.write_all((head + &text).as_bytes());
}

fn respond(
    manner: Manner,
    number: usize,
    path: &str,
    body: &Value,
    records: &[Value],
) -> (&'static str, String) {
    if manner == Manner::Honest && number == 1 {
        return ("429 Busy\r\nRetry-After: 0", String::new());
    }
    match manner {
        Manner::Garbage => return ("200 OK", "<html>Sign in</html>".to_owned()),
        Manner::Busy => return ("429 Busy\r\nRetry-After: 86400", String::new()),
        Manner::Elsewhere => return ("307 There\r\nLocation: http://127.0.0.2:1/", String::new()),
        _ => {}
    }
    if let Some(id) = path.strip_prefix("/v1/vulns/") {
        let found = records.iter().find(|record| record["id"] == id);
        return match found.filter(|_| manner != Manner::Forgetful) {
            Some(record) => ("200 OK", record.to_string()),
            None => ("404 No", String::new()),
        };
    }
    assert_eq!(path, "/v1/querybatch");
    let questions = body["queries"].as_array().unwrap().iter();
    let results: Vec<Value> = questions.map(|question| page(manner, question, records)).collect();
    ("200 OK", json!({ "results": results }).to_string())
}

/// One id a page; the token is the place of the next.
fn page(manner: Manner, question: &Value, records: &[Value]) -> Value {
    let package = &question["package"];
    let is_about = |record: &&Value| {
        let about = &record["affected"][0]["package"];
        (&about["name"], &about["ecosystem"]) == (&package["name"], &package["ecosystem"])
    };
    let found: Vec<&Value> = records.iter().filter(is_about).collect();
    let at: usize = question["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
    let at = if manner == Manner::Endless { 0 } else { at };
    let Some(record) = found.get(at) else { return json!({}) };
    let mut page = json!({"vulns": [{"id": record["id"], "modified": record["modified"]}]});
    if at + 1 < found.len() || manner == Manner::Endless {
        page["next_page_token"] = json!((at + 1).to_string());
    }
    page
}

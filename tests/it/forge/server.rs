//! A fake of GitHub's and GitLab's API on loopback: comments, notes, and requests to merge.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Who the tokens of the tests belong to.
pub(crate) const AUTHOR: &str = "github-actions[bot]";

/// What the forge holds, and was asked.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Comments and notes, the oldest first.
    pub(crate) comments: Vec<Value>,
    /// Pull requests and merge requests.
    pub(crate) requests: Vec<Value>,
    /// Each request: method and path with its query.
    pub(crate) log: Vec<String>,
    /// Headers with credentials that came.
    pub(crate) credentials: Vec<String>,
    /// Whose token it is; of a job's own nobody is told.
    pub(crate) login: Option<&'static str>,
    /// What a token may not do is answered with 403.
    pub(crate) read_only: bool,
    /// How many of the next requests are answered with 502.
    pub(crate) broken: usize,
}

/// The server; it ends with the test's process.
pub(crate) struct Forge {
    address: std::net::SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Forge {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &mut shared.lock().unwrap());
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A comment of somebody.
    pub(crate) fn comment(&self, author: &str, body: &str) {
        let mut state = self.state.lock().unwrap();
        let id = state.comments.len() + 1;
        let author_id = if author == AUTHOR { 7 } else { 8 };
        state.comments.push(json!({
            "id": id, "body": body, "user": {"login": author}, "author": {"id": author_id},
        }));
    }

    /// The texts of our own comments.
    pub(crate) fn ours(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let own = state.comments.iter().filter(|comment| comment["user"]["login"] == AUTHOR);
        own.map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }
}

fn answer(stream: &TcpStream, state: &mut State) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let lower = header.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("authorization:") || lower.starts_with("private-token:") {
            state.credentials.push(header.trim().to_owned());
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    state.log.push(format!("{method} {target}"));
    let (status, answer) = if state.broken > 0 {
        state.broken -= 1;
        (502, json!({"message": "try again"}))
    } else if state.read_only && method != "GET" {
        (403, json!({"message": "Resource not accessible by integration"}))
    } else {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        routed(&method, &target, body, state)
    };
    let answer = answer.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
    .unwrap();
}

fn routed(method: &str, target: &str, body: Value, state: &mut State) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let number = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| value.parse::<usize>().unwrap())
    };
    let last = path.rsplit('/').next().unwrap();
    let is_comment = path.contains("/comments") || path.contains("/notes");
    match (method, last) {
        ("GET", "user") => (200, json!({"id": 7, "login": state.login})),
        ("GET", "comments" | "notes") => {
            let per_page = number("per_page").unwrap_or(30);
            let skip = per_page * (number("page").unwrap_or(1) - 1);
            let page: Vec<Value> =
                state.comments.iter().skip(skip).take(per_page).cloned().collect();
            (200, Value::Array(page))
        }
        ("GET", "pulls" | "merge_requests") => (
            200,
            Value::Array(
                state.requests.iter().filter(|it| it["state"] == "open").cloned().collect(),
            ),
        ),
        ("POST", _) => {
            let list = if is_comment { &mut state.comments } else { &mut state.requests };
            let id = list.len() + 1;
            let mut made = body;
            made["id"] = json!(id);
            made["number"] = json!(id);
            made["iid"] = json!(id);
            made["state"] = json!("open");
            made["user"] = json!({"login": state.login.unwrap_or(AUTHOR)});
            made["author"] = json!({"id": 7});
            list.push(made.clone());
            (201, made)
        }
        ("PATCH" | "PUT", id) => {
            let id: usize = id.parse().unwrap();
            let list = if is_comment { &mut state.comments } else { &mut state.requests };
            let Some(found) = list.iter_mut().find(|it| it["id"] == id) else {
                return (404, json!({"message": "Not Found"}));
            };
            for (key, value) in body.as_object().unwrap() {
                found[key] = value.clone();
            }
            (200, found.clone())
        }
        _ => (404, json!({"message": "Not Found"})),
    }
}

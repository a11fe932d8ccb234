//! Small servers on loopback: files, and git repositories by both of its HTTP protocols.

use crate::world::HOST;
use crate::world::{succeed, tool};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// `x-access-token:token123` in base64: what opens repositories below `/private`.
const AUTHORIZATION: &str = "basic eC1hY2Nlc3MtdG9rZW46dG9rZW4xMjM=";

/// What a server answers with.
pub(super) enum Site {
    /// Header lines and a body, by path and query.
    Files(BTreeMap<String, (String, Vec<u8>)>),
    /// The files below a directory: git's older protocol, without single commits.
    Directory(PathBuf),
    /// `git http-backend` over the repositories below a directory.
    Git(PathBuf),
}

/// A server that lives as long as the tests do; its address.
pub(super) fn serve(site: Site) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{HOST}:{}", listener.local_addr().unwrap().port());
    let site = Arc::new(site);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&site);
            std::thread::spawn(move || site.answer(&stream));
        }
    });
    address
}

type Response = (String, Vec<u8>);

/// A request, as far as anybody here looks at it.
struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
        let mut body = Vec::new();
        if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
            body.resize(length, 0);
            reader.read_exact(&mut body).unwrap();
        }
        Self { method, target, headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Site {
    fn answer(&self, mut stream: &TcpStream) {
        let (head, body) = self.response(&Request::read(stream));
        let length = body.len();
        let head = format!("HTTP/1.1 {head}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }

    fn response(&self, request: &Request) -> Response {
        let found = match self {
            Self::Files(files) => files.get(&request.target).cloned(),
            Self::Directory(root) => {
                let path = request.target.split('?').next().unwrap().trim_start_matches('/');
                std::fs::read(root.join(path)).ok().map(|body| (String::new(), body))
            }
            Self::Git(root) => return backend(root, request),
        };
        match found {
            Some((head, body)) => (format!("200 OK\r\n{head}"), body),
            None => ("404 Not Found\r\n".to_owned(), b"no".to_vec()),
        }
    }
}

/// <https://git-scm.com/docs/git-http-backend>
fn backend(root: &Path, request: &Request) -> Response {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if path.starts_with("/private") && request.header("authorization") != AUTHORIZATION {
        return ("401 Unauthorized\r\nWWW-Authenticate: Basic\r\n".to_owned(), Vec::new());
    }
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("REMOTE_USER", "test")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _refused = child.stdin.take().unwrap().write_all(&request.body);
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end + 2]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    (format!("{status}\r\n{head}"), output[end + 4..].to_vec())
}

/// A compressed archive with the file `inner`.
pub(super) fn tar() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("inner"), "inside\n").unwrap();
    let output = Command::new("tar").arg("-C").arg(folder.path()).args(["-cz", "inner"]).output();
    output.unwrap().stdout
}

/// Makes `tree.git` with two commits, a branch, both kinds of tags and a submodule that `server` has, too;
/// the id of the first commit.
pub(super) fn repositories(root: &Path, server: &str) -> String {
    drop(tool("git", "git"));
    let script = r#"
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2020-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
cd "$1"
git init -q -b main part && cd part && echo part > part && git add . && git commit -qm part && cd ..
git init -q -b main tree && cd tree
mkdir docs && echo one > file && echo doc > docs/page && echo '#!/bin/sh' > tool && chmod 775 tool
ln -s docs/page link && git add . && git commit -qm one && git tag -a v1 -m v1 && git tag light
git checkout -qb other && echo other > file && git commit -qam other && git checkout -q main
printf '[submodule "part"]\n\tpath = sub/part\n\turl = %s/part.git\n' "$2" > .gitmodules
git clone -q ../part sub/part && git add .gitmodules sub/part 2>/dev/null
echo two > file && git commit -qam two && cd ..
for name in part tree; do
    git clone -q --bare $name $name.git && git --git-dir=$name.git update-server-info
done
mkdir private && cp -r part.git private/part.git
git --git-dir=tree.git rev-parse 'v1^{commit}'
"#;
    let mut shell = Command::new("sh");
    succeed(shell.args(["-c", script, "sh"]).arg(root).arg(server)).trim().to_owned()
}

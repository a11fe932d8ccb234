//! git repositories over smart HTTP: `git http-backend` as a CGI program.

use super::http::{Request, Response, status};
use crate::world::{succeed, tool};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where distributions put what belongs to git.
const FOLDERS: [&str; 2] = ["/usr/lib/git-core", "/usr/libexec/git-core"];

/// A folder of bare repositories that a test commits to.
#[derive(Debug)]
pub(crate) struct Repositories {
    folder: tempfile::TempDir,
}

impl Repositories {
    /// One bare repository, `NAME.git`, without commits.
    pub(crate) fn new(name: &str) -> Self {
        let repositories = Self { folder: tempfile::tempdir().unwrap() };
        let bare = repositories.path().join(format!("{name}.git"));
        succeed(git().args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare));
        let work = repositories.work(name);
        succeed(git().args(["init", "--quiet", "--initial-branch=main"]).arg(&work));
        repositories
    }

    /// What a site serves.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.work"))
    }

    /// Commits a file at a time and publishes it; the commit.
    pub(crate) fn commit(&self, name: &str, file: &str, text: &str, seconds: i64) -> String {
        let work = self.work(name);
        std::fs::write(work.join(file), text).unwrap();
        let run = |arguments: &[&str]| {
            let date = format!("@{seconds} +0000");
            let mut command = git();
            command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
            succeed(command.arg("-C").arg(&work).args(arguments))
        };
        run(&["add", "."]);
        run(&["commit", "--quiet", "--message", text]);
        run(&["push", "--quiet", "--force", &format!("../{name}.git"), "main"]);
        run(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Forgets all commits, here and in the bare repository.
    pub(crate) fn forget(&self, name: &str) {
        let work = self.work(name);
        let run = |folder: &Path, arguments: &[&str]| {
            succeed(git().arg("-C").arg(folder).args(arguments));
        };
        run(&work, &["checkout", "--quiet", "--orphan", "other"]);
        run(&work, &["branch", "--quiet", "-D", "main"]);
        run(&work, &["branch", "--quiet", "--move", "main"]);
        let bare = self.folder.path().join(format!("{name}.git"));
        run(&bare, &["update-ref", "-d", "refs/heads/main"]);
        run(&bare, &["gc", "--quiet", "--prune=now"]);
    }
}

/// git without anybody's configuration.
fn git() -> Command {
    let mut command = tool("git", "git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "it").env(format!("GIT_{who}_EMAIL"), "it@test");
    }
    command
}

/// Runs the program of RFC 3875 for one request.
pub(crate) fn answer(folder: &Path, request: &Request) -> Response {
    let backend = FOLDERS.iter().map(|folder| Path::new(folder).join("git-http-backend"));
    let backend = backend.into_iter().find(|path| path.exists()).unwrap();
    let mut child = Command::new(backend)
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        // The folder may be another user's.
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = std::thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().unwrap().stdout;
    let _written = writer.join().unwrap();
    parse(&output).unwrap_or_else(|| status("500 Internal Server Error", b"no headers\n"))
}

fn parse(output: &[u8]) -> Option<Response> {
    let end = output.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut response = Response {
        status: "200 OK".to_owned(),
        headers: Vec::new(),
        body: output[end + 4..].to_vec(),
    };
    for line in head.lines() {
        let (name, value) = line.split_once(": ")?;
        if name.eq_ignore_ascii_case("status") {
            value.clone_into(&mut response.status);
        } else {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Some(response)
}

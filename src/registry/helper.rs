//! Credential helpers: <https://github.com/docker/docker-credential-helpers#development>.
//!
//! A helper is a program of the user's, and may still hang or run wild: it has a time limit, its
//! output a size limit, and only names that cannot be paths are run.

use super::credentials::Credential;
use super::error::quoted;
use super::secret::Secret;
use serde::Deserialize;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What helpers print when they have nothing; then the request is anonymous:
/// <https://github.com/docker/docker-credential-helpers/blob/v0.9.3/credentials/error.go>.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";
const OUTPUT_SIZE_MAX: u64 = 64 * 1024;
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// How helpers are run.
#[derive(Debug, Clone)]
pub(super) struct Helpers {
    /// Folders that are searched, in order; empty for those of this process.
    pub(super) directories: Vec<PathBuf>,
    pub(super) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Helpers {
    /// Asks `docker-credential-NAME` for the credentials of `server`.
    pub(super) fn get(&self, name: &str, server: &str) -> Result<Option<Credential>, String> {
        if !is_name(name) {
            return Err(format!("`{}` is not a name of a credential helper", quoted(name)));
        }
        let program = format!("docker-credential-{name}");
        let problem = |text: String| format!("`{program}` {text}");
        let (status, output) = self.run(&program, server).map_err(problem)?;
        let text = String::from_utf8_lossy(&output);
        if !status.success() {
            if text.trim() == NOT_FOUND {
                return Ok(None);
            }
            return Err(problem(format!("ended with {status}: {}", quoted(&text))));
        }
        // The output holds the secret, and so does serde's message: neither is shown.
        let answer: Answer = serde_json::from_slice(&output)
            .map_err(|_| problem("printed something else than credentials".to_owned()))?;
        let secret = Secret::new(answer.secret);
        Ok(match &*answer.username {
            _ if secret.is_empty() => None,
            TOKEN_USER => Some(Credential::IdentityToken(secret)),
            _ => Some(Credential::Password { user: answer.username, secret }),
        })
    }

    fn run(&self, program: &str, server: &str) -> Result<(ExitStatus, Vec<u8>), String> {
        let path = self.find(program).ok_or_else(|| "is not installed".to_owned())?;
        // A group of its own, so that what the helper starts ends with it.
        let child = Command::new(path)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot be run: {error}"))?;
        let mut running = Running { child };
        let deadline = Instant::now() + self.timeout;
        let late = || format!("did not answer within {} seconds", self.timeout.as_secs_f32());
        let output = running.converse(server, self.timeout)?.ok_or_else(late)?;
        let status = running.wait_until(deadline)?.ok_or_else(late)?;
        Ok((status, output))
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        if self.directories.is_empty() {
            return Some(PathBuf::from(program));
        }
        let candidates = self.directories.iter().map(|directory| directory.join(program));
        candidates.into_iter().find(|path| path.is_file())
    }
}

/// A started helper; it and its group end when this is dropped.
struct Running {
    child: Child,
}

impl Running {
    /// Writes the server's name and reads the output to its end; `None` where that takes too long.
    fn converse(&mut self, server: &str, timeout: Duration) -> Result<Option<Vec<u8>>, String> {
        let (Some(mut stdin), Some(stdout)) = (self.child.stdin.take(), self.child.stdout.take())
        else {
            return Err("has no input and output".to_owned());
        };
        let (sender, receiver) = mpsc::channel();
        let server = server.to_owned();
        // Both ends on a thread that is left behind where the helper hangs; killing it ends both.
        std::thread::spawn(move || {
            // A helper that does not read its input says so by its status.
            let _unread = stdin.write_all(server.as_bytes());
            drop(stdin);
            let mut output = Vec::new();
            let read = stdout.take(OUTPUT_SIZE_MAX + 1).read_to_end(&mut output);
            // The receiver is gone only after the time limit.
            let _late = sender.send(read.map(|_| output));
        });
        match receiver.recv_timeout(timeout) {
            Ok(Ok(output)) if output.len() as u64 > OUTPUT_SIZE_MAX => {
                Err(format!("printed more than {OUTPUT_SIZE_MAX} bytes"))
            }
            Ok(Ok(output)) => Ok(Some(output)),
            Ok(Err(error)) => Err(format!("cannot be read: {error}")),
            Err(_) => Ok(None),
        }
    }

    /// A helper that closed its output usually ends at once, but need not.
    fn wait_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, String> {
        loop {
            let status = self.child.try_wait().map_err(|error| format!("is lost: {error}"))?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            if let Some(group) =
                i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
            {
                // It may have ended in between.
                let _gone =
                    rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _reaped = self.child.wait();
        }
    }
}

/// Letters, digits, `-`, `_` and inner dots: nothing that leads to another folder.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 100 && name.bytes().all(fits) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A folder with `docker-credential-x`, a shell script.
    fn helper(script: &str) -> (tempfile::TempDir, Helpers) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-x");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let directories = vec![folder.path().to_owned()];
        (folder, Helpers { directories, timeout: Duration::from_secs(20) })
    }

    #[test]
    fn the_protocol_is_spoken() {
        let script = r#"[ "$1" = get ] || exit 9; read server; printf '{"ServerURL":"%s","Username":"for %s","Secret":"s"}' "$server" "$server""#;
        let (_folder, helpers) = helper(script);
        let expected =
            Credential::Password { user: "for reg.example".to_owned(), secret: Secret::new("s") };
        assert_eq!(helpers.get("x", "reg.example"), Ok(Some(expected)));
    }

    #[test]
    fn a_token_user_means_an_identity_token() {
        let (_folder, helpers) = helper(r#"echo '{"Username":"<token>","Secret":"s"}'"#);
        let expected = Credential::IdentityToken(Secret::new("s"));
        assert_eq!(helpers.get("x", "reg.example"), Ok(Some(expected)));
    }

    #[test]
    fn nothing_found_is_anonymous_and_not_an_error() {
        let (_folder, helpers) = helper("echo credentials not found in native keychain; exit 1");
        assert_eq!(helpers.get("x", "reg.example"), Ok(None));
    }

    #[test]
    fn failures_name_the_helper_and_never_its_output_where_that_may_be_a_secret() {
        let (_folder, helpers) = helper("echo locked; exit 3");
        let error = helpers.get("x", "reg.example").unwrap_err();
        assert!(error.contains("docker-credential-x") && error.contains("locked"), "{error}");
        let (_folder, helpers) = helper(r#"echo '{"Username":"u","Secret":hunter2}'"#);
        let error = helpers.get("x", "reg.example").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(helpers.get("missing", "r").unwrap_err().contains("not installed"));
    }

    #[test]
    fn names_that_are_paths_are_refused() {
        let (_folder, helpers) = helper("echo '{}'");
        for name in ["../evil", "/bin/sh", "", "..", "a/b", "a b", "a\0b"] {
            assert!(helpers.get(name, "r").unwrap_err().contains("not a name"), "{name}");
        }
    }

    #[test]
    fn a_helper_that_hangs_is_ended_with_its_children() {
        let (folder, mut helpers) = helper("sleep 60 & echo $! > \"$(dirname \"$0\")/pid\"; wait");
        helpers.timeout = Duration::from_secs(1);
        let start = Instant::now();
        assert!(helpers.get("x", "r").unwrap_err().contains("did not answer within 1 seconds"));
        assert!(start.elapsed() < Duration::from_secs(20));
        let child = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let process = PathBuf::from(format!("/proc/{}/stat", child.trim()));
        let is_alive =
            || std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
        while is_alive() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!is_alive(), "the helper's child still runs");
    }

    #[test]
    fn a_helper_that_closes_its_output_and_stays_is_ended() {
        let (_folder, mut helpers) = helper("echo '{}'; exec >&-; exec sleep 60");
        helpers.timeout = Duration::from_secs(1);
        assert!(helpers.get("x", "r").unwrap_err().contains("did not answer"));
    }

    #[test]
    fn a_helper_that_prints_without_end_is_ended() {
        let (_folder, helpers) = helper("exec yes");
        assert!(helpers.get("x", "r").unwrap_err().contains("more than 65536 bytes"));
    }
}

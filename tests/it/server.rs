//! Debian's `docker-registry` on loopback, filled by `skopeo`.

use crate::world::{succeed, tool};
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "correct horse";
/// `user` and the password above, with bcrypt, the one hash that the registry knows:
/// `perl -e 'print crypt("correct horse", "\$2y\$05\$rlockrlockrlockrlocku.")'`.
const HTPASSWD: &str = "user:$2y$05$rlockrlockrlockrlocku.ic8lij/Il4ZUCEAb7vkUrz4MfC9VjB6\n";
/// `user:correct horse` in base64.
pub(crate) const AUTH: &str = "dXNlcjpjb3JyZWN0IGhvcnNl";

/// Who gets in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Access {
    Open,
    Password,
    /// Nobody in fact: clients are sent to the token server at this port of `localhost`, and no
    /// token is ever right.
    Token(u16),
}

/// How it is spoken to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// A running registry; it ends with this.
pub(crate) struct Server {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: String,
    access: Access,
    child: Child,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) fn start(access: Access, wire: Wire) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Somebody else may take the port before the registry does: then another is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let config = configure(folder.path(), &address, access, wire);
            let mut child = tool("docker-registry", "docker-registry")
                .arg("serve")
                .arg(config)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if is_up(&address, &mut child) {
                return Self { folder, address, access, child };
            }
        }
        panic!("`docker-registry` does not start");
    }

    /// Copies what has a tag in an OCI layout into the registry, whole indexes too.
    pub(crate) fn push(&self, layout: &Path, tag: &str, name: &str) {
        let mut command = tool("skopeo", "skopeo");
        command.args(["--insecure-policy", "copy", "--all", "--dest-tls-verify=false"]);
        // Without, skopeo encodes anew what it has not encoded itself.
        command.arg("--preserve-digests");
        if self.access == Access::Password {
            command.arg(format!("--dest-creds={USER}:{PASSWORD}"));
        }
        command.arg(format!("oci:{}:{tag}", layout.display()));
        succeed(command.arg(format!("docker://{}/{name}", self.address)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn configure(folder: &Path, address: &str, access: Access, wire: Wire) -> PathBuf {
    let at = |name: &str| folder.join(name);
    let mut config = json!({
        "version": 0.1,
        "log": { "level": "error" },
        "storage": { "filesystem": { "rootdirectory": at("data") } },
        "http": { "addr": address },
    });
    if access == Access::Password {
        std::fs::write(at("htpasswd"), HTPASSWD).unwrap();
        config["auth"] = json!({ "htpasswd": { "realm": "it, and more", "path": at("htpasswd") } });
    }
    if let Access::Token(port) = access {
        make_certificate(folder);
        config["auth"] = json!({ "token": {
            "realm": format!("http://localhost:{port}/token"), "service": "it", "issuer": "it",
            "rootcertbundle": at("certificate.pem"),
        } });
    }
    if wire == Wire::Tls {
        make_certificate(folder);
        let tls = json!({ "certificate": at("certificate.pem"), "key": at("key.pem") });
        config["http"]["tls"] = tls;
    }
    // JSON is YAML.
    std::fs::write(at("config.yml"), config.to_string()).unwrap();
    at("config.yml")
}

fn make_certificate(folder: &Path) {
    let request = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=it";
    let mut command = tool("openssl", "openssl");
    command.args(request.split(' ')).args(["-addext", "subjectAltName=IP:127.0.0.1,IP:0.0.0.0"]);
    command.arg("-keyout").arg(folder.join("key.pem"));
    succeed(command.arg("-out").arg(folder.join("certificate.pem")));
}

fn is_up(address: &str, child: &mut Child) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("`docker-registry` does not listen at {address}");
}

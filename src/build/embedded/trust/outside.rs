//! What a step is told beside its tree: files on a mount of their own, and variables that name them.

use super::certificate::Certificate;
use super::layer::Layer;
use super::{jks, pem};
use crate::sandbox::Bind;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where the folder is seen, in a `/dev` that is the sandbox's: no mount point is in the image's tree.
const TARGET: &str = "dev/.rlock";

/// One variable that is set where the Dockerfile does not.
struct Variable {
    name: &'static str,
    /// The file that it names.
    file: &'static str,
}

/// The bundle of the image with the authority in it.
const BUNDLE: &str = "ca.pem";
/// Settings for apt.
const APT: &str = "apt.conf";
/// Settings for wget.
const WGET: &str = "wgetrc";
/// The bundle for Java.
const KEY_STORE: &str = "cacerts";

/// A client is here where it does not read the system's bundle, or reads it before its first
/// connection, at which a bundle that the step has just made is seen to.
///
/// Not here, since what is here serves them: curl, cargo, rustup, uv, gem, bundler, go, nix, .NET,
/// composer, perl (`SSL_CERT_FILE`), aws (`REQUESTS_CA_BUNDLE`), pnpm, yarn, bun
/// (`NODE_EXTRA_CA_CERTS`), apt, git, dnf, apk (the system's bundle). Nor `YARN_HTTPS_CA_FILE_PATH`:
/// a yarn that does not know the setting refuses to work at all.
const VARIABLES: &[Variable] = &[
    // OpenSSL and what imitates it. uv, go and rustls take it instead of the roots that they bring.
    Variable { name: "SSL_CERT_FILE", file: BUNDLE },
    // Python's requests, which brings roots of its own; botocore.
    Variable { name: "REQUESTS_CA_BUNDLE", file: BUNDLE },
    // pip, above the `cert` of a pip.conf.
    Variable { name: "PIP_CERT", file: BUNDLE },
    // Node brings roots of its own. In addition to them.
    Variable { name: "NODE_EXTRA_CA_CERTS", file: BUNDLE },
    // npm and yarn 1, where an npmrc sets `cafile`: then they do not ask Node.
    Variable { name: "npm_config_cafile", file: BUNDLE },
    // git, above an `http.sslCAInfo`.
    Variable { name: "GIT_SSL_CAINFO", file: BUNDLE },
    // Deno brings roots of its own.
    Variable { name: "DENO_CERT", file: BUNDLE },
    // The Google Cloud CLI brings roots of its own.
    Variable { name: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", file: BUNDLE },
    // GnuTLS's wget reads the system's bundle before it connects.
    Variable { name: "WGETRC", file: WGET },
    // Recorded indexes outlive their `Valid-Until`.
    Variable { name: "APT_CONFIG", file: APT },
];

/// Read before the image's own configuration, which thereby wins.
const APT_SETTINGS: &str = "Acquire::Check-Valid-Until \"false\";\n";

/// The folder that is bound into a step.
pub(super) struct Outside {
    folder: PathBuf,
    has_key_store: bool,
}

impl Outside {
    /// Takes back that indexes may have expired.
    pub(super) fn heed_expiry(&self) -> io::Result<()> {
        std::fs::write(self.folder.join(APT), "")
    }

    /// Makes `folder` and fills it. `wgetrc` is the image's, which [`WGET`] takes the place of.
    pub(super) fn write(
        folder: &Path,
        layer: &Layer,
        wgetrc: &[u8],
        certificate: &Certificate,
    ) -> io::Result<Self> {
        make(folder, 0o755, |path| std::fs::create_dir(path))?;
        let file = |name: &str, content: &[u8]| {
            make(&folder.join(name), 0o644, |path| std::fs::write(path, content))
        };
        let bundle = [layer.bundle.as_slice(), &pem::addition(&layer.bundle, certificate)].concat();
        file(BUNDLE, &bundle)?;
        file(APT, APT_SETTINGS.as_bytes())?;
        let newline: &[u8] = if pem::is_terminated(wgetrc) { b"" } else { b"\n" };
        let line = format!("ca_certificate = {}\n", seen(BUNDLE));
        file(WGET, &[wgetrc, newline, line.as_bytes()].concat())?;
        let store = layer.has_closed_key_store.then(|| jks::of(&pem::certificates(&bundle)));
        let store = store.flatten();
        if let Some(store) = &store {
            file(KEY_STORE, store)?;
        }
        Ok(Self { folder: folder.to_owned(), has_key_store: store.is_some() })
    }

    pub(super) fn bind(&self) -> Bind {
        let target = TARGET.as_bytes().to_vec();
        Bind { source: self.folder.clone(), target, read_only: true }
    }

    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let set = VARIABLES.iter().map(|variable| (variable.name.to_owned(), seen(variable.file)));
        // Java says on standard error that it has read it, so only where there is no other way.
        let java = self.has_key_store.then(|| {
            let options = format!(
                "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword={}",
                seen(KEY_STORE),
                jks::PASSWORD
            );
            ("JAVA_TOOL_OPTIONS".to_owned(), options)
        });
        set.chain(java).collect()
    }
}

fn seen(file: &str) -> String {
    format!("/{TARGET}/{file}")
}

/// Makes something that every user of a step can read, whatever the umask.
fn make(path: &Path, mode: u32, made: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    made(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

//! Steps trust the Door, and nothing of that stays: `curl` in a step verifies what the Door shows it,
//! two builds are alike, no layer and no config has a byte of the authority, the layers are those that
//! the same commands leave behind without the Door, and the lock replays them offline.

mod residue;

use crate::upstream::{self, Site, Tree, Wire};
use crate::world::{Ran, Shared, World, base};
use rlock::oci::Platform;
use rlock::store::Image;
use rlock::store::layout::{self, Selector};
use std::sync::Arc;

/// A build on a base image, with a site to fetch from.
struct Case {
    world: World,
    /// `oci-layout://DIR:TAG`.
    base: String,
    /// Keeps the base where it is one of ours.
    _equipped: Option<Arc<Equipped>>,
    store: Arc<tempfile::TempDir>,
    site: Site,
}

impl Case {
    /// `FETCH` in a Dockerfile stands for a fetch of `{file}` over TLS, by a client that trusts the Door.
    fn new(base: String, dockerfile: &str) -> Self {
        let site = Site::start("files.test", Wire::Tls);
        let mut tree = Tree::at(1_735_689_600);
        tree.file("/file", "content\n");
        site.serve(tree);
        let dockerfile = format!("FROM base\n{}\n", dockerfile.trim());
        let with_door = dockerfile.replace("FETCH", FETCH);
        let world = World::new(&with_door.replace("{file}", &format!("{}/file", site.url())));
        world.write("Dockerfile.host", without_door(&dockerfile));
        Self { world, base, _equipped: None, store: store(), site }
    }

    fn rlock(&self, command: &str, arguments: &[&str]) -> Ran {
        let (name, value) = upstream::trust(&self.world);
        let output = self
            .world
            .command()
            .env(name, value)
            .env("RLOCK_STORE", self.store.path())
            .args([command, "--build-context", &format!("base={}", self.base)])
            .args(upstream::arguments(&[&self.site]))
            .args(arguments)
            .output();
        Ran::of(&output.unwrap())
    }

    /// Builds, and opens what came out.
    #[track_caller]
    fn build(&self, name: &str, arguments: &[&str]) -> Image {
        let path = self.world.path(name);
        let output = format!("oci:{}:it", path.display());
        let mut all = vec!["-o", &output];
        all.extend(arguments);
        self.rlock("build", &all).expect(0);
        layout::open(&path, &Selector::Any, &Platform::host()).unwrap()
    }

    /// All that is promised; the image.
    #[track_caller]
    fn proves(&self) -> Image {
        let report = self.rlock("check", &["--format", "json"]).expect(0).json();
        assert_eq!(report["status"], "pass", "{report:#}");
        let image = self.build("image", &["--locked"]);
        assert_eq!(report["builds"][0]["manifest"], image.manifest_digest.to_string());
        residue::assert_none(&image);
        self.site.stop();
        let report = self.rlock("verify", &["--offline", "--format", "json"]).expect(0).json();
        assert_eq!(report["build"]["manifest"], image.manifest_digest.to_string());
        assert_eq!(report["findings"], serde_json::json!([]), "{report:#}");
        image
    }

    /// All that is promised, and that the layers are what they are without the Door.
    #[track_caller]
    fn proves_as_without(&self) {
        let image = self.proves();
        let host = self.build("host", &["-f", "Dockerfile.host"]);
        let layers = |image: &Image| image.config.rootfs.diff_ids.clone();
        if layers(&image) != layers(&host) {
            let [left, right] = ["image", "host"].map(|name| format!("oci:../{name}:it"));
            panic!("{}", self.world.rlock(&["diff", &left, &right]).stdout);
        }
    }
}

/// A fetch that fails where the client does not trust the Door, or is not served by it.
const FETCH: &str = "curl -sSfv -o /dev/null {file} 2>&1 | grep -q 'issuer: CN=rlock'";

/// The same commands on the host's network, where nothing is fetched.
fn without_door(dockerfile: &str) -> String {
    dockerfile.replace("\nRUN ", "\nRUN --network=host ").replace("FETCH", "true")
}

/// One Store for all: base images are unpacked once.
fn store() -> Arc<tempfile::TempDir> {
    static STORE: Shared<tempfile::TempDir> = Shared::new();
    STORE.get(|| tempfile::tempdir().unwrap())
}

fn bare() -> String {
    format!("oci-layout://{}:bookworm", base("debian-bookworm").display())
}

/// An image with `curl` and a bundle; made by a build, with the archive that the base names.
struct Equipped {
    world: World,
    _store: Arc<tempfile::TempDir>,
}

static EQUIPPED: Shared<Equipped> = Shared::new();

impl Equipped {
    fn make() -> Self {
        let world = World::new(&format!("FROM base\nRUN {INSTALL}\n"));
        let context = format!("base={}", bare());
        let output = format!("oci:{}:it", world.path("equipped").display());
        let store = store();
        let folder = store.path().display().to_string();
        let arguments = ["build", "--store", &folder, "--build-context", &context, "-o", &output];
        world.rlock(&arguments).expect(0);
        Self { world, _store: store }
    }

    fn context(&self) -> String {
        format!("oci-layout://{}:it", self.world.path("equipped").display())
    }
}

const INSTALL: &str =
    "apt-get update && apt-get install -y --no-install-recommends curl ca-certificates";

/// On an image with a bundle.
fn equipped(dockerfile: &str) -> Case {
    let equipped = EQUIPPED.get(Equipped::make);
    Case { _equipped: Some(Arc::clone(&equipped)), ..Case::new(equipped.context(), dockerfile) }
}

#[test]
fn a_base_without_a_bundle_and_a_client_installed_by_the_step() {
    Case::new(bare(), &format!("RUN {INSTALL} && FETCH")).proves_as_without();
}

#[test]
fn a_base_with_a_bundle_that_is_only_read() {
    equipped("RUN FETCH\nRUN cat /etc/ssl/certs/*.crt | wc -l && FETCH").proves_as_without();
}

#[test]
fn a_step_that_updates_the_bundle() {
    // The bundle is made anew, from nothing, and with a certificate more.
    equipped(
        "RUN update-ca-certificates && FETCH
RUN FETCH && update-ca-certificates --fresh && FETCH
RUN rm -r /etc/ssl/certs && mkdir /etc/ssl/certs && update-ca-certificates && FETCH
RUN openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=own -keyout /dev/null \\
    -out /usr/local/share/ca-certificates/own.crt && update-ca-certificates && FETCH \\
    && rm /usr/local/share/ca-certificates/own.crt && FETCH && update-ca-certificates",
    )
    .proves_as_without();
}

#[test]
fn a_step_that_copies_the_bundle() {
    equipped(
        "RUN FETCH && cp /etc/ssl/certs/ca-certificates.crt /copy.pem \\
 && cat /copy.pem /copy.pem > /twice && cp -a /etc/ssl /ssl && ln /copy.pem /linked.pem
RUN cat /etc/ssl/certs/ca-certificates.crt >> /copy.pem && FETCH",
    )
    .proves_as_without();
}

#[test]
fn a_step_that_takes_the_authority_for_itself() {
    // From the file that only a variable of rlock's names: all of it, and the authority alone.
    let case = equipped(
        r#"RUN cp "$SSL_CERT_FILE" /bundle.pem && FETCH
RUN awk '/BEGIN/ { last = "" } { last = last $0 "\n" } END { printf "%s", last }' "$SSL_CERT_FILE" \
    > /last.pem && openssl x509 -in /last.pem -outform der -out /last.der && test -s /last.der"#,
    );
    let image = case.proves();
    let added = &image.config.rootfs.diff_ids;
    assert_ne!(added[added.len() - 2], added[added.len() - 1], "the first is not empty");
}

#[test]
fn what_the_authority_cannot_be_cut_out_of_is_named() {
    let case = equipped("RUN FETCH && tar -cf /certificates.tar /etc/ssl/certs");
    case.rlock("check", &[]).expect(4).says(&[
        "` at line 2 failed: the certificate that rlock lends to steps is left in `/certificates.tar`",
        "hint: ",
        "`RUN --network=none`",
    ]);
    // What is compressed is another in each build.
    let case = equipped("RUN FETCH && gzip -n < /etc/ssl/certs/ca-certificates.crt > /bundle.gz");
    let ran = case.rlock("check", &[]).expect(1);
    assert!(ran.stdout.contains("`/bundle.gz` differs"), "{}", ran.stdout);
}

/// Bundle, anchors and the program that makes one of the other, as RHEL has them.
const RHEL: &str = r"COPY --chmod=755 <<EOF /usr/bin/update-ca-trust
#!/bin/sh
cd /etc/pki/ca-trust
cat /usr/share/roots.pem source/anchors/* > extracted/pem/tls-ca-bundle.pem 2>/dev/null || true
EOF
RUN mkdir -p /etc/pki/ca-trust/source/anchors /etc/pki/ca-trust/extracted/pem \
    /etc/pki/tls/certs /usr/share && cd /etc/pki/tls \
 && ln -s ../../ca-trust/extracted/pem/tls-ca-bundle.pem certs/ca-bundle.crt \
 && ln -s certs/ca-bundle.crt cert.pem \
 && mv /etc/ssl/certs/ca-certificates.crt /usr/share/roots.pem && rm -r /etc/ssl/certs \
 && update-ca-trust
";

#[test]
fn anchors_and_bundles_of_rhel() {
    let fetch = "CURL_CA_BUNDLE=/etc/pki/tls/certs/ca-bundle.crt FETCH";
    equipped(&format!(
        "{RHEL}RUN {fetch}
RUN update-ca-trust && {fetch}
RUN sed /END/q /usr/share/roots.pem > /etc/pki/ca-trust/source/anchors/own.pem \\
 && update-ca-trust && {fetch}
RUN {fetch} && rm -r /etc/pki/ca-trust/source && update-ca-trust && {fetch}
RUN rm -r /etc/pki/ca-trust/extracted/pem && mkdir /etc/pki/ca-trust/extracted/pem"
    ))
    .proves_as_without();
}

#[test]
fn anchors_and_bundles_of_rhel_on_busybox() {
    // It has no client that could trust anybody: that the authority is there shows in what is made of
    // the anchors.
    let prepare = "RUN mkdir -p /etc/ssl/certs && echo root > /etc/ssl/certs/ca-certificates.crt\n";
    let case = Case::new(
        format!("oci-layout://{}:latest", base("busybox").display()),
        &format!(
            "{prepare}{RHEL}RUN update-ca-trust \\
 && test $(grep -c BEGIN /etc/pki/tls/certs/ca-bundle.crt) = 1 \\
 && ls /etc/pki/ca-trust/source/anchors | wc -l > /anchors && test $(cat /anchors) = 1"
        ),
    );
    case.proves();
}

#[test]
fn a_client_that_the_door_cannot_speak_to_is_named() {
    let case = Case::new(
        format!("oci-layout://{}:latest", base("busybox").display()),
        "RUN wget -q -O /dev/null {file}",
    );
    case.rlock("check", &[]).expect(4).says(&["hint: ", "the one within busybox"]);
}

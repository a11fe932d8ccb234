//! Real programs on a real Debian: `update-ca-certificates` with its hooks, p11-kit, `keytool`, and
//! clients that connect to a server whose certificate the authority made.

use super::super::jks;
use super::fixtures::{authority, signer};
use super::server;
use super::world::{Object, Snapshot, World, assert_same, may_mount};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `make fixtures` makes.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/fixtures/debian-bookworm");
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const INSTALL: &str = "apt-get install --quiet=2 --yes --no-download ca-certificates openssl";
const KEY_STORE: &str = "etc/ssl/certs/java/cacerts";

/// Differs in any two runs, whatever else happens.
const NOISE: [&str; 6] =
    ["var/log/", "var/cache/", "tmp/", "var/lib/apt/", "var/lib/dpkg/", "run/"];

/// Debian with these packages, and `later` only downloaded.
fn debian(packages: &str, later: &str) -> World {
    let world = World::new(&[]);
    let index = fs::read(format!("{FIXTURE}/index.json")).expect("run `make fixtures`");
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let blob = |digest: &serde_json::Value| {
        PathBuf::from(format!("{FIXTURE}/blobs/{}", digest.as_str().unwrap().replace(':', "/")))
    };
    let manifest = fs::read(blob(&index["manifests"][0]["digest"])).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(blob(&manifest["layers"][0]["digest"]))
        .arg("-C")
        .arg(&world.lowers[0])
        .status();
    assert!(tar.unwrap().success());
    for directory in ["dev", "proc", "sys"] {
        world.directory(directory);
    }
    let resolver = fs::read("/etc/resolv.conf").unwrap();
    world.file("etc/resolv.conf", &resolver);
    let install = "apt-get install --quiet=2 --yes --no-install-recommends";
    let script = format!(
        "apt-get update --quiet=2 && {install} {packages} && {install} --download-only {later}"
    );
    let output = run(&world.lowers[0], None, &[], &script);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world
}

/// Runs a script as root in `root`, with nothing in the environment but this.
fn run(root: &Path, outside: Option<&Path>, env: &[(String, String)], script: &str) -> Output {
    const ENTER: &str = "r=$1; o=$2; shift 2; mount -t proc proc $r/proc && mount -t tmpfs dev $r/dev \
        && for d in null zero full random urandom; do touch $r/dev/$d; mount --bind /dev/$d $r/dev/$d; done \
        && ln -s /proc/self/fd $r/dev/fd \
        && if [ -n \"$o\" ]; then mkdir $r/dev/.rlock && mount --bind \"$o\" $r/dev/.rlock; fi \
        && exec chroot $r \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"]).arg(root);
    command.arg(outside.unwrap_or(Path::new(""))).args(["/usr/bin/env", "-i"]);
    command.args(["PATH=/usr/sbin:/usr/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"]);
    command.args(env.iter().map(|(name, value)| format!("{name}={value}")));
    command.args(["/bin/sh", "-ec", script]).output().unwrap()
}

fn succeeds(root: &Path, script: &str) {
    let output = run(root, None, &[], script);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
}

/// Without what differs between any two runs: dates and logs.
fn settled(mut tree: Snapshot) -> Snapshot {
    tree.retain(|path, _| !NOISE.iter().any(|noise| path.starts_with(noise)));
    for object in tree.values_mut() {
        if let Some(undated) = jks::undated(&object.5) {
            object.5 = undated;
        }
    }
    tree
}

/// The step leaves the same with and without the authority.
fn proves(world: &World, script: &str) -> Snapshot {
    let act = |root: &Path| succeeds(root, script);
    let running = world.start();
    act(running.path());
    let left = settled(running.end().unwrap());
    assert_same(&left, &settled(world.plain(&act)));
    left
}

/// One client, and the exit code that it should have.
fn fetches(running: &super::world::Running<'_>, with_env: bool, script: &str) {
    let env = if with_env { running.trust.env() } else { Vec::new() };
    let outside = running.trust.binds().remove(0).source;
    let output = run(running.path(), Some(&outside), &env, script);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn a_base_without_a_bundle() {
    if !may_mount() {
        return;
    }
    let mut world = debian("curl wget", "ca-certificates openssl");
    let (certificate, issuer) = signer();
    world.pem = certificate.pem();
    let server = server::start(&issuer);
    proves(&world, INSTALL);
    // Installed and used in one step, by clients that know variables and by those that do not.
    let running = world.start();
    fetches(&running, true, &format!("curl --silent --fail {server}"));
    fetches(&running, true, &format!("wget --quiet -O /dev/null {server}"));
    succeeds(running.path(), INSTALL);
    fetches(&running, true, &format!("wget --quiet -O /dev/null {server}"));
    running.refresh();
    fetches(&running, false, &format!("curl --silent --fail {server}"));
    fetches(&running, false, &format!("wget --quiet -O /dev/null {server}"));
    let left = running.end().unwrap();
    let is_made = |path: &str| left.contains_key(path);
    assert!(is_made(BUNDLE) && is_made("usr/local/share/ca-certificates"));
}

#[test]
fn a_base_with_a_bundle_and_java() {
    if !may_mount() {
        return;
    }
    let mut world =
        debian("ca-certificates openssl p11-kit default-jre-headless curl wget git", "");
    let (certificate, issuer) = signer();
    world.pem = certificate.pem();
    let server = server::start(&issuer);
    world.file("srv/corporate", authority().0.as_bytes());
    p11_kit(&world);
    key_stores(&world);
    let running = world.start();
    for client in ["curl --silent --fail", "wget --quiet -O /dev/null", "git ls-remote"] {
        let script = format!("{client} {server}/");
        fetches(&running, false, &script);
        fetches(&running, true, &script);
    }
    fetches(&running, false, "keytool -list -cacerts -storepass changeit | grep -q rlock");
    for store in [OPEN, "dev/.rlock/cacerts -storepass changeit"] {
        let script = format!("keytool -list -keystore /{store} | grep -q 'trustedCertEntry'");
        fetches(&running, false, &script);
    }
    fetches(&running, false, &format!("keytool -list -keystore /{OPEN} | grep -q '^rlock, '"));
    fetches(&running, true, "java -version 2>&1 | grep -q trustStore=/dev/.rlock/cacerts");
    fetches(&running, false, "trust list | grep -q 'rlock build authority'");
    let left: Vec<_> = running.end().unwrap().into_keys().collect();
    assert_eq!(left, ["tmp", "tmp/hsperfdata_root"]);
    for script in [
        "update-ca-certificates",
        "update-ca-certificates --fresh",
        "cp /srv/corporate /usr/local/share/ca-certificates/corporate.crt; update-ca-certificates",
        "cp /srv/corporate /usr/local/share/ca-certificates/z.crt; update-ca-certificates; \
         rm /usr/local/share/ca-certificates/z.crt; update-ca-certificates --fresh",
        "cp -a /etc/ssl /srv/ssl; cp -a /etc/pki /srv/pki; chown -R daemon /srv",
        "chown -R root:root /etc/ssl /usr/local",
        "find / -xdev -type f -name '*.pem' -exec touch -r /etc/passwd {} +",
        "rm -rf /etc/pki/ca-trust/source/anchors/*",
        UPDATE_CA_TRUST,
        "keytool -importcert -noprompt -cacerts -storepass changeit -alias again \
         -file /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt 2>/dev/null",
        "keytool -delete -cacerts -storepass changeit -alias debian:isrg_root_x1.pem",
        PKCS12,
        "apt-get purge --quiet=2 --yes --allow-remove-essential ca-certificates openssl",
    ] {
        println!("{script}");
        proves(&world, script);
    }
}

/// A key store as Java has it since version 18.
const OPEN: &str = "usr/lib/jvm/open/lib/security/cacerts";

/// The same, made by Java itself of what the system trusts.
const PKCS12: &str = "keytool -importkeystore -noprompt -srckeystore /etc/ssl/certs/java/cacerts \
    -srcstorepass changeit -destkeystore /srv/open.p12 -deststorepass changeit \
    -J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE -J-Dkeystore.pkcs12.macAlgorithm=NONE \
    2>/dev/null";

/// One key store without a password, and one with a password that nobody knows.
fn key_stores(world: &World) {
    world.directory("usr/lib/jvm/open/lib/security");
    world.directory("opt/closed/lib/security");
    let closed = "opt/closed/lib/security/cacerts";
    let script = format!(
        "{PKCS12}; mv /srv/open.p12 /{OPEN}; cp /etc/ssl/certs/java/cacerts /{closed}; \
         keytool -storepasswd -keystore /{closed} -storepass changeit -new secret 2>/dev/null"
    );
    succeeds(&world.lowers[0], &script);
}

/// What Fedora's `update-ca-trust` calls.
const UPDATE_CA_TRUST: &str = "d=/etc/pki/ca-trust/extracted; \
    x() { trust extract --comment --overwrite \"$@\"; }; \
    x --format=openssl-bundle --filter=certificates $d/openssl/ca-bundle.trust.crt; \
    x --format=pem-bundle --filter=ca-anchors --purpose server-auth $d/pem/tls-ca-bundle.pem; \
    x --format=pem-bundle --filter=ca-anchors --purpose email $d/pem/email-ca-bundle.pem; \
    x --format=pem-bundle --filter=ca-anchors --purpose code-signing $d/pem/objsign-ca-bundle.pem; \
    x --format=java-cacerts --filter=ca-anchors --purpose server-auth $d/java/cacerts; \
    x --format=edk2-cacerts --filter=ca-anchors --purpose=server-auth $d/edk2/cacerts.bin; \
    x --format=pem-directory-hash --filter=ca-anchors --purpose server-auth $d/pem/directory-hash; \
    x --format=openssl-directory --filter=ca-anchors --purpose server-auth $d/openssl/directory";

/// Fedora's directories, and p11-kit told to look there.
fn p11_kit(world: &World) {
    world.file(
        "usr/share/p11-kit/modules/p11-kit-trust.module",
        b"module: p11-kit-trust.so\ntrust-policy: yes\n\
          x-init-reserved: paths=/etc/pki/ca-trust/source:/usr/share/pki/ca-trust-source\n",
    );
    world.directory("etc/pki/ca-trust/source/anchors");
    world.directory("usr/share/pki/ca-trust-source/anchors");
    for directory in ["openssl", "pem", "java", "edk2"] {
        world.directory(&format!("etc/pki/ca-trust/extracted/{directory}"));
    }
    succeeds(
        &world.lowers[0],
        &format!(
            "cp /usr/share/ca-certificates/mozilla/[A-D]*.crt /usr/share/pki/ca-trust-source/anchors; \
             {UPDATE_CA_TRUST}"
        ),
    );
}

/// The trees above hold what they are said to hold.
#[test]
fn the_objects_of_a_tree_are_told_apart() {
    let file = |content: &[u8]| -> Object {
        (crate::store::rooted::FileKind::File, 0o644, (0, 0), None, 1, content.to_vec())
    };
    let tree = |content: &[u8]| settled(Snapshot::from([(KEY_STORE.to_owned(), file(content))]));
    let dated = jks::of(&[vec![1]]).unwrap();
    assert_eq!(tree(&dated), tree(&dated));
    assert_ne!(tree(&dated), tree(&jks::of(&[vec![2]]).unwrap()));
}

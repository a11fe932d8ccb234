//! Changed files of made-up images, and what they are put down to.

use super::*;
use crate::archive::tar::Timestamp;
use crate::diff::{Aspect, FileDifference};
use crate::lock::{LockedPackage, Lockfile};
use crate::review::moves::moves;

use crate::store::{Node, NodeKind};

fn node(kind: NodeKind) -> Node {
    let mtime = Timestamp { seconds: 0, nanoseconds: 0 };
    Node {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
        xattrs: BTreeMap::new(),
        layer: 1,
        hardlink: None,
    }
}

fn file() -> Node {
    node(NodeKind::File { digest: Digest::of(b"x"), size: 3 })
}

fn added(path: &str, node: Node) -> FileDifference {
    let aspects = [Aspect::Presence].into();
    FileDifference { path: path.into(), left: None, right: Some(node), aspects, content: None }
}

fn link(path: &str, target: &str) -> FileDifference {
    added(path, node(NodeKind::Symlink(target.into())))
}

fn lock(version: &str) -> Lockfile {
    let mut lock = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    lock.packages.push(LockedPackage {
        kind: "deb".into(),
        name: "greeter".into(),
        version: version.to_owned(),
        architecture: "amd64".into(),
        source: None,
        url: None,
        sha256: None,
        size: None,
        modified: None,
        step: "1".into(),
        requested: true,
    });
    lock
}

fn holding(name: &str, paths: &[&str]) -> Holding {
    let mut paths: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    paths.sort();
    let (kind, architecture, version) = ("deb".into(), "amd64".into(), "1.0".into());
    Holding { kind, name: name.to_owned(), architecture, version, paths }
}

/// A side that has nothing.
pub(super) fn nothing() -> Side<'static> {
    static EMPTY: BTreeSet<Digest> = BTreeSet::new();
    static LAYERS: std::sync::LazyLock<Layers> = std::sync::LazyLock::new(Layers::default);
    Side {
        manifest: Digest::of(b""),
        holdings: &[],
        brought: &[],
        downloads: &EMPTY,
        layers: &LAYERS,
        read: &|_| Ok(None),
        resolve: &|path| path.to_vec(),
        list: &|_| Ok(Vec::new()),
    }
}

/// What is found of these files where `greeter` moved, or nothing did.
fn reviewed(files: Vec<FileDifference>, has_moved: bool) -> FilesReview {
    let diff = ImageDiff {
        config: Vec::new(),
        files,
        compared: 0,
        layers: Vec::new(),
        encoding_only: false,
    };
    let holdings = [
        holding(
            "greeter",
            &[
                "bin/greet",
                "usr/lib/greeter/words.py",
                "usr/lib/x/libgreet.so.1.2",
                "usr/lib/x/libgone.so.1.2",
            ],
        ),
        holding("phrases", &["usr/share/phrases"]),
    ];
    let layers = Layers::default();
    let read = |_: &[u8]| Ok(None);
    // `/bin` is a link into `/usr`.
    let resolve = |path: &[u8]| if path == b"bin" { b"usr/bin".to_vec() } else { path.to_vec() };
    let (manifest, brought) = (Digest::of(b""), []);
    let list = |path: &[u8]| {
        let names: &[&[u8]] = match path {
            b"usr/lib/x" => &[b"libgreet.so.1.2", b"libnobody.so.1"],
            _ => &[],
        };
        Ok(names.iter().map(|name| name.to_vec()).collect())
    };
    let side = Side {
        manifest,
        holdings: &holdings,
        brought: &brought,
        downloads: &BTreeSet::new(),
        layers: &layers,
        read: &read,
        resolve: &resolve,
        list: &list,
    };
    let moved = moves(&lock("1.0"), &lock(if has_moved { "1.1" } else { "1.0" }));
    review(&Images { diff: &diff, old: side, new: side, fetched: &[] }, &moved, &[])
}

fn explained(file: FileDifference) -> Option<Explanation> {
    reviewed(vec![file], true).groups.into_iter().next().map(|group| group.explanation)
}

#[test]
fn files_have_reasons() {
    let greeter = || Some(Explanation::Claimed("deb".into(), "greeter".into()));
    let derived = |id| Some(Explanation::Derived(id));
    for (given, expected) in [
        (added("usr/bin/greet", file()), greeter()),
        (added("usr/lib/greeter/__pycache__/words.cpython-311.pyc", file()), greeter()),
        (added("var/lib/dpkg/info/greeter.list", file()), greeter()),
        (added("var/lib/dpkg/info/phrases.list", file()), derived("dpkg-lists")),
        (added("var/lib/dpkg/info/phrases.postinst", file()), None),
        (added("usr/share/phrases", file()), None),
        (added("usr/bin/payload", file()), None),
        (added("var/lib/dpkg/status", file()), derived("dpkg-database")),
        (added("etc/passwd", file()), derived("accounts")),
        (added("var/cache/debconf/config.dat", file()), derived("debconf")),
        (added("etc/pam.d/common-auth", file()), derived("pam")),
        (added("etc/pam.d/sshd", file()), None),
        (
            added("var/lib/systemd/deb-systemd-helper-enabled/x.service.dsh-also", file()),
            derived("systemd-state"),
        ),
        (
            link("etc/systemd/system/multi-user.target.wants/x.service", "/x"),
            derived("enabled-services"),
        ),
        (added("etc/systemd/system/multi-user.target.wants/x.service", file()), None),
        (link("etc/alternatives/greet", "/usr/bin/greet.1"), derived("alternatives-choice")),
        (link("usr/bin/hello", "/etc/alternatives/greet"), derived("alternatives-link")),
        (link("usr/bin/hello", "/tmp/greet"), None),
        (link("usr/lib/x/libgreet.so.1", "libgreet.so.1.2"), derived("library-link")),
        (added("usr/lib/x/libgreet.so.1", file()), None),
        (added("var/lib/greeter", node(NodeKind::Directory)), derived("empty-directory")),
    ] {
        let path = String::from_utf8_lossy(&given.path).into_owned();
        assert_eq!(explained(given), expected, "{path}");
    }
}

#[test]
fn links_of_libraries_lead_to_what_is_accounted_for() {
    let name = "usr/lib/x/libc.so.6";
    for (target, expected) in [
        ("libgreet.so.1.2", true),
        // Not the names that ldconfig writes.
        ("/usr/lib/x/libgreet.so.1.2", false),
        ("../x/libgreet.so.1.2", false),
        ("./libgreet.so.1.2", false),
        ("..", false),
        ("libc.so.6", false),
        // No package has it, it is not there, or neither.
        ("libnobody.so.1", false),
        ("libgone.so.1.2", false),
        ("libmissing.so.1", false),
    ] {
        let found = explained(link(name, target));
        assert_eq!(found, expected.then_some(Explanation::Derived("library-link")), "{target}");
    }
    // What changed beside it has an explanation of its own, or has none.
    let gone = || FileDifference { right: None, left: Some(file()), ..added("", file()) };
    for (path, target, unexplained) in [
        ("usr/lib/x/libgreet.so.1.2", added("usr/lib/x/libgreet.so.1.2", file()), 0),
        ("usr/lib/x/libnew.so.1", added("usr/lib/x/libnew.so.1", file()), 2),
        (
            "usr/lib/x/libgreet.so.1.2",
            FileDifference { path: b"usr/lib/x/libgreet.so.1.2".to_vec(), ..gone() },
            1,
        ),
        ("usr/lib/x/libcircle.so.1", link("usr/lib/x/libcircle.so.1", "libc.so.6"), 2),
    ] {
        let link = link(name, path.rsplit('/').next().unwrap());
        let found = reviewed(vec![link, target], true);
        assert_eq!(found.unexplained.len(), unexplained, "{path}: {found:#?}");
    }
    // One that is gone leads nowhere.
    let was = Some(node(NodeKind::Symlink("libgone.so.1.2".into())));
    let removed = FileDifference { left: was, right: None, ..added(name, file()) };
    assert_eq!(explained(removed), Some(Explanation::Derived("library-link")));
}

#[test]
fn nothing_is_derived_where_nothing_moved() {
    let files = || {
        vec![added("var/lib/dpkg/status", file()), added("var/lib/x", node(NodeKind::Directory))]
    };
    assert_eq!(reviewed(files(), true).unexplained, []);
    let unexplained = reviewed(files(), false).unexplained;
    assert_eq!(unexplained.len(), 2);
    assert_eq!(unexplained[0].reason, "belongs to no package");
}

#[test]
fn a_directory_is_explained_with_all_that_is_in_it() {
    let files = |name: &str| {
        vec![
            added("usr/lib/greeter", node(NodeKind::Directory)),
            added(&format!("usr/lib/greeter/{name}"), file()),
        ]
    };
    assert_eq!(reviewed(files("words.py"), true).unexplained, []);
    let unexplained = reviewed(files("payload"), true).unexplained;
    let paths: Vec<_> = unexplained.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, [&b"/usr/lib/greeter"[..], b"/usr/lib/greeter/payload"]);
}

#[test]
fn what_another_package_has_says_whose_it_is() {
    let found = reviewed(vec![added("usr/share/phrases", file())], true);
    assert_eq!(found.unexplained[0].reason, "belongs to phrases 1.0, which the lock does not move");
}

#[test]
fn new_rights_are_seen_in_files_that_are_explained() {
    let mut setuid = file();
    setuid.mode = 0o4755;
    let value = vec![1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    setuid.xattrs.insert(b"security.capability".to_vec(), value);
    let found = reviewed(
        vec![
            added("etc/sudoers.d/greeter", file()),
            link("etc/systemd/system/multi-user.target.wants/x.service", "/x"),
            added("usr/bin/greet", setuid),
            added("usr/share/keyrings/x.gpg", file()),
        ],
        true,
    );
    let risks: Vec<Risk> = found.risks.flags.iter().map(|flag| flag.risk).collect();
    let expected =
        [Risk::Setuid, Risk::Capability, Risk::Account, Risk::Service, Risk::SigningKeys];
    assert_eq!(risks, expected);
    let package = Some(("deb".to_owned(), "greeter".to_owned()));
    assert_eq!(found.risks.flags[0].package, package);
}

/// The flags of what was there before and is there otherwise: the risk, the subject and the detail.
fn flagged(path: &str, left: Option<Node>, right: Option<Node>) -> Vec<(Risk, String)> {
    let aspects = [Aspect::Content].into();
    let file = FileDifference { path: path.into(), left, right, aspects, content: None };
    let found = reviewed(vec![file], true).risks.flags;
    found.into_iter().map(|flag| (flag.risk, flag.detail)).collect()
}

fn owned(mode: u32, uid: u32) -> Node {
    Node { mode, uid, ..file() }
}

#[test]
fn a_file_that_gets_rights_is_told_and_one_that_keeps_them_is_not() {
    let with = |mode, uid| Some(owned(mode, uid));
    for (left, right, expected) in [
        (None, with(0o755, 0), None),
        (None, with(0o4755, 0), Some("setuid, 4755, owner 0:0")),
        (None, with(0o2755, 0), Some("setgid, 2755, owner 0:0")),
        (with(0o755, 0), with(0o6755, 0), Some("setuid, 6755, owner 0:0")),
        (with(0o2755, 0), with(0o6755, 0), Some("setuid, 6755, owner 0:0")),
        (with(0o4755, 0), with(0o4755, 0), None),
        (with(0o6755, 0), with(0o4755, 0), None),
        (with(0o4755, 0), None, None),
        // The same rights, and another's.
        (with(0o4755, 7), with(0o4755, 0), Some("setuid, 4755, owner 0:0")),
        (with(0o755, 7), with(0o755, 0), None),
        (Some(node(NodeKind::Directory)), with(0o4755, 0), Some("setuid, 4755, owner 0:0")),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|detail| (Risk::Setuid, detail.to_owned())).collect();
        let name = format!("{left:?} {right:?}");
        assert_eq!(flagged("usr/bin/greet", left, right), expected, "{name}");
    }
    // In a directory setgid is another thing.
    let mut directory = node(NodeKind::Directory);
    directory.mode = 0o2755;
    assert_eq!(flagged("var/mail", None, Some(directory)), []);
}

#[test]
fn capabilities_are_told_where_they_are_not_those_of_before() {
    let with = |permitted: Option<u8>| {
        let mut node = file();
        if let Some(permitted) = permitted {
            let value = vec![1, 0, 0, 2, permitted, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            node.xattrs.insert(b"security.capability".to_vec(), value);
        }
        Some(node)
    };
    let told = |left, right| flagged("usr/bin/greet", left, right);
    assert_eq!(told(None, with(Some(1))), [(Risk::Capability, "cap_chown".to_owned())]);
    assert_eq!(told(with(None), with(Some(6))).len(), 1);
    assert_eq!(told(with(Some(1)), with(Some(3))).len(), 1);
    assert_eq!(told(with(Some(1)), with(Some(1))), []);
    assert_eq!(told(with(Some(1)), with(None)), []);
}

#[test]
fn services_and_grants_and_keys_are_told_by_their_place() {
    let there = || Some(file());
    let other = || Some(node(NodeKind::File { digest: Digest::of(b"y"), size: 3 }));
    let service = "etc/systemd/system/multi-user.target.wants/x.service";
    let none: [(Risk, &str); 0] = [];
    for (path, left, right, expected) in [
        (service, None, there(), &[(Risk::Service, "new")][..]),
        (service, there(), there(), &none),
        (service, there(), None, &none),
        ("etc/sudoers.d/x", None, there(), &[(Risk::Account, "new; says who may do what")]),
        ("etc/sudoers.d/x", there(), other(), &[(Risk::Account, "changed; says who may do what")]),
        ("etc/sudoers.d/x", there(), there(), &none),
        ("etc/sudoers.d/x", there(), None, &none),
        ("usr/share/keyrings/x.gpg", None, there(), &[(Risk::SigningKeys, "added")]),
        ("usr/share/keyrings/x.gpg", there(), other(), &[(Risk::SigningKeys, "changed")]),
        ("usr/share/keyrings/x.gpg", there(), there(), &none),
        ("usr/share/keyrings/x.gpg", there(), None, &[(Risk::SigningKeys, "removed")]),
        ("etc/apt/trusted.gpg.d/x.asc", None, there(), &[(Risk::SigningKeys, "added")]),
        ("etc/apk/keys/x.pub", None, there(), &[(Risk::SigningKeys, "added")]),
        ("usr/local/share/ca-certificates/x.crt", None, there(), &[(Risk::CaRoots, "added")]),
        ("usr/local/share/ca-certificates/x.crt", there(), there(), &none),
        ("etc/pki/ca-trust/source/anchors/x.pem", there(), None, &[(Risk::CaRoots, "removed")]),
        ("usr/share/keyrings", None, Some(node(NodeKind::Directory)), &none),
        ("srv/keyrings/x.gpg", None, there(), &none),
    ] {
        let found = flagged(path, left, right);
        let found: Vec<_> = found.iter().map(|(risk, detail)| (*risk, &**detail)).collect();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn authorities_of_one_folder_are_told_in_one_line() {
    let file = |name: &str, left, right| FileDifference {
        path: format!("usr/share/ca-certificates/mozilla/{name}.crt").into(),
        left,
        right,
        aspects: [Aspect::Content].into(),
        content: None,
    };
    let other = node(NodeKind::File { digest: Digest::of(b"y"), size: 3 });
    let mut files: Vec<_> =
        ["a", "b", "c", "d"].iter().map(|name| file(name, None, Some(self::file()))).collect();
    files.push(file("gone", Some(self::file()), None));
    files.push(file("other", Some(self::file()), Some(other)));
    files.push(file("touched", Some(self::file()), Some(self::file())));
    let flags = reviewed(files, true).risks.flags;
    let [flag] = &*flags else { panic!("{flags:?}") };
    assert_eq!((flag.risk, &*flag.subject), (Risk::CaRoots, "/usr/share/ca-certificates/"));
    assert_eq!(
        flag.detail,
        "4 added (a.crt, b.crt, c.crt, …), 1 removed (gone.crt), 1 changed (other.crt)"
    );
    assert_eq!(flag.paths.len(), 6);
}

#[test]
fn groups_are_counted_with_their_files_and_sizes() {
    let before = node(NodeKind::File { digest: Digest::of(b"y"), size: 10 });
    let aspects = [Aspect::Content].into();
    let changed = FileDifference {
        path: b"usr/bin/greet".to_vec(),
        left: Some(before),
        right: Some(file()),
        aspects,
        content: None,
    };
    let found = reviewed(vec![changed, added("usr/lib/greeter/words.py", file())], true);
    let [group] = &*found.groups else { panic!("{found:#?}") };
    assert_eq!((group.files, group.old_size, group.new_size), (2, 10, 6));
    assert_eq!(group.paths, [&b"/usr/bin/greet"[..], b"/usr/lib/greeter/words.py"]);
}

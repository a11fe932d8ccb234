//! Pairs of images, and how their differences are explained.

use super::*;
use crate::diff::tests::{
    Blobs, Part, TIME, archive, compare_images, directory, file, hardlink, image_of, link,
};
use crate::finding::Severity::{Error, Note, Warning};
use serde_json::json;
use std::path::PathBuf;

fn explained(left: &[Part], right: &[Part]) -> Vec<Finding> {
    let blobs = Blobs::new();
    explain(&compare_images(&blobs.image(&[left]), &blobs.image(&[right])), &Blame::none())
}

/// The cause of two contents of one path.
fn cause_of(path: &str, left: impl AsRef<[u8]>, right: impl AsRef<[u8]>) -> Vec<&'static str> {
    let findings = explained(&[file(path, left)], &[file(path, right)]);
    findings.iter().map(|finding| finding.cause.id).collect()
}

fn pyc(time: u8, body: &str) -> Vec<u8> {
    let header = [0xcb, 0x0d, 0x0d, 0x0a, 0, 0, 0, 0, time, 0, 0, 0, 7, 0, 0, 0];
    [&header[..], body.as_bytes()].concat()
}

fn gzip(content: &str, time: u32) -> Vec<u8> {
    use std::io::Write as _;
    let builder = flate2::GzBuilder::new().mtime(time);
    let mut writer = builder.write(Vec::new(), flate2::Compression::fast());
    writer.write_all(content.as_bytes()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn each_cause_is_told_by_path_or_content() {
    let key = |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n");
    let id = |digit: &str| digit.repeat(32) + "\n";
    let cases: Vec<(&str, Vec<u8>, Vec<u8>, &str)> = vec![
        ("var/log/apt/term.log", b"a".into(), b"b".into(), "log"),
        ("var/cache/ldconfig/aux-cache", b"a".into(), b"b".into(), "ldconfig-aux-cache"),
        ("var/cache/apt/pkgcache.bin", b"a".into(), b"b".into(), "derived-cache"),
        ("etc/machine-id", id("a").into(), id("b").into(), "random-id"),
        ("etc/uuid.conf", id("a").into(), id("b").into(), "random-id"),
        ("usr/a.pyc", pyc(1, "x"), pyc(2, "x"), "pyc-mtime"),
        ("usr/a.pyc", pyc(1, "x"), pyc(1, "y"), "pyc-body"),
        ("usr/x.gz", gzip("a", 1), gzip("a", 2), "archive-stamp"),
        ("usr/x.gz", gzip("at 10:00\n", 1), gzip("at 11:00\n", 2), "date-in-content"),
        (
            "usr/x.tar",
            archive(&[file("a", "")]),
            archive(&[file("a", "").time(1)]),
            "archive-stamp",
        ),
        ("usr/bin/a", b"\x7fELF1\0".into(), b"\x7fELF2\0".into(), "compiled-output"),
        (
            "etc/conf",
            b"# on 2026-02-03 10:00:00\n".into(),
            b"# on 2026-02-04 10:00:09\n".into(),
            "date-in-content",
        ),
        ("etc/conf", b"# on 2026-02-03\n".into(), b"# on 2026-02-04\n".into(), "day-stamp"),
        (
            "etc/shadow",
            b"u:!:20500:0:99999:7:::\n".into(),
            b"u:!:20501:0:99999:7:::\n".into(),
            "day-stamp",
        ),
        ("etc/conf", b"a\nb\n".into(), b"b\na\n".into(), "order"),
        ("var/lib/mysql/ibdata1", b"a\0".into(), b"b\0".into(), "app-state"),
        ("opt/x.db", b"SQLite format 3\0a".into(), b"SQLite format 3\0b".into(), "app-state"),
        ("var/lib/apt/lists/x_InRelease", b"a".into(), b"b".into(), "network-content"),
        ("etc/hostname", b"a".into(), b"b".into(), "environment"),
        ("tmp/x", b"a".into(), b"b".into(), "leftover"),
        ("var/lib/dpkg/triggers/File", b"a".into(), b"b".into(), "package-database"),
        ("etc/conf", b"a".into(), b"b".into(), "unknown"),
    ];
    for (path, left, right, expected) in cases {
        assert_eq!(cause_of(path, left, right), [expected], "{path}");
    }
    // Two findings: not reproducible, and shared by all containers.
    assert_eq!(cause_of("opt/x.pem", key("1"), key("2")), ["secret", "shared-secret"]);
    assert_eq!(cause_of("etc/munge/munge.key", "1", "2"), ["secret", "shared-secret"]);
    assert_eq!(cause_of("etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa A", "ssh-rsa B"), ["secret"]);
    // A salt is not reproducible, and opens nothing.
    assert_eq!(cause_of("etc/shadow", "u:$6$a$b:1::::::\n", "u:$6$c$d:1::::::\n"), ["secret"]);
}

#[test]
fn metadata_comes_before_the_path() {
    let term = "var/log/apt/term.log";
    let findings = explained(&[file(term, "a")], &[file(term, "a").time(TIME + 5)]);
    assert_eq!((findings[0].cause.id, findings[0].severity), ("mtime", Warning));
    assert_eq!(
        findings[0].message,
        "`/var/log/apt/term.log` differs: mtime (time: `2026-01-01T00:00:00Z` and `2026-01-01T00:00:05Z`)"
    );
    let findings = explained(&[file(term, "a")], &[file(term, "a").mode(0o600)]);
    assert_eq!((findings[0].cause.id, findings[0].severity), ("metadata", Error));
    assert!(findings[0].message.contains("mode: `0644` and `0600`"), "{}", findings[0].message);
    let findings =
        explained(&[file("a", "x"), hardlink("b", "a")], &[file("a", "x"), file("b", "x")]);
    assert_eq!(findings[0].cause.id, "metadata");
}

#[test]
fn files_of_one_cause_are_one_finding_in_a_stable_order() {
    let parts = |time: u8, line: &str| -> Vec<Part> {
        let pycs = (0..1443).map(|index| file(&format!("usr/{index:04}.pyc"), pyc(time, "x")));
        pycs.chain([
            file("etc/conf", line),
            file("var/log/x", line),
            file("z", "").time(time.into()),
        ])
        .collect()
    };
    let (left, right) = (parts(1, "at 10:00\n"), parts(2, "at 11:00\n"));
    let findings = explained(&left, &right);
    let lines: Vec<(&str, usize)> =
        findings.iter().map(|finding| (finding.cause.id, finding.paths.len())).collect();
    assert_eq!(lines, [("pyc-mtime", 1443), ("date-in-content", 1), ("log", 1), ("mtime", 1)]);
    assert_eq!(
        findings[0].message,
        "1,443 files differ: pyc-mtime (`/usr/0000.pyc`: source: `1970-01-01T00:00:01Z, 7 bytes` \
         and `1970-01-01T00:00:02Z, 7 bytes`)"
    );
    assert_eq!(findings[0].paths[1], b"/usr/0001.pyc");
    assert_eq!(
        findings[1].message,
        "`/etc/conf` differs: date-in-content (`at 10:00` and `at 11:00`)"
    );
    assert_eq!(format!("{findings:?}"), format!("{:?}", explained(&left, &right)));
}

#[test]
fn findings_are_apart_by_instruction() {
    let blobs = Blobs::new();
    let image =
        |line: &str| blobs.image(&[&[file("a", line)], &[file("b", line)], &[file("c", line)]]);
    let diff = compare_images(&image("1"), &image("2"));
    let location = |line: usize| Location {
        file: PathBuf::from("Dockerfile"),
        start_line: line,
        end_line: line,
        instruction: "RUN x".to_owned(),
    };
    let blame = Blame::new([(0, location(2)), (1, location(3)), (2, location(3))].into());
    let findings = explain(&diff, &blame);
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| (finding.location.as_ref().unwrap().start_line, finding.paths.len()))
        .collect();
    assert_eq!(lines, [(3, 2), (2, 1)]);
}

#[test]
fn the_layer_that_changed_a_file_is_blamed_and_not_the_common_one() {
    let blobs = Blobs::new();
    let base = [file("a", "1")];
    let (left, right) = (blobs.image(&[&base, &[]]), blobs.image(&[&base, &[file("a", "2")]]));
    let location = |line: usize| Location {
        file: PathBuf::from("Dockerfile"),
        start_line: line,
        end_line: line,
        instruction: "RUN x".to_owned(),
    };
    let blame = Blame::new([(0, location(1)), (1, location(2))].into());
    let findings = explain(&compare_images(&left, &right), &blame);
    assert_eq!(findings[0].location, Some(location(2)));
    let findings = explain(&compare_images(&right, &left), &blame);
    assert_eq!(findings[0].location, Some(location(2)));
}

#[test]
fn a_rule_explains_only_what_it_would_make_equal() {
    let shadow = |user: &str, day: &str| format!("{user}:!:{day}:0:99999:7:::\n");
    let causes = |left: String, right: String| cause_of("etc/shadow", left, right);
    assert_eq!(causes(shadow("u", "20500"), shadow("u", "20501")), ["day-stamp"]);
    assert_eq!(causes(shadow("u", "20500"), shadow("v", "20500")), ["unknown"]);
    assert_eq!(cause_of("etc/machine-id", "a".repeat(32), ""), ["random-id"]);
}

#[test]
fn a_directory_of_secrets_is_none() {
    let left =
        [directory("etc"), directory("etc/ssl"), directory("etc/ssl/private"), file("a", "")];
    let findings = explained(&left, &[directory("etc"), directory("etc/ssl"), file("a", "")]);
    assert_eq!(findings[0].cause.id, "unknown");
}

#[test]
fn the_history_of_an_image_tells_the_instruction() {
    let blobs = Blobs::new();
    let image = |content: &str| {
        let layer = blobs.layer(&archive(&[file("a", content)]));
        let history = json!([
            {"created_by": "/bin/sh -c #(nop)  ENV A=1", "empty_layer": true},
            {"created_by": "RUN /bin/sh -c make # buildkit"},
        ]);
        image_of(vec![layer], json!({"history": history}))
    };
    let (left, right) = (image("1"), image("2"));
    let findings =
        explain(&compare_images(&left, &right), &Blame::of_history(Some(&left), Some(&right)));
    assert_eq!(findings[0].location.as_ref().unwrap().instruction, "RUN make");
    // One that does not fit tells nothing.
    let (left, right) = (blobs.image(&[&[file("a", "1")]]), blobs.image(&[&[file("a", "2")]]));
    let blame = Blame::of_history(Some(&left), Some(&right));
    assert!(explain(&compare_images(&left, &right), &blame)[0].location.is_none());
}

#[test]
fn other_versions_of_packages_explain_what_nothing_else_does() {
    let status =
        |version: &str| format!("Package: a\nStatus: install ok installed\nVersion: {version}\n");
    let parts = |version: &str| {
        [
            file("usr/bin/a", format!("\x7fELF{version}\0")),
            file("usr/share/a", version),
            file("var/lib/dpkg/info/a.md5sums", version),
            file("var/lib/dpkg/status", status(version)),
            file("var/log/dpkg.log", version),
        ]
    };
    let findings = explained(&parts("1.0"), &parts("1.1"));
    let lines: Vec<(&str, usize)> =
        findings.iter().map(|finding| (finding.cause.id, finding.paths.len())).collect();
    assert_eq!(lines, [("version-drift", 4), ("log", 1)]);
    // The same versions in another order are no drift.
    let status = |first, second| {
        format!("Package: {first}\nVersion: 1\n\nPackage: {second}\nVersion: 1\n\n")
    };
    assert_eq!(
        cause_of("var/lib/dpkg/status", status("a", "b"), status("b", "a")),
        ["package-database"]
    );
}

#[test]
fn what_the_surroundings_had_different_is_recognised() {
    let blobs = Blobs::new();
    let image = |line: &str| blobs.image(&[&[file("etc/conf", line)]]);
    let diff =
        compare_images(&image("built on first (2 cpus)\n"), &image("built on second (1 cpus)\n"));
    let pair = |left: &str, right: &str| (left.as_bytes().to_vec(), right.as_bytes().to_vec());
    let host = Blame::none().with_surroundings(vec![pair("first", "second")]);
    assert_eq!(explain(&diff, &host)[0].cause.id, "unknown");
    let both = Blame::none().with_surroundings(vec![pair("first", "second"), pair("2", "1")]);
    assert_eq!(explain(&diff, &both)[0].cause.id, "environment");

    let within_words = compare_images(&image("a2 2b 22 2\n"), &image("a1 1b 11 1\n"));
    assert_eq!(explain(&within_words, &both)[0].cause.id, "unknown");
}

#[test]
fn targets_of_links_are_explained_as_texts_are() {
    let blobs = Blobs::new();
    let image = |target: &str| blobs.image(&[&[link("a", target)]]);
    let pair = (b"first".to_vec(), b"second".to_vec());
    let blame = Blame::none().with_surroundings(vec![pair]);
    let explained = |left: &str, right: &str| {
        let findings = explain(&compare_images(&image(left), &image(right)), &blame);
        let [only] = &findings[..] else { panic!("{findings:?}") };
        (only.cause.id, only.message.clone())
    };
    assert_eq!(
        explained("/on/first", "/on/second"),
        ("environment", "`/a` differs: environment (target: `/on/first` and `/on/second`)".into())
    );
    assert_eq!(explained("log-2026-02-03", "log-2026-02-04").0, "day-stamp");
    assert_eq!(explained("b", "c").0, "unknown");
}

#[test]
fn a_directory_on_one_side_is_there_for_what_is_in_it() {
    let logs = [
        directory("root"),
        directory("root/.x"),
        directory("root/.x/y"),
        file("root/.x/y/.wget-hsts", ""),
    ];
    let findings =
        explained(&[directory("root"), file("a", "")], &[&logs[..], &[file("a", "")]].concat());
    let lines: Vec<(&str, usize)> =
        findings.iter().map(|finding| (finding.cause.id, finding.paths.len())).collect();
    assert_eq!(lines, [("leftover", 3)]);
    assert_eq!(
        findings[0].message,
        "3 files are on one side only: leftover (the first is `/root/.x`)"
    );
}

#[test]
fn configs_are_told_by_what_they_change() {
    let blobs = Blobs::new();
    let image = |created: &str, cmd: &str| {
        let layer = blobs.layer(&archive(&[file("a", "")]));
        let history = json!([{"created": created, "created_by": "x"}]);
        let config = json!({"created": created, "history": history, "config": {"Cmd": [cmd]}});
        image_of(vec![layer], config)
    };
    let findings = explain(&compare_images(&image("1", "sh"), &image("2", "sh")), &Blame::none());
    let [only] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((only.cause.id, only.severity), ("image-config", Warning));
    assert_eq!(
        only.message,
        "2 fields of the image config differ: `created`, `history[0].created`"
    );
    let findings = explain(&compare_images(&image("1", "sh"), &image("1", "ash")), &Blame::none());
    assert_eq!(findings[0].severity, Error);
    assert_eq!(
        findings[0].message,
        "1 field of the image config differs: `config.Cmd` (`[\"sh\"]` and `[\"ash\"]`)"
    );
}

#[test]
fn equal_trees_in_another_encoding_are_a_note() {
    let (a, b) = (file("a", ""), link("b", "a"));
    let findings = explained(&[a.clone(), b.clone()], &[b, a]);
    let [only] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((only.cause.id, only.severity), ("tar-encoding", Note));
    assert_eq!(only.message, "1 layer is encoded in another way; the files are equal");
    let blobs = Blobs::new();
    let image = blobs.image(&[&[file("a", "")]]);
    assert!(explain(&compare_images(&image, &image), &Blame::none()).is_empty());
}

#[test]
fn no_finding_shows_a_secret() {
    let key = |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n");
    let left = [file("a.pem", key("HUSH1")), file("etc/shadow", "u:$6$s$HUSH1:1::::::\n")];
    let right = [file("a.pem", key("HUSH2")), file("etc/shadow", "u:$6$s$HUSH2:1::::::\n")];
    let findings = explained(&left, &right);
    assert_eq!(findings.len(), 2);
    assert!(!format!("{findings:?}").contains("HUSH"));
}

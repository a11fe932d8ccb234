//! Reports for the tests of the renderers.

mod updates;

pub(crate) use updates::{outdated, updated};

use crate::diff::ConfigDifference;
use crate::diff::content::{
    BytesDifference, ContentDifference, FieldDifference, FieldKind, Hunk, Line, MemberDifference,
    Side as LineSide, Stamps, TextDifference,
};
use crate::door::{Refusal, RefusalReason, Traffic};
use crate::finding::{Cause, Finding, Location, Severity};
use crate::oci::Digest;
use crate::report::coverage::{StepTraffic, cover};
use crate::report::{
    Against, AspectRow, BuildResult, CheckReport, Comparison, Coverage, DiffReport, FileRow,
    Guarantee, LockReport, LockState, LockSummary, NormalisedFile, Presence, RuleUse, Side, Status,
    StepRow, StoreStatusReport, Supply, SupplyRow, Target, Timings, Verdict, VerifyReport,
};
use std::time::Duration;

pub(crate) fn target() -> Target {
    Target {
        dockerfile: "fixtures/imagemagick/Dockerfile".into(),
        stage: None,
        platform: "linux/amd64".parse().unwrap(),
    }
}

fn build(content: &str, seconds: u64, varied: &[&str]) -> BuildResult {
    BuildResult {
        manifest: Digest::of(content.as_bytes()),
        layers: vec![Digest::of(b"base"), Digest::of(format!("{content} layer").as_bytes())],
        varied: varied.iter().map(|word| (*word).to_owned()).collect(),
        elapsed: Duration::from_millis(seconds * 1000 + 430),
    }
}

fn normalised() -> Vec<NormalisedFile> {
    [
        ("apt-binary-cache", "/var/cache/apt/pkgcache.bin"),
        ("apt-binary-cache", "/var/cache/apt/srcpkgcache.bin"),
        ("apt-log", "/var/log/apt/eipp.log.xz"),
        ("apt-log", "/var/log/apt/history.log"),
        ("apt-log", "/var/log/apt/term.log"),
        ("dpkg-log", "/var/log/alternatives.log"),
        ("dpkg-log", "/var/log/dpkg.log"),
        ("ldconfig-aux-cache", "/var/cache/ldconfig/aux-cache"),
    ]
    .into_iter()
    .map(|(rule, path)| NormalisedFile {
        rule: rule.to_owned(),
        path: path.as_bytes().to_vec(),
        differed: true,
    })
    .collect()
}

fn lock(state: LockState) -> LockSummary {
    LockSummary {
        path: "fixtures/imagemagick/Dockerfile.lock".into(),
        state,
        images: 1,
        packages: 143,
        fetches: 6,
        steps: 1,
        layers: 1,
        epoch: 1_767_225_600,
    }
}

pub(crate) fn covered() -> Coverage {
    Coverage {
        fetches: 121,
        locked: 121,
        fetched: 121,
        bytes: 57_123_456,
        refused: Vec::new(),
        rules: ["https://npm.example/npm", "https://npm.example/-/npm/v1/security/audits"]
            .map(|target| RuleUse {
                rule: "npm-noise".into(),
                step: "1".into(),
                location: Some(location(2, "RUN apt-get update")),
                target: target.into(),
            })
            .into(),
    }
}

/// A locked build whose step asked for `count` things more than the lock has.
pub(crate) fn not_covered(count: usize) -> (Coverage, Vec<Finding>) {
    let refused = |target: String| Refusal { target, reason: RefusalReason::NotLocked };
    let mut refusals: Vec<Refusal> = (0..count)
        .map(|number| refused(format!("http://deb.example/pool/\x1b[31m{number:02}.deb")))
        .collect();
    refusals.push(Refusal { target: "db.example:5432".into(), reason: RefusalReason::NotHttp });
    let traffic = Traffic { uses: Vec::new(), refusals };
    let location = Some(location(2, "RUN apt-get update && apt-get install -y \\"));
    let covered = cover(&[StepTraffic { step: "1", location, traffic: &traffic }], &|_| false);
    let refused = covered.coverage.refused;
    let fetches = 121 + refused.len() as u64;
    let coverage = Coverage { fetches, fetched: 0, refused, ..self::covered() };
    (coverage, covered.findings)
}

pub(crate) fn completed() -> LockReport {
    LockReport {
        target: target(),
        lock: lock(LockState::Updated),
        coverage: Some(Coverage { fetched: 3, ..covered() }),
        findings: Vec::new(),
        timings: Timings { total: Duration::from_secs(22), ..Timings::default() },
        status: Status::Ok,
    }
}

fn guarantees() -> Vec<Guarantee> {
    vec![
        Guarantee { id: "canonical-layers".into(), holds: true, text: "canonical layers".into() },
        Guarantee {
            id: "hermetic-network".into(),
            holds: false,
            text: "RUN steps share the host's network, so what they fetch is not recorded".into(),
        },
    ]
}

fn location(line: usize, instruction: &str) -> Location {
    Location {
        file: "fixtures/imagemagick/Dockerfile".into(),
        start_line: line,
        end_line: line + 2,
        instruction: instruction.to_owned(),
    }
}

pub(crate) fn reproducible() -> CheckReport {
    let built = |seconds, varied: &[&str]| build("image", seconds, varied);
    CheckReport {
        target: target(),
        builder: "embedded".into(),
        verdict: Verdict::IdenticalAfterNormalisers,
        builds: [built(21, &[]), built(23, &["hostname", "CPU count", "address-space layout"])],
        comparison: Comparison { files_compared: 6223, layers_equal: 2, ..Comparison::default() },
        findings: Vec::new(),
        normalised: normalised(),
        clamped: 1710,
        steps: vec![StepRow {
            id: "1".into(),
            location: Some(location(2, "RUN apt-get update")),
            recorded: None,
            built: Some(Digest::of(b"image layer")),
        }],
        lock: lock(LockState::Written),
        coverage: Some(covered()),
        guarantees: guarantees(),
        timings: Timings {
            prepare: Duration::from_millis(120),
            compare: Duration::from_millis(380),
            total: Duration::from_millis(26_010),
        },
        status: Status::Ok,
    }
}

pub(crate) fn finding(
    cause: &str,
    message: &str,
    place: Option<(usize, &str)>,
    paths: Vec<Vec<u8>>,
) -> Finding {
    Finding {
        cause: Cause::find(cause).unwrap(),
        severity: Severity::Error,
        message: message.to_owned(),
        location: place.map(|(line, instruction)| location(line, instruction)),
        hint: None,
        paths,
    }
}

fn numbered(count: usize, path: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
    (0..count).map(|index| path(index).into_bytes()).collect()
}

pub(crate) fn not_reproducible() -> CheckReport {
    let pip = (5, "RUN pip install flask==3.0 gunicorn \\");
    let pyc = numbered(321, |index| {
        format!(
            "/usr/local/lib/python3.11/site-packages/flask/__pycache__/m{index:03}.cpython-311.pyc"
        )
    });
    let findings = vec![
        finding(
            "random-id",
            "`/var/lib/dbus/machine-id` differs: random-id (line 1)",
            Some((2, "RUN apt-get update && apt-get install -y dbus")),
            vec![b"/var/lib/dbus/machine-id".to_vec()],
        ),
        finding(
            "secret",
            "2 files differ: secret",
            Some((2, "RUN apt-get update && apt-get install -y dbus")),
            vec![b"/etc/ssh/ssh_host_ed25519_key".to_vec(), b"/etc/ssh/ssh_host_rsa_key".to_vec()],
        ),
        finding(
            "pyc-mtime",
            "321 files differ: pyc-mtime (`/usr/local/lib/python3.11/site-packages/flask/__pycache__/m000.cpython-311.pyc`: source: 2026-01-01T10:00:00Z and 2026-01-01T10:00:31Z)",
            Some(pip),
            pyc,
        ),
        Finding {
            severity: Severity::Warning,
            ..finding(
                "date-in-content",
                "a date is in the file",
                Some((9, "COPY . /app")),
                vec![b"/app/\x1b[31mbuild\xff.txt".to_vec()],
            )
        },
    ];
    let mut report = reproducible();
    report.verdict = Verdict::Different;
    report.builds[1].manifest = Digest::of(b"other");
    report.findings = findings;
    report.comparison.files_different = 325;
    report.comparison.layers_read = 2;
    report.comparison.layers_equal = 1;
    report.comparison.config = vec![ConfigDifference {
        field: "config.Labels.built".into(),
        left: Some("2026-01-01T10:00:00Z".into()),
        right: Some("2026-01-01T10:00:31Z".into()),
    }];
    report.normalised.truncate(3);
    report.lock.state = LockState::Current;
    report.steps[0].recorded = report.steps[0].built;
    report.status = Status::Findings;
    report
}

fn log() -> ContentDifference {
    let line = |side, text: &str| Line { side, text: text.into(), is_cut: false };
    let hunk = Hunk {
        left_start: 7,
        right_start: 7,
        lines: vec![
            line(LineSide::Both, "Log started"),
            line(LineSide::Left, "2026-11-22 10:00:01 startup archives unpack"),
            line(LineSide::Right, "2026-11-22 10:00:48 startup archives unpack"),
        ],
        lines_omitted: 4,
    };
    let text = TextDifference {
        hunks: vec![hunk],
        hunks_omitted: 2,
        left_lines: 9,
        right_lines: 9,
        stamps: Some(Stamps::Times),
        ..TextDifference::default()
    };
    ContentDifference { format: "text", text: Some(text), ..ContentDifference::default() }
}

fn cache() -> ContentDifference {
    let bytes = BytesDifference {
        left_size: 20_000,
        right_size: 20_000,
        first_offset: 40,
        differing: 1234,
        ranges: 400,
        left_excerpt: vec![0x2f, 0x6c, 0x69, 0x62, 0, 1],
        right_excerpt: vec![0x2f, 0x6c, 0x69, 0x62, 0, 2],
        block_size: 1,
    };
    ContentDifference { format: "bytes", bytes: Some(bytes), ..ContentDifference::default() }
}

/// A compressed archive whose header and one member differ.
pub(crate) fn archive() -> ContentDifference {
    let time = FieldDifference {
        name: "time",
        kind: FieldKind::Stamp,
        left: "2026-11-22T10:00:00Z".into(),
        right: "2026-11-22T10:00:47Z".into(),
        count: 12,
    };
    let member = |name: &[u8], content| MemberDifference { name: name.to_vec(), content };
    let tar = ContentDifference {
        format: "tar",
        fields: vec![time.clone()],
        members: vec![member(b"etc/\xff\x1bname", log())],
        incomplete: Some("3 more members differ".into()),
        ..ContentDifference::default()
    };
    let fields = vec![FieldDifference { count: 1, ..time }];
    let members = vec![member(b"", tar)];
    ContentDifference { format: "gzip", fields, members, ..ContentDifference::default() }
}

/// Times of 1,710 files, 28 caches on one side only, a log, and a cache.
fn different_files() -> Vec<FileRow> {
    let mut files: Vec<FileRow> = (0..1710)
        .map(|index| FileRow {
            path: format!("/usr/share/doc/package{index:04}/copyright").into_bytes(),
            presence: Presence::Both,
            aspects: vec![AspectRow {
                name: "mtime".into(),
                left: Some("2026-11-22T10:00:00Z".into()),
                right: Some("2026-11-22T10:00:47Z".into()),
            }],
            content: None,
        })
        .collect();
    files.extend((0..28).map(|index| FileRow {
        path: format!("/var/cache/fontconfig/{index:02}-le64.cache-8").into_bytes(),
        presence: if index % 2 == 0 { Presence::Left } else { Presence::Right },
        aspects: Vec::new(),
        content: None,
    }));
    files.push(FileRow {
        path: b"/var/log/dpkg.log".to_vec(),
        presence: Presence::Both,
        aspects: vec![AspectRow { name: "content".into(), left: None, right: None }],
        content: Some(log()),
    });
    files.push(FileRow {
        path: b"/var/cache/ldconfig/aux-cache".to_vec(),
        presence: Presence::Both,
        aspects: vec![AspectRow {
            name: "mode".into(),
            left: Some("0600".into()),
            right: Some("0644".into()),
        }],
        content: Some(cache()),
    });
    files
}

pub(crate) fn difference() -> DiffReport {
    let files = different_files();
    let paths =
        |range: std::ops::Range<usize>| files[range].iter().map(|file| file.path.clone()).collect();
    let findings = vec![
        finding(
            "mtime",
            "1,710 files differ: mtime (`/usr/share/doc/package0000/copyright`: 2026-11-22T10:00:00Z and 2026-11-22T10:00:47Z)",
            None,
            paths(0..1710),
        ),
        finding(
            "derived-cache",
            "28 files are on one side only: derived-cache",
            None,
            paths(1710..1738),
        ),
        finding("log", "`/var/log/dpkg.log` differs: log", None, paths(1738..1739)),
        finding(
            "ldconfig-aux-cache",
            "`/var/cache/ldconfig/aux-cache` differs: ldconfig-aux-cache",
            None,
            paths(1739..1740),
        ),
    ];
    DiffReport {
        left: Side { name: "docker-archive:first.tar".into(), manifest: Some(Digest::of(b"a")) },
        right: Side { name: "docker-archive:second.tar".into(), manifest: Some(Digest::of(b"b")) },
        comparison: Comparison {
            files_compared: 6402,
            files_different: 1740,
            layers_equal: 1,
            layers_read: 2,
            config: vec![ConfigDifference {
                field: "created".into(),
                left: Some("2026-11-22T10:00:12.123456789Z".into()),
                right: Some("2026-11-22T10:00:59.987654321Z".into()),
            }],
            ..Comparison::default()
        },
        findings,
        files,
        timings: Timings { total: Duration::from_millis(1230), ..Timings::default() },
        status: Status::Findings,
    }
}

pub(crate) fn not_verified() -> VerifyReport {
    let step = |id: &str, line, instruction, recorded: Option<&str>, built: &str| StepRow {
        id: id.to_owned(),
        location: Some(location(line, instruction)),
        recorded: recorded.map(|text| Digest::of(text.as_bytes())),
        built: Some(Digest::of(built.as_bytes())),
    };
    VerifyReport {
        target: target(),
        builder: "embedded".into(),
        against: Against::Lock,
        build: build("image", 21, &[]),
        recorded: None,
        steps: vec![
            step("1", 2, "RUN apt-get update && apt-get install -y \\", Some("old"), "new"),
            step("2", 5, "RUN useradd app", Some("same"), "same"),
            step("3", 6, "COPY . /app", None, "context"),
        ],
        comparison: None,
        findings: vec![finding(
            "version-drift",
            "2 packages have another version than the lock records: libxml2 2.9.14+dfsg-1.3~deb12u1 \
             is now 2.9.14+dfsg-1.3~deb12u2, curl 7.88.1-10 is now 7.88.1-11",
            Some((2, "RUN apt-get update && apt-get install -y \\")),
            Vec::new(),
        )],
        normalised: normalised()
            .into_iter()
            .skip(6)
            .map(|file| NormalisedFile { differed: false, ..file })
            .collect(),
        clamped: 1710,
        lock: lock(LockState::Current),
        coverage: Some(covered()),
        guarantees: guarantees(),
        timings: Timings { total: Duration::from_secs(22), ..Timings::default() },
        status: Status::Findings,
    }
}

/// One locked URL in each state.
pub(crate) fn supplies() -> StoreStatusReport {
    const NO_REMOTE: Supply = Supply::NotAsked("rlock.toml names no remote");
    let row = |url: &str, store: Supply, upstream: Supply, mirror: Option<Supply>| SupplyRow {
        url: format!("http://deb.example/debian/{url}"),
        kind: "package",
        digest: Digest::of(url.as_bytes()),
        size: Some(12_345),
        store,
        remote: NO_REMOTE,
        upstream,
        mirrors: mirror
            .map(|supply| ("https://mirror.example/debian/".to_owned(), supply))
            .into_iter()
            .collect(),
    };
    StoreStatusReport {
        lock: "Dockerfile.lock".into(),
        remote: None,
        rows: vec![
            row("pool/lost.deb", Supply::Gone, Supply::Gone, Some(Supply::Gone)),
            row("pool/unknown.deb", Supply::Gone, Supply::Unknown("it answers 503".into()), None),
            row("dists/InRelease", Supply::Likely, Supply::Changed, None),
            row("pool/old.deb", Supply::Gone, Supply::Gone, Some(Supply::Likely)),
            row("pool/new.deb", Supply::Verified, Supply::Verified, None),
        ],
        without_digest: 2,
        status: Status::Undetermined,
    }
}

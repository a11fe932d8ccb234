//! The screens as people see them.

use super::*;
use crate::report::{LockState, Misfit, Status, Verdict, samples};

/// What a terminal without colours shows.
pub(super) fn plain(styled: &str) -> String {
    anstream::adapter::strip_str(styled).to_string()
}

/// The screen, which must be 80 columns and 40 lines at most.
pub(super) fn screen(styled: &str) -> String {
    let text = plain(styled);
    assert!(text.lines().count() <= 40, "{} lines:\n{text}", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
        assert!(line.chars().all(inert::is_inert), "not inert: {line:?}");
    }
    text
}

#[test]
fn a_status_of_the_content_behind_a_lock() {
    insta::assert_snapshot!(screen(&store_status(&samples::supplies(), Screen::default())), @r"
    lost: 1 of 5 locked URLs

            1  lost: nobody has the bytes any more, and only a new lock helps
            1  unknown: nobody is known to have them, somebody did not answer
            1  only in this Store: `rlock store push` shares them
            1  one source left, not this Store: a build or a pull saves them
            1  in two places or more
            3  gone or changed upstream

    lost                                       store  remote   upstream  mirrors
      http://deb.example/debian/pool/lost.deb  no     -        no        no

    unknown                                     store  remote   upstream
      http://deb.ex…le/debian/pool/unknown.deb  no     -        ?
        it answers 503

    only here                                   store  remote   upstream
      http://deb.ex…ple/debian/dists/InRelease  yes    -        changed

    one source                                store  remote   upstream  mirrors
      http://deb.example/debian/pool/old.deb  no     -        no        yes

    2 packages of the lock have no digest: nothing is known of them
    ");
}

#[test]
fn a_reproducible_build() {
    insta::assert_snapshot!(screen(&check(&samples::reproducible(), Screen::default())), @r#"
    reproducible: two builds of fixtures/imagemagick/Dockerfile are identical after
                  normalisers (noise in 8 files)

      A  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B had another hostname, CPU count and address-space layout
      6,223 files compared, none differs (2 layers of equal digest)

    normalised (noise; `rlock explain RULE` says why)
      apt-binary-cache    /var/cache/apt/pkgcache.bin                       differed
                          /var/cache/apt/srcpkgcache.bin                    differed
      apt-log             /var/log/apt/eipp.log.xz                          differed
                          /var/log/apt/history.log                          differed
                          /var/log/apt/term.log                             differed
      dpkg-log            /var/log/alternatives.log                         differed
                          /var/log/dpkg.log                                 differed
      ldconfig-aux-cache  /var/cache/ldconfig/aux-cache                     differed
      1,710 modification times set back to 2026-01-01T00:00:00Z

    Dockerfile.lock written: 1 image, 143 packages, 1 step (1 layer recorded)
    121 of 121 fetches locked, 0 refused, 2 answered by rule
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    26.0 s in all: build A 21.4 s, build B 23.4 s, comparison 0.4 s
    "#);
}

#[test]
fn a_build_with_several_causes() {
    insta::assert_snapshot!(screen(&check(&samples::not_reproducible(), Screen::default())), @r#"
    not reproducible: two builds of fixtures/imagemagick/Dockerfile differ in 325
                      files and 1 field of the image config

      A  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B  sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa
      B had another hostname, CPU count and address-space layout
      6,223 files compared, 325 differ (2 layers read, 1 of equal digest not)

    fixtures/imagemagick/Dockerfile:2  RUN apt-get update && apt-get install -y dbus
      `/var/lib/dbus/machine-id` differs: random-id (line 1)
        mend: Make it when the container starts. For machine-id: `: > /etc/machine-…
      2 files differ: secret
        /etc/ssh/ssh_host_ed25519_key
        /etc/ssh/ssh_host_rsa_key
        mend: Delete it in the same RUN and make it when the container starts (`ssh…
    fixtures/imagemagick/Dockerfile:5  RUN pip install flask==3.0 gunicorn \
      321 files differ: pyc-mtime
          (`/usr/local/lib/python3…packages/flask/__pycache__/m000.cpython-311.pyc`:
          source: 2026-01-01T10:00:00Z and 2026-01-01T10:00:31Z)
        /usr/local/lib/python3.11…te-packages/flask/__pycache__/m000.cpython-311.pyc
        /usr/local/lib/python3.11…te-packages/flask/__pycache__/m001.cpython-311.pyc
        … and 319 more (--format json lists all)
        mend: Set SOURCE_DATE_EPOCH in the RUN: Python then writes hash-based bytec…
    fixtures/imagemagick/Dockerfile:9  COPY . /app
      warning: date-in-content, 1 file: a date is in the file
        /app/\x1b[31mbuild\xff.txt
        mend: Have the program use SOURCE_DATE_EPOCH (`date -u -d @$SOURCE_DATE_EPO…
      `rlock explain CAUSE` says more, and how to mend it

    image config
      config.Labels.built: 2026-01-01T10:00:00Z → 2026-01-01T10:00:31Z

    normalised: 3 files (apt-binary-cache and apt-log) and 1,710 modification times

    Dockerfile.lock fits: 1 image, 143 packages, 1 step (1 layer recorded)
    1 of 1 recorded layer built again, bit for bit
    121 of 121 fetches locked, 0 refused, 2 answered by rule
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    26.0 s in all: build A 21.4 s, build B 23.4 s, comparison 0.4 s
    "#);
}

#[test]
fn a_lock_that_does_not_fit() {
    let mut report = samples::reproducible();
    report.verdict = Verdict::IdenticalAsBuilt;
    report.normalised.clear();
    report.clamped = 0;
    report.lock.state = LockState::Stale(vec![
        Misfit {
            line: Some(2),
            reason: "the instruction changed: it was `RUN apt-get update`".into(),
        },
        Misfit { line: None, reason: "`docker.io/library/debian:sid` is not in the lock".into() },
    ]);
    report.status = Status::Findings;
    insta::assert_snapshot!(screen(&check(&report, Screen::default())), @r#"
    reproducible: two builds of fixtures/imagemagick/Dockerfile are identical as
                  built

      A  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B had another hostname, CPU count and address-space layout
      6,223 files compared, none differs (2 layers of equal digest)

    Dockerfile.lock does not fit the Dockerfile
      line 2: the instruction changed: it was `RUN apt-get update`
      `docker.io/library/debian:sid` is not in the lock
      `rlock lock` completes it and keeps every pin that still fits
    121 of 121 fetches locked, 0 refused, 2 answered by rule
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    26.0 s in all: build A 21.4 s, build B 23.4 s, comparison 0.4 s
    "#);
}

#[test]
fn a_diff_of_1740_files() {
    insta::assert_snapshot!(screen(&diff(&samples::difference(), Screen::default())), @r#"
    different: 1,740 files and 1 field of the image config

      - docker-archive:first.tar
        sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
      + docker-archive:second.tar
        sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
      6,402 files compared, 1,740 differ (2 layers read, 1 of equal digest not)

    image config
      created: 2026-11-22T10:00:12.123456789Z → 2026-11-22T10:00:59.987654321Z

      1,710 files differ: mtime (`/usr/share/doc/package0000/copyright`:
          2026-11-22T10:00:00Z and 2026-11-22T10:00:47Z)
        /usr/share/doc/package0000/copyright
        /usr/share/doc/package0001/copyright
        /usr/share/doc/package0002/copyright
        … and 1,707 more (--format json lists all)
        mend: Build with rlock, which clamps times to the epoch of the lock; with
              BuildKit: set SOURCE_DATE_EPOCH and `--output
              type=image,rewrite-timestamp=true`; with buildah: `--timestamp`.
      28 files are on one side only: derived-cache
        /var/cache/fontconfig/00-le64.cache-8
        /var/cache/fontconfig/01-le64.cache-8
        /var/cache/fontconfig/02-le64.cache-8
        … and 25 more (--format json lists all)
        mend: Empty the cache in the same RUN (`apt-get clean`, `npm cache clean
              --force`, `pip --no-cache-dir`), or keep it out of the image with `RUN
              --mount=type=cache`.
      `/var/log/dpkg.log` differs: log
        mend: Delete it in the RUN that writes it: `find /var/log -type f -delete`
              (files only: packages own the directories).
      `/var/cache/ldconfig/aux-cache` differs: ldconfig-aux-cache
        mend: `rm -f /var/cache/ldconfig/aux-cache` at the end of the RUN.

    `--verbose` shows what changed in each file, `--path PATH` in one

    1.2 s in all
    "#);
}

#[test]
fn a_diff_of_few_files_shows_what_changed_in_them() {
    let mut report = samples::difference();
    report.files.drain(..1736);
    report.findings.remove(0);
    report.comparison.files_different = 4;
    report.comparison.config.clear();
    report.findings[0].paths.truncate(2);
    insta::assert_snapshot!(screen(&diff(&report, Screen::default())), @r#"
    different: 4 files

      - docker-archive:first.tar
        sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
      + docker-archive:second.tar
        sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
      6,402 files compared, 4 differ (2 layers read, 1 of equal digest not)

      28 files are on one side only: derived-cache
        /var/cache/fontconfig/00-le64.cache-8
        /var/cache/fontconfig/01-le64.cache-8
        mend: Empty the cache in the same RUN (`apt-get clean`, `npm cache clean
              --force`, `pip --no-cache-dir`), or keep it out of the image with `RUN
              --mount=type=cache`.
      `/var/log/dpkg.log` differs: log
        mend: Delete it in the RUN that writes it: `find /var/log -type f -delete`
              (files only: packages own the directories).
      `/var/cache/ldconfig/aux-cache` differs: ldconfig-aux-cache
        mend: `rm -f /var/cache/ldconfig/aux-cache` at the end of the RUN.

    /var/log/dpkg.log
      -9 lines, +9 lines, only times differ
           7    Log started
           8  - 2026-11-22 10:00:01 startup archives unpack
           8  + 2026-11-22 10:00:48 startup archives unpack
      …
    /var/cache/ldconfig/aux-cache
      mode: 0600 → 0644
      20.0 kB: 1,234 bytes in 400 places differ
      - 0x00000028  2f 6c 69 62 00 01                                /lib..
      + 0x00000028  2f 6c 69 62 00 02                                /lib..

    1.2 s in all
    "#);
}

#[test]
fn an_archive_in_a_compressed_file() {
    let mut report = samples::difference();
    report.files.drain(..1739);
    report.findings.drain(..3);
    report.comparison.files_different = 1;
    report.comparison.config.clear();
    report.files[0].content = Some(samples::archive());
    insta::assert_snapshot!(screen(&diff(&report, Screen::default())), @r#"
    different: 1 file

      - docker-archive:first.tar
        sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
      + docker-archive:second.tar
        sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
      6,402 files compared, 1 differs (2 layers read, 1 of equal digest not)

      `/var/cache/ldconfig/aux-cache` differs: ldconfig-aux-cache
        mend: `rm -f /var/cache/ldconfig/aux-cache` at the end of the RUN.

    /var/cache/ldconfig/aux-cache
      mode: 0600 → 0644
      time: 2026-11-22T10:00:00Z → 2026-11-22T10:00:47Z
      in the gzip:
        time (in 12 records): 2026-11-22T10:00:00Z → 2026-11-22T10:00:47Z
        etc/\xff\x1bname:
          -9 lines, +9 lines, only times differ
               7    Log started
               8  - 2026-11-22 10:00:01 startup archives unpack
               8  + 2026-11-22 10:00:48 startup archives unpack
          …
        … 3 more members differ

    1.2 s in all
    "#);
}

#[test]
fn secrets_are_not_shown() {
    let mut report = samples::difference();
    report.files.drain(..1739);
    let content = report.files[0].content.as_mut().unwrap();
    content.format = "secret";
    let text = screen(&diff(&report, Screen::default()));
    assert!(text.contains("a secret of 20.0 kB, which is not shown"), "{text}");
    assert!(!text.contains("2f 6c"), "{text}");
}

#[test]
fn equal_images() {
    let mut report = samples::difference();
    report.files.clear();
    report.findings.clear();
    report.comparison.files_different = 0;
    report.comparison.config.clear();
    report.comparison.encoding_only = true;
    report.status = Status::Ok;
    insta::assert_snapshot!(screen(&diff(&report, Screen::default())), @r#"
    equal: files and config are the same, only the encoding of layers differs

      - docker-archive:first.tar
        sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
      + docker-archive:second.tar
        sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
      6,402 files compared, none differs (2 layers read, 1 of equal digest not)

    1.2 s in all
    "#);
}

#[test]
fn a_layer_that_is_not_the_recorded_one() {
    insta::assert_snapshot!(screen(&verify(&samples::not_verified(), Screen::default())), @r#"
    not verified: a build of fixtures/imagemagick/Dockerfile does not give what
                  fixtures/imagemagick/Dockerfile.lock records

      built sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      1 of 2 recorded layers built again, bit for bit
      1 step not recorded: the build context may have reached them

    fixtures/imagemagick/Dockerfile:2  RUN apt-get update && apt-get install -y \
      lock  sha256:cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4
      built sha256:11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437

    fixtures/imagemagick/Dockerfile:2  RUN apt-get update && apt-get install -y \
      version-drift: 2 packages have another version than the lock records:
          libxml2 2.9.14+dfsg-1.3~deb12u1 is now 2.9.14+dfsg-1.3~deb12u2, curl
          7.88.1-10 is now 7.88.1-11
        mend: Lock the versions: `rlock lock`, and build from the lock.

    normalised (noise; `rlock explain RULE` says why)
      dpkg-log            /var/log/dpkg.log
      ldconfig-aux-cache  /var/cache/ldconfig/aux-cache
      1,710 modification times set back to 2026-01-01T00:00:00Z

    Dockerfile.lock fits: 1 image, 143 packages, 1 step (1 layer recorded)
    121 of 121 fetches locked, 0 refused, 2 answered by rule
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    22.0 s in all: build 21.4 s, comparison 0.0 s
    "#);
}

#[test]
fn verbose_shows_every_path() {
    let all = Screen { detail: Detail::All, ..Screen::default() };
    let text = plain(&check(&samples::not_reproducible(), all));
    let paths = text.lines().filter(|line| line.starts_with("    /usr/local"));
    assert_eq!(paths.count(), 321);
    assert!(!text.contains("more (--format json"));
    let text = plain(&diff(&samples::difference(), all));
    let paths = text.lines().filter(|line| line.starts_with("    /usr/share"));
    assert_eq!(paths.count(), 1710);
    assert!(text.contains("startup archives unpack"));
}

#[test]
fn a_hundred_findings_still_fit_and_are_counted() {
    let mut report = samples::not_reproducible();
    let pattern = report.findings[0].clone();
    report.findings = (0..100)
        .map(|index| {
            let mut finding = pattern.clone();
            finding.message = format!("finding {index}");
            finding
        })
        .collect();
    let text = screen(&check(&report, Screen::default()));
    let shown = text.lines().filter(|line| line.contains("random-id, 1 file: finding")).count();
    assert!(shown >= 3, "{text}");
    assert!(
        text.contains(&format!("… and {} more (--format json lists all)", 100 - shown)),
        "{text}"
    );
}

#[test]
fn narrow_screens_are_not_exceeded_by_paths() {
    let narrow = Screen { width: 60, ..Screen::default() };
    let mut report = samples::not_reproducible();
    report.findings.truncate(3);
    report.guarantees.clear();
    let text = plain(&check(&report, narrow));
    let paths = text.lines().filter(|line| line.trim_start().starts_with('/'));
    assert!(paths.clone().count() > 0);
    for line in paths {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn hostile_names_are_shown_not_obeyed() {
    let mut report = samples::not_reproducible();
    report.findings.truncate(1);
    report.findings[0].paths = vec![
        b"/a\n::error::owned".to_vec(),
        "/\u{202e}gpj.sh\x1b]8;;http://evil.example\x07".as_bytes().to_vec(),
    ];
    report.findings[0].message = "\x1b[2J::set-output".to_owned();
    report.lock.path = "x\r\x1b[31m".into();
    let text = screen(&check(&report, Screen::default()));
    assert!(text.contains(r"/a\n::error::owned"), "{text}");
    assert!(text.contains(r"/\u{202e}gpj.sh\x1b]8;;http://evil.example\x07"), "{text}");
    assert!(text.contains(r"x\r\x1b[31m fits"), "{text}");
}

//! What the screens say of what the lock covers.

use super::tests::{plain, screen};
use super::*;
use crate::report::{LockState, Status, Verdict, samples};

#[test]
fn a_check_that_the_lock_does_not_cover() {
    let mut report = samples::reproducible();
    let (coverage, findings) = samples::not_covered(7);
    (report.coverage, report.findings) = (Some(coverage), findings);
    report.lock.state = LockState::Current;
    report.status = Status::Findings;
    report.verdict = Verdict::IdenticalAsBuilt;
    report.normalised.clear();
    insta::assert_snapshot!(screen(&check(&report, Screen::default())), @r#"
    not covered by the lock: two builds of fixtures/imagemagick/Dockerfile are
                             identical as built

      A  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B  sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      B had another hostname, CPU count and address-space layout
      6,223 files compared, none differs (2 layers of equal digest)

    fixtures/imagemagick/Dockerfile:2  RUN apt-get update && apt-get install -y \
      unlocked-fetch: `http://deb.example/pool/\x1b[31m00.deb` is not in the
          lock, and 6 more were refused
        mend: `rlock lock` adds what is missing, `rlock update` moves the lock
              forward
      warning: refused-connection: `db.example:5432` is neither HTTP nor TLS,
          and cannot be recorded
        mend: fetch it by http or https, or bring it with the build context

    normalised (noise; `rlock explain RULE` says why)
      1,710 modification times set back to 2026-01-01T00:00:00Z

    Dockerfile.lock fits: 1 image, 143 packages, 1 step (1 layer recorded)
    121 of 129 fetches locked, 8 refused, 2 answered by rule
      line 2  unlocked-fetch  http://deb.example/pool/\x1b[31m00.deb
      line 2  unlocked-fetch  http://deb.example/pool/\x1b[31m01.deb
      line 2  unlocked-fetch  http://deb.example/pool/\x1b[31m02.deb
      line 2  unlocked-fetch  http://deb.example/pool/\x1b[31m03.deb
      line 2  unlocked-fetch  http://deb.example/pool/\x1b[31m04.deb
      … and 3 more (--format json lists all)
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    26.0 s in all: build A 21.4 s, build B 23.4 s, comparison 0.4 s
    "#);
    let all = plain(&check(&report, Screen { detail: Detail::All, ..Screen::default() }));
    assert!(all.contains("unlocked-fetch      http://deb.example/pool/\\x1b[31m06.deb"), "{all}");
    assert!(all.contains("npm-noise answered https://npm.example/npm"), "{all}");
}

#[test]
fn a_verification_that_the_lock_does_not_cover() {
    let mut report = samples::not_verified();
    report.steps.remove(0);
    let (coverage, findings) = samples::not_covered(1);
    (report.coverage, report.findings) = (Some(coverage), findings);
    insta::assert_snapshot!(screen(&verify(&report, Screen::default())), @r#"
    not covered by the lock: a build of fixtures/imagemagick/Dockerfile gives what
                             fixtures/imagemagick/Dockerfile.lock records, and asks
                             for what is not locked

      built sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
      1 of 1 recorded layer built again, bit for bit
      1 step not recorded: the build context may have reached them

    fixtures/imagemagick/Dockerfile:2  RUN apt-get update && apt-get install -y \
      unlocked-fetch: `http://deb.example/pool/\x1b[31m00.deb` is not in the
          lock
        mend: `rlock lock` adds what is missing, `rlock update` moves the lock
              forward
      warning: refused-connection: `db.example:5432` is neither HTTP nor TLS,
          and cannot be recorded
        mend: fetch it by http or https, or bring it with the build context

    normalised (noise; `rlock explain RULE` says why)
      dpkg-log            /var/log/dpkg.log
      ldconfig-aux-cache  /var/cache/ldconfig/aux-cache
      1,710 modification times set back to 2026-01-01T00:00:00Z

    Dockerfile.lock fits: 1 image, 143 packages, 1 step (1 layer recorded)
    121 of 123 fetches locked, 2 refused, 2 answered by rule
      line 2  unlocked-fetch      http://deb.example/pool/\x1b[31m00.deb
      line 2  refused-connection  db.example:5432
    not guaranteed by the embedded builder: RUN steps share the host's network, so
    what they fetch is not recorded
    22.0 s in all: build 21.4 s, comparison 0.0 s
    "#);
}

#[test]
fn a_lock_that_was_completed() {
    insta::assert_snapshot!(screen(&lock(&samples::completed(), Screen::default())), @r#"
    Dockerfile.lock updated: 1 image, 143 packages, 1 step (1 layer recorded)
    121 of 121 fetches locked, 0 refused, 2 answered by rule
    22.0 s in all
    "#);
    let mut report = samples::completed();
    report.coverage = Some(crate::report::Coverage::default());
    insta::assert_snapshot!(screen(&lock(&report, Screen::default())), @r#"
    Dockerfile.lock updated: 1 image, 143 packages, 1 step (1 layer recorded)
    no step fetched anything
    22.0 s in all
    "#);
    report.coverage = None;
    let text = screen(&lock(&report, Screen::default()));
    assert_eq!(text.lines().count(), 2, "{text}");
}

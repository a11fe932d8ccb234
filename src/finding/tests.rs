//! The one table: its ids are a promise, its entries are complete.

use super::{CAUSES, Cause};
use std::collections::BTreeSet;

/// Ids are a promise: this list only grows.
#[test]
fn ids_are_stable() {
    let ids: Vec<&str> = CAUSES.iter().map(|cause| cause.id).collect();
    insta::assert_snapshot!(ids.join("\n"), @r"
    mtime
    image-config
    tar-encoding
    metadata
    builder-injected
    log
    ldconfig-aux-cache
    derived-cache
    leftover
    pyc-mtime
    pyc-body
    compiled-output
    archive-stamp
    date-in-content
    day-stamp
    order
    random-id
    secret
    shared-secret
    package-database
    app-state
    environment
    version-drift
    build-requirement-drift
    network-content
    locked-layer
    unlocked-fetch
    unavailable-fetch
    wrong-content
    upstream-failure
    store-failure
    refused-connection
    untrusted-authority
    not-hermetic
    poisoned-lock
    unproven-lock
    unasked-move
    unknown
    unexplained-file
    same-version-other-hash
    downgrade
    new-upstream-version
    suite-change
    reverted-fix
    version-epoch-bump
    dependency-change
    install-scripts
    new-setuid
    new-capability
    new-account
    new-service
    ca-roots
    signing-keys
    new-host
    unowned-fetch
    lock-epoch
    lock-form
    introduced-advisory
    open-advisory
    fixed-advisory
    unproven-file
    policy-change
    end-of-life
    ");
}

#[test]
fn every_cause_is_complete_and_found_by_its_id() {
    let mut seen = BTreeSet::new();
    for cause in CAUSES {
        assert!(seen.insert(cause.id), "`{}` stands twice", cause.id);
        assert_eq!(Cause::find(cause.id), Some(cause));
        assert!(
            cause.id.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()),
            "`{}`",
            cause.id
        );
        assert!(cause.title.len() <= 40 && !cause.title.ends_with('.'), "`{}`", cause.title);
        assert!(cause.explanation.ends_with('.'), "`{}`", cause.id);
        assert!(!cause.mend.contains("  ") && !cause.explanation.contains("  "), "`{}`", cause.id);
    }
    assert_eq!(Cause::find("no-such-cause"), None);
    assert_eq!(Cause::named("no-such-cause").id, "unknown");
    assert_eq!(Cause::named("log").id, "log");
}

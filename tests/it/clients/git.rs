//! git over smart HTTP.

use super::Case;
use crate::upstream::git::Repositories;
use crate::upstream::{Site, Wire};

/// Clones; what stays in the image are the files and the history, not git's own times.
fn replays(wire: Wire, options: &str, history: &str) {
    let repositories = Repositories::new("greeter");
    for (number, text) in ["first", "second", "third"].into_iter().enumerate() {
        let seconds = 1_700_000_000 + i64::try_from(number).unwrap();
        repositories.commit("greeter", "version", text, seconds);
    }
    let site = Site::git("git.test", wire, repositories.path());
    let dockerfile = format!(
        "RUN git clone {options} {}/greeter.git /srv/greeter && cd /srv/greeter \
         && git log --format='%H %s' > /srv/log && test $(wc -l < /srv/log) = {history} \
         && git fsck && rm -rf .git\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    case.assert_replays(|| {
        repositories.forget("greeter");
        repositories.commit("greeter", "version", "fourth", 1_800_000_000);
        repositories.commit("greeter", "version", "fifth", 1_800_000_001);
        repositories.commit("greeter", "version", "sixth", 1_800_000_002);
    });
}

#[test]
fn git_clone_of_all() {
    replays(Wire::Tls, "", "3");
}

#[test]
fn git_clone_of_the_last_commit() {
    replays(Wire::Tls, "--depth 1", "1");
}

#[test]
fn git_clone_without_tls() {
    replays(Wire::Plain, "--branch main --single-branch", "3");
}

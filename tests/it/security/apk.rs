//! Alpine: the data is its secdb, which speaks of source packages.

use super::story::{CVES, Story};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::apk::{KEY_NAME, Key, Package, repository_from};
use crate::upstream::{Site, Tree, Wire};
use serde_json::json;

/// The library comes of a source package of another name, and only `tool` asks for it.
fn repository(key: &Key, modified: i64, library: &str, other: &str) -> Tree {
    let package = |name, version, depends, origin| Package { name, version, depends, origin };
    let packages = [
        package("library", library, None, "library-sources"),
        package("tool", other, Some("library"), "tool"),
        package("other", other, None, "other"),
    ];
    repository_from(key, &packages, modified)
}

fn dockerfile(key: &Key, site: &Site, install: &str) -> String {
    format!(
        "COPY <<END /etc/apk/keys/{KEY_NAME}\n{}END\nRUN echo {} > /etc/apk/repositories\n{install}\n",
        key.public(),
        site.url()
    )
}

fn secdb() -> String {
    let fixes = json!({"1.0-r1": CVES, "0.9-r0": ["CVE-2025-1000"]});
    let package = json!({"pkg": {"name": "library-sources", "secfixes": fixes}});
    json!({"distroversion": "v3.23", "reponame": "main", "packages": [package]}).to_string()
}

fn story<'a>(key: &Key, site: &'a Site, install: &str) -> Story<'a> {
    site.serve(repository(key, OLD, "1.0-r0", "1.0-r0"));
    let case = Case::new("alpine", &dockerfile(key, site, install), &[site]);
    case.world.write(KEY_NAME, key.public());
    case.world.write("rlock.toml", format!("[[key]]\npath = \"{KEY_NAME}\"\n"));
    Story::start(case, "main.json", &secdb())
}

#[test]
fn a_security_fix_is_found_moved_alone_explained_and_proven() {
    let key = Key::new();
    let site = Site::start("apk.test", Wire::Plain);
    // Nothing of how the others are held stays in the image.
    let install = "RUN apk add tool other\nRUN ! grep -rl held /etc/apk /lib/apk/db \
                   && test $(ls /var/cache/apk | grep -c APKINDEX) -le 1";
    let story = story(&key, &site, install);
    site.serve(repository(&key, NEW, "1.0-r1", "1.1-r0"));
    story.assert_outdated();
    story.assert_updated(&[("library", None)]);
    story.assert_reviewed("apk", false);
    story.assert_proven();
}

/// An instruction that says itself which repositories there are sees no second state of them: all that
/// is newer comes along, by name. What it does with the new library is no package's.
#[test]
fn what_comes_along_is_named_and_what_no_package_brings_is_unexplained() {
    let key = Key::new();
    let site = Site::start("apk.test", Wire::Plain);
    let install = format!(
        "RUN echo {} > /etc/apk/repositories && apk add tool other \\\n && if grep -q r1 \
         /usr/share/library/version; then cp /usr/share/library/version /usr/bin/payload; fi",
        site.url()
    );
    let story = story(&key, &site, &install);
    site.serve(repository(&key, NEW, "1.0-r1", "1.1-r0"));
    story.assert_outdated();
    let reason = "apk cannot be given a second state of a repository: step 3 says \
                  `/etc/apk/repositories`";
    let along = Some(reason);
    story.assert_updated(&[("library", None), ("other", along), ("tool", along)]);
    story.assert_other_ways_are_seen("/usr/bin/payload");
}

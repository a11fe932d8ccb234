//! npm, yarn and pnpm, against their own lists.

use super::{Locked, Packages, pairs};
use crate::clients::{Case, OLD, npm_releases};
use crate::upstream::{Site, Wire};
use serde_json::Value;

fn case<'a>(site: &'a Site, command: &str) -> Case<'a> {
    site.serve(npm_releases(&site.url(), &["1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
         && {command}\n",
        site.url()
    );
    Case::new("clients", &dockerfile, &[site])
}

/// The packages of a list with what each depends on, as npm and pnpm print it.
fn listed(entry: &Value, found: &mut Packages) {
    for (name, entry) in entry["dependencies"].as_object().into_iter().flatten() {
        // What is optional and is not there has no version.
        if let Some(version) = entry["version"].as_str() {
            found.insert((name.clone(), version.to_owned()));
        }
        listed(entry, found);
    }
}

fn expect_greeter(locked: &Locked, site: &Site) {
    let expected = pairs(&[("greeter", "1.0.0"), ("phrases", "1.0.0")]);
    assert_eq!(locked.of_steps("npm"), expected);
    let greeter = locked.package("npm", "greeter");
    let url = format!("{}/greeter/-/greeter-1.0.0.tgz", site.url());
    assert_eq!(greeter.url, Some(url), "{}", locked.lock.write());
    let of_files = locked.lock.fetches.iter().find(|fetch| fetch.url.contains("/-/"));
    assert_eq!(of_files, None, "a file that is a package has no fetch of its own");
    assert!(greeter.requested && !locked.package("npm", "phrases").requested);
}

#[test]
fn npm() {
    let site = Site::start("npm.test", Wire::Tls);
    let command = "npm install greeter && npm cache clean --force && npm ls --all --json > listed";
    let locked = Locked::of(&case(&site, command));
    let mut list = Packages::new();
    listed(&locked.json(), &mut list);
    assert_eq!(locked.of_steps("npm"), list);
    expect_greeter(&locked, &site);
}

/// npm itself is a package, with two hundred in it.
#[test]
fn npm_for_all() {
    let site = Site::start("npm.test", Wire::Tls);
    let command =
        "npm install -g greeter && npm cache clean --force && npm ls -g --all --json > listed";
    let locked = Locked::of(&case(&site, command));
    let mut list = Packages::new();
    listed(&locked.json(), &mut list);
    assert_eq!(locked.all("npm"), list);
    assert!(list.len() > 100, "{list:?}");
    expect_greeter(&locked, &site);
}

#[test]
fn yarn() {
    let site = Site::start("npm.test", Wire::Tls);
    let command = "yarn add greeter && yarn cache clean && yarn list --json > listed";
    let locked = Locked::of(&case(&site, command));
    let trees = locked.json()["data"]["trees"].clone();
    let pair = |entry: &Value| {
        let (name, version) = entry["name"].as_str().unwrap().rsplit_once('@').unwrap();
        (name.to_owned(), version.to_owned())
    };
    let list: Packages = trees.as_array().unwrap().iter().map(pair).collect();
    assert_eq!(locked.of_steps("npm"), list);
    expect_greeter(&locked, &site);
}

#[test]
fn pnpm() {
    let site = Site::start("npm.test", Wire::Tls);
    let command = "pnpm add --store-dir /tmp/store greeter && pnpm ls --json --depth 9 > /tmp/list \
        && mv /tmp/list listed && rm -rf /tmp/store ~/.cache/pnpm node_modules/.modules.yaml \
        node_modules/.pnpm-workspace-state-v1.json";
    let locked = Locked::of(&case(&site, command));
    let mut list = Packages::new();
    listed(&locked.json()[0], &mut list);
    assert_eq!(locked.of_steps("npm"), list);
    expect_greeter(&locked, &site);
}

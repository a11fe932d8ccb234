//! Managers with an index page for each package: what is not named is held by nature.

use super::{look, moves, outdated, recorded, update};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::{Site, Tree, Wire, npm, python};

fn python_index(versions: &[&'static str], modified: i64) -> Tree {
    let all: Vec<python::Release> = [("greeter", Some("phrases>=1")), ("phrases", None)]
        .into_iter()
        .flat_map(|(name, requires)| {
            versions.iter().map(move |version| python::Release { name, version, requires })
        })
        .collect();
    python::index(&all, modified)
}

fn npm_registry(url: &str, versions: &[&'static str], modified: i64) -> Tree {
    let all: Vec<npm::Release> = [("greeter", Some(("phrases", "^1.0.0"))), ("phrases", None)]
        .into_iter()
        .flat_map(|(name, requires)| {
            versions.iter().map(move |version| npm::Release { name, version, requires })
        })
        .collect();
    npm::registry(url, &all, modified)
}

/// One of two packages moves; then the other with all.
#[track_caller]
fn moves_one(case: &Case<'_>, kind: &str, [old, new]: [&str; 2], move_on: impl FnOnce()) {
    case.lock();
    assert_eq!(update(case, 0, &["greeter"])["outcome"], "nothing-to-do");
    move_on();
    let row = |name: &str| format!("{kind} {name} {old} -> {new}");
    assert_eq!(outdated(&look(case, 1, &["--exit-code"])), [row("greeter"), row("phrases")]);
    assert_eq!(outdated(&look(case, 1, &["--exit-code", "--offline"])).len(), 2);
    assert_eq!(moves(&update(case, 0, &["greeter", "--dry-run"])), [row("greeter")]);
    let report = update(case, 0, &["greeter"]);
    assert_eq!(moves(&report), [row("greeter")], "{report:#}");
    case.verify(&[], &recorded(case));
    let report = update(case, 0, &[]);
    assert_eq!(moves(&report), [row("phrases")], "{report:#}");
    assert_eq!(outdated(&look(case, 0, &["--exit-code"])), [""; 0]);
    case.assert_replays_offline(&recorded(case));
}

#[test]
fn pip() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(python_index(&["1.0"], OLD));
    let dockerfile = format!(
        "RUN pip install --no-cache-dir --break-system-packages --index-url {}/simple greeter\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    moves_one(&case, "pypi", ["1.0", "1.1"], || site.serve(python_index(&["1.0", "1.1"], NEW)));
}

#[test]
fn npm() {
    let site = Site::start("npm.test", Wire::Tls);
    site.serve(npm_registry(&site.url(), &["1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv\nENV npm_config_registry={}\nRUN echo '{{\"private\":true}}' > package.json \
         && npm install greeter && npm cache clean --force\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    let versions = ["1.0.0", "1.0.1"];
    moves_one(&case, "npm", versions, || site.serve(npm_registry(&site.url(), &versions, NEW)));
}

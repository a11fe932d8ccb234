//! Hostile names, and texts that are too long.

use super::*;
use crate::lock::{LockedFetch, LockedImage, LockedPackage, Lockfile};
use crate::oci::Digest;
use crate::report::{
    AdvisorySources, ExpiredIgnore, HeldBack, HeldCause, LifecycleRow, Links, ReviewSide, Status,
    TierRow, Timings, terminal,
};
use crate::review::{
    AllEvidence, Automatic, Checked, ControlChange, Evidence, Fixes, Input, Places, PolicyChange,
    Review, Suite, findings, review,
};
use std::collections::BTreeSet;

/// What names, versions and changelogs were called that meant harm.
const HOSTILE: [&str; 14] = [
    "a\n::error::owned",
    "\x1b[31mred\x1b]8;;http://x.example\x07",
    "\u{202e}gpj.exe",
    "</details>\n\n# owned",
    "@everyone",
    "org/repo#12",
    "GH-7",
    "a|b\\|c",
    "``x`` `y`",
    "<img src=x onerror=alert(1)>",
    "![x](http://x.example/a.png)",
    "[x](javascript:alert(1))",
    "www.host.example",
    "<!-- rlock -->",
];

fn package(name: &str, version: &str, content: &str) -> LockedPackage {
    LockedPackage {
        kind: "deb".into(),
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: "amd64".into(),
        source: None,
        url: Some(format!("http://deb.example/{name}")),
        sha256: Some(Digest::of(content.as_bytes())),
        size: Some(1),
        modified: None,
        step: "1".into(),
        requested: true,
    }
}

/// The same image with other packages.
fn add_images(old: &mut Lockfile, new: &mut Lockfile, names: &[String]) {
    for (lock, content) in [(old, "old"), (new, "new")] {
        let packages = names.iter().map(|name| format!("deb:{name} {content}{name}"));
        lock.images.push(LockedImage {
            reference: "debian".parse().unwrap(),
            index: None,
            manifest: Digest::of(content.as_bytes()),
            packages: packages.collect(),
        });
    }
}

/// A review in which everything that comes from outside is called `name`.
fn report(names: &[String]) -> ReviewReport {
    let mut old = Lockfile::new("linux/amd64".parse().unwrap(), 0, 1);
    let mut new = old.clone();
    let mut evidence = AllEvidence::new();
    for (index, name) in names.iter().enumerate() {
        old.packages.push(package(name, &format!("1{name}"), "old"));
        new.packages.push(package(name, &format!("2{name}"), "new"));
        let digest = Digest::of(b"");
        new.fetches.push(LockedFetch::new(format!("http://{name}/"), digest, 0, "1".into()));
        let names = BTreeSet::from([name.clone()]);
        let fixes = Fixes {
            ids: names.clone(),
            urgency: Some(name.clone()),
            source: name.clone(),
            ..Fixes::default()
        };
        let control = ControlChange {
            changed: names.clone(),
            needs: names.clone(),
            provides: names,
            ..Default::default()
        };
        let suite = Suite { name: name.clone(), label: name.clone(), ..Suite::default() };
        let one = Evidence {
            fixes: Checked::Known(fixes),
            control: Checked::Known(control),
            old_suite: Checked::Known(suite.clone()),
            new_suite: match index % 2 {
                0 => Checked::Known(Suite {
                    name: format!("new {name}"),
                    automatic: Automatic::Upgrades,
                    ..suite
                }),
                _ => Checked::Not(name.clone()),
            },
            made: Checked::Known(0),
        };
        evidence.insert(index, one);
    }
    add_images(&mut old, &mut new, names);
    let name = names.first().cloned().unwrap_or_default();
    let change = PolicyChange { subject: name.clone(), detail: name.clone(), location: None };
    let review = review(&Input {
        old: &old,
        new: &new,
        places: &Places::default(),
        evidence: &evidence,
        advisories: None,
        images: None,
        policy: &Checked::Known(vec![change]),
        unbuilt: "needs --files",
    });
    ReviewReport {
        dockerfile: name.clone().into(),
        platform: new.platform,
        old: ReviewSide { name: name.clone(), digest: None },
        new: ReviewSide { name: name.clone(), digest: None },
        links: Links::default(),
        findings: findings(&review, &Places::default()),
        policy: name.clone(),
        trust: None,
        lifecycle: vec![LifecycleRow { subject: name.clone(), found: Err(name.clone()) }],
        held_back: vec![held_back(&name)],
        advisories: hostile_sources(&review, &name),
        review,
        timings: Timings::default(),
        status: Status::Ok,
    }
}

fn held_back(name: &str) -> HeldBack {
    HeldBack {
        kind: name.to_owned(),
        name: name.to_owned(),
        architecture: name.to_owned(),
        locked: Some(name.to_owned()),
        available: name.to_owned(),
        cause: HeldCause::Locked,
        reason: name.to_owned(),
        published: None,
        security: false,
        way_out: Some(name.to_owned()),
    }
}

/// Where advisories are known from, with foreign text wherever there may be some.
fn hostile_sources(review: &Review, name: &str) -> AdvisorySources {
    let mut sources = AdvisorySources::of_review(review);
    sources.tiers.push(TierRow {
        digest: Some(name.to_owned()),
        as_of: Some(name.to_owned()),
        ecosystems: BTreeSet::from([name.to_owned()]),
        ..TierRow::unchecked("service", name, name)
    });
    sources.expired.push(ExpiredIgnore {
        id: name.to_owned(),
        package: Some(name.to_owned()),
        reason: name.to_owned(),
        expires: name.to_owned(),
    });
    sources.lacking.push(name.to_owned());
    sources
}

fn rendered(document: &str) -> String {
    let mut options = comrak::Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.render.r#unsafe = true;
    comrak::markdown_to_html(document, &options)
}

/// What a forge looks for mentions, references and links in: all but code.
fn outside_of_code(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("<code>") {
        text.push_str(before);
        rest = after.split_once("</code>").map_or("", |(_, after)| after);
    }
    text + rest
}

/// Of packages and of packages of base images, with the heads.
fn rows(report: &ReviewReport) -> usize {
    let in_bases = report.review.bases.iter().flat_map(|base| &base.packages);
    1 + report.review.packages.len() + in_bases.map(|packages| 1 + packages.len()).sum::<usize>()
}

/// Of what needs a human, fetches, and reasons why something is not checked.
fn items(report: &ReviewReport) -> usize {
    let flags = report.review.risks.flags.iter();
    flags.filter(|flag| flag.risk.severity() > Severity::Note).count()
        + report.unowned_fetches().count()
        + report.lifecycle.len()
        + report.held_back.len()
        + report.advisories.tiers.len()
        + report.advisories.expired.len()
        + report.advisories.lacking.len()
        + review::reasons(report).len()
}

#[test]
fn nothing_from_outside_is_markup() {
    let plain = rendered(&markdown(&report(&["plain".to_owned()])));
    for hostile in HOSTILE {
        let report = report(&[hostile.to_owned()]);
        let text = markdown(&report);
        let html = rendered(&text);
        for tag in ["<details>", "</details>", "<h1", "<h2", "<h3", "<table", "<!--", "<sub>"] {
            let count = |html: &str| html.matches(tag).count();
            assert_eq!(count(&html), count(&plain), "{hostile:?}: {tag} in\n{html}");
        }
        // Of these there are as many as there is to be told.
        for (tag, expected) in [("<tr>", rows(&report)), ("<li>", items(&report))] {
            assert_eq!(html.matches(tag).count(), expected, "{hostile:?}: {tag} in\n{html}");
        }
        for tag in ["<img", "<a ", "<script"] {
            assert!(!html.contains(tag), "{hostile:?}: {tag} in\n{html}");
        }
        let outside = outside_of_code(&html);
        for trigger in ["@everyone", "repo#12", "GH-7", "www.host", "://"] {
            assert!(!outside.contains(trigger), "{hostile:?}: {trigger} in\n{outside}");
        }
        for text in [text, terminal::review(&report, terminal::Screen::default())] {
            let text = anstream::adapter::strip_str(&text).to_string();
            assert!(text.chars().all(|it| it == '\n' || inert::is_inert(it)), "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
        }
    }
}

#[test]
fn a_new_version_says_where_it_is_from() {
    let report = report(&["a".to_owned(), "b".to_owned()]);
    let text = markdown(&report);
    for origin in [
        "| made 1970-01-01; suite `a` → `new a` (new packages only if asked for); now provides `a` |",
        "| made 1970-01-01; now provides `b` |",
    ] {
        assert!(text.contains(origin), "no `{origin}` in:\n{text}");
    }
    let screen = terminal::Screen { width: 100, ..terminal::Screen::default() };
    let text = anstream::adapter::strip_str(&terminal::review(&report, screen)).to_string();
    let line =
        "\n    made 1970-01-01, suite a → new a (new packages only if asked for), now provides a\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_long_review_fits_and_says_where_the_rest_is() {
    let names: Vec<String> = (0..2000).map(|number| format!("package-{number}")).collect();
    let report = report(&names);
    let short = body(&report, "body.md.full.md");
    assert!(short.text.len() <= SIZE_MAX, "{}", short.text.len());
    assert!(short.text.contains("Shortened") && short.text.contains("`body.md.full.md`"));
    assert!(short.full.unwrap().contains("`package-1999`"));
    let whole = body(&self::report(&names[..3]), "x");
    assert!(whole.full.is_none() && !whole.text.contains("Shortened"));
}

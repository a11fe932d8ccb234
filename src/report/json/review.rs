//! `rlock.review/1`.

use super::{Options, advisories, head, held_back, lifecycle, parts, write};
use crate::report::review::{ReviewReport, ReviewSide, Trust};
use crate::report::words;
use crate::review::files::{
    Above, Explanation, FilesReview, Group, StepOrigin, StepState, Unexplained,
};
use crate::review::{
    Affected, BaseMove, BasePin, Checked, Evidence, FetchMove, Flag, NewHost, Outcome,
    PackageReview, Pin, Sake, Security, Suite,
};
use serde_json::{Value, json};

/// The document.
pub fn review(report: &ReviewReport, options: Options) -> String {
    let mut document = head("review", report.status, options);
    let review = &report.review;
    let flags = |package: &PackageReview| review.flags_of(&package.moved).map(flag).collect();
    let packages = review.packages.iter().map(|it| package(it, flags(it)));
    let steps = json!({
        "added": review.steps.added,
        "changed": review.steps.changed,
        "removed": review.steps.removed,
    });
    parts::extend(
        &mut document,
        [
            ("dockerfile", Some(parts::file(&report.dockerfile))),
            ("platform", Some(json!(report.platform.to_string()))),
            ("old", Some(side(&report.old))),
            ("new", Some(side(&report.new))),
            ("policy", Some(json!(report.policy))),
            ("summary", Some(json!(words::list(&report.headline())))),
            ("packages", Some(packages.collect())),
            ("unchanged", Some(json!(review.unchanged))),
            ("images", Some(review.bases.iter().map(base).collect())),
            ("fetches", Some(review.fetches.iter().map(fetch).collect())),
            ("hosts", Some(review.hosts.iter().map(host).collect())),
            ("steps", Some(steps)),
            ("risks", Some(review.risks.flags.iter().map(flag).collect())),
            ("checks", Some(review.outcomes().iter().map(outcome).collect())),
            ("advisories", review.security.as_ref().map(security)),
            ("advisory_sources", Some(advisories::sources(&report.advisories))),
            ("files", review.files.as_ref().map(files)),
            ("trust", report.trust.as_ref().map(trust)),
            ("lifecycle", Some(lifecycle::all(&report.lifecycle))),
            ("held_back", Some(held_back::all(&report.held_back))),
            ("findings", Some(parts::findings(&report.findings))),
            ("timings", parts::timings(&report.timings, options)),
        ],
    );
    write(&document)
}

fn side(side: &ReviewSide) -> Value {
    parts::object([
        ("name", Some(json!(side.name))),
        ("sha256", side.digest.map(|digest| json!(digest.hex()))),
    ])
}

fn pin(pin: &Pin) -> Value {
    parts::object([
        ("version", Some(json!(pin.version))),
        ("source", pin.source.as_ref().map(|source| json!(source.to_string()))),
        ("url", pin.url.as_ref().map(|url| json!(url))),
        ("sha256", pin.sha256.map(|digest| json!(digest.hex()))),
        ("size", pin.size.map(|size| json!(size))),
    ])
}

fn package(package: &PackageReview, flags: Value) -> Value {
    let moved = &package.moved;
    parts::object([
        ("type", Some(json!(moved.kind))),
        ("name", Some(json!(moved.name))),
        ("architecture", Some(json!(moved.architecture))),
        ("change", Some(json!(moved.change.name()))),
        ("from", moved.old.as_ref().map(pin)),
        ("to", moved.new.as_ref().map(pin)),
        ("steps", Some(json!(moved.steps))),
        ("location", package.location.as_ref().map(parts::location)),
        ("requested", Some(json!(moved.requested))),
        ("ships", Some(json!(package.ships.name()))),
        ("security", Some(fixes(&package.evidence))),
        ("control", Some(control(&package.evidence))),
        ("release", Some(release(&package.evidence))),
        ("flags", Some(flags)),
    ])
}

/// What was not checked says so, and why.
fn checked<T>(of: &Checked<T>, known: impl FnOnce(&T) -> Value) -> Value {
    match of {
        Checked::Known(found) => {
            let mut value = known(found);
            if let Some(object) = value.as_object_mut() {
                object.insert("checked".to_owned(), json!(true));
            }
            value
        }
        Checked::Not(reason) => json!({"checked": false, "reason": reason}),
    }
}

fn fixes(evidence: &Evidence) -> Value {
    checked(&evidence.fixes, |fixes| {
        parts::object([
            ("tier", Some(json!("in-band"))),
            ("ids", Some(json!(fixes.ids))),
            ("reverted", Some(json!(fixes.reverted))),
            ("backported", Some(json!(fixes.backported))),
            ("complete", Some(json!(fixes.complete))),
            ("urgency", fixes.urgency.as_ref().map(|word| json!(word))),
            ("source", Some(json!(fixes.source))),
        ])
    })
}

fn control(evidence: &Evidence) -> Value {
    checked(&evidence.control, |change| {
        json!({
            "scripts": {
                "same": change.same,
                "added": change.added,
                "changed": change.changed,
                "removed": change.removed,
            },
            "needs": change.needs,
            "needs_no_longer": change.needs_no_longer,
            "recommends": change.recommends,
            "provides": change.provides,
            "displaces": change.displaces,
        })
    })
}

fn suite(suite: &Suite) -> Value {
    json!({
        "name": suite.name,
        "label": suite.label,
        "date": seconds(suite.date),
        "automatic": suite.automatic.name(),
    })
}

/// What does not depend on when the review is made: how old a version was when its archive offered
/// it can be told by both dates.
fn release(evidence: &Evidence) -> Value {
    json!({
        "made": checked(&evidence.made, |made| json!({"at": seconds(*made)})),
        "from_suite": checked(&evidence.old_suite, suite),
        "to_suite": checked(&evidence.new_suite, suite),
    })
}

/// `2026-11-21T10:00:00Z`.
fn seconds(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn base(base: &BaseMove) -> Value {
    let pin = |pin: &BasePin| json!({"reference": pin.reference, "manifest": parts::digest(pin.manifest)});
    let package = |package: &crate::review::BasePackage| {
        parts::object([
            ("type", Some(json!(package.kind))),
            ("name", Some(json!(package.name))),
            ("change", Some(json!(package.change.name()))),
            ("from", package.old.as_ref().map(|version| json!(version))),
            ("to", package.new.as_ref().map(|version| json!(version))),
        ])
    };
    parts::object([
        ("from", base.old.as_ref().map(pin)),
        ("to", base.new.as_ref().map(pin)),
        ("packages", base.packages.as_ref().map(|all| all.iter().map(package).collect())),
        ("unchanged", Some(json!(base.unchanged))),
    ])
}

fn fetch(fetch: &FetchMove) -> Value {
    let answer = |(status, digest): &(u16, crate::oci::Digest)| json!({"status": status, "sha256": digest.hex()});
    let (sake, package) = match &fetch.sake {
        Sake::Index => ("index", None),
        Sake::Named(name) => ("package", Some(json!(name))),
        Sake::IdleIndex => ("idle-index", None),
        Sake::None => ("none", None),
    };
    parts::object([
        ("url", Some(json!(fetch.url))),
        ("method", fetch.method.as_ref().map(|method| json!(method))),
        ("from", fetch.old.as_ref().map(answer)),
        ("to", fetch.new.as_ref().map(answer)),
        ("steps", Some(json!(fetch.steps))),
        ("sake", Some(json!(sake))),
        ("package", package),
    ])
}

fn host(host: &NewHost) -> Value {
    json!({"host": host.host, "url": host.url, "steps": host.steps})
}

fn flag(flag: &Flag) -> Value {
    let paths = flag.paths.iter().map(|path| parts::object(parts::path_fields(path)));
    json!({
        "risk": flag.risk.id(),
        "severity": flag.risk.severity().name(),
        "subject": flag.subject,
        "detail": flag.detail,
        "steps": flag.steps,
        "files": paths.collect::<Value>(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let unchecked = outcome.unchecked.iter();
    let unchecked = unchecked.map(|it| json!({"subject": it.subject, "reason": it.reason}));
    let state = match (outcome.found, outcome.unchecked.is_empty()) {
        (0, true) => "clean",
        (0, false) => "not-checked",
        (_, true) => "found",
        (_, false) => "found-in-part",
    };
    json!({
        "risk": outcome.risk.id(),
        "state": state,
        "found": outcome.found,
        "not_checked": unchecked.collect::<Value>(),
    })
}

fn security(security: &Security) -> Value {
    let affected = |all: &[Affected]| -> Value {
        let one = |it: &Affected| {
            parts::object([
                ("id", Some(json!(it.advisory.id))),
                ("aliases", Some(json!(it.advisory.aliases))),
                ("type", Some(json!(it.kind))),
                ("package", Some(json!(it.package))),
                ("version", Some(json!(it.version))),
                ("severity", it.advisory.severity.as_ref().map(|word| json!(word))),
                ("fixed_in", it.advisory.fixed.as_ref().map(|version| json!(version))),
                ("source", Some(json!(it.advisory.source))),
                ("image", it.image.as_ref().map(|image| json!(image))),
                ("ignored", it.advisory.ignored.as_ref().map(|reason| json!(reason))),
            ])
        };
        all.iter().map(one).collect()
    };
    let source = |source: &crate::review::AdvisorySource| {
        parts::object([
            ("name", Some(json!(source.name))),
            ("tier", Some(json!(source.tier))),
            ("digest", source.digest.as_ref().map(|digest| json!(digest))),
            ("as_of", source.as_of.as_ref().map(|day| json!(day))),
        ])
    };
    json!({
        "fixed": affected(&security.fixed),
        "open": affected(&security.open),
        "introduced": affected(&security.introduced),
        "ignored": affected(&security.ignored),
        "covered": security.covered,
        "not_covered": security.not_covered,
        "sources": security.sources.iter().map(source).collect::<Value>(),
    })
}

fn trust(trust: &Trust) -> Value {
    let counts = trust.counts().map(|(verdict, count)| (verdict.name().to_owned(), json!(count)));
    let poisoned = trust.poisoned().map(|row| json!({"name": row.name, "reason": row.reason}));
    json!({
        "entries": counts.collect::<serde_json::Map<_, _>>(),
        "poisoned": poisoned.collect::<Value>(),
        "signed": trust.signers(),
        "notes": trust.notes,
    })
}

fn files(files: &FilesReview) -> Value {
    let config = files.config.iter().map(|(field, old, new)| {
        parts::object([
            ("field", Some(json!(field))),
            ("left", old.as_ref().map(|value| json!(value))),
            ("right", new.as_ref().map(|value| json!(value))),
        ])
    });
    json!({
        "from": parts::digest(files.manifests[0]),
        "to": parts::digest(files.manifests[1]),
        "changed": files.changed(),
        "compared": files.compared,
        "explained_by": files.groups.iter().map(group).collect::<Value>(),
        "unproven": files.unproven_count(),
        "unexplained": files.unexplained.iter().map(unexplained).collect::<Value>(),
        "config": config.collect::<Value>(),
        "layers": files.layers,
        "layers_equal": files.layers_equal,
    })
}

fn group(group: &Group) -> Value {
    let (kind, name, step) = match &group.explanation {
        Explanation::Package(_, name) => ("package", Some(name.as_str()), None),
        Explanation::Installed(_, name, _) => ("installed", Some(name.as_str()), None),
        Explanation::Claimed(_, name) => ("claimed", Some(name.as_str()), None),
        Explanation::Unproven(_, name, _) => ("unproven", Some(name.as_str()), None),
        Explanation::Derived(rule) => ("derived", Some(*rule), None),
        Explanation::Base(reference) => ("image", Some(reference.as_str()), None),
        Explanation::Instruction(step) => ("instruction", None, Some(step)),
        Explanation::Stage(step) => ("stage", None, Some(step)),
        Explanation::Below(step) => ("below", None, Some(step)),
    };
    let reason = match &group.explanation {
        Explanation::Derived(rule)
        | Explanation::Installed(_, _, rule)
        | Explanation::Unproven(_, _, rule) => Some(crate::review::files::reason(rule)),
        _ => None,
    };
    let rule = match &group.explanation {
        Explanation::Installed(_, _, rule) | Explanation::Unproven(_, _, rule) => Some(*rule),
        _ => None,
    };
    let paths = group.paths.iter().map(|path| parts::object(parts::path_fields(path)));
    let location = |step: &StepOrigin| step.location.as_ref().map(parts::location);
    let above = |step: &StepOrigin| match &step.state {
        StepState::Below(all) => Some(all.iter().map(changed_above).collect::<Value>()),
        _ => None,
    };
    parts::object([
        ("kind", Some(json!(kind))),
        ("name", name.map(|name| json!(name))),
        ("rule", rule.map(|rule| json!(rule))),
        ("step", step.map(|step| json!(step.id))),
        ("location", step.and_then(location)),
        ("reason", reason.map(|reason| json!(reason))),
        ("above", step.and_then(above)),
        ("count", Some(json!(group.files))),
        ("old_size", Some(json!(group.old_size))),
        ("new_size", Some(json!(group.new_size))),
        ("files", Some(paths.collect())),
    ])
}

/// An instruction that changed, or copies what changed, above a step.
fn changed_above(above: &Above) -> Value {
    let paths = above.files.iter().map(|path| parts::object(parts::path_fields(path)));
    parts::object([
        ("step", Some(json!(above.id))),
        ("location", above.location.as_ref().map(parts::location)),
        ("files", Some(paths.collect())),
    ])
}

fn unexplained(file: &Unexplained) -> Value {
    let [path, bytes] = parts::path_fields(&file.path);
    parts::object([
        path,
        bytes,
        ("change", Some(json!(file.change))),
        ("reason", Some(json!(file.reason))),
        ("location", file.location.as_ref().map(parts::location)),
    ])
}

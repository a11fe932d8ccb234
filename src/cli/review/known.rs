//! Advisory data for the packages of both locks and of their images.

use super::contents::Contents;
use crate::advisory::service::Query;
use crate::advisory::{self, Data, Named, System};
use crate::cli::advisories::Wanted;
use crate::cli::context::Context;
use crate::cli::notices::Notices;
use crate::lock::Lockfile;
use crate::oci::Digest;
use crate::package::Distribution;
use crate::review::{self, Advisories, AdvisorySource, Asked, Checked, Known};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds whose advisories are by source package.
const BY_SOURCE: [&str; 3] = ["deb", "apk", "rpm"];

/// Data that was given, what a service said, and what the packages are of.
pub(in crate::cli) struct Local {
    data: Data,
    /// The service that could not be asked, and why.
    failure: Option<(String, String)>,
    /// Repositories whose notices could not be read, and why.
    unread: Vec<(String, String)>,
    /// The distribution that steps install packages of.
    release: Distribution,
    /// By manifest; what the Store does not have is missing.
    images: BTreeMap<Digest, Contents>,
}

/// Reads the data and asks the service, where that is wanted; none where nothing is, and no repository
/// says anything. `more` are packages of the locks that their lists do not have.
pub(in crate::cli) fn load(
    wanted: &Wanted,
    [old, new]: [&Lockfile; 2],
    more: &[Asked<'_>],
    notices: &[Notices],
    context: &Context,
) -> anyhow::Result<Option<Local>> {
    if !wanted.is_something() && notices.is_empty() {
        return Ok(None);
    }
    let store = context.open_store()?;
    let mut images = BTreeMap::new();
    for image in old.images.iter().chain(&new.images) {
        if let Some(contents) = Contents::of(&image.manifest, &store) {
            images.insert(image.manifest, contents);
        }
    }
    let release = last_base(new).and_then(|manifest| images.get(&manifest));
    let release = release.map(|contents| contents.release.clone()).unwrap_or_default();
    let mut data = wanted.data()?;
    let unread = add_notices(&mut data, notices);
    let mut local = Local { data: Data::default(), failure: None, unread, release, images };
    let mut asked = review::all_asked(old);
    asked.extend(review::all_asked(new));
    asked.extend(more);
    let questions = || {
        let subjects = asked.iter().filter_map(|asked| local.subject(asked).ok());
        let questions: BTreeSet<Query> =
            subjects.flat_map(|(system, package)| Query::of(system, package)).collect();
        questions.into_iter().collect()
    };
    let failure = wanted.ask(&mut data, &questions, context);
    (local.data, local.failure) = (data, failure);
    Ok(Some(local))
}

/// Adds what repositories say; what could not be read, and why.
fn add_notices(data: &mut Data, notices: &[Notices]) -> Vec<(String, String)> {
    let mut unread = Vec::new();
    for of in notices {
        let added = of.content.as_ref().map_err(Clone::clone).and_then(|content| {
            let added = data.add_repository(&of.url, &of.names, content);
            added.map_err(|error| error.to_string())
        });
        if let Err(reason) = added {
            unread.push((format!("updateinfo of {}", of.url), reason));
        }
    }
    unread
}

impl Local {
    /// What was read, and the name of the service that could not be asked.
    pub(in crate::cli) fn looked_into(&self) -> (&Data, Option<&str>) {
        (&self.data, self.failure.as_ref().map(|(name, _)| name.as_str()))
    }

    /// What to look up; else why that is not known.
    fn subject<'a>(&'a self, asked: &Asked<'a>) -> Result<(System<'a>, Named<'a>), String> {
        let contents = asked.image.and_then(|manifest| self.images.get(&manifest));
        let mut source = asked.source.map(|source| (&*source.name, &*source.version));
        if asked.image.is_some() && BY_SOURCE.contains(&asked.kind) {
            let found = contents.map(|it| it.package(asked.kind, asked.name, asked.version));
            let Some(Some(package)) = found else {
                return Err("the Store does not have the image that it is of".to_owned());
            };
            source = package.source.as_ref().map(|it| (&*it.name, &*it.version));
        }
        let release = match asked.image {
            Some(_) => contents.map(|contents| &contents.release),
            None => Some(&self.release),
        };
        let system = release.map_or_else(System::default, System::from);
        let named = Named { kind: asked.kind, name: asked.name, version: asked.version, source };
        Ok((system, named))
    }
}

impl Advisories for Local {
    fn of(&self, asked: &Asked<'_>) -> Checked<Vec<Known>> {
        let (system, package) = match self.subject(asked) {
            Ok(subject) => subject,
            Err(reason) => return Checked::Not(reason),
        };
        match self.data.of(system, package) {
            advisory::Checked::NotCovered => {
                Checked::Not("no advisory data covers packages of its kind".to_owned())
            }
            advisory::Checked::Known(found) => {
                let mut named: BTreeMap<String, Known> = BTreeMap::new();
                for known in found.iter().flat_map(known) {
                    named.entry(known.id.clone()).or_insert(known);
                }
                Checked::Known(named.into_values().collect())
            }
        }
    }

    fn covering(&self, asked: &Asked<'_>) -> Vec<usize> {
        let subject = self.subject(asked);
        subject.map_or_else(|_| Vec::new(), |(system, package)| self.data.covering(system, package))
    }

    fn sources(&self) -> Vec<AdvisorySource> {
        let source = |info: &advisory::SourceInfo| AdvisorySource {
            name: info.name.clone(),
            tier: info.tier.name().to_owned(),
            digest: Some(info.digest.to_string()),
            as_of: info.as_of.map(|day| day.to_string()),
            ecosystems: info.ecosystems.clone(),
            covered: 0,
            failure: None,
        };
        let failed = self.failure.iter().map(|(name, reason)| AdvisorySource {
            name: name.clone(),
            tier: advisory::Tier::Service.name().to_owned(),
            digest: None,
            as_of: None,
            ecosystems: BTreeSet::new(),
            covered: 0,
            failure: Some(format!("the service could not be asked: {reason}")),
        });
        let unread = self.unread.iter().map(|(name, reason)| AdvisorySource {
            name: name.clone(),
            tier: advisory::Tier::InBand.name().to_owned(),
            digest: None,
            as_of: None,
            ecosystems: BTreeSet::new(),
            covered: 0,
            failure: Some(reason.clone()),
        });
        self.data.sources().iter().map(source).chain(unread).chain(failed).collect()
    }
}

/// What an advisory is known as. One of a distribution may repair several vulnerabilities: each is one.
fn known(advisory: &advisory::Advisory) -> Vec<Known> {
    let (cves, others): (BTreeSet<String>, BTreeSet<String>) =
        advisory.ids().map(str::to_owned).partition(|id| id.starts_with("CVE-"));
    let named = |id: String, aliases: BTreeSet<String>| Known {
        severity: advisory.severity.as_ref().map(|severity| severity.rating.name().to_owned()),
        id,
        aliases,
        ignored: advisory.ignored.as_ref().map(|it| format!("{} ({})", it.reason, it.from)),
        fixed: advisory.fixed.clone(),
        source: advisory.source.clone(),
    };
    if cves.len() < 2 {
        return vec![named(
            advisory.known_as().to_owned(),
            cves.into_iter().chain(others).collect(),
        )];
    }
    let each = cves.into_iter().map(|id| {
        let aliases = others.iter().cloned().chain([id.clone()]).collect();
        named(id, aliases)
    });
    each.collect()
}

/// The image that the last stage starts from.
fn last_base(lock: &Lockfile) -> Option<Digest> {
    let mut base = lock.stages.last().map(|stage| stage.base.clone())?;
    // A stage that continues a stage that continues …
    for _ in 0..lock.stages.len() {
        match lock.stages.iter().find(|stage| stage.id == base) {
            Some(below) => base.clone_from(&below.base),
            None => break,
        }
    }
    let locked = lock.images.iter().find(|image| image.reference.to_string() == base)?;
    Some(locked.manifest)
}

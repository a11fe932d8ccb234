//! Advisory data for the packages of both locks and of their images.

use super::contents::Contents;
use crate::advisory::{self, Data, Date, Named, System};
use crate::cli::context;
use crate::lock::Lockfile;
use crate::oci::Digest;
use crate::package::Distribution;
use crate::review::{Advisories, AdvisorySource, Asked, Checked, Known};
use crate::store::Store;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Kinds whose advisories are by source package.
const BY_SOURCE: [&str; 3] = ["deb", "apk", "rpm"];

/// Data that was given, and what the packages are of.
pub(in crate::cli) struct Local {
    data: Data,
    /// The distribution that steps install packages of.
    release: Distribution,
    /// By manifest; what the Store does not have is missing.
    images: BTreeMap<Digest, Contents>,
}

/// Reads the data; none where none is given.
pub(in crate::cli) fn load(
    paths: &[PathBuf],
    [old, new]: [&Lockfile; 2],
    store: &Store,
) -> anyhow::Result<Option<Local>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let today = jiff::Timestamp::try_from(context::now())?;
    let today: Date = today.to_zoned(jiff::tz::TimeZone::UTC).date();
    let data = Data::load(paths, today)?;
    let mut images = BTreeMap::new();
    for image in old.images.iter().chain(&new.images) {
        if let Some(contents) = Contents::of(&image.manifest, store) {
            images.insert(image.manifest, contents);
        }
    }
    let release = last_base(new).and_then(|manifest| images.get(&manifest));
    let release = release.map(|contents| contents.release.clone()).unwrap_or_default();
    Ok(Some(Local { data, release, images }))
}

impl Advisories for Local {
    fn of(&self, asked: &Asked<'_>) -> Checked<Vec<Known>> {
        let contents = asked.image.and_then(|manifest| self.images.get(&manifest));
        let mut source = asked.source.map(|source| (&*source.name, &*source.version));
        if asked.image.is_some() && BY_SOURCE.contains(&asked.kind) {
            let found = contents.map(|it| it.package(asked.kind, asked.name, asked.version));
            let Some(Some(package)) = found else {
                return Checked::Not("the Store does not have the image that it is of".to_owned());
            };
            source = package.source.as_ref().map(|it| (&*it.name, &*it.version));
        }
        let release = match asked.image {
            Some(_) => contents.map(|contents| &contents.release),
            None => Some(&self.release),
        };
        let system = release.map_or_else(System::default, |release| System {
            id: &release.id,
            version_id: &release.version_id,
            codename: release.codename.as_deref().unwrap_or_default(),
        });
        let named = Named { kind: asked.kind, name: asked.name, version: asked.version, source };
        match self.data.of(system, named) {
            advisory::Checked::NotCovered => {
                Checked::Not("no advisory data covers packages of its kind".to_owned())
            }
            advisory::Checked::Known(found) => {
                Checked::Known(found.into_iter().map(known).collect())
            }
        }
    }

    fn sources(&self) -> Vec<AdvisorySource> {
        let source = |info: &advisory::SourceInfo| AdvisorySource {
            name: info.name.clone(),
            tier: info.tier.name().to_owned(),
            digest: Some(info.digest.to_string()),
            as_of: info.as_of.map(|day| day.to_string()),
        };
        self.data.sources().iter().map(source).collect()
    }
}

fn known(advisory: advisory::Advisory) -> Known {
    Known {
        severity: advisory.severity.as_ref().map(|severity| severity.rating.name().to_owned()),
        id: advisory.known_as().to_owned(),
        aliases: advisory.ids().map(str::to_owned).collect(),
        ignored: advisory.ignored.map(|it| format!("{} ({})", it.reason, it.from)),
        fixed: advisory.fixed,
        source: advisory.source,
    }
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

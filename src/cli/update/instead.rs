//! `--to`: archives as they were at a time, as `rlock.toml` says where these are kept.

use super::super::failure::Misuse;
use super::super::project::Project;
use super::super::scout::Scout;
use super::super::settings::FILE_NAME;
use crate::door::Mirror;
use crate::index::apt;
use crate::lock::Lockfile;
use crate::update::locked_archives;
use jiff::Timestamp;

/// What stands for the time in the URL of an archive.
const DATE: &str = "{date}";

/// What is asked instead of each archive of the lock.
pub(super) fn instead(
    project: &Project,
    lock: &Lockfile,
    scout: &Scout<'_>,
    moment: Timestamp,
) -> anyhow::Result<Vec<Mirror>> {
    let date = moment.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut instead: Vec<Mirror> = Vec::new();
    for archive in locked_archives(lock).into_iter().filter(|archive| !archive.is_held) {
        let content = scout.locked(&archive.url, archive.digest, archive.size)?;
        let release = if archive.url.ends_with("/InRelease") {
            apt::release(&content)?
        } else {
            apt::release_detached(&content, None)?
        };
        let release = release.value;
        let kept = project.settings.archives.iter().find(|kept| {
            Some(&kept.origin) == release.origin.as_ref()
                && (kept.label.is_none() || kept.label == release.label)
        });
        let Some(kept) = kept else {
            let origin = release.origin.as_deref().unwrap_or("none");
            let label = release.label.as_deref().unwrap_or("none");
            return Err(Misuse {
                message: format!(
                    "{FILE_NAME} does not say where {} is kept by date (Origin `{origin}`, Label \
                     `{label}`)",
                    archive.root
                ),
                hint: "add `[[archive]]` with `origin`, `label` and a `url` that has `{date}`"
                    .to_owned(),
            }
            .into());
        };
        let mirror = Mirror { of: archive.root, url: kept.url.replace(DATE, &date) };
        if !instead.contains(&mirror) {
            instead.push(mirror);
        }
    }
    if instead.is_empty() {
        return Err(Misuse {
            message: "the lock has no archive of packages that could be asked by date".to_owned(),
            hint: "`rlock update` moves everything to what there is now".to_owned(),
        }
        .into());
    }
    Ok(instead)
}

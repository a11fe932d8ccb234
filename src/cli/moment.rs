//! The moment that a build is pinned to: `SOURCE_DATE_EPOCH`, and where it comes from.

use super::failure::Misuse;
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

/// Seconds since 1970: the lock's epoch, else the user's `SOURCE_DATE_EPOCH`, else the newest creation
/// time among the images, else (nothing but `FROM scratch`) the time of the context's last commit, else 0.
pub(super) fn epoch(
    locked: Option<i64>,
    from_environment: Option<&str>,
    created: &[String],
    context: &Path,
) -> anyhow::Result<i64> {
    if let Some(epoch) = locked {
        return Ok(epoch);
    }
    if let Some(text) = from_environment.filter(|text| !text.is_empty()) {
        return parse_environment(text);
    }
    let newest = created.iter().map(|time| parse_created(time)).collect::<Result<Vec<_>, _>>()?;
    Ok(newest.into_iter().max().or_else(|| last_commit(context)).unwrap_or(0))
}

fn parse_environment(text: &str) -> anyhow::Result<i64> {
    match text.parse() {
        Ok(seconds) if seconds >= 0 => Ok(seconds),
        _ => Err(Misuse {
            message: format!("SOURCE_DATE_EPOCH is `{text}`, expected seconds since 1970"),
            hint: "leave it unset: the newest base image then says the time".to_owned(),
        }
        .into()),
    }
}

fn parse_created(time: &str) -> anyhow::Result<i64> {
    let timestamp: jiff::Timestamp =
        time.parse().with_context(|| format!("an image has the creation time `{time}`"))?;
    // Some tools write the zero time of Go, year 1: that is no moment.
    Ok(timestamp.as_second().max(0))
}

fn last_commit(context: &Path) -> Option<i64> {
    let output = Command::new("git")
        .arg("-C")
        .arg(context)
        .args(["log", "-1", "--format=%ct"])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch_of(locked: Option<i64>, environment: Option<&str>, created: &[&str]) -> i64 {
        let created: Vec<String> = created.iter().map(ToString::to_string).collect();
        epoch(locked, environment, &created, Path::new("/")).unwrap()
    }

    #[test]
    fn the_lock_wins_then_the_environment_then_the_newest_image() {
        let created = ["2026-01-01T00:00:00Z", "2025-06-01T12:00:00.5+02:00"];
        assert_eq!(epoch_of(Some(7), Some("8"), &created), 7);
        assert_eq!(epoch_of(None, Some("8"), &created), 8);
        assert_eq!(epoch_of(None, None, &created), 1_767_225_600);
        assert_eq!(epoch_of(None, Some(""), &["0001-01-01T00:00:00Z"]), 0);
        assert_eq!(epoch_of(None, None, &[]), 0);
    }

    #[test]
    fn an_epoch_that_is_none_is_an_error() {
        let error = epoch(None, Some("yesterday"), &[], Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("`yesterday`"));
    }
}

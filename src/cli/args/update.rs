//! The arguments of `rlock update` and `rlock outdated`.

use super::{AdvisoryArguments, InputArguments, NetworkMode, ReportArguments};
use crate::update::parse_age;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// `rlock update`.
#[derive(Debug, Args)]
#[command(mut_arg("directory", |argument| argument.short('C').long("directory")))]
pub struct UpdateArguments {
    /// Packages to move, by their names or those of their sources [default: all]
    ///
    /// With `=VERSION` or `@VERSION` to that version and no other, where an index has a page for each
    /// package (pip, npm, cargo, go, gem). Archives of a distribution offer one version.
    #[arg(value_name = "NAME[=VERSION]", value_parser = wanted)]
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub names: Vec<WantedName>,
    /// Look up again what the names of base images stand for
    #[arg(long, help_heading = "Update")]
    pub base: bool,
    /// Move only what a later version repairs: one in an archive of security fixes, one that advisory
    /// data says so of, or one whose changelog names a repaired vulnerability
    #[arg(long, help_heading = "Update")]
    pub security: bool,
    /// Whether --security reads changelogs of packages of apt that nothing else tells of
    ///
    /// They stand inside the package files, which are fetched for that. `auto` does so while these
    /// are no more than 100 MB together, the smallest first, and says what is left.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        requires = "security",
        help_heading = "Update"
    )]
    pub changelogs: ChangelogChoice,
    /// To packages as they were at a time
    ///
    /// A day (2026-11-21), or a time (2026-11-21T08:30:00Z). For archives that rlock.toml says a place
    /// of where they are kept by date.
    #[arg(long, value_name = "DATE", value_parser = moment, help_heading = "Update")]
    pub to: Option<Timestamp>,
    /// Hold this package, and move the others; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Update")]
    pub keep: Vec<String>,
    /// Take no version that was published less than AGE ago, such as `3d`, `72h` or `2w`
    ///
    /// In place of `min-age` in rlock.toml. A version of which nothing says when it was published is
    /// not taken. What repairs something is, unless rlock.toml has `security-min-age`.
    #[arg(long, value_name = "AGE", value_parser = parse_age, help_heading = "Update")]
    pub min_age: Option<Duration>,
    /// Take this package however lately it was published; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Update")]
    pub now: Vec<String>,
    /// Say what would move, and stop there
    #[arg(long, help_heading = "Update")]
    pub dry_run: bool,
    /// Do not touch the network
    #[arg(long, help_heading = "Update")]
    pub offline: bool,
    /// Advisories.
    #[command(flatten)]
    pub advisories: AdvisoryArguments,
    /// What to build.
    #[command(flatten)]
    pub input: InputArguments,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// `--changelogs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ChangelogChoice {
    /// Up to 100 MB
    #[default]
    Auto,
    /// All of them
    Always,
    /// None of them
    Never,
}

/// A package that is to move, and to which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedName {
    /// Its name, or that of its source.
    pub name: String,
    /// The version, where it is not the newest.
    pub version: Option<String>,
}

/// `NAME`, `NAME=VERSION`, `NAME==VERSION` as pip has it, `NAME@VERSION` as npm, cargo and go have it.
/// An `@` in front is of the scope.
fn wanted(text: &str) -> Result<WantedName, String> {
    let at = text.rfind('@').filter(|at| *at > 0);
    let at = text.find('=').or(at);
    let (name, rest) = at.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
    let version = rest.trim_start_matches(['=', '@']);
    if name.is_empty() || !rest.is_empty() && version.is_empty() {
        return Err("expected NAME, NAME=VERSION or NAME@VERSION".to_owned());
    }
    let version = (!version.is_empty()).then(|| version.to_owned());
    Ok(WantedName { name: name.to_owned(), version })
}

impl UpdateArguments {
    /// The versions that were asked for, by name.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let named = self.names.iter();
        named.filter_map(|it| Some((it.name.clone(), it.version.clone()?))).collect()
    }

    /// Whether the network may be used.
    pub fn network_mode(&self) -> NetworkMode {
        if self.offline { NetworkMode::Offline } else { NetworkMode::Online }
    }
}

/// `rlock outdated`.
#[derive(Debug, Args)]
pub struct OutdatedArguments {
    /// Only what a later version repairs, as `rlock update --security` has it
    #[arg(long, help_heading = "Outdated")]
    pub security: bool,
    /// Exit with 1 where there is something to update, with 5 where that could not be found out
    #[arg(long, help_heading = "Outdated")]
    pub exit_code: bool,
    /// Do not touch the network: compare with what was seen last
    #[arg(long, help_heading = "Outdated")]
    pub offline: bool,
    /// Advisories.
    #[command(flatten)]
    pub advisories: AdvisoryArguments,
    /// What the lock is for.
    #[command(flatten)]
    pub input: InputArguments,
    /// The report.
    #[command(flatten)]
    pub report: ReportArguments,
}

/// A day, which is its last second so that all of it is in, or a time.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day: Date = text
        .parse()
        .map_err(|_| "expected a day such as 2026-11-21, or a time such as 2026-11-21T08:30:00Z")?;
    let end = day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC);
    Ok(end.map_err(|error| error.to_string())?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_version() {
        for (text, name, version) in [
            ("library", "library", None),
            ("library=1.2", "library", Some("1.2")),
            ("library==1.2", "library", Some("1.2")),
            ("library@1.2", "library", Some("1.2")),
            ("@scope/library", "@scope/library", None),
            ("@scope/library@1.2", "@scope/library", Some("1.2")),
            ("go.example/mod/v2@v2.0.0", "go.example/mod/v2", Some("v2.0.0")),
            ("libfoo:amd64=1:2.0~rc1-1", "libfoo:amd64", Some("1:2.0~rc1-1")),
            ("g++", "g++", None),
        ] {
            let expected =
                WantedName { name: name.to_owned(), version: version.map(str::to_owned) };
            assert_eq!(wanted(text), Ok(expected), "{text}");
        }
        for text in ["", "=1", "library=", "library@", "library=="] {
            assert!(wanted(text).is_err(), "{text}");
        }
    }
}

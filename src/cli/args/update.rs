//! The arguments of `rlock update` and `rlock outdated`.

use super::{AdvisoryArguments, InputArguments, NetworkMode, ReportArguments};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `rlock update`.
#[derive(Debug, Args)]
#[command(mut_arg("directory", |argument| argument.short('C').long("directory")))]
pub struct UpdateArguments {
    /// Packages to move, by their names or those of their sources [default: all]
    #[arg(value_name = "NAME")]
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub names: Vec<String>,
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

impl UpdateArguments {
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

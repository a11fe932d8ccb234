//! Where advisories are known from, for the commands that need them.

use clap::Args;
use std::path::PathBuf;
use url::Url;

/// Advisory data, a service, and whether all packages must be covered.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Advisories")]
pub struct AdvisoryArguments {
    /// Advisory data: an OSV directory or zip, and the like; may be repeated
    ///
    /// Beside what rlock.toml names. Known are OSV, the Debian security tracker's JSON, Alpine's
    /// secdb, CSAF VEX, updateinfo.xml, and OpenVEX, which says what to pass over.
    #[arg(long = "advisories", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Ends of life of distributions: a file `ID.csv` in the form of distro-info-data, or a folder of
    /// such files
    ///
    /// `ID` is that of os-release. Each replaces a table that is built in.
    #[arg(long, value_name = "PATH")]
    pub lifecycle: Option<PathBuf>,
    /// Also ask a service of the OSV interface: the one at URL, else the one that rlock.toml names
    ///
    /// It is told the names and versions of the packages. Without this, and with --offline, no
    /// service is asked. Where it cannot be asked, its advisories are not checked, and the report
    /// says so.
    #[arg(
        long = "advisories-service",
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        value_parser = crate::registry::service_address
    )]
    pub service: Option<Option<Url>>,
    /// Exit with 5 unless advisory data covers every package, and is no older than DAYS
    ///
    /// Data without a date counts as too old where DAYS is given; what a service says is of now.
    #[arg(long = "require-advisories", value_name = "DAYS", num_args = 0..=1, require_equals = true)]
    pub require: Option<Option<u32>>,
}

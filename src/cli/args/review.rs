//! Arguments of `rlock review`.

use super::{AdvisoryArguments, InputArguments, ReportArguments};
use clap::Args;
use std::path::PathBuf;

/// `rlock review`.
#[derive(Debug, Args)]
pub struct ReviewArguments {
    /// The lock before.
    #[arg(
        help = "The lock before: a file, a git revision, or REVISION:PATH [default: the merge base with the default branch]",
        value_name = "OLD"
    )]
    pub old: Option<String>,
    /// The lock now.
    #[arg(help = "The lock now, likewise [default: the one in the work tree]", value_name = "NEW")]
    pub new: Option<String>,
    /// Build both locks, and say of every changed file why it changed
    #[arg(long)]
    pub files: bool,
    /// Also write the text of a pull request, Markdown of at most 64 KiB, to a file
    ///
    /// Where all of it is longer, it is in `FILE.full.md`, and the text says so.
    #[arg(long = "pr-body", value_name = "FILE")]
    pub pr_body: Option<PathBuf>,
    /// Do not touch the network
    #[arg(long)]
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

//! The arguments of what brings rlock into a repository and a shell.

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

pub(super) const INIT_HELP: &str = "\
Examples:
  rlock init                                   for the forge that the repository is on
  rlock init docker/web --forge gitlab         for one Dockerfile of several

What is written for GitHub:
  .github/workflows/rlock.yml                  check, and review of pull requests
  .github/workflows/rlock-update.yml           a pull request with security updates, each day
  .github/rlock/                               the scripts that both use
For GitLab:
  .gitlab/rlock.yml                            the same as jobs, to be included
  .gitlab/rlock/                               the scripts
For both:
  .pre-commit-config.yaml                      does the lock fit? At each commit
Files that are there are left alone, and named.";

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  rlock completions bash > ~/.local/share/bash-completion/completions/rlock
  rlock completions zsh > ~/.zfunc/_rlock
  rlock completions fish > ~/.config/fish/completions/rlock.fish";

/// Where the repository is hosted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForgeName {
    /// GitHub, or its server for enterprises
    Github,
    /// GitLab, anywhere
    Gitlab,
}

/// `rlock init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Directory of the Dockerfile and its lock
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Where the repository is hosted.
    #[arg(
        help = "Where the repository is hosted [default: by its files and remotes]",
        long,
        value_enum,
        value_name = "FORGE"
    )]
    pub forge: Option<ForgeName>,
    /// Write files that are there anew
    #[arg(long)]
    pub force: bool,
}

/// `rlock completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `rlock man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The directory, such as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

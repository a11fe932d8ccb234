//! The forge that a CI system runs for, as its environment tells.

use crate::cli::context::Context;
use crate::cli::output;
use crate::report::{Forge, Links};

/// Links to the files of a commit, or, where the work tree is looked at, of the commit that the CI
/// system has checked out.
pub(super) fn links(commit: Option<&str>, context: &Context) -> Links {
    let variable = |name: &str| context.variable(name).unwrap_or_default();
    let commit_or = |name: &str| commit.map_or_else(|| variable(name), str::to_owned);
    // These set the same variables as GitHub, and have their files elsewhere.
    let is_another =
        ["GITEA_ACTIONS", "FORGEJO_ACTIONS"].into_iter().any(|it| !variable(it).is_empty());
    let forge = if is_another {
        None
    } else if variable("GITLAB_CI").is_empty() {
        let (server, repository) = (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"));
        Forge::github(&server, &repository, &commit_or("GITHUB_SHA"))
    } else {
        Forge::gitlab(&variable("CI_PROJECT_URL"), &commit_or("CI_COMMIT_SHA"))
    };
    Links { roots: output::roots(), forge }
}

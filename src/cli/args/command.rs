//! The commands, with examples for their help pages.

use super::integration::{COMPLETIONS_HELP, INIT_HELP};
use super::{
    BuildArguments, CheckArguments, CompletionsArguments, DiffArguments, ExplainArguments,
    InitArguments, LockArguments, ManArguments, OutdatedArguments, ReviewArguments,
    SchemaArguments, StoreArguments, UpdateArguments, VerifyArguments,
};
use clap::Subcommand;

/// One variant a command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build twice, compare file by file, give the verdict; write Dockerfile.lock if there is none
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Make the lock, or complete it after the Dockerfile changed; keep every pin that still fits
    #[command(after_help = LOCK_EXAMPLES)]
    Lock(LockArguments),
    /// Build once, from the lock, and compare with the layers that it records, or with any image
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Move the lock forward: all of it, named packages, base images; everything else is held
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(UpdateArguments),
    /// List what an update would move, without a build
    #[command(after_help = OUTDATED_EXAMPLES)]
    Outdated(OutdatedArguments),
    /// Build once, from the lock, and put the image somewhere
    #[command(after_help = BUILD_EXAMPLES)]
    Build(BuildArguments),
    /// Compare any two images: what differs, and why
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArguments),
    /// The content behind the lock: push and pull it, verify it, collect garbage
    Store(StoreArguments),
    /// Explain a change of the lock: packages, advisories, changed files, risks
    #[command(after_help = REVIEW_EXAMPLES)]
    #[command(mut_arg("directory", |it| it.long("context").help_heading("Build")))]
    Review(ReviewArguments),
    /// Say what a cause or a rule means, and how to mend it
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
    /// Print the JSON Schema of a report
    Schema(SchemaArguments),
    /// Write what a repository needs to use rlock in CI: workflows, scripts, hooks
    #[command(after_help = INIT_HELP)]
    Init(InitArguments),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArguments),
    /// Write the manual pages into a directory
    Man(ManArguments),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  rlock check                                  the Dockerfile in this directory
  rlock check --locked --format json           in CI: the lock must exist and fit
  rlock check -f docker/web.Dockerfile --target final .
  rlock check --build-context debian:bookworm=oci-layout:///srv/debian
  rlock check --no-normalize all               is it identical as built?";

const LOCK_EXAMPLES: &str = "\
Examples:
  rlock lock                                   after a change of the Dockerfile
  rlock lock --locked                          does the lock fit? Writes nothing
  rlock lock --verify --base origin/main       is it what signed metadata says? Builds nothing";

const VERIFY_EXAMPLES: &str = "\
Examples:
  rlock verify                                 does a build give the layers in the lock?
  rlock verify --against registry.example/web:1.2";

const UPDATE_EXAMPLES: &str = "\
Examples:
  rlock update                                 everything but the base images
  rlock update --security                      what a later version repairs, and nothing else
  rlock update libssl3 requests                two packages, and what must move along
  rlock update --base                          what the names in FROM stand for now
  rlock update --to 2026-11-21                 packages of apt as they were on that day";

const OUTDATED_EXAMPLES: &str = "\
Examples:
  rlock outdated
  rlock outdated --security --exit-code        in a schedule: 1 where there is a security fix
  rlock outdated --advisories osv/ --require-advisories=7
                                               what osv/ says, which must cover everything";

const BUILD_EXAMPLES: &str = "\
Examples:
  rlock build -o oci:web:1.2                   an OCI image layout in the directory `web`
  rlock build -o docker-archive:web.tar:web:1.2 && docker load -i web.tar";

const DIFF_EXAMPLES: &str = "\
Examples:
  rlock diff debian:12.1 debian:12.2
  rlock diff docker-archive:old.tar docker-archive:new.tar
  rlock diff oci:layout:first oci:layout:second --format json
  rlock diff registry.example/web:1 dir:/mnt/rootfs --path /etc

Images:
  NAME[:TAG][@DIGEST], docker://NAME           in a registry
  oci:DIR[:TAG], oci-layout://DIR[:TAG][@DIGEST]
  docker-archive:FILE[:NAME:TAG]               made by `docker save`
  dir:DIR                                      a file tree
  /PATH, ./PATH, FILE.tar                      whichever of these lies there";

const REVIEW_EXAMPLES: &str = "\
Examples:
  rlock review                                 what the branch changes, since it left the default branch
  rlock review HEAD~1 --files                  builds both, and explains every changed file
  rlock review old.lock new.lock --format json
  rlock review --pr-body body.md --advisories osv/";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rlock explain                                list causes and rules
  rlock explain pyc-mtime";

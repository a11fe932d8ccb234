//! Where reports go: data to stdout or to files, errors to stderr.

use super::Done;
use super::args::{
    Arguments, Command, Format, OutputFile, ReportArguments, StoreCommand, StoreStatusArguments,
};
use super::diagnostic::Diagnostic;
use super::failure::Ending;
use crate::report::json::{self, Options, TimingsShown};
use crate::report::outcome::{self, Outcome, Roots};
use crate::report::terminal::{self, Detail, Screen};
use crate::report::{Failure, Report, github, gitlab, junit, markdown, pull_request, sarif};
use anyhow::Context as _;
use std::io::{IsTerminal as _, Write as _};

/// Columns and lines where nobody says how large the screen is.
const SCREEN: (usize, usize) = (100, 40);

/// The forms in which a command reports.
pub(super) struct Output<'a> {
    command: &'static str,
    format: Format,
    files: &'a [OutputFile],
    options: Options,
    detail: Detail,
}

impl<'a> Output<'a> {
    pub(super) fn of(arguments: &'a Arguments) -> Self {
        let detail = if arguments.global.verbose > 0 { Detail::All } else { Detail::Fit };
        let plain = |command| Self {
            command,
            format: Format::Text,
            files: &[],
            options: Options::default(),
            detail,
        };
        let with = |command, report: &'a ReportArguments| Self {
            format: report.format,
            files: &report.outputs,
            options: options(report),
            ..plain(command)
        };
        match &arguments.command {
            Command::Check(check) => with("check", &check.report),
            Command::Verify(verify) => with("verify", &verify.report),
            Command::Diff(diff) => with("diff", &diff.report),
            Command::Lock(lock) if lock.verify => with("proof", &lock.report),
            Command::Lock(lock) => with("lock", &lock.report),
            Command::Review(review) => with("review", &review.report),
            Command::Update(update) => with("update", &update.report),
            Command::Outdated(outdated) => with("outdated", &outdated.report),
            Command::Build(_) => plain("build"),
            Command::Store(store) => match &store.command {
                StoreCommand::Status(StoreStatusArguments { format, outputs, .. }) => {
                    Self { format: *format, files: outputs, ..plain("store-status") }
                }
                _ => plain("store"),
            },
            Command::Explain(_) => plain("explain"),
            Command::Schema(_) => plain("schema"),
            Command::Init(_) => plain("init"),
            Command::Completions(_) => plain("completions"),
            Command::Man(_) => plain("man"),
        }
    }

    /// Prints the report in every form that is asked for; answers the exit code.
    pub(super) fn done(&self, done: &Done) -> anyhow::Result<u8> {
        print(&self.render(done, self.format))?;
        for file in self.files {
            let text = anstream::adapter::strip_str(&self.render(done, file.format)).to_string();
            std::fs::write(&file.path, text)
                .with_context(|| format!("cannot write `{}`", file.path.display()))?;
        }
        Ok(done.status().exit_code(self.options.findings_exit))
    }

    /// Says why the command failed: to people on stderr, to programs on stdout and in files too.
    pub(super) fn failure(&self, diagnostic: &Diagnostic, ending: Ending) {
        let mut stderr = anstream::stderr();
        drop(stderr.write_all(diagnostic.render().as_bytes()));
        let Ending::Status(status) = ending else { return };
        let failure = diagnostic.failure(self.command, status);
        if self.format != Format::Text {
            drop(print(&self.failure_document(&failure, diagnostic, self.format)));
        }
        for file in self.files {
            let text = self.failure_document(&failure, diagnostic, file.format);
            // The command has failed already: what matters more has been said.
            if let Err(error) = std::fs::write(&file.path, text) {
                let path = file.path.display();
                drop(writeln!(stderr, "warning: cannot write `{path}`: {error}"));
            }
        }
    }

    fn failure_document(
        &self,
        failure: &Failure,
        diagnostic: &Diagnostic,
        format: Format,
    ) -> String {
        match format {
            Format::Text => anstream::adapter::strip_str(&diagnostic.render()).to_string(),
            Format::Json => json::failure(failure, self.options),
            forge => self.outcome(&Outcome::failed(failure), forge),
        }
    }

    /// A report in the words of a CI system; nothing in formats that are not of one.
    fn outcome(&self, outcome: &Outcome<'_>, format: Format) -> String {
        let exit_code = outcome.status.exit_code(self.options.findings_exit);
        let roots = roots();
        let outcome = &with_lock_lines(outcome.clone());
        match format {
            Format::Text | Format::Json => String::new(),
            Format::Sarif => sarif::sarif(outcome, &roots, exit_code),
            Format::Github => github::github(outcome, &roots),
            Format::Gitlab => gitlab::gitlab(outcome, &roots),
            Format::Junit => junit::junit(outcome, &roots),
            Format::Markdown => markdown::markdown(outcome, &roots, markdown::SUMMARY_MAX),
        }
    }

    fn render(&self, done: &Done, format: Format) -> String {
        let screen = Screen { width: width(), height: SCREEN.1, detail: self.detail };
        match (done, format) {
            (Done::Report(report), Format::Text) => report.text(screen),
            (Done::Report(report), Format::Json) => report.json(self.options),
            (Done::Report(Report::Review(report)), Format::Markdown) => {
                pull_request::markdown(report)
            }
            (Done::Report(report), format) => {
                report.outcome().map(|outcome| self.outcome(&outcome, format)).unwrap_or_default()
            }
            (Done::Build(report), _) => terminal::build(report, screen),
            (Done::Store(report), _) => terminal::store(report, screen),
            (Done::Text(text), _) => text.clone(),
        }
    }
}

/// What paths in a forge's formats are relative to.
pub(super) fn roots() -> Roots {
    // Where there is no current directory, paths stay as the user wrote them.
    let directory = std::path::absolute(".").unwrap_or_default();
    let repository = directory.ancestors().find(|folder| folder.join(".git").exists());
    Roots { repository: repository.map(Into::into), directory }
}

/// Where the lockfile has its steps. One that cannot be read is not pointed into.
fn with_lock_lines(mut outcome: Outcome<'_>) -> Outcome<'_> {
    let lock = outcome.subject.lock.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    outcome.lock_lines = lock.as_deref().map(outcome::lock_lines).unwrap_or_default();
    outcome
}

fn options(report: &ReportArguments) -> Options {
    let timings = if report.timings { TimingsShown::Yes } else { TimingsShown::No };
    Options { findings_exit: report.findings_exit(), timings }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the report"),
    }
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    let terminal = std::io::stdout().is_terminal();
    let size = terminal.then(|| rustix::termios::tcgetwinsize(std::io::stdout()).ok()).flatten();
    size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(SCREEN.0)
}

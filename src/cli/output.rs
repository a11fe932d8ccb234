//! Where reports go: data to stdout or to files, errors to stderr.

use super::Done;
use super::args::{
    Arguments, Command, Format, OutputFile, ReportArguments, StoreCommand, StoreStatusArguments,
};
use super::diagnostic::Diagnostic;
use super::failure::Ending;
use crate::report::Status;
use crate::report::json::{self, Options, TimingsShown};
use crate::report::terminal::{self, Detail, Screen};
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
            Command::Lock(lock) => with("lock", &lock.report),
            Command::Build(_) => plain("build"),
            Command::Store(store) => match &store.command {
                StoreCommand::Status(StoreStatusArguments { format, outputs, .. }) => {
                    Self { format: *format, files: outputs, ..plain("store-status") }
                }
                _ => plain("store"),
            },
            Command::Explain(_) => plain("explain"),
            Command::Schema(_) => plain("schema"),
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

    /// Says why the command failed: to people on stderr, to programs on stdout too.
    pub(super) fn failure(&self, diagnostic: &Diagnostic, ending: Ending) {
        let mut stderr = anstream::stderr();
        drop(stderr.write_all(diagnostic.render().as_bytes()));
        let Ending::Status(status) = ending else { return };
        if self.format == Format::Json {
            drop(print(&self.failure_document(diagnostic, status)));
        }
    }

    fn failure_document(&self, diagnostic: &Diagnostic, status: Status) -> String {
        json::failure(&diagnostic.failure(self.command, status), self.options)
    }

    fn render(&self, done: &Done, format: Format) -> String {
        let screen = Screen { width: width(), height: SCREEN.1, detail: self.detail };
        match (done, format) {
            (Done::Report(report), Format::Text) => report.text(screen),
            (Done::Report(report), Format::Json) => report.json(self.options),
            (Done::Build(report), _) => terminal::build(report, screen),
            (Done::Store(report), _) => terminal::store(report, screen),
            (Done::Text(text), _) => text.clone(),
        }
    }
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

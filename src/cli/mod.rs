//! The command line: one command a file; the only reader of arguments, environment, clock and terminal.

mod advisories;
pub mod args;
mod blaming;
mod build;
mod building;
mod check;
mod comparing;
mod context;
mod covering;
pub mod diagnostic;
mod diff;
mod downloads;
mod existing;
pub mod explain;
mod failure;
mod holding;
mod images;
mod init;
mod lifecycle;
mod listing;
mod lock;
mod locking;
mod moment;
mod narrowed;
mod notices;
mod output;
mod outside;
pub mod progress;
mod project;
mod proving;
mod results;
mod review;
mod scout;
mod secrets;
mod settings;
mod shell;
mod store;
mod update;
mod verify;

use crate::report::json::SchemaName;
use crate::report::{BuildReport, Report, Status, StoreReport};
use crate::sandbox;
use args::{
    Arguments, BuildArguments, CheckArguments, Command, LockArguments, LockMode, OutdatedArguments,
    RegistryArguments, ReviewArguments, StoreArguments, StoreCommand, UpdateArguments,
    VerifyArguments,
};
use clap::Parser as _;
use context::Context;
use failure::Ending;
use output::Output;
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// What a shell adds to the number of the signal that ended a program.
const SIGNAL_BASE: u8 = 128;

/// Runs the program: reads the arguments, carries out the command, prints what it found.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == sandbox::INIT_ARGUMENT) {
        return sandbox::init_main();
    }
    let arguments = Arguments::parse();
    context::set_color(arguments.global.color);
    let output = Output::of(&arguments);
    match carry_out(&arguments, &output) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let ending = failure::ending(&error);
            output.failure(&failure::diagnostic(&error), ending);
            match ending {
                Ending::Status(status) => ExitCode::from(status.code()),
                Ending::Interrupted(signal) => ExitCode::from(SIGNAL_BASE.saturating_add(signal)),
            }
        }
    }
}

fn carry_out(arguments: &Arguments, output: &Output<'_>) -> anyhow::Result<u8> {
    if arguments.command.builds() {
        // While there is one thread: the whole process moves into namespaces of its own.
        sandbox::enter()?;
    }
    if arguments.command.removes_trees() {
        // Unpacked layers may hold files of ids that only the user's namespace has. Without one they
        // stay until a build can remove them.
        if let Err(error) = sandbox::enter() {
            tracing::debug!(%error, "no namespace to remove files of other ids in");
        }
    }
    let context = Context::new(&arguments.global, arguments.command.registries())?;
    let done = dispatch(&arguments.command, &context);
    context.finish_progress();
    output.done(&done.map_err(|error| failure::interrupted(error, context.signal()))?)
}

/// What a command has to say.
enum Done {
    Report(Report),
    Build(Box<BuildReport>),
    Store(StoreReport),
    Text(String),
}

fn dispatch(command: &Command, context: &Context) -> anyhow::Result<Done> {
    Ok(match command {
        Command::Check(arguments) => {
            Done::Report(Report::Check(Box::new(check::run(arguments, context)?)))
        }
        Command::Lock(arguments) if arguments.verify => {
            Done::Report(Report::Proof(Box::new(proving::run(arguments, context)?)))
        }
        Command::Lock(arguments) => {
            Done::Report(Report::Lock(Box::new(lock::run(arguments, context)?)))
        }
        Command::Verify(arguments) => {
            Done::Report(Report::Verify(Box::new(verify::run(arguments, context)?)))
        }
        Command::Update(arguments) => {
            Done::Report(Report::Update(Box::new(update::run(arguments, context)?)))
        }
        Command::Outdated(arguments) => {
            Done::Report(Report::Outdated(Box::new(update::outdated::run(arguments, context)?)))
        }
        Command::Build(arguments) => Done::Build(Box::new(build::run(arguments, context)?)),
        Command::Diff(arguments) => {
            Done::Report(Report::Diff(Box::new(diff::run(arguments, context)?)))
        }
        Command::Store(arguments) => store::run(&arguments.command, context)?,
        Command::Review(arguments) => {
            Done::Report(Report::Review(Box::new(review::run(arguments, context)?)))
        }
        Command::Explain(arguments) => {
            Done::Text(explain::explain(arguments.name.as_deref(), output::width())?)
        }
        Command::Schema(arguments) => {
            Done::Text(SchemaName::from(arguments.name).text().to_owned())
        }
        Command::Init(arguments) => Done::Text(init::run(arguments)?),
        Command::Completions(arguments) => Done::Text(shell::completions(arguments)?),
        Command::Man(arguments) => Done::Text(shell::man(arguments)?),
    })
}

impl Done {
    fn status(&self) -> Status {
        match self {
            Self::Report(report) => report.status(),
            Self::Build(report) => report.status,
            Self::Store(report) => report.status(),
            Self::Text(_) => Status::Ok,
        }
    }
}

impl Command {
    /// Whether the command runs steps.
    fn builds(&self) -> bool {
        match self {
            Self::Check(_) | Self::Verify(_) | Self::Build(_) => true,
            // Whether a lock fits, or is proved, is told by files.
            Self::Lock(lock) => !lock.verify && lock.locking.lock_mode() == LockMode::Writable,
            Self::Update(update) => !update.dry_run,
            Self::Review(review) => review.files,
            Self::Outdated(_)
            | Self::Diff(_)
            | Self::Store(_)
            | Self::Explain(_)
            | Self::Schema(_)
            | Self::Init(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }

    /// Whether the command removes unpacked layers.
    fn removes_trees(&self) -> bool {
        matches!(self, Self::Store(StoreArguments { command: StoreCommand::Gc(gc) }) if !gc.dry_run)
    }

    /// How registries are spoken to, where the command does.
    fn registries(&self) -> RegistryArguments {
        match self {
            Self::Check(CheckArguments { input, .. })
            | Self::Lock(LockArguments { input, .. })
            | Self::Verify(VerifyArguments { input, .. })
            | Self::Build(BuildArguments { input, .. })
            | Self::Update(UpdateArguments { input, .. })
            | Self::Outdated(OutdatedArguments { input, .. })
            | Self::Review(ReviewArguments { input, .. }) => input.registries.clone(),
            Self::Diff(arguments) => arguments.registries.clone(),
            Self::Store(StoreArguments { command }) => match command {
                StoreCommand::Push(arguments) => arguments.registries.clone(),
                StoreCommand::Pull(arguments) => arguments.registries.clone(),
                StoreCommand::Status(arguments) => arguments.registries.clone(),
                StoreCommand::Verify(_) | StoreCommand::Gc(_) => RegistryArguments::default(),
            },
            Self::Explain(_)
            | Self::Schema(_)
            | Self::Init(_)
            | Self::Completions(_)
            | Self::Man(_) => RegistryArguments::default(),
        }
    }
}

/// How many builds may run at the same time: `--jobs`, else as many as there are processors.
fn jobs(wanted: Option<NonZeroUsize>) -> usize {
    wanted.map_or_else(processors, NonZeroUsize::get)
}

/// How many processors rlock may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

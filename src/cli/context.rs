//! What surrounds the process: environment, cache folder, signals, terminal. Nothing else reads them.

use super::args::{AuthHost, ColorChoice, GlobalArguments, RegistryArguments};
use super::downloads::Downloads;
use super::progress::{self, Progress, StandardError};
use crate::build::event::Sink;
use crate::registry;
use crate::report::inert;
use crate::store::{Stop, Store};
use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// The time by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "only `cli` reads the clock, and it does here")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// The surroundings of a command.
pub(super) struct Context {
    environment: BTreeMap<String, String>,
    store: Option<PathBuf>,
    /// Once opened it stays open: a collection of garbage waits for whoever has it open.
    opened: OnceLock<Store>,
    registries: RegistryArguments,
    progress: Arc<Progress>,
    events: Arc<Sink>,
    cancelled: Arc<AtomicBool>,
    signals: Signals,
}

impl Context {
    /// Takes over Ctrl-C: the first asks for an orderly end, a second one ends at once.
    pub(super) fn new(
        arguments: &GlobalArguments,
        registries: RegistryArguments,
    ) -> anyhow::Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let signals = Signals::take_over(&cancelled).context("cannot handle signals")?;
        let error = if std::io::stderr().is_terminal() {
            StandardError::Terminal
        } else {
            StandardError::Other
        };
        let style = progress::Style::choose(arguments.progress, error);
        let progress = Progress::new(style, Box::new(anstream::stderr()));
        let events = progress.sink();
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment = std::env::vars_os().filter_map(text).collect();
        Ok(Self {
            environment,
            store: arguments.store.clone(),
            opened: OnceLock::new(),
            registries,
            progress,
            events,
            cancelled,
            signals,
        })
    }

    /// A variable of the environment, where it is text.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// Opens the Store: `--store`, else `$XDG_CACHE_HOME/rlock`, else `~/.cache/rlock`.
    pub(super) fn open_store(&self) -> anyhow::Result<Store> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.clone());
        }
        let path = match (&self.store, self.directory("XDG_CACHE_HOME"), self.directory("HOME")) {
            (Some(path), _, _) => std::path::absolute(path)?,
            (None, Some(cache), _) => cache.join("rlock"),
            (None, None, Some(home)) => home.join(".cache/rlock"),
            (None, None, None) => bail!("there is no cache folder: HOME is not set"),
        };
        let store = Store::open(&path)?.stopped_by(self.stop());
        Ok(self.opened.get_or_init(|| store).clone())
    }

    /// An absolute directory that the environment names; as the XDG specification has it, others
    /// count as not set.
    fn directory(&self, variable: &str) -> Option<PathBuf> {
        self.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// A path that the environment names, absolute or not.
    fn path(&self, variable: &str) -> Option<PathBuf> {
        self.variable(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// How registries are spoken to.
    pub(super) fn registry_options(&self) -> registry::Options {
        let events = Arc::clone(&self.events);
        let RegistryArguments { insecure_registries, allow_auth_hosts } = self.registries.clone();
        registry::Options {
            insecure: insecure_registries.into_iter().map(|host| host.0).collect(),
            allow_auth_hosts: allow_auth_hosts
                .into_iter()
                .map(|AuthHost { registry, server }| (registry.0, server.0))
                .collect(),
            credential_files: registry::credential_files(
                self.path("DOCKER_CONFIG").as_deref(),
                self.path("REGISTRY_AUTH_FILE").as_deref(),
                self.directory("XDG_RUNTIME_DIR").as_deref(),
                self.directory("HOME").as_deref(),
            ),
            progress: Arc::new(Downloads::new(events).into_callback()),
            cancelled: Arc::clone(&self.cancelled),
            ..registry::Options::default()
        }
    }

    /// The same for who reads and writes files.
    pub(super) fn stop(&self) -> Stop {
        Stop::new(Arc::clone(&self.cancelled))
    }

    /// The signal that asked for the end, if one did.
    pub(super) fn signal(&self) -> Option<u8> {
        self.signals.noted()
    }

    /// Does something that leaves nothing to be tidied up, so that a signal may end it at once.
    pub(super) fn ended_at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.signal().is_some() {
            return work();
        }
        self.signals.at_once.store(true, Ordering::SeqCst);
        let done = work();
        self.signals.at_once.store(self.signal().is_some(), Ordering::SeqCst);
        done
    }

    /// Set when the user wants to stop, or when nobody waits for the result any more.
    pub(super) fn cancelled(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// As [`Context::cancelled`], for whoever outlives this.
    pub(super) fn cancelled_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// As [`Context::events`], for whoever outlives this.
    pub(super) fn shared_events(&self) -> Arc<Sink> {
        Arc::clone(&self.events)
    }

    /// Where events of builds go.
    pub(super) fn events(&self) -> &Sink {
        self.events.as_ref()
    }

    /// Says what is probably a mistake and stops nothing.
    pub(super) fn warn(&self, text: &str) {
        self.progress.finish();
        let warning = format!("{WARNING}warning{WARNING:#}: {}\n", inert::text(text));
        drop(anstream::stderr().write_all(warning.as_bytes()));
    }

    /// Clears what is drawn on the terminal, so that a report can follow.
    pub(super) fn finish_progress(&self) {
        self.progress.finish();
    }
}

/// The signals that ask for the end.
struct Signals {
    /// The number of the one that came.
    noted: Arc<AtomicUsize>,
    /// Whether the next one ends the process at once.
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// Takes them over: the first is noted and sets the flag, a second one ends the process.
    fn take_over(cancelled: &Arc<AtomicBool>) -> std::io::Result<Self> {
        let (noted, at_once) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for (signal, number) in [(SIGINT, 2), (SIGTERM, 15)] {
            flag::register_conditional_default(signal, Arc::clone(&at_once))?;
            flag::register(signal, Arc::clone(&at_once))?;
            flag::register_usize(signal, Arc::clone(&noted), number)?;
            flag::register(signal, Arc::clone(cancelled))?;
        }
        Ok(Self { noted, at_once })
    }

    fn noted(&self) -> Option<u8> {
        u8::try_from(self.noted.load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
    }
}

/// What `--color` says to whoever prints.
pub(super) fn set_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

//! Progress on standard error while something is built: live lines on a terminal, one line a step
//! elsewhere.

mod live;
mod steps;

#[cfg(test)]
mod tests;

use super::args::ProgressChoice;
use crate::build::event::{Event, EventKind, Sink};
use live::Live;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub(super) use steps::one_line;
use steps::{Moment, Steps};

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardError {
    /// A terminal: lines can be drawn again.
    Terminal,
    /// A file, a pipe, the log of a CI system.
    Other,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Running steps with a clock, drawn again and again; finished ones above them.
    Live,
    /// One line for each finished step.
    Lines,
    /// A line for each step that starts and ends, and what it writes.
    Plain,
    /// Nothing.
    Quiet,
}

impl Style {
    /// The style for `--progress` and what standard error is. What is no terminal cannot be drawn
    /// upon, even if it was asked for.
    pub fn choose(choice: ProgressChoice, error: StandardError) -> Self {
        match (choice, error) {
            (ProgressChoice::Quiet, _) => Self::Quiet,
            (ProgressChoice::Plain, _) => Self::Plain,
            (ProgressChoice::Auto | ProgressChoice::Tty, StandardError::Terminal) => Self::Live,
            (ProgressChoice::Auto | ProgressChoice::Tty, StandardError::Other) => Self::Lines,
        }
    }
}

/// Shows progress, and remembers what steps wrote.
#[derive(Debug)]
pub struct Progress {
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    steps: Steps,
    screen: Screen,
}

enum Screen {
    Live(Live),
    Lines(Box<dyn Write + Send>),
    Plain(Box<dyn Write + Send>),
    Quiet,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Live(_) => "Live",
            Self::Lines(_) => "Lines",
            Self::Plain(_) => "Plain",
            Self::Quiet => "Quiet",
        })
    }
}

impl Progress {
    /// Progress in `style`; lines go to `error`, live ones to the terminal of standard error.
    pub fn new(style: Style, error: Box<dyn Write + Send>) -> Arc<Self> {
        Self::on(match style {
            Style::Live => {
                Screen::Live(Live::new(indicatif::ProgressDrawTarget::stderr_with_hz(8)))
            }
            Style::Lines => Screen::Lines(error),
            Style::Plain => Screen::Plain(error),
            Style::Quiet => Screen::Quiet,
        })
    }

    fn on(screen: Screen) -> Arc<Self> {
        Arc::new(Self { shown: Mutex::new(Shown { steps: Steps::default(), screen }) })
    }

    /// Where a builder sends its events to.
    pub fn sink(self: &Arc<Self>) -> Arc<Sink> {
        let progress = Arc::clone(self);
        Arc::new(move |event| progress.take(&event))
    }

    /// Ends the drawing of live lines. To be called before anything else is printed.
    pub fn finish(&self) {
        if let Screen::Live(live) = &mut self.shown().screen {
            live.clear();
        }
    }

    fn take(&self, event: &Event) {
        let mut shown = self.shown();
        let Shown { steps, screen } = &mut *shown;
        for moment in steps.take(event) {
            screen.show(event, &moment);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // A thread that panicked while it printed has not broken what is remembered.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screen {
    fn show(&mut self, event: &Event, moment: &Moment) {
        match self {
            Self::Quiet => {}
            Self::Live(live) => live.show(event, moment),
            Self::Lines(out) => {
                if matches!(moment, Moment::Ended(_)) {
                    line(out, moment.text());
                }
            }
            Self::Plain(out) => {
                let moved = matches!(event.kind, EventKind::Transferred { .. });
                if !moved {
                    line(out, moment.text());
                }
            }
        }
    }
}

/// Progress that cannot be written is not worth failing for.
fn line(out: &mut impl Write, text: &str) {
    drop(writeln!(out, "{text}"));
}

//! Live lines: what is running, with a clock; what has ended stays above it.

use super::steps::Moment;
use crate::build::event::{BuildName, Event};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(125);

pub(super) struct Live {
    screen: MultiProgress,
    running: BTreeMap<(BuildName, Arc<str>), ProgressBar>,
}

impl Live {
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        Self { screen: MultiProgress::with_draw_target(target), running: BTreeMap::new() }
    }

    pub(super) fn show(&mut self, event: &Event, moment: &Moment) {
        let key = (event.build, Arc::clone(&event.step));
        match moment {
            Moment::Started(text) => {
                let bar = self.screen.add(ProgressBar::new_spinner().with_style(style()));
                bar.set_message(text.clone());
                bar.enable_steady_tick(TICK);
                self.running.insert(key, bar);
            }
            Moment::Underway(text) => {
                if let Some(bar) = self.running.get(&key) {
                    bar.set_message(text.clone());
                }
            }
            Moment::Wrote(_) => {}
            Moment::Ended(text) => {
                if let Some(bar) = self.running.remove(&key) {
                    self.screen.remove(&bar);
                }
                // A terminal that is gone does not end a build.
                drop(self.screen.println(text));
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.running.values().for_each(ProgressBar::finish_and_clear);
        self.running.clear();
        drop(self.screen.clear());
    }
}

/// The clock stands first, so that it does not move with the text.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

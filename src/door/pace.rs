//! Keeps one build behind another. Build B of a check starts later than build A, so that equal clocks
//! hide nothing; but a long download, which both wait for, would bring it abreast. So what A has got at
//! a moment B gets later, by as much as it started later.

use super::answer::{Growing, Progress};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How far behind a step's build is to stay; zero for one that nobody is ahead of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag(pub Duration);

impl Lag {
    /// Waits until what somebody got at `moment` is due.
    pub(super) async fn after(self, moment: Instant) {
        if !self.0.is_zero() {
            sleep_until(moment + self.0).await;
        }
    }

    /// A body that comes in later than it does. In steps of the lag's length: what is seen at a moment is
    /// passed on that much later, and only then is looked again.
    pub(super) fn behind(self, growing: Growing) -> Growing {
        if self.0.is_zero() {
            return growing;
        }
        let (sender, progress) = watch::channel(Progress::Written(0));
        let Growing { file, size, progress: mut ahead } = growing;
        tokio::spawn(async move {
            loop {
                let reached = *ahead.borrow_and_update();
                sleep(self.0).await;
                // Nobody listens, nothing more will come, or the writer is gone: who listens sees it.
                let is_over = sender.send(reached).is_err() || reached.is_end();
                if is_over || ahead.changed().await.is_err() {
                    return;
                }
            }
        });
        Growing { file, size, progress }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LAG: Lag = Lag(Duration::from_millis(200));

    fn growing() -> (watch::Sender<Progress>, Growing) {
        let (sender, progress) = watch::channel(Progress::Written(0));
        let file = Arc::new(tempfile::tempfile().unwrap());
        (sender, Growing { file, size: None, progress })
    }

    async fn ended(growing: &mut Growing) -> Option<Progress> {
        growing.progress.wait_for(|progress| progress.is_end()).await.ok().map(|end| *end)
    }

    #[tokio::test]
    async fn a_body_ends_later_than_it_does() {
        let (sender, ahead) = growing();
        let mut behind = LAG.behind(ahead);
        sender.send(Progress::Written(5)).unwrap();
        sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        sender.send(Progress::Complete(9)).unwrap();
        assert_eq!(ended(&mut behind).await, Some(Progress::Complete(9)));
        assert!(start.elapsed() >= LAG.0, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn who_is_ahead_is_not_held() {
        let (sender, ahead) = growing();
        let mut same = Lag::default().behind(ahead);
        let start = Instant::now();
        sender.send(Progress::Complete(9)).unwrap();
        assert_eq!(ended(&mut same).await, Some(Progress::Complete(9)));
        Lag::default().after(start + Duration::from_hours(1)).await;
        assert!(start.elapsed() < Duration::from_mins(1));
    }

    #[tokio::test]
    async fn what_breaks_off_breaks_off() {
        let (sender, ahead) = growing();
        let mut behind = LAG.behind(ahead);
        drop(sender);
        assert_eq!(ended(&mut behind).await, None);
    }
}

//! Something that is done again and again while something else runs.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Does `act`, and `look` at once and every `interval` until `act` is done, on a thread of its own.
/// A panic of `act` ends the looking, too.
pub(crate) fn meanwhile<T>(
    interval: Duration,
    mut look: impl FnMut() + Send,
    act: impl FnOnce() -> T,
) -> T {
    let (running, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            look();
            // Whoever drops the other end, by whatever way, ends this.
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                look();
            }
        });
        let _running = running;
        act()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const INTERVAL: Duration = Duration::from_millis(1);

    #[test]
    fn it_looks_until_the_act_is_done() {
        let (looked, looks) = mpsc::channel();
        let answer = meanwhile(
            INTERVAL,
            move || looked.send(()).unwrap(),
            || {
                looks.recv().unwrap();
                looks.recv().unwrap();
                7
            },
        );
        assert_eq!(answer, 7);
        // Nobody looks any more: otherwise this would never end.
        for () in &looks {}
    }

    #[test]
    fn a_panic_ends_the_looking() {
        let act = || meanwhile(INTERVAL, || {}, || panic!("of the act"));
        assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    }
}

//! What is shown for the events of a build.

use super::*;
use crate::build::event::BuildName;
use crate::build::event::{OutputStream, Place};
use std::io;
use std::time::Duration;

/// A writer that keeps what was written.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn started(build: BuildName, step: &str, name: &str, number: usize) -> Event {
    let place = Some(Place { number, total: 2 });
    Event::new(build, step, EventKind::Started { name: name.into(), place })
}

fn wrote(build: BuildName, step: &str, bytes: &[u8]) -> Event {
    Event::new(
        build,
        step,
        EventKind::Output { stream: OutputStream::Standard, bytes: bytes.into() },
    )
}

fn finished(build: BuildName, step: &str, seconds: u64) -> Event {
    Event::new(build, step, EventKind::Finished { elapsed: Duration::from_secs(seconds) })
}

fn a_check(send: &dyn Fn(Event)) {
    let base: Arc<str> = "debian:bookworm".into();
    let pull = |kind| Event::new(BuildName::Only, Arc::clone(&base), kind);
    send(pull(EventKind::Started { name: "pull debian:bookworm".into(), place: None }));
    send(pull(EventKind::Transferred { done: 1_000_000, total: Some(48_500_000) }));
    send(pull(EventKind::Transferred { done: 48_500_000, total: Some(48_500_000) }));
    send(pull(EventKind::Finished { elapsed: Duration::from_millis(2300) }));
    let run = "RUN apt-get update \\\n    && apt-get install -y \\\n    imagemagick";
    for build in [BuildName::A, BuildName::B] {
        send(started(build, "1", run, 1));
        send(wrote(build, "1", b"Get:1 http://deb.example bookworm InRel"));
        send(wrote(build, "1", b"ease\r\n\x1b[1mReading\x1b[0m 10%\rReading 99%\rDone\nlast"));
    }
    send(finished(BuildName::A, "1", 21));
    send(Event::new(BuildName::B, "1", EventKind::Failed { elapsed: Duration::from_secs(75) }));
    send(started(BuildName::A, "2", "COPY . /app", 2));
    send(Event::new(BuildName::A, "2", EventKind::Cached));
}

fn shown(style: Style) -> String {
    let kept = Kept::default();
    let progress = Progress::new(style, Box::new(kept.clone()));
    let sink = progress.sink();
    a_check(&|event| sink(event));
    progress.finish();
    kept.text()
}

#[test]
fn one_line_a_step_where_there_is_no_terminal() {
    insta::assert_snapshot!(shown(Style::Lines), @r#"
    pull debian:bookworm … 2.3 s, 48.5 MB
    [A 1/2] RUN apt-get update && apt-get install -y imagemagick … 21.0 s
    [B 1/2] RUN apt-get update && apt-get install -y imagemagick … failed after 1 m 15 s
    [A 2/2] COPY . /app … cached
    "#);
}

#[test]
fn plain_shows_what_steps_write() {
    insta::assert_snapshot!(shown(Style::Plain), @r#"
    pull debian:bookworm …
    pull debian:bookworm … 2.3 s, 48.5 MB
    [A 1/2] RUN apt-get update && apt-get install -y imagemagick …
    [A 1/2] Get:1 http://deb.example bookworm InRelease
    [A 1/2] Done
    [B 1/2] RUN apt-get update && apt-get install -y imagemagick …
    [B 1/2] Get:1 http://deb.example bookworm InRelease
    [B 1/2] Done
    [A 1/2] last
    [A 1/2] RUN apt-get update && apt-get install -y imagemagick … 21.0 s
    [B 1/2] last
    [B 1/2] RUN apt-get update && apt-get install -y imagemagick … failed after 1 m 15 s
    [A 2/2] COPY . /app …
    [A 2/2] COPY . /app … cached
    "#);
}

#[test]
fn quiet_shows_nothing() {
    let kept = Kept::default();
    let progress = Progress::new(Style::Quiet, Box::new(kept.clone()));
    let sink = progress.sink();
    a_check(&|event| sink(event));
    assert_eq!(kept.text(), "");
}

#[test]
fn the_style_follows_the_terminal() {
    use StandardError::{Other, Terminal};
    assert_eq!(Style::choose(ProgressChoice::Auto, Terminal), Style::Live);
    assert_eq!(Style::choose(ProgressChoice::Auto, Other), Style::Lines);
    assert_eq!(Style::choose(ProgressChoice::Tty, Other), Style::Lines);
    assert_eq!(Style::choose(ProgressChoice::Plain, Terminal), Style::Plain);
    assert_eq!(Style::choose(ProgressChoice::Quiet, Terminal), Style::Quiet);
}

#[test]
fn what_steps_write_is_bounded_and_inert() {
    let kept = Kept::default();
    let progress = Progress::new(Style::Plain, Box::new(kept.clone()));
    let sink = progress.sink();
    sink(started(BuildName::A, "1", "RUN \x1b[31mx ::error::", 1));
    for number in 0..200 {
        sink(wrote(BuildName::A, "1", format!("line {number}\n").as_bytes()));
    }
    sink(wrote(BuildName::A, "1", &vec![b'x'; 1 << 20]));
    sink(wrote(
        BuildName::A,
        "1",
        b"\n::error::owned\n\x1b]8;;http://evil.example\x07\n\xff\x07\n",
    ));
    assert!(kept.text().lines().all(|line| line.len() <= 4200));
    for line in kept.text().lines() {
        assert!(line.starts_with("[A 1/2] "), "{line}");
        assert!(line.chars().all(crate::report::inert::is_inert), "{line:?}");
    }
    assert!(!kept.text().contains("evil.example\u{7}"));
}

#[test]
fn events_of_unknown_steps_are_ignored() {
    let kept = Kept::default();
    let progress = Progress::new(Style::Plain, Box::new(kept.clone()));
    let sink = progress.sink();
    sink(wrote(BuildName::A, "1", b"lost\n"));
    sink(finished(BuildName::A, "1", 1));
    assert_eq!(kept.text(), "");
}

/// A terminal of 60 columns that keeps what is written to it.
#[derive(Debug, Clone, Default)]
struct Terminal(Kept);

impl indicatif::TermLike for Terminal {
    fn width(&self) -> u16 {
        60
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.clone().write_all(text.as_bytes())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\n")
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_terminal_gets_running_steps_and_finished_ones_above_them() {
    let terminal = Terminal::default();
    let target = indicatif::ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255);
    let progress = Progress::on(Screen::Live(Live::new(target)));
    let sink = progress.sink();
    sink(started(BuildName::A, "1", "RUN sleep 60", 1));
    sink(started(BuildName::B, "1", "RUN sleep 60", 1));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !terminal.0.text().contains("[B 1/2] RUN sleep 60 …") {
        assert!(std::time::Instant::now() < deadline, "{}", terminal.0.text());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(terminal.0.text().contains("0s [A 1/2] RUN sleep 60 …"), "{}", terminal.0.text());
    sink(finished(BuildName::A, "1", 3));
    assert!(terminal.0.text().contains("[A 1/2] RUN sleep 60 … 3.0 s"), "{}", terminal.0.text());
    progress.finish();
}

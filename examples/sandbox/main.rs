//! Runs a step in an overlay, both described by a JSON file, and prints what became of it as JSON: the
//! sandbox without a builder. `tests/it/sandbox` drives it, as root and as an ordinary user.

#![expect(clippy::print_stdout, reason = "what the client measures is its output")]

mod client;
mod gate;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gate::{Attended, Manner, Seen};
use rlock::sandbox::{self, Attendant, Overlay, Step, Stream};
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// Lower layers, lowest first; then `upper`, `work` and the place to mount on.
    lowers: Vec<PathBuf>,
    upper: PathBuf,
    work: PathBuf,
    target: PathBuf,
    /// Run one after the other in the same overlay.
    steps: Vec<Step>,
    /// After this time, the running step is cancelled.
    cancel_after_ms: Option<u64>,
    /// How a gate is attended to.
    #[serde(default)]
    gate: Manner,
}

/// What became of it.
#[derive(Serialize, Default)]
struct Outcome {
    privilege: String,
    steps: Vec<Ended>,
    error: Option<String>,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Ended {
    exit: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    elapsed_us: u128,
    /// Where the step was behind a gate.
    gate: Option<Seen>,
    /// How many files this process has open afterwards.
    open_files: usize,
}

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1).unwrap_or_default();
    if argument == sandbox::INIT_ARGUMENT {
        return sandbox::init_main();
    }
    if argument == "__connects" {
        return measure().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let mut outcome = Outcome::default();
    let result = read(&PathBuf::from(argument)).and_then(|scenario| play(&scenario, &mut outcome));
    if let Err(error) = result {
        outcome.error = Some(format!("{error:#}"));
        outcome.hint = error.downcast_ref().and_then(sandbox::SandboxError::hint);
    }
    let written = serde_json::to_writer(std::io::stdout(), &outcome).is_ok();
    if written && std::io::stdout().flush().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [count, address] = arguments.as_slice() else { anyhow::bail!("COUNT ADDRESS") };
    Ok(client::connects(count.parse()?, address.parse()?)?)
}

fn read(path: &std::path::Path) -> anyhow::Result<Scenario> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn play(scenario: &Scenario, outcome: &mut Outcome) -> anyhow::Result<()> {
    outcome.privilege = format!("{:?}", sandbox::enter()?);
    let overlay =
        Overlay::mount(&scenario.lowers, &scenario.upper, &scenario.work, &scenario.target)?;
    let cancelled = Arc::new(AtomicBool::new(false));
    if let Some(delay) = scenario.cancel_after_ms {
        let cancelled = Arc::clone(&cancelled);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(delay));
            cancelled.store(true, Ordering::Relaxed);
        });
    }
    for step in &scenario.steps {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let start = Instant::now();
        let mut take = |stream, bytes: &[u8]| match stream {
            Stream::Stdout => stdout.extend_from_slice(bytes),
            Stream::Stderr => stderr.extend_from_slice(bytes),
        };
        let mut attended = None;
        let mut attend = |gate| attended = Some(Attended::start(gate, scenario.gate));
        let attendant = Attendant { output: &mut take, gate: &mut attend };
        let exit = format!("{:?}", sandbox::run(step, attendant, &cancelled)?);
        let elapsed_us = start.elapsed().as_micros();
        let gate = attended.transpose()?.map(Attended::end);
        let open_files = std::path::Path::new("/proc/self/fd").read_dir()?.count();
        outcome.steps.push(Ended { exit, stdout, stderr, elapsed_us, gate, open_files });
    }
    Ok(overlay.unmount()?)
}

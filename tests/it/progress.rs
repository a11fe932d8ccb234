//! What people see while something is built, and when a step of theirs fails.

use crate::home::mark;
use crate::world::{Ran, World, base, succeed, tool};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FAILING: &str = "FROM busybox\nENV NAME=value\nRUN echo one; echo two >&2; \\\n    exit 3\n";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// With every number of seconds as `0.0 s`.
fn without_times(text: &str) -> String {
    let shown = text.split_inclusive('\n').map(|line| match line.rsplit_once(" … ") {
        Some((title, rest)) if rest.trim_end().ends_with(" s") => {
            let words = rest.rsplit_once(' ').unwrap().0;
            let how = words.rsplit_once(' ').map_or(String::new(), |(how, _)| format!("{how} "));
            format!("{title} … {how}0.0 s\n")
        }
        _ => line.to_owned(),
    });
    shown.collect()
}

#[test]
fn one_line_a_step_and_a_whole_picture_of_the_failure() {
    let world = World::new(FAILING);
    let ran = world.on_busybox("build", &[]).expect(4);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(without_times(&ran.stderr), @r"
    [1/2] ENV NAME=value … 0.0 s
    [2/2] RUN echo one; echo two >&2; exit 3 … failed after 0.0 s
    error: `RUN echo one; echo two >&2; exit 3` at line 3 failed with exit code 3
     --> Dockerfile:3:1
      |
    3 | / RUN echo one; echo two >&2; \
    4 | |     exit 3
      | |__________^ failed with exit code 3
    it wrote, at the end:
      | one
      | two
    ");
}

#[test]
fn plain_shows_what_steps_write() {
    let world = World::new(
        "FROM busybox\nRUN printf 'a\\rb\\nhalf'; sleep 1; echo x >&2; sleep 1; echo line\n",
    );
    let ran = world.on_busybox("build", &["--progress=plain"]).expect(0);
    insta::assert_snapshot!(without_times(&ran.stderr), @r"
    [1/1] RUN printf 'a\rb\nhalf'; sleep 1; echo x >&2; sleep 1; echo… …
    [1/1] b
    [1/1] x
    [1/1] halfline
    [1/1] RUN printf 'a\rb\nhalf'; sleep 1; echo x >&2; sleep 1; echo… … 0.0 s
    ");
}

#[test]
fn quiet_shows_nothing_but_the_error() {
    let world = World::new(FAILING);
    let ran = world.on_busybox("build", &["--progress=quiet"]).expect(4);
    assert!(ran.stderr.starts_with("error: `RUN echo one"), "{}", ran.stderr);
    world.write("Dockerfile", "FROM busybox\nRUN echo loud\n");
    assert_eq!(world.on_busybox("build", &["--progress=quiet"]).expect(0).stderr, "");
}

/// Lines come when they are written, not when the step ends.
#[test]
fn output_comes_as_it_is_written() {
    let mark = mark();
    let world = World::new(&format!("FROM busybox\nRUN echo first; sleep {mark}\n"));
    let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
    let mut command = world.command();
    command.args(["build", "--progress=plain", "--build-context", &context]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let start = Instant::now();
    while line.trim_end() != "[1/1] first" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "ended early");
    }
    assert!(start.elapsed() < Duration::from_mins(1));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The last 20 lines, of a step that writes much more, and each of a bounded length.
#[test]
fn only_the_end_of_long_output_is_repeated() {
    let script = "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; \
        head -c 100000 /dev/zero | tr '\\0' x; exit 1";
    let world = World::new(&format!("FROM busybox\nRUN {script}\n"));
    let ran = world.on_busybox("build", &[]).expect(4);
    let (_, output) = ran.stderr.split_once("at the end:\n").unwrap();
    let shown: Vec<&str> = output.lines().take_while(|line| line.starts_with("  | ")).collect();
    assert_eq!(shown.len(), 20, "{}", ran.stderr);
    assert_eq!(shown[18], "  | line 4999");
    assert!(shown[19].len() < 2000);
    assert!(!ran.stderr.contains("line 4980\n"));
}

/// What a step writes cannot do anything to the terminal, nor speak to a CI system.
#[test]
fn output_of_steps_is_inert() {
    let script = "printf '\\033]0;title\\007\\033[31mred\\n::error::x\\n##vso[task]\\n'; exit 1";
    let world = World::new(&format!("FROM busybox\nRUN {script}\n"));
    for progress in ["plain", "auto"] {
        let ran = world.on_busybox("build", &["--progress", progress]).expect(4);
        assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", ran.stderr);
        for line in lines(&ran.stderr) {
            assert!(!line.starts_with("::") && !line.starts_with("##"), "{line}");
        }
    }
}

fn colored(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> bool {
    let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
    let mut command = world.command();
    command.env_remove("NO_COLOR").envs(environment.iter().copied());
    command.args(["build", "--build-context", &context]).args(arguments);
    Ran::of(&command.output().unwrap()).expect(4).stderr.contains('\u{1b}')
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let world = World::new(FAILING);
    assert!(!colored(&world, &[], &[]), "no terminal");
    assert!(colored(&world, &["--color=always"], &[]));
    assert!(colored(&world, &["--color=always"], &[("NO_COLOR", "1")]), "the option wins");
    assert!(!colored(&world, &["--color=never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(colored(&world, &[], &[("CLICOLOR_FORCE", "1")]));
}

/// What a terminal gets, by way of `script`, which runs a command on one.
fn on_terminal(world: &World, environment: &str, arguments: &str) -> String {
    let context = format!("busybox=oci-layout://{}:latest", base("busybox").display());
    let program = env!("CARGO_BIN_EXE_rlock");
    let line = format!(
        "stty cols 80; cd '{}'; env {environment} '{program}' build --build-context '{context}' {arguments}",
        world.path("context").display()
    );
    let mut command: Command = tool("script", "bsdutils");
    command.env("XDG_CACHE_HOME", world.path("cache")).env("TERM", "xterm");
    succeed(command.args(["-qec", &format!("{line} || true"), "/dev/null"]).env_remove("NO_COLOR"))
}

#[test]
fn a_terminal_shows_what_runs_and_colours_errors() {
    let world = World::new("FROM busybox\nRUN sleep 2\nRUN exit 3\n");
    let shown = on_terminal(&world, "LANG=C.UTF-8", "");
    assert!(shown.contains("[1/2] RUN sleep 2 …"), "{shown:?}");
    assert!(shown.contains("[2/2] RUN exit 3 … failed after"), "{shown:?}");
    assert!(shown.contains("\u{1b}[1m\u{1b}[31merror"), "{shown:?}");
    let plain = on_terminal(&world, "NO_COLOR=1", "");
    assert!(!plain.contains("\u{1b}[31m") && plain.contains("error: `RUN exit 3`"), "{plain:?}");
    let never = on_terminal(&world, "", "--color=never --progress=plain");
    assert!(!never.contains('\u{1b}'), "{never:?}");
}

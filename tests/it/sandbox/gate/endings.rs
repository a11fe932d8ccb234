//! Steps behind a gate that wait, are killed, lack a power, or are many; and what a connection costs.

use std::process::Command;
use std::time::{Duration, Instant};

use rlock::sandbox::Bind;

use super::{checked, gated, program};
use crate::sandbox::stage::{self, Actor, Outcome, Stage};
use crate::sandbox::{marker, wait_until};

/// A gate that accepts nobody: with room for two, the third waits.
fn play_ignored(stage: &Stage, text: &str, cancel_after_ms: Option<u64>) -> Outcome {
    stage.renew();
    let mut scenario = stage.scenario(vec![program(stage, text)]);
    (scenario.gate, scenario.cancel_after_ms) = ("ignore", cancel_after_ms);
    stage.play(&scenario)
}

#[test]
fn who_waits_does_not_hold_up_others() {
    for stage in Stage::each() {
        let text = r#"
def connect(number):
    socket.socket().connect(("192.0.2.1", number))
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        connect(number + 1)
        time.sleep(1000)
    children.append(child)
time.sleep(0.5)
s = socket.socket()
s.setblocking(False)
print(errno.errorcode[s.connect_ex(("192.0.2.1", 99))], errno.errorcode[s.connect_ex(("192.0.2.1", 99))])
listener = socket.create_server(("127.0.0.1", 80))
socket.create_connection(("127.0.0.1", 80))
for child in children:
    os.kill(child, signal.SIGKILL)
print([os.waitpid(child, 0)[1] for child in children] == [9] * 8)
"#;
        let mut outcome = play_ignored(&stage, text, None);
        assert_eq!(outcome.error, None);
        let ended = outcome.steps.remove(0);
        assert!(ended.elapsed_us < 20_000_000, "{}", ended.elapsed_us);
        assert_eq!(checked(ended).0, "EINPROGRESS EALREADY\nTrue\n", "killed while connecting");
        let start = Instant::now();
        let forever = "while True:\n    threading.Thread(target=lambda: \
            socket.create_connection((\"192.0.2.1\", 1))).start()\n    time.sleep(0.01)\n";
        let outcome = play_ignored(&stage, forever, Some(1500));
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.steps.first().unwrap().exit, "Cancelled");
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

#[test]
fn nothing_survives_a_kill_of_rlock() {
    for stage in Stage::each() {
        let marker = marker(&stage);
        let is_running = |marker: &str| {
            let found = Command::new("pgrep").args(["-f", marker]).output().unwrap();
            found.stdout.split(|byte| *byte == b'\n').count() - 1
        };
        let one = format!("bash -c ': < /dev/tcp/192.0.2.1/1; sleep {marker}' &");
        let mut scenario = stage.scenario(vec![gated(&stage, &format!("{} wait", one.repeat(6)))]);
        scenario.gate = "ignore";
        let mut child = stage.start(&scenario);
        wait_until("the step runs", || is_running(&marker) >= 6);
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the step is gone", || is_running(&marker) == 0);
    }
}

#[test]
fn without_anybody_there_connections_are_refused() {
    for stage in Stage::each() {
        let step = program(
            &stage,
            r#"
try:
    greeted(("192.0.2.1", 443))
except ConnectionRefusedError:
    print("refused")
"#,
        );
        stage.renew();
        let mut scenario = stage.scenario(vec![step]);
        scenario.gate = "refuse";
        let ended = stage.play(&scenario).steps.remove(0);
        assert_eq!(checked(ended).0, "refused\n");
    }
}

#[test]
fn no_descriptor_is_left_over() {
    for stage in Stage::each() {
        let script = "exec 3<>/dev/tcp/192.0.2.1/80 && cat <&3";
        let mut step = gated(&stage, "");
        step.argv = ["/bin/bash", "-c", script].map(|word| word.as_bytes().to_vec()).to_vec();
        let mut steps = vec![step; 50];
        let mut killed = gated(&stage, "kill -9 $$");
        killed.argv = vec![b"/none".to_vec()];
        steps.push(killed);
        stage.renew();
        let outcome = stage.play(&stage.scenario(steps));
        assert_eq!(outcome.error, None);
        let counts: Vec<usize> = outcome.steps.iter().map(|step| step.open_files).collect();
        assert_eq!(counts, vec![counts[0]; 51]);
        for ended in outcome.steps.into_iter().take(50) {
            assert_eq!(checked(ended).0, "192.0.2.1:80\n");
        }
    }
}

#[test]
fn without_the_power_to_redirect_the_way_out_is_named() {
    if !stage::is_root() {
        println!("left out: giving up a power of root needs root");
        return;
    }
    let stage = Stage::new(Actor::Root);
    let mut step = gated(&stage, "echo never");
    (step.uid, step.gid) = (65_534, 65_534);
    let scenario = stage.scenario(vec![step]);
    let powerless = "setpriv --bounding-set=-sys_ptrace --inh-caps=-all";
    let outcome = stage::outcome(stage.start_behind(powerless, &scenario));
    let error = outcome.error.unwrap();
    assert!(error.contains("redirecting its connections"), "{error}");
    assert!(outcome.hint.unwrap().contains("--cap-add SYS_PTRACE"));
    // A step of root's, that becomes somebody else later on.
    stage.renew();
    let step = gated(
        &stage,
        "setpriv --reuid 65534 --clear-groups bash -c ': < /dev/tcp/192.0.2.1/1'; true",
    );
    let outcome = stage::outcome(stage.start_behind(powerless, &stage.scenario(vec![step])));
    assert!(
        outcome.hint.unwrap_or_default().contains("--cap-add SYS_PTRACE"),
        "{:?}",
        outcome.error
    );
}

/// Prints what a redirected connection costs, beside one to a server of the step's own.
#[test]
fn a_connection_costs_little() {
    let count = 5000;
    for stage in Stage::each() {
        let target = b"tmp/client".to_vec();
        let bind = Bind { source: stage.path("sandbox"), target, read_only: true };
        let mut step = gated(&stage, &format!("/tmp/client __connects {count} 192.0.2.1:443"));
        step.binds.push(bind);
        stage.renew();
        let mut scenario = stage.scenario(vec![step]);
        scenario.gate = "brief";
        let ended = stage.play(&scenario).steps.remove(0);
        let elapsed_us = ended.elapsed_us;
        let (stdout, seen) = checked(ended);
        let (each_us, _) = stdout.split_once(' ').unwrap();
        println!(
            "{:?}: {each_us} µs a connect, {elapsed_us} µs for {count} and their answers",
            stage.actor
        );
        assert_eq!((seen.connections.len(), seen.unknown), (count, 0));
        assert!(each_us.parse::<f64>().unwrap() < 2000.0, "{each_us}");
    }
}

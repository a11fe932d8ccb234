//! The sandbox against the real kernel, as root and as an ordinary user.

#![expect(clippy::unwrap_used, reason = "shared functions of tests are tests")]

mod gate;
mod stage;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

use rlock::sandbox::{Bind, Network, Surroundings, mount_points_layer};
use stage::{Actor, Stage};

/// What a container sees of itself, as Docker's default has it.
#[test]
fn a_step_has_the_powers_of_a_container() {
    for stage in Stage::each() {
        let script = "id -u; id -g; echo $$; hostname; umask; \
            grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status; \
            mkdir /tmp/m && mount -t tmpfs none /tmp/m 2>/dev/null || echo no mount; \
            unshare -U true 2>/dev/null || echo no namespace";
        let ended = stage.run(stage.step(script));
        assert_eq!(ended.exit, "Code(0)", "{}", ended.stderr());
        let caps = "00000000a80425fb";
        let expected = format!(
            "0\n0\n1\nbuildkitsandbox\n0022\nCapInh:\t{z}\nCapPrm:\t{caps}\nCapEff:\t{caps}\n\
             CapBnd:\t{caps}\nCapAmb:\t{z}\nNoNewPrivs:\t0\nSeccomp:\t2\nno mount\nno namespace\n",
            z = "0000000000000000"
        );
        assert_eq!(ended.stdout(), expected, "{:?}", stage.actor);
    }
}

#[test]
fn the_actor_is_told() {
    for stage in Stage::each() {
        let outcome = stage.play(&stage.scenario(Vec::new()));
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.privilege, format!("{:?}", stage.actor));
    }
}

#[test]
fn devices_proc_and_sys_are_those_of_a_container() {
    for stage in Stage::each() {
        let script = "ls /dev | grep -vx core | tr '\\n' ' '; echo; \
            head -c 3 /dev/zero | wc -c; echo x > /dev/null; head -c 4 /dev/urandom | wc -c; \
            stat -c '%a' /dev/null /dev/shm /dev; readlink /dev/ptmx; \
            head -c 1 /proc/kcore | wc -c; ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w; \
            echo 1 2>/dev/null > /proc/sys/kernel/hostname || echo ro; \
            touch /sys/x 2>/dev/null || echo ro; ls /proc | grep -c '^[0-9]'";
        let ended = stage.run(stage.step(script));
        let expected = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \n\
            3\n4\n666\n1777\n755\npts/ptmx\n0\n0\nro\nro\n";
        let stdout = ended.stdout();
        let processes = stdout.strip_prefix(expected);
        let processes: u32 =
            processes.unwrap_or_else(|| panic!("{stdout}")).trim().parse().unwrap();
        assert!(processes <= 4, "only its own processes are seen: {stdout}");
    }
}

/// Mount points and binds leave nothing, whether the image has their places or not.
#[test]
fn nothing_is_left_in_the_upper_directory() {
    for stage in Stage::each() {
        let bound = stage.path("bound");
        fs::write(&bound, "bound\n").unwrap();
        let bind = |target: &str| Bind {
            source: bound.clone(),
            target: target.as_bytes().to_vec(),
            read_only: true,
        };
        symlink("../run/resolve/stub", stage.path("base/etc/resolv.conf")).unwrap();
        let before = fs::metadata(stage.path("upper")).unwrap().mtime_nsec();
        let mut step = stage.step(
            "cat /etc/resolv.conf /etc/hosts /dev/pipes/script; \
             echo x 2>/dev/null > /etc/hosts || echo ro; rm /etc/hosts 2>/dev/null || echo busy",
        );
        step.binds.extend(["etc/resolv.conf", "etc/hosts", "dev/pipes/script"].map(bind));
        let ended = stage.run(step);
        assert_eq!(ended.stdout(), "bound\nbound\nbound\nro\nbusy\n", "{}", ended.stderr());
        assert_eq!(stage.left(), ["etc"], "only the directory, copied up");
        assert_eq!(fs::metadata(stage.path("upper")).unwrap().mtime_nsec(), before);
        let copied = fs::metadata(stage.path("upper/etc")).unwrap();
        let original = fs::metadata(stage.path("base/etc")).unwrap();
        assert_eq!(
            (copied.mtime(), copied.mtime_nsec()),
            (original.mtime(), original.mtime_nsec())
        );
    }
}

#[test]
fn with_the_layer_of_mount_points_not_even_a_directory_is_left() {
    for mut stage in Stage::each() {
        let bound = stage.path("bound");
        fs::write(&bound, "bound\n").unwrap();
        let points = stage.path("points");
        fs::create_dir(&points).unwrap();
        mount_points_layer(&points, &[b"etc/hosts"], &|path| path == b"etc").unwrap();
        stage.lowers.insert(0, points);
        let mut step = stage.step("cat /etc/hosts; echo new > /tmp/new");
        step.binds.push(Bind { source: bound, target: b"etc/hosts".to_vec(), read_only: true });
        assert_eq!(stage.run(step).stdout(), "bound\n");
        assert_eq!(stage.left(), ["tmp", "tmp/new"]);
    }
}

#[test]
fn an_image_from_nothing_has_a_place_to_run() {
    for mut stage in Stage::each() {
        stage.lowers.clear();
        let mut step = stage.step("");
        let loader = "usr/bin/true";
        step.argv = vec![format!("/{loader}").into_bytes()];
        for library in ["lib", "lib64"] {
            let source = fs::canonicalize(format!("/{library}")).unwrap();
            step.binds.push(Bind { source, target: library.into(), read_only: true });
        }
        let ended = stage.run(step);
        assert_eq!(ended.exit, "Code(0)", "{}", ended.stderr());
        assert!(stage.left().is_empty(), "{:?}", stage.left());
    }
}

#[test]
fn another_user_has_no_powers_but_its_streams() {
    for stage in Stage::each() {
        let mut step = stage.step(
            "id -u; id -g; id -G; grep -E '^Cap(Eff|Bnd)' /proc/self/status; echo a > /dev/stdout; \
             echo b 2>/dev/null > /root/x || echo denied",
        );
        (step.uid, step.gid, step.groups) = (1234, 2345, vec![42, 43]);
        let ended = stage.run(step);
        let expected = "1234\n2345\n2345 42 43\nCapEff:\t0000000000000000\n\
            CapBnd:\t00000000a80425fb\na\ndenied\n";
        assert_eq!(ended.stdout(), expected, "{:?} {}", stage.actor, ended.stderr());
    }
}

#[test]
fn owners_reach_the_upper_directory() {
    for stage in Stage::each() {
        let ended =
            stage.run(stage.step("echo x > /tmp/f && chown 7:8 /tmp/f && stat -c %u:%g /tmp/f"));
        assert_eq!(ended.stdout(), "7:8\n", "{}", ended.stderr());
        let found = fs::metadata(stage.path("upper/tmp/f")).unwrap();
        // Id 1 of the namespace is the first of the range.
        let offset = if stage.actor == Actor::Root { 0 } else { first_subordinate_id() - 1 };
        assert_eq!((found.uid(), found.gid()), (7 + offset, 8 + offset));
    }
}

fn first_subordinate_id() -> u32 {
    let text = fs::read_to_string("/etc/subuid").unwrap();
    let name = if rustix::process::geteuid().is_root() {
        "rlock-test".to_owned()
    } else {
        String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap()
    };
    let line = text.lines().find(|line| line.starts_with(&format!("{}:", name.trim()))).unwrap();
    line.split(':').nth(1).unwrap().parse().unwrap()
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    let stage = Stage::each().remove(0);
    let run = |argv: &[&str]| {
        let mut step = stage.step("");
        step.argv = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        let ended = stage.fresh_run(step);
        (ended.exit.clone(), ended.stderr())
    };
    assert_eq!(run(&["sh", "-c", "exit 3"]).0, "Code(3)");
    let (exit, reason) = run(&["nonsense"]);
    assert_eq!(exit, "Code(127)");
    assert_eq!(reason, "`nonsense`: not found in PATH (`/usr/sbin:/usr/bin`)\n");
    let (exit, reason) = run(&["/usr"]);
    assert_eq!((exit.as_str(), reason.as_str()), ("Code(126)", "`/usr`: permission denied\n"));
    fs::write(stage.path("base/script"), "#!/no/such/shell\n").unwrap();
    make_executable(&stage.path("base/script"));
    let (exit, reason) = run(&["/script"]);
    assert_eq!(exit, "Code(127)");
    assert!(reason.contains("interpreter"), "{reason}");
    fs::write(stage.path("base/junk"), "\u{7f}JUNK").unwrap();
    make_executable(&stage.path("base/junk"));
    let (exit, reason) = run(&["/junk"]);
    assert_eq!(exit, "Code(126)");
    assert!(reason.contains("another platform"), "{reason}");
}

#[test]
fn a_killed_command_is_told_by_its_signal() {
    let stage = Stage::each().remove(0);
    let marker = marker(&stage);
    let scenario = stage.scenario(vec![stage.step(&format!("exec sleep {marker}"))]);
    let child = stage.start(&scenario);
    wait_until("the step runs", || is_running(&marker));
    let killed = Command::new("pkill").args(["-KILL", "-fx", &format!("sleep {marker}")]).status();
    assert!(killed.unwrap().success());
    let outcome = stage::outcome(child);
    assert_eq!(outcome.steps.first().map(|step| step.exit.as_str()), Some("Signal(9)"));
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn output_is_whole_and_in_order() {
    let stage = Stage::each().remove(0);
    // The reader in the background keeps the pipe open when process 1 has ended.
    let ended = stage.run(stage.step("seq 1 300000; seq 1 300000 >&2; sleep 1000 & echo end"));
    let mut expected: String =
        (1..=300_000).flat_map(|number| [number.to_string(), "\n".to_owned()]).collect();
    assert_eq!(ended.stderr(), expected);
    expected.push_str("end\n");
    assert_eq!(ended.stdout(), expected);
    assert!(ended.elapsed_us < 60_000_000);
}

#[test]
fn input_is_given_or_empty() {
    let stage = Stage::each().remove(0);
    let mut step = stage.step("cat; readlink /proc/self/fd/0 | head -c 5");
    step.stdin = Some(b"from outside\n".to_vec());
    assert_eq!(stage.fresh_run(step).stdout(), "from outside\n/memf");
    let step = stage.step("cat; readlink /proc/self/fd/0; ls /proc/self/fd | tr '\\n' ' '");
    assert_eq!(stage.fresh_run(step).stdout(), "/dev/null\n0 1 2 3 ", "3 is that of `ls`");
}

#[test]
fn without_network_there_is_only_the_loopback() {
    for stage in Stage::each() {
        let mut step = stage.step(
            "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '; cat /sys/class/net/lo/flags",
        );
        step.network = Network::None;
        assert_eq!(stage.run(step).stdout(), "lo\n0x9\n");
    }
}

#[test]
fn varied_surroundings_can_be_seen() {
    for stage in Stage::each() {
        let script = "hostname; cat /proc/self/personality; sh -c 'echo $$'; nproc; umask";
        let mut step = stage.step(script);
        step.surroundings = Surroundings::varied();
        let outcome = stage.play(&stage.scenario(vec![stage.step(script), step]));
        let seen: Vec<String> = outcome.steps.iter().map(stage::Ended::stdout).collect();
        let [first, varied] = seen.as_slice() else { panic!("{outcome:?}") };
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(*first, format!("buildkitsandbox\n00040000\n4\n{processors}\n0022\n"));
        let fewer = if processors > 1 { processors - 1 } else { 1 };
        assert!(varied.starts_with("rlock-varied\n00000000\n2000"), "{varied}");
        assert!(varied.ends_with(&format!("\n{fewer}\n0022\n")), "{varied}");
    }
}

#[test]
fn cancelling_is_prompt_and_thorough() {
    for stage in Stage::each() {
        let marker = marker(&stage);
        let script =
            format!("sleep {marker} & setsid sleep {marker} & trap '' TERM INT; sleep {marker}");
        let mut scenario = stage.scenario(vec![stage.step(&script)]);
        scenario.cancel_after_ms = Some(700);
        let start = Instant::now();
        let outcome = stage.play(&scenario);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(outcome.steps.first().map(|step| step.exit.as_str()), Some("Cancelled"));
        let elapsed = outcome.steps.first().unwrap().elapsed_us;
        assert!(elapsed < 2_700_000, "{elapsed}");
        assert!(!is_running(&marker));
    }
}

/// Killed by force, rlock leaves neither processes nor mounts.
#[test]
fn nothing_survives_a_kill() {
    for stage in Stage::each() {
        let marker = marker(&stage);
        let script = format!("setsid sleep {marker} & sleep {marker}");
        let mut child = stage.start(&stage.scenario(vec![stage.step(&script)]));
        wait_until("the step runs", || is_running(&marker));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the step is gone", || !is_running(&marker));
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(stage.path("target").to_str().unwrap()), "{mounts}");
    }
}

/// A number of seconds that no other process sleeps.
fn marker(stage: &Stage) -> String {
    let name = stage.path("");
    let sum = name
        .to_string_lossy()
        .bytes()
        .fold(0_u64, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
    format!("77{sum}")
}

fn is_running(marker: &str) -> bool {
    let output = Command::new("pgrep").args(["-fx", &format!("sleep {marker}")]).output().unwrap();
    !output.stdout.is_empty()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within 20 seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn many_layers_and_awkward_names_are_mounted() {
    for mut stage in Stage::each() {
        for number in 0..130 {
            let layer = stage.path(&format!(
                "layer, {number}: \\ with a name that fills the options of a mount"
            ));
            fs::create_dir_all(layer.join("etc")).unwrap();
            fs::write(layer.join("etc/top"), number.to_string()).unwrap();
            fs::write(layer.join(format!("etc/{number}")), "").unwrap();
            stage.lowers.push(layer);
        }
        assert_eq!(stage.run(stage.step("cat /etc/top; ls /etc | wc -l")).stdout(), "129131\n");
    }
}

#[test]
fn what_is_missing_is_named() {
    for stage in Stage::each() {
        let mut step = stage.step("true");
        step.cwd = b"/none".to_vec();
        let outcome = stage.play(&stage.scenario(vec![step]));
        let error = outcome.error.unwrap();
        assert!(error.contains("changing to its working directory `/none`"), "{error}");
        assert_eq!(outcome.hint.as_deref(), Some("`WORKDIR /none` makes the directory"));
        stage.renew();
        let mut scenario = stage.scenario(Vec::new());
        scenario.lowers.push("/no/such/layer".into());
        let error = stage.play(&scenario).error.unwrap();
        assert!(error.contains("(`/no/such/layer`)"), "{error}");
        if stage.actor == Actor::Rootless {
            let mut step = stage.step("true");
            step.uid = 4_000_000;
            let outcome = stage.play(&stage.scenario(vec![step]));
            assert!(outcome.hint.unwrap().contains("/etc/subuid"), "{:?}", outcome.error);
        }
    }
}

/// Each refusal that can be provoked here comes with the setting to change.
#[test]
fn refusals_come_with_a_way_out() {
    let Some(stage) = Stage::each().into_iter().find(|stage| stage.actor == Actor::Rootless) else {
        return;
    };
    let cases = [
        ("setpriv --no-new-privs", "`newuidmap` must be setuid root"),
        (
            "unshare -m sh -c 'mount -t tmpfs none /proc/sys; exec \"$@\"' sh",
            "systempaths=unconfined",
        ),
        (
            "unshare -m sh -c 'mount --bind /dev/null /etc/subuid; exec \"$@\"' sh",
            "usermod --add-subuids 100000-165535",
        ),
        (
            "unshare -m sh -c 'mount --bind /dev/null /etc/subgid; exec \"$@\"' sh",
            "usermod --add-subgids 100000-165535",
        ),
        (
            "unshare -m sh -c 'mount -t tmpfs none /usr/local/bin; for f in newuidmap newgidmap; do \
             mount --bind /dev/null /usr/bin/$f; done; exec \"$@\"' sh",
            "install the package `uidmap`",
        ),
    ];
    if !stage::is_root() {
        println!("left out: making refusals needs root");
        return;
    }
    for (prefix, expected) in cases {
        stage.renew();
        let scenario = stage.scenario(vec![stage.step("true")]);
        let outcome = stage::outcome(stage.start_behind(prefix, &scenario));
        let hint = outcome.hint.unwrap_or_default();
        assert!(hint.contains(expected), "{prefix}: {:?}: {hint}", outcome.error);
    }
    let stage = Stage::new(Actor::Root);
    let scenario = stage.scenario(vec![stage.step("true")]);
    // A namespace in which there may be no further one.
    let closed = "setpriv --reuid rlock-test --regid rlock-test --init-groups \
        unshare --map-auto --map-root-user -m sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; \
        mount -t tmpfs none /mnt; echo daemon:10:10 > /mnt/ids; mount --bind /mnt/ids /etc/subuid; \
        mount --bind /mnt/ids /etc/subgid; exec setpriv --reuid 1 --regid 1 --clear-groups \"$@\"' sh";
    let outcome = stage::outcome(stage.start_behind(closed, &scenario));
    let hint = outcome.hint.unwrap_or_default();
    assert!(hint.contains("user.max_user_namespaces=15000"), "{:?}", outcome.error);
    stage.renew();
    let powerless = "setpriv --bounding-set=-sys_admin --inh-caps=-all";
    let outcome = stage::outcome(stage.start_behind(powerless, &scenario));
    assert!(outcome.hint.unwrap_or_default().contains("--privileged"), "{:?}", outcome.error);
}

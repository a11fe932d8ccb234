//! The sandbox as a step sees it.

use crate::world::World;
use rlock::store::read_dir_sorted;
use std::path::Path;

#[test]
fn capabilities_seccomp_and_names() {
    let world = World::new(
        "FROM busybox
RUN grep -E '^(Cap|Seccomp|NoNewPrivs|SigIgn|Umask)' /proc/self/status | tr '\\t' ' ' > /status
RUN hostname > /hostname; cat /etc/hosts > /hosts; echo $$ > /pid; ps -o pid | wc -l > /processes
RUN umask > /umask; ls -la /proc/self/fd | wc -l > /descriptors; cat < /dev/stdin > /stdin
RUN ulimit -n > /files; stat -c %Y / > /root-time
RUN id -G > /groups; tty > /tty || true
",
    );
    let built = world.build(&[]);
    let status = built.text("status");
    // Docker's default set: 14 capabilities, none of them ambient or inheritable.
    for line in [
        "CapInh: 0000000000000000",
        "CapPrm: 00000000a80425fb",
        "CapEff: 00000000a80425fb",
        "CapBnd: 00000000a80425fb",
        "CapAmb: 0000000000000000",
        "Seccomp: 2",
        "Umask: 0022",
        // Real-time signals that belong to the C library are the only ones ignored.
        "SigIgn: 0000000180000000",
    ] {
        assert!(status.lines().any(|l| l == line), "no `{line}` in\n{status}");
    }
    assert_eq!(built.text("hostname"), "buildkitsandbox\n");
    assert!(built.text("hosts").contains("127.0.0.1\tlocalhost"), "{}", built.text("hosts"));
    assert_eq!(built.text("pid"), "1\n", "a process namespace of its own");
    assert_eq!(built.text("stdin"), "");
    // `total`, `.` and `..`, standard streams, and the directory that ls reads.
    assert_eq!(built.text("descriptors").trim(), "7", "no descriptor leaks in");
    assert_eq!(built.text("tty"), "not a tty\n");
}

#[test]
fn what_is_dangerous_is_masked_and_refused() {
    let world = World::new(
        "FROM busybox
RUN for p in /proc/keys /proc/timer_list; do echo \"$p $(head -c 1 $p | wc -c)\"; done > /masked
RUN echo x > /proc/sys/kernel/hostname || echo read-only > /proc-sys
RUN echo b > /proc/sysrq-trigger || echo read-only > /sysrq
RUN touch /sys/x || echo read-only > /sys-mount
RUN ls /sys/firmware | wc -l > /firmware
RUN mount -t tmpfs none /tmp || echo refused > /mount
RUN unshare -r true || echo refused > /unshare
RUN hostname other || echo refused > /sethostname
RUN date -s @0 2>&1 | grep 'not permitted' > /settime
RUN mknod /tmp/disk b 8 0 && (head -c 1 /tmp/disk; true) > /read 2>&1; rm /tmp/disk
RUN mknod /dev/disk b 8 0 && (head -c 1 /dev/disk; true) > /read-dev 2>&1
RUN ls /dev | grep -v core > /dev-list; chmod 600 /dev/null && stat -c %a /dev/null >> /dev-list
RUN dmesg > /dev/null || echo refused > /dmesg
",
    );
    let built = world.build(&[]);
    assert_eq!(built.text("masked"), "/proc/keys 0\n/proc/timer_list 0\n");
    for path in ["proc-sys", "sysrq", "sys-mount"] {
        assert_eq!(built.text(path), "read-only\n", "{path}");
    }
    assert_eq!(built.text("firmware"), "0\n");
    for path in ["mount", "unshare", "sethostname", "settime", "dmesg"] {
        assert!(built.has(path), "{path} was not refused");
    }
    let read = built.text("read");
    assert!(
        read.contains("not permitted") || read.contains("denied"),
        "devices are closed: {read}"
    );
    let devices = "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n600\n";
    assert_eq!(built.text("dev-list"), devices);
}

#[test]
fn no_network_where_none_is_asked_for() {
    let world = World::new(
        "FROM busybox
RUN --network=none ip -o link | wc -l > /none; ping -c 1 -W 1 192.0.2.1 2>&1 | head -1 >> /none || true
RUN --network=default ip -o link | wc -l > /default; cat /etc/resolv.conf >> /default
RUN --network=host ip -o link | wc -l > /host
",
    );
    let built = world.build(&[]);
    assert!(built.text("none").starts_with("1\n"), "only `lo`: {}", built.text("none"));
    assert_eq!(built.text("default"), "1\nnameserver 198.18.0.1\n", "the Door, and nothing else");
    let links = read_dir_sorted(Path::new("/sys/class/net")).unwrap().len();
    assert_eq!(built.text("host"), format!("{links}\n"));
}

#[test]
fn processes_end_with_their_step() {
    let world = World::new(
        "FROM busybox
RUN sh -c 'sleep 5; echo late > /late' & echo done > /done
RUN ls / > /seen
",
    );
    let started = std::time::Instant::now();
    let built = world.build(&[]);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert_eq!(built.text("done"), "done\n");
    assert!(!built.has("late"));
}

#[test]
fn nothing_is_left_on_the_host() {
    let world = World::new("FROM busybox\nRUN echo a > /a\nRUN exit 1\n");
    world.fail(4, &[]);
    let left: Vec<String> = walk(&world.path("cache/rlock"));
    assert!(!left.iter().any(|path| path.contains("upper") || path.contains("merged")), "{left:?}");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let cache = world.path("cache").display().to_string();
    assert!(!mounts.contains(&cache), "{mounts}");
}

/// All paths below a directory.
fn walk(directory: &Path) -> Vec<String> {
    let output = std::process::Command::new("find").arg(directory).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

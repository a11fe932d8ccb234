//! Steps behind a gate: whatever they connect to arrives there and nowhere else.

mod endings;

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use rlock::sandbox::{Bind, NAME_SERVER, Network, Step};

use super::stage::{Ended, Seen, Stage};

/// What programs of these tests begin with.
const PYTHON: &str = r"
import errno, os, select, signal, socket, struct, sys, threading, time
def greeted(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.connect(address)
        return s.makefile().readline().strip()
";

/// A shell script behind a gate.
fn gated(stage: &Stage, script: &str) -> Step {
    let resolver = stage.path("resolv.conf");
    fs::write(&resolver, format!("nameserver {NAME_SERVER}\n")).unwrap();
    let mut step = stage.step(script);
    step.network = Network::Gate;
    let target = b"etc/resolv.conf".to_vec();
    step.binds.push(Bind { source: resolver, target, read_only: true });
    step
}

/// A Python program behind a gate.
fn program(stage: &Stage, text: &str) -> Step {
    let mut step = gated(stage, "exec python3 -");
    step.stdin = Some(format!("{PYTHON}{text}").into_bytes());
    step
}

/// Runs a step that must succeed.
fn run(stage: &Stage, step: Step) -> (String, Seen) {
    stage.renew();
    checked(stage.run(step))
}

fn checked(ended: Ended) -> (String, Seen) {
    assert_eq!(ended.exit, "Code(0)", "{} {}", ended.stdout(), ended.stderr());
    assert_eq!(ended.stderr(), "");
    (ended.stdout(), ended.gate.unwrap())
}

fn wanted(seen: &Seen) -> Vec<&str> {
    seen.connections.iter().map(|(wanted, _)| wanted.as_str()).collect()
}

#[test]
fn every_address_and_port_arrives_at_the_gate() {
    for stage in Stage::each() {
        let script = "set -e
            talk() { exec 3<>/dev/tcp/$1/$2; echo $1 >&3; cat <&3; exec 3>&-; }
            talk 203.0.113.9 22; talk 203.0.113.9 8443; talk 10.0.0.1 5432; talk 198.18.0.1 1
            talk 2001:db8::5 443; talk ::ffff:192.0.2.7 80; talk pkg.example 9418
            echo busybox | busybox nc 192.0.2.200 70";
        let mut step = gated(&stage, "");
        step.argv = ["/bin/bash", "-c", script].map(|word| word.as_bytes().to_vec()).to_vec();
        let (stdout, seen) = run(&stage, step);
        let expected = [
            ("203.0.113.9:22", "203.0.113.9"),
            ("203.0.113.9:8443", "203.0.113.9"),
            ("10.0.0.1:5432", "10.0.0.1"),
            ("198.18.0.1:1", "198.18.0.1"),
            ("[2001:db8::5]:443", "2001:db8::5"),
            ("192.0.2.7:80", "::ffff:192.0.2.7"),
            ("198.18.77.7:9418", "pkg.example"),
            ("192.0.2.200:70", "busybox"),
        ];
        assert_eq!(stdout.lines().collect::<Vec<_>>(), expected.map(|(wanted, _)| wanted));
        let mut said = expected.map(|(wanted, said)| (wanted.to_owned(), format!("{said}\n")));
        said.sort();
        assert_eq!(seen.connections, said);
        assert!(seen.names.iter().all(|name| name == "udp pkg.example"), "{:?}", seen.names);
        assert_eq!((seen.unknown, seen.strays), (0, Vec::new()), "{:?}", stage.actor);
    }
}

#[test]
fn a_steps_own_servers_are_its_own() {
    for stage in Stage::each() {
        let (stdout, seen) = run(
            &stage,
            program(
                &stage,
                r#"
def serve(family, address, asked):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen()
    threading.Thread(target=lambda: listener.accept()[0].send(b"own\n")).start()
    print(address[1], greeted(asked, family), flush=True)
serve(socket.AF_INET, ("127.0.0.1", 80), ("127.0.0.1", 80))
serve(socket.AF_INET, ("0.0.0.0", 443), ("127.0.0.1", 443))
serve(socket.AF_INET, ("0.0.0.0", 5432), ("0.0.0.0", 5432))
serve(socket.AF_INET, ("127.0.0.53", 53), ("127.0.0.53", 53))
serve(socket.AF_INET6, ("::1", 8080), ("::1", 8080))
serve(socket.AF_INET6, ("::", 81), ("::ffff:127.0.0.1", 81))
try:
    greeted(("127.0.0.1", 82))
except ConnectionRefusedError:
    print("nobody else")
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
one.bind(("127.0.0.1", 5353))
other.sendto(b"datagram", ("127.0.0.1", 5353))
print(one.recv(100).decode())
local = socket.socket(socket.AF_UNIX)
local.bind("/tmp/local")
local.listen()
socket.socket(socket.AF_UNIX).connect("/tmp/local")
"#,
            ),
        );
        let expected =
            "80 own\n443 own\n5432 own\n53 own\n8080 own\n81 own\nnobody else\ndatagram\n";
        assert_eq!(stdout, expected);
        assert_eq!(seen, Seen::default());
    }
}

#[test]
fn names_are_asked_by_datagram_and_by_stream() {
    for stage in Stage::each() {
        let script = "getent ahostsv4 one.example | head -n 1
            RES_OPTIONS=use-vc getent ahostsv4 two.example | head -n 1";
        let (stdout, seen) = run(&stage, gated(&stage, script));
        let lines: Vec<&str> = stdout.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(lines, ["198.18.77.7", "198.18.77.7"], "{stdout}");
        assert!(seen.names.contains(&"udp one.example".to_owned()), "{:?}", seen.names);
        assert!(seen.names.contains(&"tcp two.example".to_owned()), "{:?}", seen.names);
        assert_eq!(seen.strays, Vec::<String>::new());
        // Whichever server a program insists on.
        let (stdout, seen) = run(
            &stage,
            program(
                &stage,
                r#"
question = b"\0\x07\1\0\0\1\0\0\0\0\0\0\5named\7example\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("8.8.8.8", 53))
s.send(question)
print(s.recv(512)[-4:].hex())
s = socket.create_connection(("9.9.9.9", 53))
s.send(struct.pack(">H", len(question)) + question)
print(s.recv(512)[-4:].hex())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(question, ("198.18.0.1", 53))
print(s.recvfrom(512)[1])
"#,
            ),
        );
        assert_eq!(stdout, "c6124d07\nc6124d07\n('198.18.0.1', 53)\n");
        assert_eq!(seen.names, ["udp named.example", "tcp named.example", "udp named.example"]);
        assert_eq!((wanted(&seen).len(), seen.strays.len()), (0, 0), "{:?}", seen.strays);
    }
}

#[test]
fn what_is_not_recorded_is_noticed() {
    for stage in Stage::each() {
        let (stdout, seen) = run(
            &stage,
            program(
                &stage,
                r#"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    s.sendto(b"time?", ("1.2.3.4", 123))
s.sendto(b"name?", ("8.8.8.8", 53))
s.sendto(b"here", ("127.0.0.1", 999))
quic = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
quic.connect(("192.0.2.1", 443))
quic.send(b"initial")
try:
    quic.recv(100)
except ConnectionRefusedError:
    print("refused")
ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ping.sendto(b"\x08\0\xf7\xff\0\0\0\0", ("192.0.2.99", 0))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
try:
    six.sendto(b"x", ("2001:db8::1", 9))
except OSError as error:
    print(errno.errorcode[error.errno])
"#,
            ),
        );
        assert_eq!(stdout, "refused\nENETUNREACH\n");
        let expected = ["17 1.2.3.4:123", "17 8.8.8.8:53", "17 192.0.2.1:443", "1 192.0.2.99:0"];
        assert_eq!(seen, Seen { strays: expected.map(str::to_owned).to_vec(), ..Seen::default() });
    }
}

#[test]
fn nothing_reaches_the_hosts_network() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let datagrams = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    // No packet is sent by that: it only asks the routes.
    let own = UdpSocket::bind("0.0.0.0:0").unwrap();
    let Ok(()) = own.connect("192.0.2.1:9") else {
        println!("left out: the machine has no address but loopback");
        return;
    };
    let own = own.local_addr().unwrap().ip();
    for stage in Stage::each() {
        let text = format!(
            r#"
try:
    greeted(("127.0.0.1", {port}))
except ConnectionRefusedError:
    print("refused")
print(greeted(("{own}", {port})))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"x", ("127.0.0.1", {port}))
s.sendto(b"x", ("{own}", {port}))
fast = socket.socket()
try:
    fast.sendto(b"x", socket.MSG_FASTOPEN, ("{own}", {port}))
except OSError:
    print("not so fast")
"#
        );
        let (stdout, seen) = run(&stage, program(&stage, &text));
        assert_eq!(stdout, format!("refused\n{own}:{port}\nnot so fast\n"));
        assert_eq!(wanted(&seen), [format!("{own}:{port}")]);
        assert_eq!(seen.strays, [format!("17 {own}:{port}")]);
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        let error = datagrams.recv(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn sockets_that_do_not_block_are_told_what_the_kernel_says() {
    let text = r#"
def name(code):
    return errno.errorcode.get(code, code)
s = socket.socket()
s.setblocking(False)
e = select.epoll()
e.register(s, select.EPOLLOUT)
print(name(s.connect_ex(("192.0.2.1", 443))), len(e.poll(10)), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
print(name(s.connect_ex(("192.0.2.1", 443))), name(s.connect_ex(("192.0.2.1", 443))))
print(s.getblocking(), os.get_blocking(s.fileno()))
s = socket.create_connection(("192.0.2.2", 443))
print(name(s.connect_ex(("192.0.2.2", 443))), s.getblocking())
print(name(socket.socket(socket.AF_INET6).connect_ex(("::ffff:192.0.2.3", 443))))
only = socket.socket(socket.AF_INET6)
only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
print(name(only.connect_ex(("2001:db8::1", 443))))
libc = __import__("ctypes").CDLL(None, use_errno=True)
address = struct.pack("=H", 2) + struct.pack("!H", 443) + bytes([192, 0, 2, 4]) + bytes(8)
new = socket.socket()
for fd, where, length in [(99, address, 16), (0, address, 16), (-1, address, 16), (new.fileno(), address, 3),
                          (new.fileno(), address, 1000), (new.fileno(), None, 16), (only.fileno(), address, 16)]:
    libc.connect(fd, where, length)
    print(name(__import__("ctypes").get_errno()), end=" ")
print()
"#;
    for stage in Stage::each() {
        let (stdout, seen) = run(&stage, program(&stage, text));
        let expected = "EINPROGRESS 1 0\n0 EISCONN\nFalse False\nEISCONN True\n0\nENETUNREACH\n\
            EBADF ENOTSOCK EBADF EINVAL EINVAL EFAULT EINVAL \n";
        assert_eq!(stdout, expected);
        assert_eq!(wanted(&seen), ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"]);
    }
}

#[test]
fn two_hundred_connections_at_once() {
    for stage in Stage::each() {
        let (stdout, seen) = run(
            &stage,
            program(
                &stage,
                r#"
right = []
def one(number):
    address = ("203.0.113.%d" % (number % 250), 1000 + number)
    right.append(greeted(address) == "%s:%d" % address)
threads = [threading.Thread(target=one, args=(number,)) for number in range(200)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(right.count(True))
children = []
for number in range(50):
    child = os.fork()
    if child == 0:
        os._exit(0 if greeted(("192.0.2.1", 2000 + number)) == "192.0.2.1:%d" % (2000 + number) else 1)
    children.append(child)
print(sum(os.waitpid(child, 0)[1] for child in children))
"#,
            ),
        );
        assert_eq!(stdout, "200\n0\n");
        assert_eq!((seen.connections.len(), seen.unknown), (250, 0));
    }
}

#[test]
fn whoever_connects_is_redirected() {
    for stage in Stage::each() {
        let mut step = program(
            &stage,
            r#"
print(os.getuid(), greeted(("192.0.2.1", 1)))
said = []
thread = threading.Thread(target=lambda: said.append(greeted(("192.0.2.1", 2))))
thread.start()
thread.join()
print(*said)
"#,
        );
        (step.uid, step.gid) = (65_534, 65_534);
        assert_eq!(run(&stage, step).0, "65534 192.0.2.1:1\n192.0.2.1:2\n");
        // Who changes its user is out of reach of others of the same user, but not of rlock.
        let (stdout, _) = run(
            &stage,
            program(
                &stage,
                r#"
os.setgid(65534)
os.setuid(65534)
print(greeted(("192.0.2.1", 3)), flush=True)
# A child whose parents are gone.
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        while os.getppid() != 1:
            time.sleep(0.01)
        os.write(write, greeted(("192.0.2.1", 4)).encode())
    os._exit(0)
print(os.read(read, 100).decode(), flush=True)
# A thread whose process's first thread is gone.
def last():
    time.sleep(0.2)
    print(open("/proc/self/stat").read().split()[2], greeted(("192.0.2.1", 5)), flush=True)
    os._exit(0)
threading.Thread(target=last).start()
__import__("ctypes").CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"#,
            ),
        );
        assert_eq!(stdout, "192.0.2.1:3\n192.0.2.1:4\nZ 192.0.2.1:5\n");
        // A program that its user may execute and not read.
        let closed = stage.path("base/busybox");
        fs::copy("/usr/bin/busybox", &closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        let script = "echo | setpriv --reuid 65534 --clear-groups /busybox nc 192.0.2.1 6";
        assert_eq!(run(&stage, gated(&stage, script)).0, "192.0.2.1:6\n");
    }
}

#[test]
fn signals_do_not_get_between() {
    for stage in Stage::each() {
        let (stdout, seen) = run(
            &stage,
            program(
                &stage,
                r#"
signals = 0
def on_signal(*_):
    global signals
    signals += 1
signal.signal(signal.SIGALRM, on_signal)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for number in range(1, 301):
    assert greeted(("192.0.2.1", number if number != 53 else 1053)).startswith("192.0.2.1:")
signal.setitimer(signal.ITIMER_REAL, 0)
print(signals > 100)
"#,
            ),
        );
        assert_eq!(stdout, "True\n");
        assert_eq!((seen.connections.len(), seen.unknown), (300, 0));
    }
}

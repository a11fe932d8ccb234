//! The same archives with the programs that others use. Tests of programs that are not installed
//! say so and pass.

use super::*;
use std::path::Path;
use std::process::Command;

fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: `{program}` is not installed");
    }
    found
}

fn run(program: &str, arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What both programs can show of entries in a line each.
fn sample() -> Vec<(Entry, Vec<u8>)> {
    let time = Timestamp { seconds: 1_767_225_600, nanoseconds: 0 };
    let long = "long/".repeat(60) + "name";
    let mut big_owner = file("owner", b"");
    big_owner.0.uid = 3_000_000_000;
    let mut entries = vec![
        (Entry::new("dir", Kind::Directory), Vec::new()),
        file("dir/file", b"content\n"),
        (Entry { link: b"dir/file".to_vec(), ..Entry::new("hard", Kind::Hardlink) }, Vec::new()),
        file(&long, b"x"),
        big_owner,
        (Entry { link: vec![b't'; 150], ..Entry::new("soft", Kind::Symlink) }, Vec::new()),
        file("xattr", b""),
    ];
    for (entry, _) in &mut entries {
        entry.mtime = time;
    }
    let capability = b"\x01\n7 path=evil\n".to_vec();
    entries[6].0.xattrs.insert(b"user.capability".to_vec(), capability);
    entries
}

#[test]
fn gnu_tar_reads_what_is_written() {
    if !installed("tar") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.tar"), write(&sample())).unwrap();
    let list = run("tar", &["--numeric-owner", "-tvf", "a.tar"], directory.path());
    let long = "long/".repeat(60) + "name";
    let expected = format!(
        "drwxr-xr-x 0/0               0 2026-01-01 00:00 dir/
-rw-r--r-- 0/0               8 2026-01-01 00:00 dir/file
hrw-r--r-- 0/0               0 2026-01-01 00:00 hard link to dir/file
-rw-r--r-- 0/0               1 2026-01-01 00:00 {long}
-rw-r--r-- 3000000000/0      0 2026-01-01 00:00 owner
lrw-r--r-- 0/0               0 2026-01-01 00:00 soft -> {}
-rw-r--r-- 0/0               0 2026-01-01 00:00 xattr
",
        "t".repeat(150)
    );
    assert_eq!(list, expected);
    run("tar", &["--no-same-owner", "-xf", "a.tar"], directory.path());
    assert_eq!(std::fs::read(directory.path().join("hard")).unwrap(), b"content\n");
    assert_eq!(std::fs::read(directory.path().join(long)).unwrap(), b"x");
}

const SCRIPT: &str = "
import tarfile
for member in tarfile.open('a.tar'):
    attributes = {k: v for k, v in member.pax_headers.items() if k.startswith('SCHILY')}
    print(member.name[-20:], member.type, member.uid, member.size, member.mtime,
          member.linkname[:9], attributes)
";

#[test]
fn python_reads_what_is_written() {
    if !installed("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.tar"), write(&sample())).unwrap();
    let list = run("python3", &["-c", SCRIPT], directory.path());
    let expected = "dir b'5' 0 0 1767225600  {}
dir/file b'0' 0 8 1767225600  {}
hard b'1' 0 0 1767225600 dir/file {}
/long/long/long/name b'0' 0 1 1767225600  {}
owner b'0' 3000000000 0 1767225600  {}
soft b'2' 0 0 1767225600 ttttttttt {}
xattr b'0' 0 0 1767225600  {'SCHILY.xattr.user.capability': '\\x01\\n7 path=evil\\n'}
";
    assert_eq!(list, expected);
}

#[test]
fn what_gnu_tar_writes_is_read() {
    if !installed("tar") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    let deep = tree.join("deep/".repeat(30)).join("n".repeat(120));
    std::fs::create_dir_all(deep.parent().unwrap()).unwrap();
    std::fs::write(&deep, b"deep").unwrap();
    std::fs::hard_link(&deep, tree.join("hard")).unwrap();
    std::os::unix::fs::symlink("t".repeat(150), tree.join("soft")).unwrap();
    let sparse = std::fs::File::create(tree.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 1 << 20).unwrap();
    sparse.set_len(4 << 20).unwrap();
    for options in [
        &["--format=v7", "--exclude=soft", "--exclude=deep", "--exclude=hard"][..],
        &["--format=ustar", "--exclude=soft", "--exclude=deep", "--exclude=hard"],
        &["--format=gnu"],
        &["--format=gnu", "-S"],
        &["--format=posix"],
        &["--format=posix", "-S", "--sparse-version=0.0"],
        &["--format=posix", "-S", "--sparse-version=0.1"],
        &["--format=posix", "-S", "--sparse-version=1.0"],
    ] {
        let arguments = [&["--sort=name", "-cf", "a.tar", "-C", "tree"], options, &["."]].concat();
        run("tar", &arguments, directory.path());
        check_tree(&std::fs::read(directory.path().join("a.tar")).unwrap(), options);
    }
}

fn check_tree(bytes: &[u8], options: &[&str]) {
    let entries = read(bytes).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    let find = |path: &str| entries.iter().find(|(entry, _)| entry.path == path.as_bytes());
    let (_, sparse) = find("sparse").unwrap();
    let mut expected = vec![0; 4 << 20];
    expected[1 << 20..(1 << 20) + 6].copy_from_slice(b"middle");
    assert!(*sparse == expected, "{options:?}");
    assert_eq!(find("").unwrap().0.kind, Kind::Directory);
    if options.contains(&"--exclude=soft") {
        return;
    }
    let deep = "deep/".repeat(30) + &"n".repeat(120);
    assert_eq!(find(&deep).unwrap().1, b"deep");
    assert_eq!(find("hard").unwrap().0.link, deep.as_bytes());
    assert_eq!(find("soft").unwrap().0.link, [b't'; 150]);
    if options.contains(&"--format=posix") {
        let modified = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mtime = find(&deep).unwrap().0.mtime;
        assert!(mtime.nanoseconds > 0 && mtime.seconds.unsigned_abs().abs_diff(modified) < 600);
    }
}

/// Writes one file with an owner, a time and names that the oldest format cannot hold.
const WRITER: &str = "
import io, sys, tarfile
format = {'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}[sys.argv[1]]
archive = tarfile.open('a.tar', 'w', format=format)
member = tarfile.TarInfo('d/' * 60 + 'n' * 120)
member.uid, member.gid, member.mode, member.size = 3000000000, 4294967294, 0o4755, 4
member.mtime = -5.5 if sys.argv[1] == 'pax' else -5
if sys.argv[1] == 'pax':
    member.pax_headers = {'SCHILY.xattr.user.a': 'x\\ny=z\\n', 'comment': 'c'}
archive.addfile(member, io.BytesIO(b'text'))
link = tarfile.TarInfo('soft')
link.type, link.linkname = tarfile.SYMTYPE, 't' * 150
archive.addfile(link)
archive.close()
";

#[test]
fn what_python_writes_is_read() {
    if !installed("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (format, mtime) in [("gnu", (-5, 0)), ("pax", (-6, 500_000_000))] {
        run("python3", &["-c", WRITER, format], directory.path());
        let entries = read(&std::fs::read(directory.path().join("a.tar")).unwrap()).unwrap();
        let (entry, content) = &entries[0];
        assert_eq!(entry.path, ("d/".repeat(60) + &"n".repeat(120)).into_bytes(), "{format}");
        assert_eq!((entry.uid, entry.gid, entry.mode), (3_000_000_000, 4_294_967_294, 0o4755));
        assert_eq!((entry.mtime.seconds, entry.mtime.nanoseconds), mtime, "{format}");
        assert_eq!(content, b"text");
        let attribute = entry.xattrs.get(&b"user.a"[..]).map(Vec::as_slice);
        assert_eq!(attribute, (format == "pax").then_some(&b"x\ny=z\n"[..]));
        assert_eq!(entries[1].0.link, [b't'; 150]);
    }
}

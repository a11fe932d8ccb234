//! Owners, modes, times, extended attributes, links, devices.

use super::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn entry(fixture: &Fixture, path: &str) -> Metadata {
    fixture.image.entry(path.as_bytes()).unwrap().unwrap()
}

#[test]
fn modes_come_from_the_source() {
    let fixture = Fixture::with(&["d/sub/f", "d/setuid"]);
    set_mode(&fixture.in_context("d/sub"), 0o1700);
    set_mode(&fixture.in_context("d/sub/f"), 0o400);
    set_mode(&fixture.in_context("d/setuid"), 0o4755);
    set_mode(&fixture.in_context("d"), 0o700);
    fixture.copy(&["d"], "/x");
    let modes = ["x", "x/sub", "x/sub/f", "x/setuid"].map(|path| entry(&fixture, path).mode);
    // The destination itself is made as any directory on the way.
    assert_eq!(modes, [0o755, 0o1700, 0o400, 0o4755]);
}

#[test]
fn directories_that_were_there_take_the_mode_of_the_source() {
    let fixture = Fixture::with(&["d/sub/f"]);
    fixture.add("image", &["x/sub/"]);
    set_mode(&fixture.in_image("x"), 0o750);
    set_mode(&fixture.in_image("x/sub"), 0o777);
    set_mode(&fixture.in_context("d/sub"), 0o711);
    fixture.copy(&["d"], "/x");
    assert_eq!(["x", "x/sub"].map(|path| entry(&fixture, path).mode), [0o750, 0o711]);
}

#[test]
fn chmod_changes_all_but_the_way() {
    let fixture = Fixture::with(&["d/sub/f", "d/link -> sub"]);
    let mut request = fixture.request(&["d"], "/way/x");
    request.mode = Some(Chmod::parse("u=rwX,go=").unwrap());
    request.inline = vec![Inline { name: "i", data: b"" }];
    copy(&CopyRequest { inline: Vec::new(), ..request }).unwrap();
    let modes = ["way", "way/x", "way/x/sub", "way/x/sub/f"].map(|path| entry(&fixture, path).mode);
    assert_eq!(modes, [0o755, 0o755, 0o700, 0o600]);
    let mut request = fixture.request(&[], "/inline");
    request.mode = Some(Chmod::parse("0550").unwrap());
    request.inline = vec![Inline { name: "i", data: b"" }];
    copy(&request).unwrap();
    assert_eq!(entry(&fixture, "inline").mode, 0o550);
}

#[test]
fn owners_are_root_kept_or_given() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::with(&["d/f", "d/l -> f"]);
    fixture.add("stage", &["d/f", "d/l -> f", "d/s/"]);
    for path in ["context/d", "context/d/f", "stage/d", "stage/d/f", "stage/d/l", "stage/d/s"] {
        std::os::unix::fs::lchown(fixture.directory.path().join(path), Some(7), Some(8)).unwrap();
    }
    let owners = |paths: [&str; 3]| {
        paths.map(|path| (entry(&fixture, path).owner.uid, entry(&fixture, path).owner.gid))
    };
    fixture.copy(&["d"], "/context");
    assert_eq!(owners(["context", "context/f", "context/l"]), [(0, 0); 3]);
    copy(&fixture.request_from_stage(&["d"], "/stage")).unwrap();
    assert_eq!(owners(["stage/f", "stage/l", "stage/s"]), [(7, 8); 3]);
    assert_eq!(owners(["stage", "stage", "stage"]), [(0, 0); 3]);
    let mut request = fixture.request_from_stage(&["d"], "/way/given");
    request.owner = Some(Owner { uid: 1000, gid: 1001 });
    copy(&request).unwrap();
    assert_eq!(owners(["way", "way/given", "way/given/l"]), [(1000, 1001); 3]);
}

#[test]
fn times_come_from_the_source() {
    let fixture = Fixture::with(&["d/sub/f", "d/link -> sub"]);
    let time = |seconds| Timestamp { seconds, nanoseconds: 5 };
    for (path, seconds) in [("d/sub/f", 1), ("d/link", 2), ("d/sub", 3), ("d", 4), ("", 5)] {
        fixture.context.set_times(path.as_bytes(), time(seconds)).unwrap();
    }
    fixture.copy(&["d"], "/x");
    let times = ["x/sub/f", "x/link", "x/sub", "x"].map(|path| entry(&fixture, path).mtime);
    assert_eq!(times, [1, 2, 3, 4].map(time));
    // The time of a checkout's folder says nothing.
    fixture.copy(&["."], "/all/");
    assert_ne!(entry(&fixture, "all").mtime, time(5));
}

#[test]
fn names_of_one_file_stay_names_of_one_file() {
    let fixture = Fixture::with(&["d/a", "other"]);
    fs::hard_link(fixture.in_context("d/a"), fixture.in_context("d/b")).unwrap();
    fs::hard_link(fixture.in_context("d/a"), fixture.in_context("outside")).unwrap();
    let summary = fixture.copy(&["d"], "/x");
    assert_eq!(entry(&fixture, "x/a").inode, entry(&fixture, "x/b").inode);
    assert_eq!(entry(&fixture, "x/a").links, 2);
    assert_eq!((summary.files, summary.bytes), (2, 3));
    // Another source is another copy.
    fixture.copy(&["d/a", "d/b"], "/y/");
    assert_eq!(entry(&fixture, "y/a").links, 1);
}

#[test]
fn attributes_of_the_host_stay_there() {
    let fixture = Fixture::new();
    fixture.add("stage", &["f"]);
    let attributes: [(&[u8], &[u8]); 2] = [(b"user.note", b"kept"), (b"user.overlay.opaque", b"y")];
    for (name, value) in attributes {
        if fixture.stage.set_xattr(b"f", name, value).is_err() {
            eprintln!("skipped: the temporary directory has no extended attributes");
            return;
        }
    }
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let has_capability =
        is_root() && fixture.stage.set_xattr(b"f", b"security.capability", &capability).is_ok();
    copy(&fixture.request_from_stage(&["f"], "/f")).unwrap();
    let found = fixture.image.xattrs(b"f").unwrap();
    assert_eq!(&found[&b"user.note"[..]], b"kept");
    assert!(!found.contains_key(&b"user.overlay.opaque"[..]));
    if has_capability {
        assert_eq!(&found[&b"security.capability"[..]], &capability);
    }
}

#[test]
fn devices_and_pipes_are_copied_and_sockets_are_not() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new();
    let null = FileKind::CharDevice { major: 1, minor: 3 };
    fixture.stage.create_node(b"pipe", FileKind::Fifo, 0o640, Owner::default()).unwrap();
    let _socket =
        std::os::unix::net::UnixListener::bind(fixture.stage.path().join("socket")).unwrap();
    let has_device = fixture.stage.create_node(b"null", null, 0o666, Owner::default()).is_ok();
    let summary = copy(&fixture.request_from_stage(&["/"], "/x/")).unwrap();
    assert_eq!(entry(&fixture, "x/pipe").kind, FileKind::Fifo);
    assert_eq!(entry(&fixture, "x/pipe").mode, 0o640);
    assert_eq!(summary.left_out, [b"socket".to_vec()]);
    if has_device {
        assert_eq!((entry(&fixture, "x/null").kind, entry(&fixture, "x/null").mode), (null, 0o666));
    }
}

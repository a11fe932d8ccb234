//! What scripts of packages, and instructions, rightly do to files that packages bring.

use super::{explained, report, reviewed, script, unexplained};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::apt::{Contents, Key, Package, archive_and, archive_with, sources};
use crate::upstream::{Site, Wire};
use crate::world::{succeed, tool};
use serde_json::Value;

/// Package files of Debian, by name.
fn real(names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut download = tool("apt-get", "apt");
    download.current_dir(folder.path()).args(["download", "-o", "APT::Sandbox::User=root"]);
    succeed(download.args(names));
    let files = |name: &&str| {
        let mut entries = folder.path().read_dir().unwrap().map(|entry| entry.unwrap());
        let start = format!("{name}_");
        let file = entries.find(|it| it.file_name().to_string_lossy().starts_with(&start));
        let file = file.unwrap_or_else(|| panic!("no file of {name}"));
        // Versions may have a colon, which servers and clients write differently.
        let plain = file.file_name().to_string_lossy().replace("%3a", "+");
        (plain, std::fs::read(file.path()).unwrap())
    };
    names.iter().map(files).collect()
}

const INSTALL: &str = "RUN apt-get update && apt-get install -y --no-install-recommends greeter \
                       && rm -rf /var/lib/apt/lists/*\n";

/// The review when `greeter` comes to need a package of Debian, which scripts of it give rights.
fn with_real(needed: &'static str, names: &[&str]) -> Value {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let greeter =
        |version, depends| [(Package { name: "greeter", version, depends }, Contents::default())];
    let files = real(names);
    site.serve(archive_and(&key, &greeter("1.0", None), &files, OLD));
    let dockerfile = sources(&site.url(), &key) + INSTALL;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    let later = || site.serve(archive_and(&key, &greeter("1.1", Some(needed)), &files, NEW));
    report(&case, later, 0)
}

/// Subjects and details of a kind of risk.
fn flags<'a>(report: &'a Value, risk: &str) -> Vec<(&'a str, &'a str)> {
    let all = report["risks"].as_array().unwrap().iter();
    let of_risk = all.filter(|it| it["risk"] == risk);
    let text = |flag: &'a Value, field: &str| flag[field].as_str().unwrap();
    of_risk.map(|flag| (text(flag, "subject"), text(flag, "detail"))).collect()
}

#[test]
fn a_capability_that_a_script_of_a_real_package_gives_is_explained_and_flagged() {
    let report = with_real("iputils-ping", &["iputils-ping", "libcap2", "libcap2-bin"]);
    let files = &report["files"];
    assert_eq!(unexplained(files), [], "{files:#}");
    assert_eq!(explained(files, "/usr/bin/ping"), ("installed", "script-capability"));
    assert_eq!(files["unproven"], 0, "{files:#}");
    assert_eq!(flags(&report, "new-capability"), [("/usr/bin/ping", "cap_net_raw")], "{report:#}");
}

#[test]
fn setgid_that_a_script_of_a_real_package_gives_is_not_proven_and_flagged() {
    let report = with_real("cron", &["cron", "cron-daemon-common", "sensible-utils"]);
    let files = &report["files"];
    assert_eq!(unexplained(files), [], "{files:#}");
    assert_eq!(explained(files, "/usr/bin/crontab"), ("unproven", "script-privileges"));
    let found = flags(&report, "new-setuid");
    assert!(found.iter().any(|(path, _)| *path == "/usr/bin/crontab"), "{report:#}");
}

#[test]
fn setuid_that_a_script_names_is_not_proven() {
    let postinst = script("chmod u+s /usr/share/greeter");
    let new = Contents { postinst: Some(&postinst), ..Contents::default() };
    let files = reviewed(Contents::default(), Contents::default(), new, 0);
    assert_eq!(explained(&files, "/usr/share/greeter"), ("unproven", "script-privileges"));
    assert_eq!(files["unproven"], 1, "{files:#}");
}

/// The review when `greeter`, whose configuration a line edits, moves; its scripts, old and new.
#[track_caller]
fn edited(line: &str, scripts: [Option<&str>; 2], code: i32) -> Value {
    let key = Key::new();
    let site = Site::start("apt.test", Wire::Plain);
    let greeter = |version, conf: &[u8], postinst| {
        let package = Package { name: "greeter", version, depends: None };
        let files = [("./etc/greeter.conf", conf)];
        let conffiles = Some("/etc/greeter.conf\n");
        let contents = Contents { files: &files, conffiles, postinst, ..Contents::default() };
        archive_with(&key, &[(package, contents)], if version == "1.0" { OLD } else { NEW }, None)
    };
    let [old, new] = scripts;
    site.serve(greeter("1.0", b"loud=no\nold=yes\n", old));
    let dockerfile = sources(&site.url(), &key) + line;
    let case = Case::new("debian-bookworm", &dockerfile, &[&site]);
    let later = || site.serve(greeter("1.1", b"loud=no\nnew=yes\n", new));
    report(&case, later, code)["files"].clone()
}

#[test]
fn what_a_line_edits_as_before_is_not_proven() {
    let line = "RUN apt-get update && apt-get install -y greeter && rm -rf /var/lib/apt/lists/* \
                && sed -i s/loud=no/loud=yes/ /etc/greeter.conf\n";
    let files = edited(line, [None, None], 0);
    assert_eq!(explained(&files, "/etc/greeter.conf"), ("unproven", "edited-before"));
    assert_eq!(explained(&files, "/usr/share/greeter"), ("package", ""));
    assert_eq!(files["unproven"], 1, "{files:#}");
}

#[test]
fn what_a_later_line_edits_as_before_is_not_proven() {
    // The line need not name the file: no script of the package runs there.
    let line = format!("{INSTALL}RUN find /etc -name 'gr*.conf' -exec sed -i s/no/yes/ {{}} +\n");
    let files = edited(&line, [None, None], 0);
    assert_eq!(explained(&files, "/etc/greeter.conf"), ("unproven", "edited-before"));
}

#[test]
fn what_a_script_edits_is_unexplained() {
    // For the first time, and as before.
    let overwrite = |word: &str| script(&format!("echo {word} > /etc/greeter.conf"));
    let (first, second) = (overwrite("once"), overwrite("again"));
    for old in [None, Some(&*first)] {
        let files = edited(INSTALL, [old, Some(&second)], 1);
        let found = unexplained(&files);
        let paths: Vec<&str> = found.iter().map(|(path, _)| *path).collect();
        assert_eq!(paths, ["/etc/greeter.conf"], "{files:#}");
    }
}

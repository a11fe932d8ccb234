//! What settings may say, and which line is at fault where they say something else.

use super::*;

fn fault(text: &str) -> String {
    let (line, message) = parse(text.as_bytes()).expect_err(text);
    format!("{line}: {message}")
}

#[test]
fn every_setting() {
    let text = r#"# shared by the team
[store]
remote = "registry.example:5000/team/locks"
push = "auto"

[[mirror]]
of = "http://DEB.example:80/debian/"
url = "https://mirror.example/debian/"

[[mirror]]
of = "http://deb.example/debian/"
url = "https://second.example/"

[[archive]]
origin = "Debian"
label = "Debian-Security"
url = "https://snapshot.example/archive/debian-security/{date}/"

[[archive]]
origin = "Debian"
url = "https://snapshot.example/archive/debian/{date}/"
"#;
    let settings = parse(text.as_bytes()).unwrap();
    let remote = settings.store.remote.unwrap();
    assert_eq!(remote.name(), "registry.example:5000/team/locks");
    assert_eq!(settings.store.push, PushPolicy::Auto);
    assert_eq!(settings.mirrors[0].of, "http://deb.example/debian/", "as URLs are compared");
    assert_eq!(settings.mirrors.len(), 2);
    assert_eq!(settings.archives[0].label.as_deref(), Some("Debian-Security"));
    assert_eq!(settings.archives[1].label, None);
    assert!(settings.archives[1].url.contains("{date}"));
    assert_eq!(parse(b"").unwrap(), Settings::default());
    assert_eq!(Settings::default().store.push, PushPolicy::Never);
}

#[test]
fn what_is_not_known_is_an_error_with_its_line() {
    for (text, expected) in [
        ("[stores]\n", "1: unknown field `stores`"),
        ("[store]\nremote = \"a.example/b\"\nremotes = 1\n", "3: unknown field `remotes`"),
        ("[store]\npush = \"always\"\n", "2: unknown variant `always`, expected `never` or `auto`"),
        ("[store]\nremote = 1\n", "2: invalid type"),
        ("[store]\nremote = \"locks\"\n", "2: `remote`: `locks` has no host"),
        ("[store]\nremote = \"team/locks\"\n", "2: `remote`: `team/locks` has no host"),
        ("[store]\nremote = \"a.example/b:1\"\n", "2: `remote`: `a.example/b:1` has a tag"),
        ("[store]\nremote = \"https://a.example/b\"\n", "2: `remote`: "),
        ("[store]\nremote = \"A.example/B\"\n", "2: `remote`: "),
        ("[store]\n\n[store]\n", "3: "),
        ("[[mirror]]\nof = \"http://a.example/\"\n", "1: missing field `url`"),
        ("[[mirror]]\nof = \"a.example\"\nurl = \"b\"\n", "2: `of`: `a.example` is no URL"),
        (
            "[[mirror]]\nof = \"ftp://a.example/\"\nurl = \"b\"\n",
            "2: `of`: `ftp://a.example/` is neither",
        ),
        (
            "[[mirror]]\nof = \"http://a.example/\"\nurl = \"http://u:p@b.example/\"\n",
            "3: `url`: the URL holds",
        ),
        (
            "[[mirror]]\nof = \"http://a.example/x\"\nurl = \"b\"\n",
            "2: `of`: `http://a.example/x` must end",
        ),
        (
            "[[mirror]]\nof = \"http://a.example/?x/\"\nurl = \"b\"\n",
            "2: `of`: `http://a.example/?x/` has a query",
        ),
        ("[[archive]]\norigin = \"\"\nurl = \"https://a.example/{date}/\"\n", "2: `origin`: "),
        (
            "[[archive]]\norigin = \"D\"\nurl = \"https://a.example/\"\n",
            "3: `url`: `https://a.example/` must have `{date}`",
        ),
        ("[[archive]]\norigin = \"D\"\nurl = \"x{date}/\"\n", "3: `url`: "),
        ("=", "1: "),
    ] {
        let found = fault(text);
        assert!(found.starts_with(expected), "{text}\n{found}");
    }
    assert!(
        !fault("[[mirror]]\nof = \"http://u:hunter2@b.example/\"\nurl=\"x\"").contains("hunter2")
    );
    let twice = "[[mirror]]\nof = \"http://a.example/\"\nurl = \"http://b.example/\"\n\n".repeat(2);
    assert!(fault(&twice).starts_with("5: `http://b.example/` for `http://a.example/` is here"));
    let (line, message) = parse(b"\n\xff").unwrap_err();
    assert_eq!((line, &*message), (2, "the file is not UTF-8"));
}

#[test]
fn settings_lie_beside_the_dockerfile() {
    let folder = tempfile::tempdir().unwrap();
    let dockerfile = folder.path().join("web.Dockerfile");
    assert_eq!(Settings::beside(&dockerfile).unwrap(), Settings::default());
    std::fs::write(folder.path().join(FILE_NAME), "[store]\npush = \"auto\"\n").unwrap();
    assert_eq!(Settings::beside(&dockerfile).unwrap().store.push, PushPolicy::Auto);
    std::fs::write(folder.path().join(FILE_NAME), "x").unwrap();
    let error = Settings::beside(&dockerfile).unwrap_err().to_string();
    assert!(error.contains("rlock.toml: line 1: "), "{error}");
}

#[test]
fn advisories_are_known_from_paths_a_service_and_ignores() {
    let text = r#"[advisories]
paths = ["osv/debian.zip", "../secdb.json"]
service = "https://osv.example"

[[advisories.ignore]]
id = "CVE-2024-1234"
package = "openssl"
reason = "the parser is not used"
expires = 2027-01-31

[[advisories.ignore]]
id = "CVE-2024-1234"
reason = "not reachable"
"#;
    let advisories = parse(text.as_bytes()).unwrap().advisories;
    assert_eq!(advisories.paths, [Path::new("osv/debian.zip"), Path::new("../secdb.json")]);
    assert_eq!(advisories.service.unwrap().as_str(), "https://osv.example/");
    assert_eq!(advisories.ignores.len(), 2);
    assert_eq!(advisories.ignores[0].expires.unwrap().to_string(), "2027-01-31");
    assert_eq!(advisories.ignores[1].package, None);
}

#[test]
fn bad_advisory_settings_are_errors_with_their_lines() {
    let ignore = |rest: &str| format!("[[advisories.ignore]]\n{rest}\n");
    let both = ignore("id = \"CVE-1\"\nreason = \"x\"");
    for (text, expected) in [
        ("[advisories]\nask = true\n".to_owned(), "2: unknown field `ask`"),
        ("[advisories]\npaths = [\"\"]\n".to_owned(), "2: `paths`: "),
        ("[advisories]\npaths = [\n\"a\",\n\"/b\"]\n".to_owned(), "4: `paths`: `/b` is absolute"),
        (
            "[advisories]\npaths = [\n\"a\",\n\"a\"]\n".to_owned(),
            "4: `advisory data` for `a` is here",
        ),
        ("[advisories]\nservice = \"osv.example\"\n".to_owned(), "2: `service`: that is no URL"),
        (
            "[advisories]\nservice = \"http://osv.example\"\n".to_owned(),
            "2: `service`: `http://osv.example/` has no TLS",
        ),
        (
            "[advisories]\nservice = \"https://u:p@osv.example\"\n".to_owned(),
            "2: `service`: the URL holds",
        ),
        (ignore("id = \"CVE-1\""), "1: missing field `reason`"),
        (ignore("id = \"CVE-1\"\nreason = \" \""), "3: an ignored advisory needs"),
        (
            ignore("id = \"CVE-1\"\nreason = \"x\"\nexpires = \"soon\""),
            "4: `expires`: `soon` is not a date",
        ),
        (ignore("id = \"CVE-1\"\nreason = \"x\"\nuntil = 2027-01-31"), "4: unknown field `until`"),
        (format!("{both}\n{both}"), "5: `an ignore of CVE-1` for `all packages` is here"),
    ] {
        let found = fault(&text);
        assert!(found.starts_with(expected), "{text}\n{found}");
    }
}

#[test]
fn how_old_a_version_must_be() {
    let text = "[update]\nmin-age = \"3d\"\nsecurity-min-age = \"12h\"\n";
    let update = parse(text.as_bytes()).unwrap().update;
    let seconds = |age: Option<std::time::Duration>| age.map(|age| age.as_secs());
    assert_eq!(seconds(update.min_age), Some(259_200));
    assert_eq!(seconds(update.security_min_age), Some(43_200));
    assert!(fault("[update]\nmin-age = \"soon\"\n").starts_with("2: `min-age`: expected an age"));
    assert!(fault("[update]\nage = \"3d\"\n").starts_with("2: unknown field `age`"));
    let text = "[advisories]\nlifecycle = \"/usr/share/distro-info\"\n";
    assert!(fault(text).contains("is absolute"));
}

//! Lockfiles as their programs write them, cut short.

use super::*;
use base64::Engine as _;

/// A real zip of one file `example.test/m@v1.0.0/go.mod`, stored.
fn module() -> Vec<u8> {
    let (name, body) = (b"example.test/m@v1.0.0/go.mod", b"module example.test/m\n");
    let mut checksum = flate2::Crc::new();
    checksum.update(body);
    let sizes = u32::try_from(body.len()).unwrap().to_le_bytes();
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let head = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &checksum.sum().to_le_bytes(),
        &sizes,
        &sizes,
        &length,
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &head[..], name, body].concat();
    let central = [b"PK\x01\x02\x14\x00", &head[..], &[0; 14], name].concat();
    let at = u32::try_from(local.len()).unwrap().to_le_bytes();
    let size = u32::try_from(central.len()).unwrap().to_le_bytes();
    let end = [b"PK\x05\x06", &[0, 0, 0, 0, 1, 0, 1, 0][..], &size, &at, &[0, 0]].concat();
    [local, central, end].concat()
}

fn pins(path: &str, text: &str) -> Vec<String> {
    let mut pins = Pins::default();
    pins.add(path, text.as_bytes()).unwrap();
    let mut rows = Vec::new();
    for ((kind, name, version), files) in &pins.found {
        rows.push(format!("{kind}:{name} {version} {}", files.len()));
    }
    rows
}

fn sha512(body: &[u8]) -> String {
    let digest = sha2::Sha512::digest(body);
    format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// A lockfile, its text (`SRI`, `HEX` and `H1` stand for hashes), and its packages, each with how many
/// files may be it.
const CASES: [(&str, &str, &[&str]); 12] = [
    (
        "web/package-lock.json",
        r#"{"lockfileVersion": 3, "packages": {"": {"name": "app"},
            "node_modules/a": {"version": "1.0.0", "integrity": "SRI"},
            "node_modules/a/node_modules/@s/b": {"version": "2.0.0", "integrity": "sha1-x SRI"},
            "node_modules/other": {"name": "c", "version": "3.0.0", "integrity": "SRI"},
            "node_modules/weak": {"version": "1.0.0", "integrity": "sha1-x"},
            "node_modules/link": {"resolved": "lib", "link": true}}}"#,
        &["npm:@s/b 2.0.0 1", "npm:a 1.0.0 1", "npm:c 3.0.0 1"],
    ),
    (
        "npm-shrinkwrap.json",
        r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "integrity": "SRI",
            "dependencies": {"b": {"version": "npm:c@2.0.0", "integrity": "SRI"}}}}}"#,
        &["npm:a 1.0.0 1", "npm:c 2.0.0 1"],
    ),
    (
        "yarn.lock",
        "# yarn lockfile v1\n\n\"@s/a@^1.0.0\", \"@s/a@~1.0\":\n  version \"1.0.0\"\n  resolved \"https://npm.example/a.tgz#1\"\n  integrity SRI\n\nalias@npm:b@^2:\n  version \"2.0.0\"\n  integrity SRI\n  dependencies:\n    c \"1\"\n",
        &["npm:@s/a 1.0.0 1", "npm:b 2.0.0 1"],
    ),
    (
        "yarn.lock",
        "__metadata:\n  version: 8\n\n\"a@npm:1\":\n  version: 1.0.0\n  checksum: 10c0/aa\n",
        &[],
    ),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\n\npackages:\n\n  '@s/a@1.0.0(peer@1)':\n    resolution: {integrity: SRI}\n\n  /b@2.0.0:\n    resolution: {integrity: SRI, tarball: x}\n  /@s/c/3.0.0_peer@1:\n    resolution:\n      integrity: SRI\n\nsnapshots:\n  d@1.0.0: {}\n",
        &["npm:@s/a 1.0.0 1", "npm:b 2.0.0 1", "npm:@s/c 3.0.0 1"],
    ),
    (
        "Cargo.lock",
        "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"HEX\"\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n",
        &["cargo:a 1.0.0 1"],
    ),
    (
        "go.sum",
        "example.test/m v1.0.0 h1:H1=\nexample.test/m v1.0.0 h1:H1\nexample.test/m v1.0.0/go.mod h1:H1\n",
        &["golang:example.test/m v1.0.0 1"],
    ),
    (
        "poetry.lock",
        "[[package]]\nname = \"Zope.Interface\"\nversion = \"5.0\"\nfiles = [{file = \"a\", hash = \"sha256:HEX\"}, {file = \"b\", hash = \"sha256:HEX\"}]\n[[package]]\nname = \"old\"\nversion = \"1\"\n[metadata.files]\nold = [{file = \"a\", hash = \"sha256:HEX\"}]\n",
        &["pypi:old 1 1", "pypi:zope-interface 5.0 2"],
    ),
    (
        "uv.lock",
        "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsdist = {url = \"u\", hash = \"sha256:HEX\"}\nwheels = [{url = \"u\", hash = \"sha256:HEX\"}]\n",
        &["pypi:a 1.0 2"],
    ),
    (
        "Pipfile.lock",
        r#"{"default": {"a": {"version": "==1.0", "hashes": ["sha256:HEX", "md5:x"]}}, "develop": {}}"#,
        &["pypi:a 1.0 1"],
    ),
    (
        "requirements-dev.txt",
        "# --hash=sha256:HEX\na_b[extra]==1.0 ; python_version > '3' \\\n    --hash=sha256:HEX \\\n    --hash=sha256:HEX  # why\nc==2.0\nd>=1 --hash=sha256:HEX\n",
        &["pypi:a-b 1.0 2"],
    ),
    (
        "Gemfile.lock",
        "GEM\n  specs:\n    rack (3.0.0)\n\nCHECKSUMS\n  rack (3.0.0) sha256=HEX\n  native (1.0-x86_64-linux) sha256=HEX\n  none (1.0)\n\nBUNDLED WITH\n   2.5\n",
        &["gem:native 1.0-x86_64-linux 1", "gem:rack 3.0.0 1"],
    ),
];

#[test]
fn each_lockfile_is_read() {
    let (sri, hex) = (sha512(b"x"), Digest::of(b"x").hex());
    let h1 = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    let fill = |text: &str| text.replace("SRI", &sri).replace("HEX", &hex).replace("H1", &h1);
    for (path, text, expected) in CASES {
        let mut found = pins(path, &fill(text));
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn what_is_said_of_a_file() {
    let mut pins = Pins::default();
    let zip = module();
    let h1 = go::hash(&zip).unwrap();
    // As `go mod download -json` names it: of `<sha256 of the file>  <name>` in a line.
    let line =
        format!("{}  example.test/m@v1.0.0/go.mod\n", Digest::of(b"module example.test/m\n").hex());
    assert_eq!(sha2::Sha256::digest(line.as_bytes()).as_slice(), h1);
    let h1 = base64::engine::general_purpose::STANDARD.encode(h1);
    pins.add("go.sum", format!("example.test/m v1.0.0 h1:{h1}\n").as_bytes()).unwrap();
    let lock = format!(
        r#"{{"packages": {{"node_modules/a": {{"version": "1.0.0", "integrity": "{}"}}}}}}"#,
        sha512(b"tgz")
    );
    pins.add("package-lock.json", lock.as_bytes()).unwrap();
    let gem =
        format!("CHECKSUMS\n  native (1.0-x86_64-linux) sha256={}\n", Digest::of(b"gem").hex());
    pins.add("Gemfile.lock", gem.as_bytes()).unwrap();
    assert_eq!(pins.len(), 3);
    let say = |named: (&str, &str, &str, &str), body: &[u8]| {
        let there = || Some(body.to_vec());
        pins.say(named, &Digest::of(body), &there).map(|said| match said {
            Said::Same(file) => file,
            Said::Other { file, .. } => format!("not {file}"),
        })
    };
    for (named, body, expected) in [
        (("golang", "example.test/m", "v1.0.0", ""), &*zip, Some("go.sum")),
        (("golang", "example.test/m", "1.0.0", ""), &zip, Some("go.sum")),
        (("golang", "example.test/m", "v1.0.0", ""), b"no zip", Some("not go.sum")),
        (("npm", "a", "1.0.0", ""), b"tgz", Some("package-lock.json")),
        (("npm", "a", "1.0.0", ""), b"evil", Some("not package-lock.json")),
        (("npm", "a", "1.0.1", ""), b"tgz", None),
        (("gem", "native", "1.0", "x86_64-linux"), b"gem", Some("Gemfile.lock")),
        (("deb", "a", "1.0.0", ""), b"tgz", None),
    ] {
        assert_eq!(say(named, body).as_deref(), expected, "{named:?}");
    }
    // Without the content only a SHA-256 tells.
    let digest = Digest::of(b"tgz");
    assert_eq!(pins.say(("npm", "a", "1.0.0", ""), &digest, &|| None), None);
    let digest = Digest::of(b"gem");
    let said = pins.say(("gem", "native", "1.0", "x86_64-linux"), &digest, &|| None);
    assert_eq!(said, Some(Said::Same("Gemfile.lock".into())));
    assert_eq!(pins.of_content(&digest), Some("Gemfile.lock"));
}

#[test]
fn what_is_none_is_an_error_that_names_it() {
    for (path, text) in [
        ("a/package-lock.json", "{"),
        ("Cargo.lock", "[["),
        ("go.sum", "one two\n"),
        ("Pipfile.lock", "\u{0}"),
    ] {
        let error = Pins::default().add(path, text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
    assert!(Pins::default().add("yarn.lock", b"\xff").is_err());
    assert!(!is_lockfile("README.txt") && is_lockfile("requirements.txt"));
    // Old packages in each other, deeper than anybody would write them.
    let deep =
        format!("{}{}", r#"{"dependencies":{"a":"#.repeat(60), "{}".to_owned() + &"}}".repeat(60));
    assert!(Pins::default().add("package-lock.json", deep.as_bytes()).is_ok());
}

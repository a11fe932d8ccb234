//! The walls of the house: which module may use which, and habits that a reader can rely on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the order of files does not matter once sorted")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every module with the modules that it uses, from the bottom up.
/// A module may use only modules that stand above it in this list, so there are no cycles.
const MODULES: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("oci", &[]),
    ("finding", &[]),
    ("archive", &[]),
    ("dockerfile", &["text"]),
    ("lock", &["oci", "text"]),
    ("store", &["archive", "oci"]),
    ("registry", &["oci", "store"]),
    ("sandbox", &[]),
    ("door", &["oci", "sandbox", "store"]),
    ("package", &["archive", "oci"]),
    ("index", &["archive", "door", "lock", "oci", "package"]),
    ("advisory", &["archive", "oci", "package"]),
    ("normalize", &["oci"]),
    (
        "build",
        &[
            "archive",
            "dockerfile",
            "door",
            "normalize",
            "oci",
            "package",
            "sandbox",
            "store",
            "text",
        ],
    ),
    ("diff", &["archive", "normalize", "oci", "store"]),
    ("cause", &["diff", "finding", "normalize", "store"]),
    ("pin", &["door", "lock", "oci", "package"]),
    ("review", &["diff", "door", "finding", "lock", "oci", "package", "store"]),
    ("update", &["door", "index", "lock", "oci", "package"]),
    ("report", &["archive", "diff", "door", "finding", "oci", "review", "store"]),
    (
        "cli",
        &[
            "advisory",
            "archive",
            "build",
            "cause",
            "diff",
            "dockerfile",
            "door",
            "finding",
            "index",
            "lock",
            "normalize",
            "oci",
            "package",
            "pin",
            "registry",
            "report",
            "review",
            "sandbox",
            "store",
            "text",
            "update",
        ],
    ),
];

/// Lines of a source file before it should be split by idea.
const FILE_LINES_MAX: usize = 500;

#[test]
fn modules_stand_in_order() {
    for (index, (module, uses)) in MODULES.iter().enumerate() {
        for used in *uses {
            let earlier = MODULES[..index].iter().any(|(name, _)| name == used);
            assert!(earlier, "`{module}` uses `{used}`, which stands below it");
        }
    }
}

#[test]
fn modules_use_what_the_list_says() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        if let Some(module) = module_of(&path) {
            let uses = found.entry(module.clone()).or_default();
            uses.extend(used_modules(&text).into_iter().filter(|used| *used != module));
        }
    }
    let mut errors = Vec::new();
    for (module, listed) in MODULES {
        let listed: BTreeSet<String> = listed.iter().map(ToString::to_string).collect();
        let uses = found.remove(*module).unwrap_or_default();
        let verb = |used, does| format!("`{module}` {does} `{used}`");
        errors.extend(uses.difference(&listed).map(|used| verb(used, "must not use")));
        errors.extend(listed.difference(&uses).map(|used| verb(used, "no longer uses")));
    }
    errors.extend(found.keys().map(|module| format!("`{module}` is missing from MODULES")));
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}

#[test]
fn pure_modules_do_no_io() {
    for (path, text) in sources() {
        let pure = matches!(
            module_of(&path).as_deref(),
            Some("text" | "dockerfile" | "lock" | "finding" | "index")
        );
        if !pure || is_test_file(&path) {
            continue;
        }
        for forbidden in ["std::fs", "std::net", "std::env", "std::process", "std::thread"] {
            let code = without_tests(&text);
            assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}

#[test]
fn unsafe_code_lives_in_the_sandbox() {
    for (path, text) in sources() {
        let sandbox = module_of(&path).as_deref() == Some("sandbox");
        let uses =
            code_lines(&text).any(|line| line.contains("unsafe {") || line.contains("unsafe fn"));
        assert!(sandbox || !uses, "{} has unsafe code", path.display());
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not start with `//! `", path.display());
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
        for leftover in ["dbg!(", "todo!(", "unimplemented!(", "FIXME", "XXX"] {
            assert!(!text.contains(leftover), "{} has a leftover {leftover}", path.display());
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    assert!(files.len() > MODULES.len(), "the sources were not found");
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first component below `src`; none for `lib.rs` and `main.rs`.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let mut components = below.components();
    let first = components.next()?.as_os_str().to_string_lossy().into_owned();
    components.next().map(|_| first)
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
        || path.components().any(|component| component.as_os_str() == "tests")
}

/// The code above the tests, which stand last in a file.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or(line))
}

/// The names after `crate::`, groups `crate::{a, b::C}` included; test code does not count.
fn used_modules(text: &str) -> BTreeSet<String> {
    let code: String = code_lines(without_tests(text)).collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => used.extend(group_heads(group)),
            None => used.extend(name(after)),
        }
    }
    used
}

/// The first name of each member of a `{…}` group, nested groups skipped.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut member) = (0, Vec::new(), String::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => heads.extend(name(&std::mem::take(&mut member))),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if character != ',' || depth != 0 {
            member.push(character);
        }
    }
    heads.extend(name(&member));
    heads
}

fn name(text: &str) -> Option<String> {
    let name: String = text
        .trim_start()
        .chars()
        .take_while(|character| character.is_ascii_lowercase() || *character == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

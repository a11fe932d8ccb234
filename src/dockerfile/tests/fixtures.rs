//! A folder for each case: a Dockerfile and what the parser makes of it. `UPDATE=1` rewrites the
//! expectations.

use super::dump;
use std::path::{Path, PathBuf};

#[test]
fn each_case_gives_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfile");
    let mut cases: Vec<PathBuf> =
        root.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 50, "only {} cases in {}", cases.len(), root.display());
    let mut wrong = Vec::new();
    for case in cases {
        let source = std::fs::read(case.join("Dockerfile")).unwrap();
        let seen = dump::result(&source);
        let path = case.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &seen).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if seen != expected {
            wrong.push(format!("{}:\n--- expected\n{expected}--- seen\n{seen}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

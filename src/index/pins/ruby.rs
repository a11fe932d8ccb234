//! Lockfiles by their lines: `Gemfile.lock`, and requirements of pip with hashes.

use super::{Pin, by_sha256};

/// The section `CHECKSUMS`: `  NAME (VERSION[-PLATFORM]) sha256=…`.
pub(super) fn gemfile(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    let mut is_here = false;
    for line in text.lines() {
        if !line.starts_with(' ') {
            is_here = line.trim_end() == "CHECKSUMS";
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (true, [name, version, hashes]) = (is_here, words.as_slice()) else { continue };
        let version = version.trim_start_matches('(').trim_end_matches(')');
        let hashes = hashes.split(',').filter_map(|it| it.strip_prefix("sha256="));
        pins.extend(hashes.filter_map(|hash| by_sha256("gem", name, version, hash)));
    }
    pins
}

/// <https://pip.pypa.io/en/stable/topics/secure-installs/#hash-checking-mode>: `NAME==VERSION --hash=…`,
/// of which a line that ends in `\` goes on in the next.
pub(super) fn requirements(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    let mut lines = text.lines();
    while let Some(first) = lines.next() {
        let mut whole = without_comment(first).to_owned();
        while let Some(begun) = whole.trim_end().strip_suffix('\\') {
            let next = lines.next().map(without_comment).unwrap_or_default();
            whole = format!("{begun} {next}");
        }
        let Some((name, rest)) = whole.split_once("==") else { continue };
        let name = name.split('[').next().unwrap_or(name).trim();
        let version = rest.trim_start_matches('=').trim_start();
        let end = version.find([' ', ';', '\t', ',']).unwrap_or(version.len());
        let version = version.get(..end).unwrap_or_default();
        let hashes = rest.split_ascii_whitespace().filter_map(|it| it.strip_prefix("--hash="));
        let hashes = hashes.filter(|hash| hash.starts_with("sha256:"));
        pins.extend(hashes.filter_map(|hash| by_sha256("pypi", name, version, hash)));
    }
    pins
}

/// A comment begins the line, or stands behind a blank.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split(" #").next().unwrap_or(line)
}

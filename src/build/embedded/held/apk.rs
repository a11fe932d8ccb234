//! apk: a second repository for each view, and a package that cannot be beside later versions of what
//! must not move.
//!
//! Of several repositories apk takes the latest version, whichever has it, and a name in the world that
//! an instruction asks for replaces what the world said of it before. What an installed package
//! excludes counts always. So the step sees one more installed package, which has no files, is wanted
//! by the world, and whose dependencies exclude those versions: `!tool>1.0-r0`. After the step the
//! record goes from the database, and the lines from the world and from the list of repositories: what
//! is left is what apk writes without them.
//! <https://man.archlinux.org/man/extra/apk-tools/apk-world.5.en>

use super::{HeldError, Injected, Kind, pins, text};
use crate::build::{BuildError, HeldPackage, HeldStep, HeldView};
use crate::package::Package;
use crate::store::rooted::Root;

/// The package that excludes the others. No repository has one whose name starts so.
pub(super) const NAME: &str = ".rlock-held";

const WORLD: &[u8] = b"etc/apk/world";
const REPOSITORIES: &[u8] = b"etc/apk/repositories";

/// Where the database is, in images with and without `/lib` of their own.
const DATABASES: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

/// Where apk keeps indexes that it has fetched.
pub(super) const CACHES: [&[u8]; 2] = [b"var/cache/apk", b"etc/apk/cache"];

/// What is injected; nothing where no view is of apk.
pub(super) fn files(
    image: &Root,
    step: &HeldStep,
    installed: &[Package],
) -> Result<Vec<Injected>, BuildError> {
    let views: Vec<&HeldView> = step.views.iter().filter(|it| it.kind == "apk").collect();
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let mut lists = text(image, REPOSITORIES)?.unwrap_or_default();
    let named = lists.clone();
    for view in views {
        let found: Vec<String> = named.lines().filter_map(|line| for_view(line, view)).collect();
        if found.is_empty() && !step.is_optional {
            let (archive, suite) = (view.archive.clone(), String::new());
            return Err(HeldError::NoSource { manager: "apk", archive, suite }.into());
        }
        for line in found {
            add_line(&mut lists, &line);
        }
    }
    let database = DATABASES.iter().find_map(|path| match text(image, path) {
        Ok(found) => Some(Ok((path, found?))),
        Err(error) => Some(Err(error)),
    });
    // Without a database there is no apk.
    let Some((database, records)) = database.transpose()? else { return Ok(Vec::new()) };
    let mut world = text(image, WORLD)?.unwrap_or_default();
    add_line(&mut world, NAME);
    let record = record(step, installed);
    let file = |path: &[u8], content: String, kind| {
        let (path, content) = (path.to_vec(), content.into_bytes());
        Injected { path, content, kind }
    };
    Ok(vec![
        file(REPOSITORIES, lists, Kind::Lines),
        file(WORLD, world, Kind::Lines),
        file(database, record + &records, Kind::Record),
    ])
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// The line of a list of repositories with the view in the place of its archive: `URL`, `@tag URL`.
fn for_view(line: &str, view: &HeldView) -> Option<String> {
    let url = line.split_whitespace().next_back()?;
    let is_it = url.trim_end_matches('/') == view.archive.trim_end_matches('/');
    let is_comment = line.trim_start().starts_with('#');
    (is_it && !is_comment).then(|| line.replace(url, view.view.trim_end_matches('/')))
}

/// <https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2>
fn record(step: &HeldStep, installed: &[Package]) -> String {
    let excluded = pins(step, "apk", installed).into_iter();
    let excluded = excluded.map(|HeldPackage { name, version, .. }| format!("!{name}>{version}"));
    let excluded = excluded.collect::<Vec<_>>().join(" ");
    format!(
        "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:{NAME}\nV:0\nA:noarch\nS:0\nI:0\nT:held\nU:\nL:\n\
         D:{excluded}\n\n"
    )
}

/// A database without the record.
pub(super) fn without_record(content: &[u8]) -> Option<Vec<u8>> {
    let name = format!("\nP:{NAME}\n").into_bytes();
    let at = bstr::ByteSlice::find(content, &*name)?;
    let (before, behind) = content.split_at_checked(at)?;
    let start = bstr::ByteSlice::rfind(before, b"\n\n").map_or(0, |found| found + 2);
    let length = bstr::ByteSlice::find(behind, b"\n\n").map_or(behind.len(), |found| found + 2);
    Some([content.get(..start)?, behind.get(length..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_copied_with_its_tag() {
        let view = HeldView {
            kind: "apk",
            archive: "http://a.example/v3/main/".to_owned(),
            suite: String::new(),
            view: "http://a.example.held-0123abcd/v3/main/".to_owned(),
        };
        let held = "http://a.example.held-0123abcd/v3/main";
        for (line, expected) in [
            ("http://a.example/v3/main", Some(held.to_owned())),
            ("http://a.example/v3/main/", Some(held.to_owned())),
            ("@edge http://a.example/v3/main", Some(format!("@edge {held}"))),
            ("# http://a.example/v3/main", None),
            ("http://a.example/v3/community", None),
            ("", None),
        ] {
            assert_eq!(for_view(line, &view), expected, "{line}");
        }
    }

    #[test]
    fn a_record_goes_wherever_it_stands() {
        let step = HeldStep {
            pins: vec![HeldPackage {
                kind: "apk".to_owned(),
                name: "tool".to_owned(),
                architecture: "x86_64".to_owned(),
                version: "1.0-r0".to_owned(),
            }],
            ..HeldStep::default()
        };
        let record = record(&step, &[]);
        assert!(record.contains("\nD:!tool>1.0-r0\n\n"), "{record}");
        let (first, second) = ("C:Q1x=\nP:a\nV:1\n\n", "C:Q1y=\nP:b\nV:1\n\n");
        for text in [
            format!("{record}{first}{second}"),
            format!("{first}{record}{second}"),
            format!("{first}{second}{record}"),
        ] {
            let left = without_record(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(left).unwrap(), format!("{first}{second}"));
        }
        assert_eq!(without_record(first.as_bytes()), None);
    }
}

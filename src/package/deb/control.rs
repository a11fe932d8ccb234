//! What a Debian package does when it is installed, and what it needs: the files of `control.tar`.

use super::{CONTROL_ARCHIVE_MAX, CONTROL_MAX, control_member};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use crate::package::{Control, PackageFileError};
use std::collections::BTreeSet;
use std::io::Read;

/// Files of `control.tar` that are run, or decide what is run, when the package is installed,
/// upgraded or removed. <https://www.debian.org/doc/debian-policy/ch-maintainerscripts.html>.
const SCRIPTS: [&str; 6] = ["config", "postinst", "postrm", "preinst", "prerm", "triggers"];

/// Bytes of all these files together.
const SCRIPTS_MAX: u64 = 16 << 20;

/// Reads it; none where the file is no Debian package.
pub(in crate::package) fn read(
    file: impl Read + Send,
) -> Result<Option<Control>, PackageFileError> {
    let found = control_member(file, |member| {
        let limits = compression::Limits {
            output_max: CONTROL_ARCHIVE_MAX,
            ratio_free: CONTROL_ARCHIVE_MAX,
            ..compression::Limits::default()
        };
        let (_, unpacked) = decoder_within(member, &limits)?;
        of_archive(tar::Reader::new(unpacked, tar::Limits::default()))
    })?;
    Ok(found.map(|(control, _)| control))
}

fn of_archive(mut files: tar::Reader<impl Read>) -> Result<Control, PackageFileError> {
    let mut control = Control::default();
    let mut size = 0_u64;
    while let Some(entry) = files.next_entry()? {
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        let is_script = SCRIPTS.contains(&&*name);
        if entry.kind != Kind::File || !(is_script || name == "control") {
            continue;
        }
        size = size.saturating_add(entry.size);
        if size > SCRIPTS_MAX || (!is_script && entry.size > CONTROL_MAX) {
            return Err(PackageFileError::malformed("its scripts are too large"));
        }
        let mut content = Vec::new();
        files.copy_body(&mut |bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        if name == "triggers" {
            control.scripts.insert(name, directives(&content));
        } else if is_script {
            control.scripts.insert(name, content);
        } else {
            relate(&mut control, &String::from_utf8_lossy(&content));
        }
    }
    Ok(control)
}

/// What `triggers` says, without comments: the tool that wrote it leaves its version in one, which
/// changes with every rebuild. <https://manpages.debian.org/bookworm/dpkg-dev/deb-triggers.5.en.html>
fn directives(content: &[u8]) -> Vec<u8> {
    let lines = content.split(|byte| *byte == b'\n');
    let bare = lines.filter_map(|line| line.split(|byte| *byte == b'#').next());
    let directives = bare.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    directives.flat_map(|line| [line, b"\n"].concat()).collect()
}

/// Notes the relations that `control` names: <https://www.debian.org/doc/debian-policy/ch-relationships.html>.
fn relate(control: &mut Control, text: &str) {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            // A folded line.
            fields.last_mut().into_iter().for_each(|(_, value)| value.push_str(line));
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    for (name, value) in fields {
        let set = match &*name {
            "pre-depends" | "depends" => &mut control.depends,
            "recommends" => &mut control.recommends,
            "provides" => &mut control.provides,
            "breaks" | "conflicts" | "replaces" => &mut control.displaces,
            _ => continue,
        };
        set.extend(value.split(',').map(names).filter(|names| !names.is_empty()));
    }
}

/// The names of a relation without versions and architectures: `c (>= 1) | d:any` is `c | d`.
fn names(relation: &str) -> String {
    let name = |relation: &str| {
        let word = relation.split_whitespace().next().unwrap_or_default();
        let word = word.split(['(', '[']).next().unwrap_or_default();
        word.split_once(':').map_or(word, |(name, _)| name).to_owned()
    };
    let names: BTreeSet<String> = relation.split('|').map(name).collect();
    names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_read_from_folded_fields() {
        let text = "Package: a\nDepends: b (>= 1),\n d:any | c(>= 2),\n e,\nSuggests: f\n g\n\
                    Pre-Depends:  dpkg  (>= 2)\nRecommends: r\nProvides: p (= 1)\nBreaks: x (<< 2)\n\
                    Conflicts: y\nReplaces: x, z\nDescription: x\n Depends: no\n";
        let mut control = Control::default();
        relate(&mut control, text);
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
        assert_eq!(list(&control.depends), "b,c | d,dpkg,e");
        assert_eq!(list(&control.recommends), "r");
        assert_eq!(list(&control.provides), "p");
        assert_eq!(list(&control.displaces), "x,y,z");
    }
}

//! What a Debian package does when it is installed, and what it needs: the files of `control.tar`.

use super::{CONTROL_ARCHIVE_MAX, CONTROL_MAX, control_member};
use crate::archive::compression::{self, decoder_within};
use crate::archive::tar::{self, Kind};
use crate::package::PackageFileError;
use std::collections::BTreeMap;
use std::io::Read;

/// Files of `control.tar` that are run, or decide what is run, when the package is installed,
/// upgraded or removed. <https://www.debian.org/doc/debian-policy/ch-maintainerscripts.html>.
const SCRIPTS: [&str; 6] = ["config", "postinst", "postrm", "preinst", "prerm", "triggers"];

/// Bytes of all these files together.
const SCRIPTS_MAX: u64 = 16 << 20;

/// Fields of `control` that name what must be installed with it.
const DEPENDENCIES: [&str; 2] = ["pre-depends", "depends"];

/// What a package file says beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// What it needs, each as written: `libc6 (>= 2.36) | libc6-udeb`.
    pub depends: Vec<String>,
    /// The scripts that it runs, by name.
    pub scripts: BTreeMap<String, Vec<u8>>,
}

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
        if is_script {
            control.scripts.insert(name, content);
        } else {
            control.depends = depends(&String::from_utf8_lossy(&content));
        }
    }
    Ok(control)
}

/// The relations of the fields that name dependencies, folded lines included.
fn depends(control: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let mut wanted = false;
    for line in control.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = values.last_mut().filter(|_| wanted) {
                value.push_str(line);
            }
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        wanted = DEPENDENCIES.contains(&&*name.to_ascii_lowercase());
        if wanted {
            values.push(value.to_owned());
        }
    }
    let relations = values.iter().flat_map(|value| value.split(','));
    let relations = relations.map(|relation| relation.split_whitespace().collect::<Vec<_>>());
    relations.filter(|words| !words.is_empty()).map(|words| words.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_folded_fields() {
        let control = "Package: a\nDepends: b (>= 1),\n c | d,\n e\nSuggests: f\n g\n\
                       Pre-Depends:  dpkg  (>= 2)\nDescription: x\n Depends: no\n";
        assert_eq!(depends(control), ["b (>= 1)", "c | d", "e", "dpkg (>= 2)"]);
        assert_eq!(depends("Package: a\n"), Vec::<String>::new());
    }
}

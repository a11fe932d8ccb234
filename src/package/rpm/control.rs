//! What the header of a package file says is run, and what the package needs.
//! <https://rpm-software-management.github.io/rpm/manual/tags.html>

use super::bytes::Damage;
use super::file::main_header;
use super::header::Header;
use crate::package::{Control, PackageFileError};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

const BUILD_TIME: u32 = 1006;
const PROVIDE_NAME: u32 = 1047;
const REQUIRE_NAME: u32 = 1049;
const CONFLICT_NAME: u32 = 1054;
const OBSOLETE_NAME: u32 = 1090;
const RECOMMEND_NAME: u32 = 5046;

/// Names of scripts as `rpm -q --scripts` has them, each with the tags of its text and of the program
/// that runs it. A script may be a program alone (`-p /sbin/ldconfig`).
const SCRIPTS: [(&str, u32, u32); 8] = [
    ("preinstall", 1023, 1085),
    ("postinstall", 1024, 1086),
    ("preuninstall", 1025, 1087),
    ("postuninstall", 1026, 1088),
    ("pretrans", 1151, 1153),
    ("posttrans", 1152, 1154),
    ("preuntrans", 5104, 5106),
    ("postuntrans", 5105, 5107),
];

/// Tags of scripts that run when others are installed or removed.
struct Triggers {
    name: &'static str,
    scripts: u32,
    programs: u32,
    /// What each condition is about.
    conditions: u32,
    versions: u32,
    flags: u32,
    /// The script of each condition.
    indexes: u32,
}

const TRIGGERS: [Triggers; 3] = [
    Triggers {
        name: "trigger",
        scripts: 1065,
        programs: 1092,
        conditions: 1066,
        versions: 1067,
        flags: 1068,
        indexes: 1069,
    },
    Triggers {
        name: "filetrigger",
        scripts: 5066,
        programs: 5067,
        conditions: 5069,
        versions: 5071,
        flags: 5072,
        indexes: 5070,
    },
    Triggers {
        name: "transfiletrigger",
        scripts: 5076,
        programs: 5077,
        conditions: 5079,
        versions: 5081,
        flags: 5082,
        indexes: 5080,
    },
];

/// Scripts of one kind that are read.
const TRIGGERS_MAX: usize = 10_000;

/// Reads it from a package file.
pub(in crate::package) fn control(file: impl Read) -> Result<Control, PackageFileError> {
    let blob = main_header(file)?;
    let header = Header::parse(&blob)?;
    let mut scripts = BTreeMap::new();
    for (name, text, program) in SCRIPTS {
        let (programs, text) = (header.strings(program)?, header.string(text)?);
        if text.is_some() || !programs.is_empty() {
            let script = run_by(&programs, text.unwrap_or_default());
            scripts.insert(name.to_owned(), script);
        }
    }
    for triggers in &TRIGGERS {
        triggers.read(&header, &mut scripts)?;
    }
    let mut displaces = names(&header, CONFLICT_NAME)?;
    displaces.extend(names(&header, OBSOLETE_NAME)?);
    Ok(Control {
        depends: names(&header, REQUIRE_NAME)?,
        recommends: names(&header, RECOMMEND_NAME)?,
        provides: names(&header, PROVIDE_NAME)?,
        displaces,
        scripts,
        built: header.numbers(BUILD_TIME)?.first().map(|seconds| i64::from(*seconds)),
    })
}

/// A script with what runs it, as its first line.
fn run_by(programs: &[&[u8]], text: &[u8]) -> Vec<u8> {
    [b"#!", &*programs.join(&b' '), b"\n", text].concat()
}

impl Triggers {
    /// Adds each as `trigger on PACKAGE`.
    fn read(
        &self,
        header: &Header<'_>,
        scripts: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Damage> {
        let texts = header.strings(self.scripts)?;
        if texts.len() > TRIGGERS_MAX {
            return Err(Damage::new(format!("it has more than {TRIGGERS_MAX} triggers")));
        }
        let programs = header.strings(self.programs)?;
        let (names, indexes) = (header.strings(self.conditions)?, header.numbers(self.indexes)?);
        let (versions, flags) = (header.strings(self.versions)?, header.numbers(self.flags)?);
        let mut conditions: BTreeMap<usize, (BTreeSet<String>, Vec<u8>)> = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            // Conditions without an index are of the script in the same place.
            let index = indexes.get(at).and_then(|it| usize::try_from(*it).ok()).unwrap_or(at);
            let (names, exactly) = conditions.entry(index).or_default();
            names.insert(text(name));
            let flags = flags.get(at).copied().unwrap_or_default();
            let version = versions.get(at).copied().unwrap_or_default();
            exactly.extend([name, &b" "[..], &flags.to_be_bytes(), version, b"\n"].concat());
        }
        for (at, script) in texts.iter().enumerate() {
            let program = programs.get(at).copied().unwrap_or_default();
            let (names, exactly) = conditions.remove(&at).unwrap_or_default();
            let names: Vec<String> = names.into_iter().collect();
            let name = format!("{} on {}", self.name, names.join(", "));
            // Several for the same (`%triggerin` and `%triggerun`) are one after the other.
            let own = scripts.entry(name).or_default();
            own.extend(exactly);
            own.extend(run_by(&[program], script));
            own.push(b'\n');
        }
        Ok(())
    }
}

/// The names of relations, without versions.
fn names(header: &Header<'_>, tag: u32) -> Result<BTreeSet<String>, Damage> {
    let names = header.strings(tag)?.into_iter().map(text).map(|name| bare(&name).to_owned());
    Ok(names.filter(|name| !name.is_empty() && !is_of_rpm(name)).collect())
}

/// What the format itself needs; installs nothing.
fn is_of_rpm(name: &str) -> bool {
    name.starts_with("rpmlib(") || name.starts_with("config(")
}

/// A library without the version of its symbols: `libc.so.6(GLIBC_2.34)(64bit)` is `libc.so.6`.
fn bare(name: &str) -> &str {
    match name.split_once('(') {
        Some((library, _)) if library.contains(".so") => library,
        _ => name,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPTED: &[u8] = include_bytes!("../../../fixtures/rpm/file/scripted-2-1.noarch.rpm");
    const PLAIN: &[u8] =
        include_bytes!("../../../fixtures/rpm/file/greeter-sub-3~rc1-1.noarch.rpm");

    #[test]
    fn a_package_file_is_read_as_rpm_reads_it() {
        let control = control(SCRIPTED).unwrap();
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        assert_eq!(list(&control.depends), "/bin/sh, /sbin/ldconfig, libx.so.1, phrases");
        assert_eq!(list(&control.recommends), "weak");
        assert_eq!(list(&control.provides), "scripted, speech");
        assert_eq!(list(&control.displaces), "oldspeech, silence");
        assert_eq!(control.built, Some(1_767_600_000));
        let script = |name: &str| String::from_utf8_lossy(&control.scripts[name]).into_owned();
        assert_eq!(script("preinstall"), "#!/bin/sh\necho pre");
        assert_eq!(script("postinstall"), "#!/sbin/ldconfig\n");
        assert_eq!(script("preuninstall"), "#!<lua>\nprint(\"preun\")");
        assert_eq!(script("posttrans"), "#!/bin/sh\necho posttrans");
        assert!(script("trigger on other, phrases").contains("#!/bin/sh\necho triggered"));
        assert!(script("trigger on phrases").contains("echo untriggered"));
        assert!(script("filetrigger on /usr/lib").contains("echo file"));
        assert!(script("transfiletrigger on /usr/share").contains("echo transfile"));
        assert_eq!(control.scripts.len(), 8);
        assert_eq!(super::control(PLAIN).unwrap().scripts, BTreeMap::new());
    }

    #[test]
    fn the_condition_of_a_trigger_is_part_of_it() {
        let at = bstr::ByteSlice::find(SCRIPTED, b"phrases\0other\0")
            .or_else(|| bstr::ByteSlice::find(SCRIPTED, b"other\0phrases\0"));
        let mut changed = SCRIPTED.to_vec();
        changed[at.unwrap()] = b'q';
        let names = |file: &[u8]| control(file).unwrap().scripts.into_keys().collect::<Vec<_>>();
        assert_ne!(names(SCRIPTED), names(&changed));
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>, at in 0..SCRIPTED.len()) {
            drop(control(&*bytes));
            let mut file = SCRIPTED.to_vec();
            let end = (at + bytes.len()).min(file.len());
            file.splice(at..end, bytes);
            drop(control(&*file));
            drop(control(&SCRIPTED[..at]));
        }
    }

    #[test]
    fn relations_of_libraries_have_no_versions() {
        for (name, expected) in [
            ("libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6"),
            ("libc.so.6()(64bit)", "libc.so.6"),
            ("perl(Carp)", "perl(Carp)"),
            ("(a or b)", "(a or b)"),
            ("/bin/sh", "/bin/sh"),
        ] {
            assert_eq!(bare(name), expected);
        }
        assert!(is_of_rpm("rpmlib(CompressedFileNames)") && !is_of_rpm("rpmlib"));
    }
}

//! Packages of Python. A wheel is only unpacked:
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>; but what lies
//! in it may be run each time that Python starts (<https://docs.python.org/3/library/site.html>). A
//! source distribution is built where it is installed, by its own code:
//! <https://peps.python.org/pep-0517/>.

use super::super::super::marks::python_name;
use super::super::super::{Control, PackageFileError};
use super::super::zipped::failed;
use super::{Folder, TEXT_MAX, TEXTS_MAX};
use crate::archive::zip::{self, Archive};
use std::io::{Read, Seek};

/// Modules that Python imports whenever it starts.
const START_MODULES: [&str; 2] = ["sitecustomize.py", "usercustomize.py"];

/// What is used where `pyproject.toml` names nothing; it runs `setup.py`.
const DEFAULT_BACKEND: &str = "setuptools.build_meta:__legacy__";

/// Reads a wheel.
pub(super) fn of_wheel(file: impl Read + Seek + Send) -> Result<Control, PackageFileError> {
    let mut archive = Archive::open(file, &zip::Limits::default()).map_err(failed)?;
    let mut control = Control::default();
    let mut size = 0_u64;
    for entry in archive.entries().to_vec() {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let Some(part) = Part::of(&name) else { continue };
        if let Part::Command(command) = part {
            control.provides.insert(format!("command {command}"));
            continue;
        }
        size = size.saturating_add(entry.size);
        if size > TEXTS_MAX {
            return Err(PackageFileError::malformed("its scripts are too large"));
        }
        // Two of one name are read by some as the first, by others as the second.
        archive.entry(&entry.name).map_err(failed)?;
        let content = archive.read(&entry, TEXT_MAX).map_err(failed)?;
        match part {
            Part::Start(file) => drop(control.scripts.insert(file.to_owned(), content)),
            Part::Metadata => relate(&mut control, &String::from_utf8_lossy(&content)),
            Part::EntryPoints => commands(&mut control, &String::from_utf8_lossy(&content)),
            Part::Command(_) => {}
        }
    }
    Ok(control)
}

/// A file of a wheel that matters here.
enum Part<'a> {
    Metadata,
    EntryPoints,
    /// Run whenever Python starts.
    Start(&'a str),
    Command(&'a str),
}

impl<'a> Part<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        // `NAME-VERSION.data/purelib` is unpacked where the other files are.
        let data = folder.split_once(".data/").map(|(_, below)| below);
        let is_top = folder.is_empty() || matches!(data, Some("purelib" | "platlib"));
        match file {
            "METADATA" if folder.ends_with(".dist-info") => Some(Self::Metadata),
            "entry_points.txt" if folder.ends_with(".dist-info") => Some(Self::EntryPoints),
            _ if is_top && (has_extension(file, "pth") || START_MODULES.contains(&file)) => {
                Some(Self::Start(file))
            }
            _ if data == Some("scripts") && !file.is_empty() => Some(Self::Command(file)),
            _ => None,
        }
    }
}

/// `Requires-Dist` and the like, from the headers of core metadata. What only an extra needs is not
/// needed.
fn relate(control: &mut Control, metadata: &str) {
    for line in metadata.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((field, value)) = line.split_once(':') else { continue };
        let set = match &*field.to_ascii_lowercase() {
            "requires-dist" => &mut control.depends,
            "provides-dist" => &mut control.provides,
            "obsoletes-dist" => &mut control.displaces,
            _ => continue,
        };
        let condition = value.split_once(';').map_or("", |(_, condition)| condition);
        let words: String = condition.split_whitespace().collect();
        if !words.contains("extra==") {
            set.extend(project(value));
        }
    }
}

/// The name at the start of a requirement: `A.b[c] (>=1); python_version < "3"` is `a-b`.
fn project(requirement: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = requirement.trim().split(|c| !is_name(c)).next()?;
    (!name.is_empty()).then(|| python_name(name))
}

/// Programs of `entry_points.txt`:
/// <https://packaging.python.org/en/latest/specifications/entry-points/#file-format>.
fn commands(control: &mut Control, text: &str) {
    let mut is_program = false;
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_program = matches!(group.trim(), "console_scripts" | "gui_scripts");
        } else if let (true, Some((name, _))) = (is_program, line.split_once('=')) {
            control.provides.insert(format!("command {}", name.trim()));
        }
    }
}

pub(super) fn is_text(path: &str) -> bool {
    matches!(path, "setup.py" | "pyproject.toml" | "PKG-INFO")
}

/// Reads a source distribution.
pub(super) fn of_sources(folder: &Folder) -> Result<Control, PackageFileError> {
    let mut control = Control::default();
    let text = |name: &str| folder.texts.get(name).map(|text| String::from_utf8_lossy(text));
    if let Some(metadata) = text("PKG-INFO") {
        relate(&mut control, &metadata);
    }
    if let Some(program) = folder.texts.get("setup.py") {
        control.scripts.insert("setup.py".to_owned(), program.clone());
    }
    let project_file: toml::Table = match text("pyproject.toml") {
        Some(text) => text.parse().map_err(|error: toml::de::Error| {
            PackageFileError::malformed(format!("its `pyproject.toml`: {}", error.message()))
        })?,
        None => toml::Table::new(),
    };
    let system = project_file.get("build-system");
    let list = |key: &str| {
        let values = system.and_then(|system| system.get(key)).and_then(toml::Value::as_array);
        values.into_iter().flatten().filter_map(toml::Value::as_str)
    };
    let to_build = list("requires").filter_map(project);
    control.depends.extend(to_build.map(|name| format!("{name} (to build)")));
    let backend = system.and_then(|system| system.get("build-backend")).and_then(|it| it.as_str());
    let mut script = format!("{}\n", backend.unwrap_or(DEFAULT_BACKEND));
    // A backend of its own is in these folders.
    let own: Vec<&str> = list("backend-path").map(|path| path.trim_matches(['.', '/'])).collect();
    let is_own = |path: &str| {
        let below = |folder: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|it| it.starts_with('/'))
        };
        own.iter().any(|folder| below(folder))
    };
    script.push_str(&folder.listed(|path| has_extension(path, "py") && is_own(path)));
    control.scripts.insert("build backend".to_owned(), script.into());
    Ok(control)
}

/// Python tells these apart by their case.
fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, of_path)| of_path == extension)
}

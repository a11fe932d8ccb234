//! Small values of options.

use crate::report::json::SchemaName;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;
use std::str::FromStr;

/// `--build-arg NAME[=VALUE]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArgument {
    /// Name of the ARG.
    pub name: String,
    /// Its value, if given here.
    pub value: Option<String>,
}

impl BuildArgument {
    /// Name and value; the value from `environment` where none was given. None where there is
    /// none: docker then leaves the default of the ARG.
    pub fn resolve(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Option<(String, String)> {
        let value = self.value.clone().or_else(|| environment(&self.name))?;
        Some((self.name.clone(), value))
    }
}

impl FromStr for BuildArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("expected NAME or NAME=VALUE".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// A size in docker's words: bytes, or with `k`, `m` or `g` for powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let plain = lower.strip_suffix('b').unwrap_or(&lower);
        let (digits, shift) = match plain.strip_suffix(['k', 'm', 'g']) {
            Some(digits) if plain.ends_with('k') => (digits, 10),
            Some(digits) if plain.ends_with('m') => (digits, 20),
            Some(digits) => (digits, 30),
            None => (plain, 0),
        };
        let number: u64 =
            digits.parse().map_err(|_| "expected a size, for instance 512M".to_owned())?;
        let bytes = number.checked_mul(1 << shift).ok_or("the size is too large")?;
        Ok(Self(bytes))
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: `rlock schema` prints its schema
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// Test results
    Junit,
    /// For a job summary or a comment
    Markdown,
}

/// The formats of a report that has no findings.
pub(super) fn plain_format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["text", "json"]).try_map(|name| Format::from_str(&name, false))
}

/// `--output FORMAT=FILE` of such a report.
pub(super) fn plain_output(text: &str) -> Result<OutputFile, String> {
    match text.parse::<OutputFile>()? {
        file if matches!(file.format, Format::Text | Format::Json) => Ok(file),
        _ => Err("this report has no findings: expected text or json".to_owned()),
    }
}

/// `--output FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Format of the file.
    pub format: Format,
    /// Its path.
    pub path: PathBuf,
}

impl FromStr for OutputFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected FORMAT=FILE, for instance json=report.json".to_owned();
        let (format, path) = text.split_once('=').ok_or_else(expected)?;
        if path.is_empty() {
            return Err(expected());
        }
        let format = Format::from_str(format, false)
            .map_err(|_| format!("`{format}` is not a format: expected {}", formats()))?;
        Ok(Self { format, path: path.into() })
    }
}

/// `text, json or …`.
fn formats() -> String {
    let values = Format::value_variants().iter().filter_map(Format::to_possible_value);
    let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    names.join(", ")
}

/// `--no-normalize RULE`. Whether there is such a rule is for the command to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleName {
    /// Every rule.
    All,
    /// The rule with this id.
    One(String),
}

impl FromStr for RuleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected the id of a rule, or `all`: `rlock explain` lists them".to_owned()),
            "all" => Ok(Self::All),
            id => Ok(Self::One(id.to_owned())),
        }
    }
}

/// Argument of `rlock schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaArgument {
    /// rlock.check/1
    Check,
    /// rlock.diff/1
    Diff,
    /// rlock.lock/1
    Lock,
    /// rlock.verify/1
    Verify,
    /// rlock.store-status/1
    StoreStatus,
    /// rlock.proof/1, of `rlock lock --verify`
    Proof,
    /// rlock.review/1
    Review,
    /// rlock.update/1
    Update,
    /// rlock.outdated/1
    Outdated,
}

impl From<SchemaArgument> for SchemaName {
    fn from(name: SchemaArgument) -> Self {
        match name {
            SchemaArgument::Check => Self::Check,
            SchemaArgument::Diff => Self::Diff,
            SchemaArgument::Lock => Self::Lock,
            SchemaArgument::Verify => Self::Verify,
            SchemaArgument::StoreStatus => Self::StoreStatus,
            SchemaArgument::Proof => Self::Proof,
            SchemaArgument::Review => Self::Review,
            SchemaArgument::Update => Self::Update,
            SchemaArgument::Outdated => Self::Outdated,
        }
    }
}

/// The build context: a directory.
pub(super) fn context(text: &str) -> Result<PathBuf, String> {
    if text == "-" {
        return Err("a context on standard input is not supported: name a directory".to_owned());
    }
    if text.contains("://") || text.starts_with("git@") {
        return Err("a remote context is not supported: clone it and name the directory".to_owned());
    }
    if text.is_empty() {
        return Err("expected a directory".to_owned());
    }
    Ok(text.into())
}

/// The Dockerfile: a file, since the lock is written beside it.
pub(super) fn dockerfile(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("a Dockerfile on standard input has no place for its lock: name a file".into()),
        "" => Err("expected a file".to_owned()),
        path => Ok(path.into()),
    }
}

/// A path in an image: absolute, with or without its first slash.
pub(super) fn image_path(text: &str) -> Result<String, String> {
    let path = text.trim_matches('/');
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("expected a path in the image, without `.` and `..`".to_owned());
    }
    Ok(format!("/{path}"))
}

//! What a stage's instructions see and change besides files: variables, shell, user, directory, config.

use super::Base;
use crate::oci::{ImageConfig, RuntimeConfig};
use std::collections::{BTreeMap, BTreeSet};

/// `PATH` where an image sets none, as in BuildKit: a stage always has one, and so has its image.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// The state of a stage between two instructions.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// What containers will start with; `ENV`, `USER` and so on live here.
    pub(super) config: RuntimeConfig,
    pub(super) author: Option<String>,
    /// Build arguments in scope, with the values that they have.
    pub(super) arguments: BTreeMap<String, String>,
    /// Names of all build arguments that were declared on the way, with or without a value.
    pub(super) declared: BTreeSet<String>,
    /// Whether this stage has a `CMD`; one that is inherited ends with an `ENTRYPOINT`.
    pub(super) has_cmd: bool,
}

impl State {
    /// The state after a `FROM` whose image is not looked at.
    pub(super) fn unknown() -> Self {
        Self::default()
    }

    /// The state after `FROM scratch`.
    pub(super) fn scratch() -> Self {
        let config = RuntimeConfig { working_dir: "/".to_owned(), ..RuntimeConfig::default() };
        Self { config, ..Self::unknown() }.with_path()
    }

    /// The state after `FROM` an image.
    pub(super) fn of_image(image: &ImageConfig) -> Self {
        let (config, author) = (image.config.clone(), image.author.clone());
        Self { config, author, ..Self::unknown() }.with_path()
    }

    fn with_path(mut self) -> Self {
        if self.environment("PATH").is_none() {
            self.set_environment("PATH", DEFAULT_PATH);
        }
        self
    }

    /// The state of a stage that continues this one.
    pub(super) fn continued(&self) -> Self {
        Self { has_cmd: false, ..self.clone() }
    }

    /// The value of a variable: the environment's, else an argument's.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment(name).or_else(|| self.arguments.get(name).cloned())
    }

    fn environment(&self, name: &str) -> Option<String> {
        let entry = self.config.env.iter().rev().find_map(|entry| value_of(entry, name));
        entry.map(str::to_owned)
    }

    /// Sets a variable of the environment where it is, or as the last one.
    pub(super) fn set_environment(&mut self, name: &str, value: &str) {
        let entry = format!("{name}={value}");
        match self.config.env.iter_mut().find(|entry| value_of(entry, name).is_some()) {
            Some(old) => *old = entry,
            None => self.config.env.push(entry),
        }
    }

    /// What a command sees: arguments, and over them the environment.
    pub(super) fn command_environment<'a>(
        &'a self,
        predefined: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let environment = self.config.env.iter().filter_map(|entry| entry.split_once('='));
        predefined.map(owned).chain(self.arguments.clone()).chain(environment.map(owned)).collect()
    }

    /// `SHELL`, or the default.
    pub(super) fn shell(&self) -> Vec<String> {
        let default = || DEFAULT_SHELL.map(str::to_owned).to_vec();
        self.config.shell.clone().filter(|shell| !shell.is_empty()).unwrap_or_else(default)
    }

    /// The directory that commands start in.
    pub(super) fn directory(&self) -> String {
        absolute("/", &self.config.working_dir)
    }
}

fn value_of<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value)
}

/// `path` seen from `directory`: absolute, without `.`, `..` and double slashes, as Go's `path.Join`.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A destination seen from `directory`; a slash at its end, or a last `.`, stays as a slash.
pub(super) fn destination(directory: &str, path: &str) -> String {
    let folder = path.is_empty() || path.ends_with('/') || path == "." || path.ends_with("/.");
    let absolute = absolute(directory, path);
    if folder && absolute != "/" { format!("{absolute}/") } else { absolute }
}

impl Base {
    /// The stage that this is, if it is one.
    pub fn stage(&self) -> Option<usize> {
        match self {
            Self::Stage(index) => Some(*index),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        assert_eq!(absolute("/a/b", "c/../d"), "/a/b/d");
        assert_eq!(absolute("/a", "/x//y/."), "/x/y");
        assert_eq!(absolute("/", ""), "/");
        assert_eq!(absolute("/a", "../../.."), "/");
        assert_eq!(destination("/a", "b/"), "/a/b/");
        assert_eq!(destination("/a", "."), "/a/");
        assert_eq!(destination("/a", "./"), "/a/");
        assert_eq!(destination("/", "."), "/");
        assert_eq!(destination("/a", "b"), "/a/b");
    }

    #[test]
    fn the_environment_wins_over_arguments() {
        let mut state = State::unknown();
        state.arguments.insert("A".into(), "argument".into());
        assert_eq!(state.variable("A").unwrap(), "argument");
        state.set_environment("A", "environment");
        state.set_environment("B", "");
        state.set_environment("A", "again");
        assert_eq!(state.variable("A").unwrap(), "again");
        assert_eq!(state.config.env, ["A=again", "B="]);
        assert_eq!(state.command_environment(std::iter::empty())["A"], "again");
    }
}

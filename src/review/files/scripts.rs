//! What the scripts in a package's file say that they do to something that the package brings: give
//! it capabilities, other rights, another owner.
//!
//! A script counts as far as it names the path, whole. It is not run, and not understood: what is
//! taken from it are the words of its commands. So what follows from them is never more than that a
//! package asks for something in the open, where whoever reads its file sees it.

use super::Side;
use super::brought::real;
use super::derived::matches;
use std::collections::{BTreeMap, BTreeSet};

/// Programs that give capabilities, that set rights, that change owners.
const CAPABILITIES: &[&str] = &["setcap"];
const RIGHTS: &[&str] = &["chmod", "dpkg-statoverride"];
const OWNERS: &[&str] = &["chown", "chgrp", "dpkg-statoverride"];

/// A script that is run when its package is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    words: BTreeSet<String>,
}

impl Script {
    /// Of the text of a script of the shell. Lines that are comments say nothing.
    pub fn of(text: &[u8]) -> Self {
        let separates = |character: char| {
            character.is_whitespace()
                || matches!(character, '"' | '\'' | '`' | ';' | '|' | '&' | '(' | ')' | '<' | '>')
                || character == '='
        };
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = lines.flat_map(|line| line.split(separates)).filter(|word| !word.is_empty());
        Self { words: words.map(str::to_owned).collect() }
    }

    /// Whether it calls one of these programs, wherever they are.
    pub fn calls(&self, programs: &[&str]) -> bool {
        self.words.iter().any(|word| programs.contains(&word.rsplit('/').next().unwrap_or(word)))
    }

    /// Whether it names a path: whole, by a pattern, by the end of it, or by its name beside its
    /// directory.
    pub(super) fn reaches(&self, path: &[u8], side: &Side<'_>) -> bool {
        let (directory, name) = (super::language::parent(path), super::language::name(path));
        let is_there = |word: &&String| match word.strip_prefix('/') {
            Some(pattern) => pattern.contains('*') && matches(pattern.as_bytes(), path),
            None => word.contains('/') && path.ends_with(format!("/{word}").as_bytes()),
        };
        let has = |text: &[u8]| self.words.iter().any(|word| word.as_bytes() == text);
        self.names(path, side, &mut BTreeMap::new())
            || self.words.iter().any(|word| is_there(&word))
            || (has(name) && has(&[b"/", directory].concat()))
    }

    fn names(
        &self,
        path: &[u8],
        side: &Side<'_>,
        directories: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> bool {
        let name = super::language::name(path);
        let paths = self.words.iter().filter_map(|word| word.strip_prefix('/'));
        let mut same = paths.map(str::as_bytes).filter(|it| super::language::name(it) == name);
        // A script may say `/bin/ping` where `/bin` is a link to `usr/bin`.
        same.any(|it| it == path || real(it, side, directories) == path)
    }
}

/// The words of all scripts of a package that name one path.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    scripts: Vec<&'a Script>,
}

impl<'a> Said<'a> {
    /// What scripts say of a path of an image.
    pub(super) fn of(scripts: &'a [Script], path: &[u8], side: &Side<'_>) -> Self {
        let mut directories = BTreeMap::new();
        let names = |script: &&Script| script.names(path, side, &mut directories);
        Self { scripts: scripts.iter().filter(names).collect() }
    }

    /// Words of the scripts that call one of these programs.
    fn words(&self, programs: &'static [&str]) -> impl Iterator<Item = &'a str> {
        let scripts = self.scripts.iter().filter(move |script| script.calls(programs)).copied();
        scripts.flat_map(|script| script.words.iter().map(String::as_str))
    }

    /// Whether they give all of these capabilities: `cap_net_raw,cap_net_admin+ep`.
    pub(super) fn gives(&self, capabilities: &[String]) -> bool {
        let words = self.words(CAPABILITIES).flat_map(|word| word.split([',', '+', '-']));
        let given: BTreeSet<String> =
            words.filter(|it| it.starts_with("cap_")).map(str::to_owned).collect();
        !capabilities.is_empty() && capabilities.iter().all(|name| given.contains(name))
    }

    /// Whether they make this mode of that one: `2755`, `u+s`.
    pub(super) fn makes(&self, mode: u32, of: Option<u32>) -> bool {
        self.words(RIGHTS).any(|word| {
            let octal = || (3..=5).contains(&word.len()).then(|| u32::from_str_radix(word, 8));
            match octal() {
                Some(Ok(number)) => number == mode,
                _ => of.is_some_and(|of| symbolic(word, of) == Some(mode)),
            }
        })
    }

    /// Whether they name a user or a group where they change owners: `root:_ssh`, `_ssh`.
    pub(super) fn names_owner(&self, name: &[u8]) -> bool {
        let mut words = self.words(OWNERS).flat_map(|word| word.split([':', '.']));
        words.any(|word| word.as_bytes() == name)
    }
}

/// The mode that `chmod u+s,g-w` makes of a mode.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/chmod.html>
fn symbolic(word: &str, mut mode: u32) -> Option<u32> {
    for clause in word.split(',') {
        let at = clause.find(['+', '-'])?;
        let (who, change) = clause.split_at_checked(at)?;
        let (adds, rights) = (change.starts_with('+'), change.get(1..)?);
        let mask = who.chars().try_fold(0, |mask, who| match who {
            'u' => Some(mask | 0o4700),
            'g' => Some(mask | 0o2070),
            'o' => Some(mask | 0o0007),
            'a' => Some(mask | 0o6777),
            _ => None,
        })?;
        let mask = if who.is_empty() { 0o6777 } else { mask };
        let bits = rights.chars().try_fold(0, |bits, right| match right {
            'r' => Some(bits | 0o0444),
            'w' => Some(bits | 0o0222),
            'x' => Some(bits | 0o0111),
            's' => Some(bits | 0o6000),
            _ => None,
        })?;
        if rights.is_empty() {
            return None;
        }
        mode = if adds { mode | (bits & mask) } else { mode & !(bits & mask) };
    }
    Some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_changed_as_chmod_does() {
        for (word, of, expected) in [
            ("u+s", 0o755, Some(0o4755)),
            ("g+s", 0o755, Some(0o2755)),
            ("+s", 0o755, Some(0o6755)),
            ("u-s", 0o4755, Some(0o755)),
            ("g+w,o-rx", 0o755, Some(0o770)),
            ("u+", 0o755, None),
            ("greeter", 0o755, None),
            ("u=s", 0o755, None),
        ] {
            assert_eq!(symbolic(word, of), expected, "{word}");
        }
    }

    const PING: &str = "#!/bin/sh\n# setcap cap_sys_admin+ep /bin/other\n\
                        PROGRAM=\"/bin/ping\"\nif setcap cap_net_raw+ep $PROGRAM; then\n\
                        chmod u-s /bin/ping\nelse\nchmod u+s /bin/ping\nfi\n";

    fn said<'a>(scripts: &'a [Script], path: &str) -> Said<'a> {
        let side = crate::review::files::tests::nothing();
        Said::of(scripts, path.as_bytes(), &side)
    }

    #[test]
    fn scripts_say_what_they_do_to_what_they_name() {
        let scripts = [Script::of(PING.as_bytes()), Script::of(b"setcap cap_bpf=ep /bin/bpf\n")];
        let ping = said(&scripts, "bin/ping");
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert!(ping.gives(&names(&["cap_net_raw"])));
        assert!(!ping.gives(&names(&["cap_net_raw", "cap_bpf"])), "of another script");
        assert!(!ping.gives(&names(&["cap_sys_admin"])), "of a comment");
        assert!(!ping.gives(&[]), "all of them");
        assert!(ping.makes(0o4755, Some(0o755)) && !ping.makes(0o2755, Some(0o755)));
        assert!(!ping.makes(0o4755, None));
        assert!(!said(&scripts, "bin/pin").gives(&names(&["cap_net_raw"])));
        assert!(!said(&scripts, "bin/other").gives(&names(&["cap_sys_admin"])));
        assert!(said(&scripts, "bin/bpf").gives(&names(&["cap_bpf"])));
    }

    #[test]
    fn commands_reach_what_they_name() {
        let side = crate::review::files::tests::nothing();
        for (command, expected) in [
            ("sed -i s/a/b/ /etc/ssh/sshd_config", true),
            ("sed -i s/a/b/ '/etc/ssh/sshd_config'&& true", true),
            ("sed -i s/a/b/ /etc/ssh/*_config", true),
            ("cd /etc && sed -i s/a/b/ ssh/sshd_config", true),
            ("cd /etc/ssh && sed -i s/a/b/ sshd_config", true),
            ("apt-get install -y sshd_config", false),
            ("sed -i s/a/b/ /etc/ssh/sshd_config.d/x", false),
            ("# /etc/ssh/sshd_config", false),
            ("rm -rf /var/lib/apt/lists/*", false),
        ] {
            let found = Script::of(command.as_bytes()).reaches(b"etc/ssh/sshd_config", &side);
            assert_eq!(found, expected, "{command}");
        }
    }

    #[test]
    fn owners_are_named_where_they_are_changed() {
        let text = "GROUP=_ssh\nchgrp $GROUP /usr/bin/agent\nchmod 2755 /usr/bin/agent\n";
        let other = "echo daemon /usr/bin/agent\n";
        let scripts = [Script::of(text.as_bytes()), Script::of(other.as_bytes())];
        let agent = said(&scripts, "usr/bin/agent");
        assert!(agent.names_owner(b"_ssh") && !agent.names_owner(b"daemon"));
        assert!(agent.makes(0o2755, Some(0o755)) && !agent.makes(0o4755, Some(0o755)));
    }
}

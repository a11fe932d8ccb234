//! Modes of `--chmod`: octal, or symbolic as `chmod(1)` takes them (`u=rwX,go=rX`).

/// A mode of `--chmod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chmod(Change);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Octal(u32),
    Clauses(Vec<Clause>),
}

/// Whose permissions change: `u`, `g`, `o`, or nobody named, which is everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    /// Bits that are theirs: read, write, execute, and one of setuid, setgid and sticky each.
    who: u32,
    actions: Vec<(Operator, Permissions)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Permissions {
    /// `r`, `w`, `x`, `s` and `t`, for all.
    bits: u32,
    /// `X`: execution, for directories and for what somebody may execute already.
    conditional: bool,
    /// `u`, `g` or `o`: the permissions that these have, by the place of their bits.
    copy_shift: Option<u32>,
}

/// A mode that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mode")]
pub struct ChmodError(String);

impl ChmodError {
    /// What modes look like.
    pub fn hint(&self) -> Option<String> {
        Some("a mode is octal (`755`, at most `7777`) or symbolic (`u=rwX,go=rX`)".to_owned())
    }
}

impl Chmod {
    /// Reads the value of `--chmod`, variables expanded.
    pub fn parse(text: &str) -> Result<Self, ChmodError> {
        let error = || ChmodError(text.chars().filter(|c| !c.is_control()).take(80).collect());
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let is_octal = text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            return mode
                .filter(|_| is_octal)
                .map(|mode| Self(Change::Octal(mode)))
                .ok_or_else(error);
        }
        let clauses: Option<Vec<Clause>> = text.split(',').map(Clause::parse).collect();
        clauses.map(|clauses| Self(Change::Clauses(clauses))).ok_or_else(error)
    }

    /// The new mode of something that has `mode`.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match &self.0 {
            Change::Octal(octal) => *octal,
            Change::Clauses(clauses) => {
                clauses.iter().fold(mode, |mode, clause| clause.apply(mode, is_directory))
            }
        }
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        let named = text.find(|c| !matches!(c, 'u' | 'g' | 'o' | 'a')).unwrap_or(text.len());
        let (names, rest) = text.split_at_checked(named)?;
        let who = names.chars().fold(0, |who, name| {
            who | match name {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                _ => 0o7777,
            }
        });
        // A builder's umask is 0, so nobody named is everybody.
        let who = if who == 0 { 0o7777 } else { who };
        let mut actions: Vec<(Operator, Permissions)> = Vec::new();
        for character in rest.chars() {
            let operator = match character {
                '+' => Operator::Add,
                '-' => Operator::Remove,
                '=' => Operator::Set,
                letter => {
                    actions.last_mut()?.1.add(letter)?;
                    continue;
                }
            };
            actions.push((operator, Permissions::default()));
        }
        (!actions.is_empty()).then_some(Self { who, actions })
    }

    fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        self.actions.iter().fold(mode, |mode, (operator, permissions)| {
            let bits = permissions.of(self.who, mode, is_directory);
            match operator {
                Operator::Add => mode | bits,
                Operator::Remove => mode & !bits,
                // Directories keep setuid and setgid, as with `chmod(1)`.
                Operator::Set if is_directory => mode & !(self.who & 0o1777) | bits,
                Operator::Set => mode & !self.who | bits,
            }
        })
    }
}

impl Permissions {
    fn add(&mut self, letter: char) -> Option<()> {
        match letter {
            'r' => self.bits |= 0o444,
            'w' => self.bits |= 0o222,
            'x' => self.bits |= 0o111,
            'X' => self.conditional = true,
            's' => self.bits |= 0o6000,
            't' => self.bits |= 0o1000,
            'u' | 'g' | 'o' if self.copy_shift.is_some() => return None,
            'u' => self.copy_shift = Some(6),
            'g' => self.copy_shift = Some(3),
            'o' => self.copy_shift = Some(0),
            _ => return None,
        }
        Some(())
    }

    fn of(&self, who: u32, mode: u32, is_directory: bool) -> u32 {
        let mut bits = self.bits;
        if self.conditional && (is_directory || mode & 0o111 != 0) {
            bits |= 0o111;
        }
        if let Some(shift) = self.copy_shift {
            bits |= (mode >> shift & 7) * 0o111;
        }
        bits & who
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_apply_as_chmod_does() {
        let cases = [
            ("755", 0o644, false, 0o755),
            ("0", 0o644, false, 0),
            ("4755", 0o644, false, 0o4755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o700, true, 0o755),
            ("+x", 0o644, false, 0o755),
            ("a-w", 0o666, false, 0o444),
            ("go=", 0o777, false, 0o700),
            ("g=u", 0o640, false, 0o660),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("o+s", 0o755, false, 0o755),
            ("+t", 0o777, true, 0o1777),
            ("u=rw", 0o4755, false, 0o655),
            ("u=rwx", 0o4755, true, 0o4755),
            ("u+r-w", 0o200, false, 0o400),
            ("ug=rw,o=r", 0o777, false, 0o664),
        ];
        for (text, before, is_directory, after) in cases {
            let mode = Chmod::parse(text).unwrap().apply(before, is_directory);
            assert_eq!(mode, after, "{text}: {mode:o}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "778", "77777", "0o755", "rwx", "u", "u=rwz", "u=r,", "+x\n", "8"] {
            assert!(Chmod::parse(text).is_err(), "{text}");
        }
        assert_eq!(Chmod::parse("999").unwrap_err().to_string(), "`999` is not a mode");
    }

    #[test]
    fn modes_agree_with_the_program() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        for text in [
            "u=rwX,go=rX",
            "a+X",
            "g=u,o=g",
            "u+s",
            "g=s",
            "o=t",
            "u+t",
            "+t",
            "o+s",
            "a=rw",
            "u-s",
            "=r",
        ] {
            for before in [0o600, 0o711, 0o4755, 0o2750, 0o1777] {
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(before)).unwrap();
                let script = format!("umask 0 && chmod {text} file");
                let status = std::process::Command::new("sh")
                    .args(["-c", &script])
                    .current_dir(directory.path())
                    .status()
                    .unwrap();
                assert!(status.success(), "{text}");
                let after = std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
                let mode = Chmod::parse(text).unwrap().apply(before, false);
                assert_eq!(mode, after, "{text} on {before:o}: {mode:o}, expected {after:o}");
            }
        }
    }
}

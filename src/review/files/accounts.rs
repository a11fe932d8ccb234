//! Users and groups that are new or may do more than before.

use super::Images;
use super::privileges::Seen;
use crate::review::risk::Risk;
use std::collections::BTreeMap;

/// Databases of accounts: the field that tells one account from others, and which fields of a known
/// one matter.
const DATABASES: [(&str, &[usize]); 3] =
    [("etc/passwd", &[1, 2, 3, 6]), ("etc/group", &[2, 3]), ("etc/shadow", &[1])];

/// The field with the password, or with what says that it is in `/etc/shadow`.
const PASSWORD: usize = 1;

pub(super) fn compare(images: &Images<'_>, seen: &mut Seen<'_>) {
    for (path, fields) in DATABASES {
        let changed = images.diff.files.iter().any(|file| file.path == path.as_bytes());
        if !changed {
            continue;
        }
        let read = |side: &super::Side<'_>| (side.read)(path.as_bytes());
        match (read(&images.old), read(&images.new)) {
            (Ok(old), Ok(new)) => {
                let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
                for detail in differences(path, fields, &old, &new) {
                    seen.flag(Risk::Account, path.as_bytes(), detail);
                }
            }
            (Err(error), _) | (_, Err(error)) => seen.not_checked(Risk::Account, path, &error),
        }
    }
}

/// Lines by their name. One name may have several, of which programs take the first: each has its number.
type Accounts<'a> = BTreeMap<(String, usize), Vec<&'a [u8]>>;

fn accounts(text: &[u8]) -> Accounts<'_> {
    let (mut found, mut counts) = (Accounts::new(), BTreeMap::<String, usize>::new());
    for line in text.split(|byte| *byte == b'\n') {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let name = fields.first().map(|name| String::from_utf8_lossy(name).into_owned());
        let name = name.unwrap_or_default();
        let count = counts.entry(name.clone()).or_default();
        found.insert((name, *count), fields);
        *count += 1;
    }
    found
}

fn differences(path: &str, matter: &[usize], old: &[u8], new: &[u8]) -> Vec<String> {
    let (old, new) = (accounts(old), accounts(new));
    let is_secret = path.ends_with("shadow");
    let mut details = Vec::new();
    for (key @ (name, _), after) in &new {
        let field = |fields: &[&[u8]], at: usize| {
            String::from_utf8_lossy(fields.get(at).copied().unwrap_or_default()).into_owned()
        };
        match old.get(key) {
            // That a user has a line for a password is no news: the user is.
            None if is_secret && is_locked(&field(after, PASSWORD)) => {}
            None if is_secret && field(after, PASSWORD).is_empty() => {
                details.push(format!("`{name}` can log in without a password"));
            }
            None if is_secret => details.push(format!("`{name}` can log in with a password")),
            None => details.push(format!("new: `{name}`, id {}", field(after, 2))),
            Some(before) => {
                for at in matter {
                    let (before, after) = (field(before, *at), field(after, *at));
                    if before == after {
                        continue;
                    }
                    if *at == PASSWORD {
                        details.push(format!("`{name}` {}", other(&before, &after)));
                    } else {
                        details.push(format!("`{name}`: {before} → {after}"));
                    }
                }
            }
        }
    }
    details
}

/// What is told of another password: never the password.
fn other(before: &str, after: &str) -> &'static str {
    match after {
        "" => "can now log in without a password",
        after if is_locked(before) && !is_locked(after) => "can now log in with a password",
        _ => "has another password",
    }
}

/// Whether no password fits.
fn is_locked(password: &str) -> bool {
    password.starts_with(['!', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_accounts_and_more_rights_are_told_and_hashes_are_not() {
        let old = "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2::/bin:/usr/sbin/nologin\n";
        let new = "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2::/bin:/bin/sh\nevil:x:0:0::/:/bin/sh\n";
        let passwd = |old: &str, new: &str| {
            differences("etc/passwd", &[2, 3, 6], old.as_bytes(), new.as_bytes())
        };
        assert_eq!(passwd(old, new), ["`bin`: /usr/sbin/nologin → /bin/sh", "new: `evil`, id 0"]);
        assert_eq!(passwd(new, old), ["`bin`: /bin/sh → /usr/sbin/nologin"]);
        assert!(passwd(old, old).is_empty());
        let shadow =
            |old: &str, new: &str| differences("etc/shadow", &[1], old.as_bytes(), new.as_bytes());
        assert_eq!(
            shadow("root:*:1::::::\n", "root:$6$secret:1::::::\n"),
            ["`root` can now log in with a password"]
        );
        assert_eq!(shadow("", "a::1\nb:!:1\n"), ["`a` can log in without a password"]);
        assert_eq!(shadow("", "a:$6$x:1\n"), ["`a` can log in with a password"]);
    }
    #[test]
    fn of_two_lines_with_one_name_programs_take_the_first() {
        let line = "bin:x:2:2::/bin:/usr/sbin/nologin\n";
        let passwd = |old: &str, new: &str| {
            differences("etc/passwd", &[1, 2, 3, 6], old.as_bytes(), new.as_bytes())
        };
        let before = format!("bin:x:0:2::/bin:/usr/sbin/nologin\n{line}");
        assert_eq!(passwd(line, &before), ["`bin`: 2 → 0", "new: `bin`, id 2"]);
        assert_eq!(passwd(&before, &before), [""; 0]);
        // Comments and empty lines are no accounts.
        assert_eq!(passwd(line, &format!("# bin:x:0:0\n\n{line}")), [""; 0]);
    }

    #[test]
    fn an_account_without_a_password_is_open_to_everybody() {
        let passwd = |old: &str, new: &str| {
            differences("etc/passwd", &[1, 2, 3, 6], old.as_bytes(), new.as_bytes())
        };
        let root = |password: &str| format!("root:{password}:0:0:root:/root:/bin/sh\n");
        let open = "`root` can now log in without a password";
        assert_eq!(passwd(&root("x"), &root("")), [open]);
        assert_eq!(
            passwd(&root("*"), &root("$6$secret")),
            ["`root` can now log in with a password"]
        );
        assert_eq!(passwd(&root("x"), &root("$6$secret")), ["`root` has another password"]);
        assert_eq!(passwd(&root("x"), &root("*")), ["`root` has another password"]);
        let shadow =
            |old: &str, new: &str| differences("etc/shadow", &[1], old.as_bytes(), new.as_bytes());
        for before in ["!", "*", "$6$secret"] {
            assert_eq!(shadow(&format!("root:{before}:1\n"), "root::1\n"), [open], "{before}");
        }
        assert_eq!(shadow("root:$6$a:1\n", "root:$6$b:1\n"), ["`root` has another password"]);
        assert_eq!(shadow("root:$6$a:1\n", "root:!:1\n"), ["`root` has another password"]);
    }
}

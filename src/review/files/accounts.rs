//! Users and groups that are new or may do more than before.

use super::Images;
use super::privileges::Seen;
use crate::review::risk::Risk;
use std::collections::BTreeMap;

/// Databases of accounts: the field that tells one account from others, and which fields of a known
/// one matter.
const DATABASES: [(&str, &[usize]); 3] =
    [("etc/passwd", &[2, 3, 6]), ("etc/group", &[2, 3]), ("etc/shadow", &[1])];

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

type Accounts<'a> = BTreeMap<String, Vec<&'a [u8]>>;

fn accounts(text: &[u8]) -> Accounts<'_> {
    let line = |line: &'_ [u8]| !line.is_empty() && !line.starts_with(b"#");
    let lines = text.split(|byte| *byte == b'\n').filter(|it| line(it));
    let fields = lines.map(|line| line.split(|byte| *byte == b':').collect::<Vec<_>>());
    let named = |fields: Vec<&'_ [u8]>| {
        fields.first().map(|name| String::from_utf8_lossy(name).into_owned())
    };
    fields.filter_map(|fields| Some((named(fields.clone())?, fields))).collect()
}

fn differences(path: &str, matter: &[usize], old: &[u8], new: &[u8]) -> Vec<String> {
    let (old, new) = (accounts(old), accounts(new));
    let is_secret = path.ends_with("shadow");
    let mut details = Vec::new();
    for (name, after) in &new {
        let field = |fields: &[&[u8]], at: usize| {
            String::from_utf8_lossy(fields.get(at).copied().unwrap_or_default()).into_owned()
        };
        match old.get(name) {
            // That a user has a line for a password is no news: the user is.
            None if is_secret && is_locked(&field(after, 1)) => {}
            None if is_secret => details.push(format!("`{name}` can log in with a password")),
            None => details.push(format!("new: `{name}`, id {}", field(after, 2))),
            Some(before) => {
                for at in matter {
                    let (before, after) = (field(before, *at), field(after, *at));
                    if before == after {
                        continue;
                    }
                    if is_secret {
                        let opened = is_locked(&before) && !is_locked(&after);
                        let what = if opened { "can now log in with" } else { "has another" };
                        details.push(format!("`{name}` {what} a password"));
                    } else {
                        details.push(format!("`{name}`: {before} → {after}"));
                    }
                }
            }
        }
    }
    details
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
        assert_eq!(shadow("", "a::1\nb:!:1\n"), ["`a` can log in with a password"]);
    }
}

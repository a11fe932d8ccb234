//! `USER` and `--chown` values resolved in the image's own `/etc/passwd` and `/etc/group`.

use bstr::ByteSlice as _;

/// Who a process runs as, or a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups: `gid` (a process must not be able to drop out of its own group), then,
    /// where no group was named, those that the account is a member of, sorted.
    pub(crate) groups: Vec<u32>,
    /// Home directory of the account; `/` where there is no account.
    pub(crate) home: String,
}

/// The image does not know a user or group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// No such line in `/etc/passwd`.
    #[error("unable to find user `{0}`: no matching entry in /etc/passwd of the image")]
    NoUser(String),
    /// No such line in `/etc/group`.
    #[error("unable to find group `{0}`: no matching entry in /etc/group of the image")]
    NoGroup(String),
}

/// The account databases of an image, as bytes; empty where the image has none.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) passwd: Vec<u8>,
    pub(crate) group: Vec<u8>,
}

struct Account {
    uid: u32,
    gid: u32,
    name: String,
    home: String,
}

impl Accounts {
    /// Resolves `user`, `uid`, `user:group` and so on; an empty text is root, as in an image config.
    /// A number needs no entry; its group is then 0, as in Docker.
    pub(crate) fn user(&self, spec: &str) -> Result<User, UserError> {
        let (user, group) = match spec.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (spec, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let account = self.account(user);
        let uid = match (&account, user.parse()) {
            (Some(account), _) => account.uid,
            (None, Ok(uid)) => uid,
            (None, Err(_)) => return Err(UserError::NoUser(user.to_owned())),
        };
        let (gid, groups) = match group {
            Some(group) => (self.group(group)?, Vec::new()),
            None => match &account {
                Some(account) => (account.gid, self.memberships(&account.name)),
                None => (0, Vec::new()),
            },
        };
        let groups = std::iter::once(gid).chain(groups.into_iter().filter(|group| *group != gid));
        let groups = groups.collect();
        let home = account.map_or_else(|| "/".to_owned(), |account| account.home);
        Ok(User { uid, gid, groups, home })
    }

    /// Owner and group for `--chown`: the group of a bare user is the number of the user's own group,
    /// and for a bare number the same number, as in Docker.
    pub(crate) fn owner(&self, spec: &str) -> Result<(u32, u32), UserError> {
        let (name, group) = match spec.split_once(':') {
            Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
            None => (spec, None),
        };
        match (name.parse::<u32>(), group) {
            (Ok(uid), None) => Ok((uid, uid)),
            (Ok(uid), Some(group)) => Ok((uid, self.group(group)?)),
            (Err(_), _) => self.user(spec).map(|user| (user.uid, user.gid)),
        }
    }

    fn account(&self, user: &str) -> Option<Account> {
        let number: Option<u32> = user.parse().ok();
        let accounts = || self.passwd.lines().filter_map(account_of_line);
        accounts()
            .find(|account| account.name == user)
            .or_else(|| accounts().find(|account| Some(account.uid) == number))
    }

    fn group(&self, group: &str) -> Result<u32, UserError> {
        let named = self.group.lines().find_map(|line| {
            let fields = fields(line)?;
            (fields.first()? == group).then(|| fields.get(2)?.parse().ok()).flatten()
        });
        named.or_else(|| group.parse().ok()).ok_or_else(|| UserError::NoGroup(group.to_owned()))
    }

    fn memberships(&self, user: &str) -> Vec<u32> {
        let member_of = |line: &[u8]| {
            let fields = fields(line)?;
            let members = fields.get(3)?;
            members.split(',').any(|member| member == user).then(|| fields.get(2)?.parse().ok())?
        };
        let mut groups: Vec<u32> = self.group.lines().filter_map(member_of).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

fn account_of_line(line: &[u8]) -> Option<Account> {
    let fields = fields(line)?;
    Some(Account {
        name: fields.first()?.clone(),
        uid: fields.get(2)?.parse().ok()?,
        gid: fields.get(3)?.parse().ok()?,
        home: fields.get(5).filter(|home| !home.is_empty()).cloned().unwrap_or_else(|| "/".into()),
    })
}

/// The fields of a line of passwd(5) or group(5); none for comments and what is not text.
fn fields(line: &[u8]) -> Option<Vec<String>> {
    let text = line.to_str().ok()?.trim();
    (!text.starts_with('#')).then(|| text.split(':').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: b"root:x:0:0:root:/root:/bin/bash\nbroken\nwww:x:33:34::/var/www:/bin/sh\n"
                .to_vec(),
            group: b"root:x:0:\nwww:x:34:\nssl:x:101:www,other\nadm:x:4:www\n".to_vec(),
        }
    }

    #[test]
    fn users_are_resolved_as_docker_does() {
        let user = |spec: &str| {
            let user = accounts().user(spec).unwrap();
            (user.uid, user.gid, user.groups, user.home)
        };
        assert_eq!(user(""), (0, 0, vec![0], "/root".into()));
        assert_eq!(user("www"), (33, 34, vec![34, 4, 101], "/var/www".into()));
        assert_eq!(user("33"), (33, 34, vec![34, 4, 101], "/var/www".into()));
        assert_eq!(user("www:ssl"), (33, 101, vec![101], "/var/www".into()));
        assert_eq!(user("1000"), (1000, 0, vec![0], "/".into()));
        assert_eq!(user("1000:1001"), (1000, 1001, vec![1001], "/".into()));
    }

    #[test]
    fn owners_of_copied_files_are_resolved_as_docker_does() {
        let owner = |spec: &str| accounts().owner(spec).unwrap();
        assert_eq!(owner("www"), (33, 34));
        assert_eq!(owner("55"), (55, 55));
        assert_eq!(owner("55:www"), (55, 34));
        assert_eq!(owner("www:ssl"), (33, 101));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert_eq!(accounts().user("nobody").unwrap_err(), UserError::NoUser("nobody".into()));
        assert_eq!(accounts().user("www:no").unwrap_err(), UserError::NoGroup("no".into()));
        assert!(Accounts::default().user("www").is_err());
        assert_eq!(Accounts::default().user("5:6").unwrap().gid, 6);
    }
}

//! Whether a changed file is what a package brings: its kind and content, its rights, its owner.
//!
//! Only what changed is asked for: a file that somebody made setuid long ago, and that still is, has
//! not become so with this change.

use super::brought::{Delivery, Way};
use super::dpkg::Override;
use super::installed::{
    self, DIRECTORY, DIVERSION, GHOST, MERGED_LINK, OVERRIDE, PRIVILEGES, RESTRICTED, SCRIPT,
};
use super::privileges::all_capabilities;
use super::scripts::Said;
use crate::diff::{Aspect, FileDifference};
use crate::package::{Item, ItemKind, ItemOwner, Role};
use crate::store::{Node, NodeKind};
use std::collections::BTreeMap;

/// Rights that installers of languages give at most.
const PLAIN: u32 = 0o755;

/// Setuid, setgid.
const PRIVILEGED: u32 = 0o6000;

/// Attributes that say nothing of what a file may do.
const HARMLESS: [&[u8]; 4] = [b"security.selinux", b"user.", b"trusted.overlay.", b"security.ima"];

/// Directories of packages that are links since systems were merged, and where they lead.
const MERGED: [(&[u8], &[u8]); 8] = [
    (b"bin", b"usr/bin"),
    (b"sbin", b"usr/sbin"),
    (b"lib", b"usr/lib"),
    (b"lib32", b"usr/lib32"),
    (b"lib64", b"usr/lib64"),
    (b"libx32", b"usr/libx32"),
    (b"var/run", b"run"),
    (b"var/lock", b"run/lock"),
];

const CAPABILITY: &[u8] = b"security.capability";

/// Numbers of users and groups by name, as an image has them.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: BTreeMap<Vec<u8>, u32>,
    groups: BTreeMap<Vec<u8>, u32>,
}

impl Names {
    /// Of `/etc/passwd` and `/etc/group`.
    pub(super) fn of(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: numbers(passwd), groups: numbers(group) }
    }

    fn user(&self, owner: &ItemOwner) -> Option<u32> {
        number(&self.users, &owner.user, owner.uid)
    }

    fn group(&self, owner: &ItemOwner) -> Option<u32> {
        number(&self.groups, &owner.group, owner.gid)
    }

    fn overridden(&self, rights: &Override) -> Option<(u32, u32)> {
        let plain = |name: &[u8]| std::str::from_utf8(name.strip_prefix(b"#")?).ok()?.parse().ok();
        let user = plain(&rights.user).or_else(|| number(&self.users, &rights.user, None))?;
        let group = plain(&rights.group).or_else(|| number(&self.groups, &rights.group, None))?;
        Some((user, group))
    }
}

fn numbers(text: &[u8]) -> BTreeMap<Vec<u8>, u32> {
    let lines = text.split(|byte| *byte == b'\n');
    let parsed = lines.filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        Some((name.to_vec(), std::str::from_utf8(number).ok()?.parse().ok()?))
    });
    parsed.collect()
}

/// The name counts where the image knows it.
fn number(known: &BTreeMap<Vec<u8>, u32>, name: &[u8], number: Option<u32>) -> Option<u32> {
    match name {
        b"root" => Some(0),
        name => known.get(name).copied().or(number),
    }
}

/// What else than the package's archive decides which rights something has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// The users and groups of the image.
    pub(super) names: &'a Names,
    /// What dpkg was told of the path.
    pub(super) rights: Option<&'a Override>,
    /// What the scripts of the package say of it.
    pub(super) said: &'a Said<'a>,
}

/// The rule by which the file is what was delivered, perhaps one that proves nothing; none where it
/// is exactly that. Else in what it is not.
pub(super) fn compare(
    file: &FileDifference,
    node: &Node,
    delivery: &Delivery<'_>,
    terms: Terms<'_>,
) -> Result<Option<&'static str>, String> {
    let item = delivery.item;
    let changed = |aspects: &[Aspect]| {
        file.aspects.contains(&Aspect::Presence)
            || aspects.iter().any(|aspect| file.aspects.contains(aspect))
    };
    let mut rule = (delivery.way == Way::Diverted).then_some(DIVERSION);
    let content = [Aspect::Kind, Aspect::Content, Aspect::Size, Aspect::Target, Aspect::Device];
    // What is of another kind now has the rights of another thing, too.
    let is_other = file.aspects.contains(&Aspect::Kind);
    if changed(&content) && is_merged(&file.path, node, item) {
        return Ok(Some(MERGED_LINK));
    }
    if changed(&content) {
        rule = kind(node, item)?.or(rule);
    }
    let is_link = matches!(node.kind, NodeKind::Symlink(_));
    if !is_link && (is_other || changed(&[Aspect::Mode])) {
        rule = joined(rule, mode(node, item, terms)?);
    }
    if is_other || changed(&[Aspect::Owner]) {
        rule = joined(rule, owner(node, item, terms)?);
    }
    if is_other || changed(&[Aspect::Xattrs]) {
        rule = joined(rule, attributes(node, item, terms.said)?);
    }
    Ok(rule)
}

/// A rule that proves nothing stands for all that holds besides.
fn joined(rule: Option<&'static str>, next: Option<&'static str>) -> Option<&'static str> {
    rule.filter(|rule| installed::is_unproven(rule)).or(next).or(rule)
}

fn is_merged(path: &[u8], node: &Node, item: &Item) -> bool {
    let NodeKind::Symlink(target) = &node.kind else { return false };
    let target = target.strip_prefix(b"/").unwrap_or(target);
    item.kind == ItemKind::Directory && MERGED.contains(&(path, target))
}

fn kind(node: &Node, item: &Item) -> Result<Option<&'static str>, String> {
    let same = match (&node.kind, &item.kind) {
        (NodeKind::File { .. }, ItemKind::File { .. }) if item.role == Role::Ghost => {
            return Ok(Some(GHOST));
        }
        (NodeKind::File { digest, .. }, ItemKind::File { digest: brought, .. }) => {
            if digest == brought {
                return Ok(None);
            }
            return Err("its content is another one".to_owned());
        }
        (NodeKind::Symlink(_), ItemKind::Symlink(_)) if item.role == Role::Ghost => {
            return Ok(Some(GHOST));
        }
        (NodeKind::Symlink(target), ItemKind::Symlink(brought)) => {
            if target == brought {
                return Ok(None);
            }
            return Err(format!("it is a link to `{}`", String::from_utf8_lossy(target)));
        }
        (NodeKind::Directory, ItemKind::Directory) => true,
        _ => false,
    };
    if same { Ok(None) } else { Err(format!("it is {} now", word(&node.kind))) }
}

fn word(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::File { .. } => "a file",
        NodeKind::Directory => "a directory",
        NodeKind::Symlink(_) => "a link",
        NodeKind::CharDevice { .. } | NodeKind::BlockDevice { .. } => "a device",
        NodeKind::Fifo => "a named pipe",
    }
}

fn mode(node: &Node, item: &Item, terms: Terms<'_>) -> Result<Option<&'static str>, String> {
    if item.mode == Some(node.mode) {
        return Ok(None);
    }
    let is_file = matches!(node.kind, NodeKind::File { .. });
    let gained = node.mode & PRIVILEGED & !item.mode.unwrap_or_default();
    if is_file && gained != 0 {
        // Whoever wrote the script may have written what dpkg was told, too.
        if terms.said.makes(node.mode, item.mode) {
            return Ok(Some(PRIVILEGES));
        }
        return Err(otherwise(node, item));
    }
    if terms.rights.is_some_and(|rights| rights.mode == node.mode) {
        return Ok(Some(OVERRIDE));
    }
    let is_open = node.mode & 0o002 != 0 && node.mode & 0o1000 == 0;
    if node.kind == NodeKind::Directory && !is_open {
        return Ok(Some(DIRECTORY));
    }
    match item.mode {
        None if node.mode & !PLAIN == 0 => Ok(None),
        Some(mode) if node.mode & !mode == 0 => Ok(Some(RESTRICTED)),
        Some(_) if terms.said.makes(node.mode, item.mode) => Ok(Some(SCRIPT)),
        _ => Err(otherwise(node, item)),
    }
}

fn otherwise(node: &Node, item: &Item) -> String {
    match item.mode {
        None => format!("its mode is {:04o}", node.mode),
        Some(mode) => format!("its mode is {:04o}, not {mode:04o}", node.mode),
    }
}

fn owner(
    node: &Node,
    item: &Item,
    Terms { names, rights, said }: Terms<'_>,
) -> Result<Option<&'static str>, String> {
    let Some(owner) = &item.owner else { return Ok(None) };
    let (user, group) = (names.user(owner), names.group(owner));
    if (user, group) == (Some(node.uid), Some(node.gid)) {
        return Ok(None);
    }
    let overridden = rights.and_then(|rights| names.overridden(rights));
    if overridden == Some((node.uid, node.gid)) {
        return Ok(Some(OVERRIDE));
    }
    if node.kind == NodeKind::Directory {
        return Ok(Some(DIRECTORY));
    }
    // Another group may read what it could not before, or what everybody can; it may not write.
    if user == Some(node.uid) && node.mode & (PRIVILEGED | 0o020) == 0 {
        return Ok(Some(RESTRICTED));
    }
    let is_said = |known: &BTreeMap<Vec<u8>, u32>, number: u32| {
        known.iter().any(|(name, it)| *it == number && said.names_owner(name))
    };
    let user_fits = user == Some(node.uid) || is_said(&names.users, node.uid);
    let group_fits = group == Some(node.gid) || is_said(&names.groups, node.gid);
    if user_fits && group_fits {
        let is_privileged = node.mode & PRIVILEGED != 0;
        return Ok(Some(if is_privileged { PRIVILEGES } else { SCRIPT }));
    }
    let shown = |number: Option<u32>| number.map_or("?".to_owned(), |number| number.to_string());
    let (user, group) = (shown(user), shown(group));
    Err(format!("its owner is {}:{}, not {user}:{group}", node.uid, node.gid))
}

fn attributes(node: &Node, item: &Item, said: &Said<'_>) -> Result<Option<&'static str>, String> {
    let mut rule = None;
    for (name, value) in &node.xattrs {
        let is_harmless = HARMLESS.iter().any(|start| name.starts_with(start));
        if is_harmless || (name == CAPABILITY && item.has_capabilities) {
            continue;
        }
        let is_said = || all_capabilities(value).is_some_and(|names| said.gives(&names));
        if name == CAPABILITY && is_said() {
            rule = Some(installed::CAPABILITY);
            continue;
        }
        return Err(format!("it has the attribute `{}`", String::from_utf8_lossy(name)));
    }
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tar::Timestamp;
    use crate::oci::Digest;
    use crate::package::{Contents, PackageFile};
    use crate::review::evidence::Checked;
    use crate::review::files::{Brought, Script};

    fn content(text: &str) -> NodeKind {
        NodeKind::File { digest: Digest::of(text.as_bytes()), size: 1 }
    }

    fn node(kind: NodeKind, mode: u32, gid: u32) -> Node {
        let mtime = Timestamp::default();
        let xattrs = BTreeMap::new();
        Node { kind, mode, uid: 0, gid, mtime, xattrs, layer: 1, hardlink: None }
    }

    fn item(kind: ItemKind, mode: u32, group: &str) -> Item {
        let owner = ItemOwner {
            user: b"root".to_vec(),
            group: group.as_bytes().to_vec(),
            uid: Some(0),
            gid: Some(0),
        };
        let (mode, owner) = (Some(mode), Some(owner));
        Item { kind, mode, owner, role: Role::Plain, has_capabilities: false }
    }

    /// The rule, or what is wrong.
    fn found(item: &Item, node: &Node, rights: Option<&Override>, aspect: Aspect) -> String {
        found_with("", item, node, rights, aspect)
    }

    /// The same, where a script of the package says this of it.
    fn found_with(
        script: &str,
        item: &Item,
        node: &Node,
        rights: Option<&Override>,
        aspect: Aspect,
    ) -> String {
        let package = PackageFile {
            kind: "deb",
            name: "a".into(),
            architecture: "all".into(),
            version: "1".into(),
            source: None,
        };
        let (items, control) = (BTreeMap::new(), BTreeMap::new());
        let contents = Contents { package, items, control, is_source: false };
        let package = Brought {
            kind: "deb".into(),
            name: "a".into(),
            version: "1".into(),
            file: None,
            contents: Checked::Known(contents),
            scripts: vec![Script::of(script.as_bytes())],
        };
        let side = crate::review::files::tests::nothing();
        let said = Said::of(&package.scripts, b"x", &side);
        let delivery = Delivery { package: &package, item, way: Way::Straight };
        let names = Names::of(b"daemon:x:1:1::/:/bin/sh\n", b"shadow:x:42:\n");
        let file = FileDifference {
            path: b"x".to_vec(),
            left: None,
            right: Some(node.clone()),
            aspects: [aspect].into(),
            content: None,
        };
        let terms = Terms { names: &names, rights, said: &said };
        match compare(&file, node, &delivery, terms) {
            Ok(rule) => rule.unwrap_or("same").to_owned(),
            Err(what) => what,
        }
    }

    #[test]
    fn files_are_what_was_brought_or_not() {
        let file = ItemKind::File { digest: Digest::of(b"x"), size: 1 };
        let plain = item(file.clone(), 0o755, "root");
        let grouped = item(file, 0o2755, "shadow");
        let link = item(ItemKind::Symlink(b"y".to_vec()), 0o777, "root");
        let directory = item(ItemKind::Directory, 0o755, "root");
        let target = |text: &str| NodeKind::Symlink(text.as_bytes().to_vec());
        for (item, node, expected) in [
            (&plain, node(content("x"), 0o755, 0), "same"),
            (&plain, node(content("y"), 0o755, 0), "its content is another one"),
            (&plain, node(content("x"), 0o4755, 0), "its mode is 4755, not 0755"),
            (&plain, node(content("x"), 0o700, 0), RESTRICTED),
            (&plain, node(content("x"), 0o750, 42), RESTRICTED),
            (&plain, node(content("x"), 0o777, 0), "its mode is 0777, not 0755"),
            (&plain, node(target("/tmp/x"), 0o777, 0), "it is a link now"),
            (&grouped, node(content("x"), 0o2755, 42), "same"),
            (&grouped, node(content("x"), 0o2755, 0), "its owner is 0:0, not 0:42"),
            (&link, node(target("y"), 0o777, 0), "same"),
            (&link, node(target("/tmp/y"), 0o777, 0), "it is a link to `/tmp/y`"),
            (&directory, node(NodeKind::Directory, 0o2750, 42), DIRECTORY),
            (&directory, node(NodeKind::Directory, 0o777, 0), "its mode is 0777, not 0755"),
            (&directory, node(content("x"), 0o755, 0), "it is a file now"),
        ] {
            let shown = format!("{node:?}");
            assert_eq!(found(item, &node, None, Aspect::Presence), expected, "{shown}");
        }
    }

    #[test]
    fn what_did_not_change_is_not_asked_for() {
        let file = ItemKind::File { digest: Digest::of(b"x"), size: 1 };
        let plain = item(file, 0o755, "root");
        let setuid = || node(content("x"), 0o4755, 0);
        assert_eq!(found(&plain, &setuid(), None, Aspect::Content), "same");
        assert_eq!(found(&plain, &setuid(), None, Aspect::Mode), "its mode is 4755, not 0755");
        assert_eq!(found(&plain, &setuid(), None, Aspect::Kind), "its mode is 4755, not 0755");
        assert_eq!(found(&plain, &node(content("y"), 0o755, 0), None, Aspect::Mtime), "same");
    }

    #[test]
    fn dpkg_may_be_told_of_other_rights() {
        let file = ItemKind::File { digest: Digest::of(b"x"), size: 1 };
        let plain = item(file, 0o755, "root");
        let rights = |mode| Override { user: b"root".to_vec(), group: b"shadow".to_vec(), mode };
        let of = |script, told, mode, gid| {
            let node = node(content("x"), mode, gid);
            found_with(script, &plain, &node, Some(&rights(told)), Aspect::Presence)
        };
        assert_eq!(of("", 0o775, 0o775, 42), OVERRIDE);
        assert_eq!(of("", 0o775, 0o777, 42), "its mode is 0777, not 0755");
        // A script may have told it so: it must say so in the open, and proves nothing then.
        assert_eq!(of("", 0o2755, 0o2755, 42), "its mode is 2755, not 0755");
        let script = "dpkg-statoverride --update --add root shadow 2755 /x";
        assert_eq!(of(script, 0o2755, 0o2755, 42), PRIVILEGES);
        assert_eq!(of(script, 0o2755, 0o4755, 42), "its mode is 4755, not 0755");
        assert_eq!(of(script, 0o2755, 0o2755, 1), "its owner is 0:1, not 0:0");
    }

    #[test]
    fn scripts_say_which_rights_they_give() {
        let file = ItemKind::File { digest: Digest::of(b"x"), size: 1 };
        let plain = item(file, 0o755, "root");
        for (script, mode, gid, expected) in [
            ("chmod u+s /x", 0o4755, 0, PRIVILEGES),
            ("chmod u+s /y", 0o4755, 0, "its mode is 4755, not 0755"),
            ("# chmod u+s /x", 0o4755, 0, "its mode is 4755, not 0755"),
            ("echo 4755 /x", 0o4755, 0, "its mode is 4755, not 0755"),
            ("chgrp shadow /x; chmod 2755 /x", 0o2755, 42, PRIVILEGES),
            ("chmod 2755 /x", 0o2755, 42, "its owner is 0:42, not 0:0"),
            ("chmod g+w /x", 0o775, 0, SCRIPT),
            ("chmod 0775 /x; chown root:shadow /x", 0o775, 42, SCRIPT),
            ("chmod 0775 /x", 0o777, 0, "its mode is 0777, not 0755"),
        ] {
            let node = node(content("x"), mode, gid);
            let found = found_with(script, &plain, &node, None, Aspect::Presence);
            assert_eq!(found, expected, "{script}: {mode:o} {gid}");
        }
        let other = node(content("y"), 0o4755, 0);
        let found = found_with("chmod u+s /x", &plain, &other, None, Aspect::Presence);
        assert_eq!(found, "its content is another one");
    }

    #[test]
    fn capabilities_must_be_brought() {
        let file = ItemKind::File { digest: Digest::of(b"x"), size: 1 };
        let mut plain = item(file, 0o755, "root");
        let mut node = node(content("x"), 0o755, 0);
        node.xattrs.insert(b"user.x".to_vec(), Vec::new());
        assert_eq!(found(&plain, &node, None, Aspect::Presence), "same");
        let raw = vec![1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        node.xattrs.insert(CAPABILITY.to_vec(), raw);
        let expected = "it has the attribute `security.capability`";
        assert_eq!(found(&plain, &node, None, Aspect::Xattrs), expected);
        for (script, rule) in [
            ("setcap cap_net_raw+ep /x", installed::CAPABILITY),
            ("setcap cap_net_raw+ep /y", expected),
            ("setcap cap_net_admin+ep /x", expected),
            ("setcap =ep /x", expected),
            ("echo cap_net_raw+ep /x", expected),
        ] {
            let found = found_with(script, &plain, &node, None, Aspect::Xattrs);
            assert_eq!(found, rule, "{script}");
        }
        plain.has_capabilities = true;
        assert_eq!(found(&plain, &node, None, Aspect::Presence), "same");
    }
}

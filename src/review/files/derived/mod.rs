//! Files that no package holds and that follow from which packages are there: databases, caches,
//! lists. One rule each, with its reason.

mod table;

pub use table::DERIVED;

use super::lists::List;
use super::owners::Owners;
use crate::diff::{Aspect, FileDifference};
use crate::store::{Node, NodeKind};

/// Setuid, setgid, sticky.
const SPECIAL: u32 = 0o7000;

/// Id of the rule for directories that hold nothing.
pub(super) const EMPTY_DIRECTORY: &str = "empty-directory";

/// What a derived file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// A file without rights of its own.
    Note,
    /// A symbolic link, on both sides where both have it.
    Link,
    /// A symbolic link with a target that starts like this.
    LinkInto(&'static str),
    /// A symbolic link to a file beside it that is accounted for itself.
    LinkBeside,
    /// A directory that came or went and holds nothing.
    EmptyDirectory,
    /// A file that differs only in which other names it has, where one of these is of a package that
    /// moved.
    Shared,
    /// A file that a manager of languages fetched, as it was fetched.
    Download,
    /// A list of packages, in which nothing changed but what is about packages that moved.
    List(List),
}

/// A rule about derived files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// Stable id.
    pub id: &'static str,
    /// The files, from the root, without a slash at the start: a last `*` stands for any rest, `*`
    /// before that for a part of a path.
    pub paths: &'static [&'static str],
    /// What the files are.
    pub form: Form,
    /// Kinds of packages that it follows from: one of these must have moved. None: any.
    pub kinds: &'static [&'static str],
    /// Why it follows.
    pub reason: &'static str,
}

/// Why files of a rule follow from packages.
pub(super) fn reason(id: &str) -> Option<&'static str> {
    DERIVED.iter().find(|rule| rule.id == id).map(|rule| rule.reason)
}

/// The rule for a file, where packages moved that it follows from. Whether a directory is empty only
/// the other files tell: no rule is given for that. The caller says whether a path of the new image is
/// there and accounted for.
pub(super) fn rule(
    file: &FileDifference,
    owners: &Owners<'_>,
    is_accounted: &dyn Fn(&[u8]) -> bool,
) -> Option<&'static Derived> {
    DERIVED.iter().find(|rule| {
        let follows = rule.kinds.is_empty() || rule.kinds.iter().any(|it| owners.kind_moved(it));
        follows
            && has_form(rule.form, file, owners, is_accounted)
            && rule.paths.iter().any(|pattern| matches(pattern.as_bytes(), &file.path))
    })
}

/// The format of a list of packages.
pub(super) fn list(file: &FileDifference, owners: &Owners<'_>) -> Option<List> {
    // A list is no link, so nothing has to be accounted for.
    match rule(file, owners, &|_| false)?.form {
        Form::List(list) => Some(list),
        _ => None,
    }
}

fn has_form(
    form: Form,
    file: &FileDifference,
    owners: &Owners<'_>,
    is_accounted: &dyn Fn(&[u8]) -> bool,
) -> bool {
    let is_link_into = |node: &Node, start: &str| match &node.kind {
        NodeKind::Symlink(target) => target.starts_with(start.as_bytes()),
        _ => false,
    };
    let all_links = |start: &str| {
        [&file.left, &file.right].into_iter().flatten().all(|node| is_link_into(node, start))
    };
    match form {
        Form::Any => true,
        Form::Link => all_links(""),
        Form::LinkInto(start) => all_links(start),
        Form::LinkBeside => {
            let target = file.right.as_ref().map(|node| beside(&file.path, node));
            // One that is gone leads nowhere.
            all_links("") && target.is_none_or(|it| it.is_some_and(|path| is_accounted(&path)))
        }
        Form::EmptyDirectory => false,
        Form::Shared => is_shared(file, owners),
        Form::Download => is_plain(file) && owners.is_download(file),
        Form::List(_) | Form::Note => is_plain(file),
    }
}

fn is_plain(file: &FileDifference) -> bool {
    let is_plain =
        |node: &Node| matches!(node.kind, NodeKind::File { .. }) && node.mode & SPECIAL == 0;
    [&file.left, &file.right].into_iter().flatten().all(is_plain)
}

/// The path that a link leads to, where that is a plain name in its own directory.
fn beside(path: &[u8], node: &Node) -> Option<Vec<u8>> {
    let NodeKind::Symlink(target) = &node.kind else { return None };
    let is_plain = !target.contains(&b'/') && ![&b""[..], b".", b".."].contains(&&**target);
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let is_other = path.get(start..) != Some(&**target);
    let folder = path.get(..start).filter(|_| is_plain && is_other)?;
    Some([folder, target].concat())
}

/// The content, rights and owner are as they were, and so is whose the other names are, but that a
/// package that moved has or had one of them.
fn is_shared(file: &FileDifference, owners: &Owners<'_>) -> bool {
    let only = [Aspect::Links, Aspect::Mtime];
    if !file.aspects.iter().all(|aspect| only.contains(aspect)) {
        return false;
    }
    let names = [&file.left, &file.right].into_iter().flatten().flat_map(|node| &node.hardlink);
    let names: Vec<&Vec<u8>> = names.collect();
    let is_of_moved =
        |path: &&Vec<u8>| owners.at(path).any(|owner| owners.has_moved(owner.kind, owner.name));
    let is_of_package = |path: &&Vec<u8>| owners.at(path).next().is_some();
    file.aspects.contains(&Aspect::Links)
        && names.iter().any(is_of_moved)
        && names.iter().all(is_of_package)
}

/// `*` is any text; it may hold slashes.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else {
        return false;
    };
    let pieces: Vec<&[u8]> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let found = rest.windows(piece.len().max(1)).position(|window| window == *piece);
        let Some(at) = found else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, expected) in [
            ("etc/ld.so.cache", "etc/ld.so.cache", true),
            ("etc/ld.so.cache", "etc/ld.so.cache2", false),
            ("var/lib/rpm/*", "var/lib/rpm/a/b", true),
            ("var/lib/rpm/*", "var/lib/rpmx", false),
            (
                "usr/lib/*/gio/modules/giomodule.cache",
                "usr/lib/x/gio/modules/giomodule.cache",
                true,
            ),
            ("usr/lib/*/gio/modules/giomodule.cache", "usr/lib/gio/modules/giomodule.cache", false),
            ("lib/*.so.*", "lib/x86_64/libz.so.1", true),
            ("lib/*.so.*", "lib/x86_64/libz.a", false),
            ("etc/rc*.d/*", "etc/rc2.d/S01x", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn rules_are_complete() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in DERIVED {
            assert!(seen.insert(rule.id), "`{}` stands twice", rule.id);
            assert!(!rule.paths.is_empty() && !rule.reason.ends_with('.'), "`{}`", rule.id);
            assert!(rule.paths.iter().all(|path| !path.starts_with('/')), "`{}`", rule.id);
        }
    }
}

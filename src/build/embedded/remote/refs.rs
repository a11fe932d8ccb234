//! Which commit a reference of a repository names, by what `git ls-remote` lists.

/// A commit, and the full name of the reference that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) commit: String,
    pub(super) reference: Option<String>,
}

/// Whether this is the whole id of a commit, of either kind.
pub(super) fn is_commit(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    matches!(text.len(), 40 | 64) && text.bytes().all(hex)
}

/// The commit that `wanted` names: a branch before a tag, as for `git checkout`; the default branch if
/// nothing is wanted. The commit that an annotated tag is about is listed with `^{}` at its end.
pub(super) fn find(listing: &str, wanted: Option<&str>) -> Option<Found> {
    let lines = || listing.lines().filter_map(|line| line.split_once('\t'));
    let commit_of = |reference: &str| {
        let peeled = format!("{reference}^{{}}");
        let commits = || lines().filter(|(id, _)| is_commit(id));
        let of = |name: &str| commits().find(|(_, listed)| *listed == name).map(|(id, _)| id);
        of(&peeled).or_else(|| of(reference))
    };
    let candidates = match wanted {
        None => {
            // `ref: refs/heads/main` stands where others have their id.
            let head = lines().find_map(|(id, name)| {
                id.strip_prefix("ref: ").filter(|_| name == "HEAD").map(str::to_owned)
            });
            let commit = commit_of("HEAD")?.to_owned();
            return Some(Found { commit, reference: head });
        }
        Some(wanted) => [
            format!("refs/heads/{}", wanted.strip_prefix("refs/heads/").unwrap_or(wanted)),
            format!("refs/tags/{}", wanted.strip_prefix("refs/tags/").unwrap_or(wanted)),
            format!("refs/{}", wanted.strip_prefix("refs/").unwrap_or(wanted)),
            wanted.to_owned(),
        ],
    };
    candidates.into_iter().find_map(|reference| {
        let commit = commit_of(&reference)?.to_owned();
        Some(Found { commit, reference: Some(reference) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_come_before_tags() {
        let id = |digit: char| digit.to_string().repeat(40);
        let listing = format!(
            "ref: refs/heads/main\tHEAD\n{}\tHEAD\n{}\trefs/heads/both\n{}\trefs/tags/both\n\
             {}\trefs/tags/v1\n{}\trefs/tags/v1^{{}}\n{}\trefs/pull/7/head\n{}\trefs/heads/a/v2\n",
            id('1'),
            id('2'),
            id('3'),
            id('4'),
            id('5'),
            id('6'),
            id('7')
        );
        let found = |wanted| {
            find(&listing, wanted).map(|found| {
                (found.commit.chars().next().unwrap(), found.reference.unwrap_or_default())
            })
        };
        let some = |digit, reference: &str| Some((digit, reference.to_owned()));
        assert_eq!(found(None), some('1', "refs/heads/main"));
        assert_eq!(found(Some("both")), some('2', "refs/heads/both"));
        assert_eq!(found(Some("refs/tags/both")), some('3', "refs/tags/both"));
        assert_eq!(found(Some("v1")), some('5', "refs/tags/v1"));
        assert_eq!(found(Some("refs/pull/7/head")), some('6', "refs/pull/7/head"));
        assert_eq!(found(Some("pull/7/head")), some('6', "refs/pull/7/head"));
        assert_eq!(found(Some("v2")), None, "not the last part of another");
        assert_eq!(find("", None), None);
        assert!(is_commit(&id('a')) && !is_commit("abc") && !is_commit(&id('A')));
    }
}

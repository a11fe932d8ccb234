//! Conditional requests: RFC 9110, section 13, for an answer that was recorded.
//!
//! A condition on a date holds for exactly the recorded date only. What a client has may be newer than
//! what is locked (it came with the base image), and it must then get what is locked.

use super::date;
use crate::door::exchange::Head;
use http::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

/// What becomes of a request that has conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Serve,
    /// 304: the client has it already.
    NotModified,
    /// 412: the client wanted something else.
    Failed,
}

/// Judges the conditions in the order of section 13.2.2.
pub(super) fn judge(request: &HeaderMap, head: &Head) -> Verdict {
    let etag = head.etag.as_deref();
    if let Some(tags) = list(request, &IF_MATCH) {
        if !names(&tags, etag, strong) {
            return Verdict::Failed;
        }
    } else if let Some(unmodified) = since(request, &IF_UNMODIFIED_SINCE)
        && head.modified.is_some_and(|modified| modified > unmodified)
    {
        return Verdict::Failed;
    }
    let has_it = match list(request, &IF_NONE_MATCH) {
        Some(tags) => names(&tags, etag, weak),
        None => since(request, &IF_MODIFIED_SINCE)
            .is_some_and(|modified| head.modified == Some(modified)),
    };
    if has_it { Verdict::NotModified } else { Verdict::Serve }
}

/// Whether `Range` counts: section 13.1.5. A client that resumes names what it has a part of.
pub(super) fn range_counts(request: &HeaderMap, head: &Head) -> bool {
    let Some(value) = request.get(IF_RANGE) else { return true };
    let Ok(value) = value.to_str().map(str::trim) else { return false };
    if value.starts_with('"') || value.starts_with("W/") {
        return head.etag.as_deref().is_some_and(|etag| strong(value, etag));
    }
    date::parse(value).is_some_and(|date| head.modified == Some(date))
}

/// All values of a header that is a list, as one.
fn list(request: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> =
        request.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn since(request: &HeaderMap, name: &HeaderName) -> Option<i64> {
    date::parse(request.get(name)?.to_str().ok()?)
}

/// Whether a list of entity tags has this one.
fn names(list: &str, etag: Option<&str>, same: fn(&str, &str) -> bool) -> bool {
    list.trim() == "*" || etag.is_some_and(|etag| tags(list).any(|tag| same(tag, etag)))
}

/// The entity tags of a list: section 8.8.3. A comma may stand within the quotes.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let open = rest.find('"')?;
        let close = rest.get(open + 1..)?.find('"')? + open + 2;
        let (tag, behind) = rest.split_at_checked(close)?;
        rest = behind;
        Some(tag.trim())
    })
}

fn strong(left: &str, right: &str) -> bool {
    left == right && !left.starts_with("W/")
}

fn weak(left: &str, right: &str) -> bool {
    left.trim_start_matches("W/") == right.trim_start_matches("W/")
}

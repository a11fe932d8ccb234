//! What the lockfiles of the project's own package managers say of an entry that no signature speaks for.

use super::{Body, Evidence, Item, Verdict};
use crate::index::pins::Said;

/// A file that such a lockfile pins is as good as metadata that nobody signs; another file under the name
/// of one is not what the project asks for. What is as the base has it is nobody's doing, and stays so.
pub(super) fn settle(
    evidence: &Evidence<'_>,
    item: Option<&Item<'_>>,
    verdict: Verdict,
) -> Verdict {
    let is_open = matches!(
        verdict,
        Verdict::Unprovable { .. } | Verdict::Undetermined { .. } | Verdict::Unsigned { .. }
    );
    let (true, Some(item)) = (is_open, item) else { return verdict };
    let Some(sha256) = item.sha256 else { return verdict };
    let said = match (item.package, item.fetch) {
        (Some(package), _) => {
            let (kind, name) = (&*package.kind, &*package.name);
            let named = (kind, name, &*package.version, &*package.architecture);
            let body = || match (evidence.bodies)(&sha256) {
                Body::There(body) => Some(body),
                Body::Missing | Body::Damaged(_) => None,
            };
            evidence.pins.say(named, &sha256, &body)
        }
        (None, Some(fetch)) if super::answers::is_content(fetch) => {
            evidence.pins.of_content(&sha256).map(|file| Said::Same(file.to_owned()))
        }
        _ => None,
    };
    match (said, verdict) {
        (None, verdict) => verdict,
        (Some(Said::Same(file)), Verdict::Unsigned { by }) => {
            Verdict::Unsigned { by: format!("{by}; {file} of the base says the same") }
        }
        (Some(Said::Same(file)), _) => {
            Verdict::Unsigned { by: format!("{file} of the base, which nobody signs") }
        }
        (Some(Said::Other { file, expected }), _) => {
            let message = format!("{file} of the base pins another file of this version");
            Verdict::differs(message, "sha256", expected, sha256.hex())
        }
    }
}

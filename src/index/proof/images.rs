//! Images: pinned by digest, which proves what they are; nobody signs what a tag points at.

use super::{Body, Evidence, Subject, Verdict};
use crate::lock::LockedImage;
use crate::oci::{Digest, ImageConfig, Manifest};
use std::collections::BTreeMap;

/// The verdict on each image.
pub(super) fn judge(evidence: &Evidence<'_>) -> BTreeMap<Subject, Verdict> {
    let images = evidence.lock.images.iter().enumerate();
    let judged = images.map(|(index, image)| {
        let named = image.reference.digest;
        let verdict = match (named, image.index) {
            (Some(named), _) if named == image.manifest || image.index == Some(named) => {
                let by = "the Dockerfile, which names the digest";
                belongs(evidence, image, by.to_owned())
            }
            (Some(named), _) => Verdict::differs(
                "the image is not the one that its reference names",
                "manifest",
                named,
                image.manifest,
            ),
            (None, _) => match belongs(evidence, image, String::new()) {
                Verdict::Proven { .. } => {
                    let reason = "the image is pinned by its digest; nobody signs what its tag \
                                  points at";
                    let older = older(evidence, image).unwrap_or_default();
                    Verdict::unprovable(format!("{reason}{older}"))
                }
                other => other,
            },
        };
        (Subject::Image(index), verdict)
    });
    judged.collect()
}

/// What is said where an image calls itself older than the one that the base lock has for its tag.
fn older(evidence: &Evidence<'_>, image: &LockedImage) -> Option<String> {
    let is_it = |other: &&LockedImage| other.reference == image.reference;
    let before = evidence.base?.images.iter().find(is_it)?;
    let created = |manifest| created(evidence, manifest);
    let (now, before) = (created(&image.manifest)?, created(&before.manifest)?);
    let older = format!(", and it is of {now}: the base lock has a newer one, of {before}");
    (now < before).then_some(older)
}

/// When an image says that it was made.
fn created(evidence: &Evidence<'_>, manifest: &Digest) -> Option<jiff::Timestamp> {
    let read = |digest: &Digest| match (evidence.bodies)(digest) {
        Body::There(body) => Some(body),
        Body::Missing | Body::Damaged(_) => None,
    };
    let manifest: Manifest = serde_json::from_slice(&read(manifest)?).ok()?;
    let config: ImageConfig = serde_json::from_slice(&read(&manifest.config.digest)?).ok()?;
    config.created?.parse().ok()
}

/// Whether the manifest is in the index, where there is one.
fn belongs(evidence: &Evidence<'_>, image: &LockedImage, by: String) -> Verdict {
    let Some(index) = image.index else { return Verdict::Proven { by } };
    match (evidence.bodies)(&index) {
        // Descriptors have the digest in quotes, and nothing else of an index has it.
        Body::There(text) => {
            let quoted = format!("\"{}\"", image.manifest);
            let has = bstr::ByteSlice::find(text.as_slice(), quoted.as_bytes()).is_some();
            if has {
                return Verdict::Proven { by };
            }
            let message = format!("the image's index {} does not have the manifest", index.short());
            Verdict::poisoned(message, "manifest")
        }
        Body::Damaged(problem) => Verdict::poisoned(problem, "index"),
        // Who pulls by the digest of the manifest keeps no index; a reference that names the index
        // then proves nothing.
        Body::Missing if by.is_empty() || image.reference.digest == Some(image.manifest) => {
            Verdict::Proven { by }
        }
        Body::Missing => Verdict::undetermined("the image's index is not in the Store"),
    }
}

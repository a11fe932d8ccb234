//! What a step wrote becomes a layer: normalised, clamped, in canonical form.

use super::mounted::Folder;
use crate::build::{BuildError, Request};
use crate::normalize::{self, Normalized};
use crate::oci::Digest;
use crate::store::{capture, read_dir_sorted};

/// A layer in the Store.
pub(crate) struct Layer {
    pub(crate) diff_id: Digest,
    /// Bytes of its uncompressed tar.
    pub(crate) size: u64,
    pub(crate) entries: u64,
    pub(crate) clamped: u64,
}

/// Takes the layer of `step` out of `folder.upper`; none where the step left nothing there. The directory is
/// changed to what the layer says, so that later steps see what a rebuild from the layer would.
pub(crate) fn take(
    request: &Request<'_>,
    step: &str,
    folder: &Folder,
) -> Result<(Option<Layer>, Vec<Normalized>), BuildError> {
    let normalized = normalize::apply(&folder.upper, request.epoch, request.disabled)?;
    let entries =
        read_dir_sorted(&folder.upper).map_err(|source| BuildError::io(&folder.upper, source))?;
    if entries.is_empty() {
        return Ok((None, normalized));
    }
    let (upper, epoch, store) = (&folder.upper, request.epoch, request.store);
    let captured = match request.layers.get(step) {
        Some(known) => capture::store_layer_unless(&known, upper, epoch, store)?,
        None => capture::store_layer(upper, epoch, store)?,
    };
    request.layers.note(step, captured.diff_id);
    capture::clamp(&folder.upper, request.epoch)?;
    let layer = Layer {
        diff_id: captured.diff_id,
        size: captured.size,
        entries: captured.entries,
        clamped: captured.clamped,
    };
    Ok((Some(layer), normalized))
}

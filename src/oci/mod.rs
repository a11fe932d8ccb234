//! The words of the OCI image and distribution specifications as values: digests, references,
//! descriptors, manifests, image configs, platforms. Does no I/O beyond the readers handed to it.

mod digest;
mod image;
pub mod media_type;
mod platform;
mod reference;
mod verify;

pub use digest::{Digest, DigestError, Hasher};
pub use image::{Descriptor, History, ImageConfig, Index, Manifest, RootFs, RuntimeConfig};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use verify::{HashingReader, HashingWriter, Mismatch, VerifiedReader};

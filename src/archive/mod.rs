//! Archives and compression: strict readers with limits, and the canonical tar writer.
//!
//! Nothing here touches the file system or knows what an image is: bytes in, values out, and back.

pub mod ar;
pub mod compression;
pub mod tar;
pub mod zip;

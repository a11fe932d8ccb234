//! The Store against the disk, other processes and other programs.

mod blobs;
mod layouts;
mod round_trip;

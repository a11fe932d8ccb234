//! The Store against the disk, other processes and other programs.

mod blobs;
mod derived;
mod layouts;
mod round_trip;

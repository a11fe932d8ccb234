//! The Dockerfile language: text in, values out; no I/O.

//! `Dockerfile.lock`: its wire form, its canonical writer, and whether it still fits. No I/O.

//! What a build used, as a lockfile.

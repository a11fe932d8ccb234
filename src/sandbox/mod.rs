//! Namespaces, mounts, seccomp and processes: where a RUN step lives. All unsafe code lives here.

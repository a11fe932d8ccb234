//! The command line: one command a file; the only reader of arguments, environment, clock and terminal.

//! The `rlock` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rlock::cli::main()
}

//! Finding a program as a shell does, and becoming it.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::sandbox::step::Step;
use crate::sandbox::system;

const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// Becomes the step's program. Returning, it says with which code a shell would end, and why.
pub(super) fn execute(step: &Step) -> (i32, String) {
    let Some(name) = step.argv.first().filter(|name| !name.is_empty()) else {
        return (NOT_FOUND, "the command is empty".to_owned());
    };
    let program = match find(name, search_path(step)) {
        Ok(program) => program,
        Err(reason) => return reason,
    };
    let c_strings = |strings: Vec<Vec<u8>>| -> Result<Vec<CString>, std::ffi::NulError> {
        strings.into_iter().map(CString::new).collect()
    };
    let env = step.env.iter().map(|(name, value)| [name, b"=".as_slice(), value].concat());
    let (Ok(argv), Ok(env), Ok(c_program)) = (
        c_strings(step.argv.clone()),
        c_strings(env.collect()),
        CString::new(program.clone().into_os_string().into_vec()),
    ) else {
        return (NOT_EXECUTABLE, "the command or its environment has a NUL byte".to_owned());
    };
    system::reset_signals();
    let error = system::execute(&c_program, &argv, &env);
    explain(&program, &error)
}

fn search_path(step: &Step) -> &[u8] {
    step.env.iter().rev().find(|(name, _)| name == b"PATH").map_or(b"", |(_, value)| value)
}

/// The program that a name means: itself where it has a slash, else the first executable of that name in
/// the directories of `search_path`.
fn find(name: &[u8], search_path: &[u8]) -> Result<PathBuf, (i32, String)> {
    let shown = String::from_utf8_lossy(name);
    let path = Path::new(OsStr::from_bytes(name));
    if name.contains(&b'/') {
        return match check(path) {
            Ok(()) => Ok(path.to_path_buf()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err((NOT_EXECUTABLE, format!("`{shown}`: permission denied")))
            }
            Err(error) => Err((NOT_FOUND, format!("`{shown}`: {}", lower(&error)))),
        };
    }
    let mut denied = None;
    for directory in search_path.split(|byte| *byte == b':').filter(|part| !part.is_empty()) {
        let candidate = Path::new(OsStr::from_bytes(directory)).join(path);
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                denied.get_or_insert(candidate);
            }
            Err(_) => {}
        }
    }
    let shown_path = String::from_utf8_lossy(search_path);
    Err(match denied {
        Some(found) => {
            (NOT_EXECUTABLE, format!("`{}` is not executable by this user", found.display()))
        }
        None => (NOT_FOUND, format!("`{shown}`: not found in PATH (`{shown_path}`)")),
    })
}

/// Whether a path is a file that this process may execute.
fn check(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// What the error of `execve` means.
fn explain(program: &Path, error: &io::Error) -> (i32, String) {
    let program = program.display();
    match error.raw_os_error() {
        // The program is there (it was found): what it needs to be run is not.
        Some(libc::ENOENT) => (
            NOT_FOUND,
            format!("`{program}`: the image lacks the interpreter or loader that it names"),
        ),
        Some(libc::ENOEXEC) => (
            NOT_EXECUTABLE,
            format!(
                "`{program}`: exec format error: made for another platform, or a script without `#!`"
            ),
        ),
        Some(libc::E2BIG) => {
            (NOT_EXECUTABLE, format!("`{program}`: arguments and environment are too long"))
        }
        _ => (NOT_EXECUTABLE, format!("`{program}`: {}", lower(error))),
    }
}

/// An error of the system without its number, in lower case as our messages are.
fn lower(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str, mode| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        make("a/tool", 0o644);
        let second = make("b/tool", 0o755);
        make("a/plain", 0o644);
        fs::create_dir(root.path().join("a/directory")).unwrap();
        let path = format!("{0}/none:{0}/a:{0}/b", root.path().display());
        assert_eq!(find(b"tool", path.as_bytes()).unwrap(), second);
        assert_eq!(find(b"plain", path.as_bytes()).unwrap_err().0, NOT_EXECUTABLE);
        assert_eq!(find(b"directory", path.as_bytes()).unwrap_err().0, NOT_EXECUTABLE);
        let (code, reason) = find(b"nothing", path.as_bytes()).unwrap_err();
        assert_eq!(code, NOT_FOUND);
        assert!(reason.starts_with("`nothing`: not found in PATH (`"), "{reason}");
        assert_eq!(find(b"tool", b"").unwrap_err().0, NOT_FOUND);
        let slashed = second.as_os_str().as_bytes();
        assert_eq!(find(slashed, b"").unwrap(), second);
        let (code, reason) = find(b"/none/such", b"").unwrap_err();
        assert_eq!((code, reason.as_str()), (NOT_FOUND, "`/none/such`: no such file or directory"));
    }

    #[test]
    fn errors_of_exec_are_explained() {
        let of = |errno| explain(Path::new("/x"), &io::Error::from_raw_os_error(errno));
        assert_eq!(of(libc::ENOENT).0, NOT_FOUND);
        assert!(of(libc::ENOEXEC).1.contains("another platform"));
        assert_eq!(of(libc::EACCES), (NOT_EXECUTABLE, "`/x`: permission denied".to_owned()));
    }
}

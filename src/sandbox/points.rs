//! Mount points that leave no trace: a lower layer that has what an image may lack.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Fills an empty directory so that, given as the *lowest* lower layer of an overlay, every mount point
/// of a step is there without being made in the upper directory.
///
/// These are `/dev`, `/proc` and `/sys`, and a file for each of `binds` (as
/// [`Bind::target`](super::Bind::target)) whose directory the image has, as `is_directory` says: a
/// directory that exists by injection alone would not be made by the package that should make it. Being
/// the lowest, it shows only what no layer of the image has; it must not be taken into an image.
pub fn mount_points_layer(
    directory: &Path,
    binds: &[&[u8]],
    is_directory: &dyn Fn(&[u8]) -> bool,
) -> io::Result<()> {
    for name in ["dev", "proc", "sys"] {
        make_directories(directory, Path::new(name))?;
    }
    for bind in binds {
        let path = Path::new(std::ffi::OsStr::from_bytes(bind));
        let Some(parent) = path.parent() else { continue };
        let below_root =
            path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !below_root || !is_directory(parent.as_os_str().as_bytes()) {
            continue;
        }
        make_directories(directory, parent)?;
        let target = directory.join(path);
        fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(target)?;
    }
    Ok(())
}

fn make_directories(root: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(root.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_the_image_are_filled() {
        let root = tempfile::tempdir().unwrap();
        let binds: [&[u8]; 4] = [b"etc/resolv.conf", b"opt/x/y", b"../out", b"top"];
        let image = |path: &[u8]| path == b"etc" || path.is_empty();
        mount_points_layer(root.path(), &binds, &image).unwrap();
        for present in ["dev", "proc", "sys", "etc/resolv.conf", "top"] {
            assert!(root.path().join(present).exists(), "{present}");
        }
        assert!(!root.path().join("opt").exists());
        assert!(!root.path().join("../out").exists());
    }
}

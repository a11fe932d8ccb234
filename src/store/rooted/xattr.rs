//! Extended attributes by handle.
//!
//! The kernel's calls by descriptor refuse `O_PATH` handles, and only those can be had of symbolic
//! links and devices without side effects; the magic links in `/proc` serve.

use super::change::magic_link;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;

/// Attributes by name.
pub(crate) type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Room for the names of an object's attributes and for one value: the kernel's limits
/// (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const XATTR_SIZE_MAX: usize = 64 << 10;

/// Most objects have no attributes: a small buffer suffices to learn that.
const XATTR_SIZE_TYPICAL: usize = 256;

/// Attributes of a name in an open directory, of a symbolic link itself.
pub(crate) fn list_at(directory: &impl AsFd, name: &CStr) -> io::Result<Xattrs> {
    let mut path = magic_link(directory).into_bytes();
    path.push(b'/');
    path.extend_from_slice(name.to_bytes());
    read_all(
        |list| rustix::fs::llistxattr(&*path, list),
        |name, value| rustix::fs::lgetxattr(&*path, name, value),
    )
}

/// Attributes of the object behind a handle.
pub(crate) fn list_on_object(object: &impl AsFd) -> io::Result<Xattrs> {
    let path = magic_link(object);
    read_all(
        |list| rustix::fs::listxattr(&path, list),
        |name, value| rustix::fs::getxattr(&path, name, value),
    )
}

pub(crate) fn set_on_object(object: &impl AsFd, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::setxattr(magic_link(object), name, value, XattrFlags::empty())?)
}

/// As [`set_on_object`], of a file or directory that is open for reading or writing.
pub(crate) fn set_on_fd(file: &impl AsFd, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())?)
}

pub(crate) fn remove_on_object(object: &impl AsFd, name: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::removexattr(magic_link(object), name)?)
}

fn read_all(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Xattrs> {
    let names = match read_value(&list) {
        // A file system without attributes.
        Err(Errno::OPNOTSUPP) => return Ok(Xattrs::new()),
        other => other?,
    };
    let mut xattrs = Xattrs::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match read_value(|value| get(name, value)) {
            Ok(value) => {
                xattrs.insert(name.to_vec(), value);
            }
            // Removed meanwhile, or listed though this process may not read it.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(xattrs)
}

fn read_value(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; XATTR_SIZE_TYPICAL];
    let size = match read(&mut buffer) {
        Err(Errno::RANGE) => {
            buffer.resize(XATTR_SIZE_MAX, 0);
            read(&mut buffer)?
        }
        other => other?,
    };
    buffer.truncate(size);
    Ok(buffer)
}

/// `security.capability` as a layer holds it.
///
/// In a user namespace the kernel stores version 3 of the attribute, which names the namespace's
/// root, and gives it back so to who looks from outside. The root of the namespace means nothing
/// elsewhere: version 2 is version 3 without it, as Docker writes it too. See `struct
/// vfs_ns_cap_data` in <https://github.com/torvalds/linux/blob/v6.6/include/uapi/linux/capability.h>.
pub(crate) fn parse_capability(value: &[u8]) -> Vec<u8> {
    const SIZE_2: usize = 20;
    const SIZE_3: usize = 24;
    const REVISION_2: u8 = 2;
    const REVISION_3: u8 = 3;
    match (value.get(..SIZE_2), value.get(3)) {
        // Little-endian: the revision is the most significant byte of the first word.
        (Some(first), Some(&REVISION_3)) if value.len() == SIZE_3 => {
            let mut version_2 = first.to_vec();
            if let Some(revision) = version_2.get_mut(3) {
                *revision = REVISION_2;
            }
            version_2
        }
        _ => value.to_vec(),
    }
}

//! Header blocks, in the layouts of the crate `tar`: fields to values, checksum verified.

use super::{BLOCK, Kind, Problem, number};
use tar::{GnuHeader, Header, UstarHeader};

/// A decoded header, before extensions apply.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) type_flag: u8,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) size: i64,
    pub(super) mtime: i64,
    pub(super) user_name: Vec<u8>,
    pub(super) group_name: Vec<u8>,
    device: (i64, i64),
    /// Of the old GNU format: the start of a sparse map, whether it goes on, and the real size.
    pub(super) sparse: Option<OldSparse>,
}

#[derive(Debug)]
pub(super) struct OldSparse {
    pub(super) fields: Vec<u8>,
    pub(super) is_extended: bool,
    pub(super) size: i64,
}

impl Raw {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Problem> {
        let header = Header::from_byte_slice(block);
        check_sum(block, header.as_old().cksum)?;
        let old = header.as_old();
        let [type_flag] = old.linkflag;
        let mut raw = Self {
            type_flag,
            path: number::until_nul(&old.name).to_vec(),
            link: number::until_nul(&old.linkname).to_vec(),
            mode: field("mode", &old.mode)?,
            uid: field("uid", &old.uid)?,
            gid: field("gid", &old.gid)?,
            size: field("size", &old.size)?,
            mtime: field("mtime", &old.mtime)?,
            user_name: Vec::new(),
            group_name: Vec::new(),
            device: (0, 0),
            sparse: None,
        };
        if let Some(gnu) = header.as_gnu() {
            raw.set_gnu(gnu)?;
        } else if let Some(ustar) = header.as_ustar() {
            raw.set_ustar(ustar, block.ends_with(b"tar\0"))?;
        } else if block.get(257..262) == Some(b"ustar") {
            // Some readers would take the version for granted, some would ignore the prefix.
            return Err(Problem::Version);
        }
        Ok(raw)
    }

    fn set_gnu(&mut self, gnu: &GnuHeader) -> Result<(), Problem> {
        self.user_name = number::until_nul(&gnu.uname).to_vec();
        self.group_name = number::until_nul(&gnu.gname).to_vec();
        self.device = (field("devmajor", &gnu.dev_major)?, field("devminor", &gnu.dev_minor)?);
        if self.type_flag == b'S' {
            let fields =
                gnu.sparse.iter().flat_map(|sparse| [sparse.offset, sparse.numbytes]).flatten();
            self.sparse = Some(OldSparse {
                fields: fields.collect(),
                is_extended: gnu.isextended != [0],
                size: field("realsize", &gnu.realsize)?,
            });
        }
        Ok(())
    }

    /// Star ends the header with `tar\0` and has times in the last bytes of the prefix.
    fn set_ustar(&mut self, ustar: &UstarHeader, is_star: bool) -> Result<(), Problem> {
        self.user_name = number::until_nul(&ustar.uname).to_vec();
        self.group_name = number::until_nul(&ustar.gname).to_vec();
        self.device = (field("devmajor", &ustar.dev_major)?, field("devminor", &ustar.dev_minor)?);
        let length = if is_star { 131 } else { ustar.prefix.len() };
        let prefix = number::until_nul(ustar.prefix.get(..length).unwrap_or_default());
        if !prefix.is_empty() {
            self.path = [prefix, b"/", &self.path].concat();
        }
        Ok(())
    }

    /// What the entry is, by its type; the path matters for v7, which has no type for directories.
    pub(super) fn kind(&self, names_directory: bool) -> Result<Kind, Problem> {
        let device = || {
            let part =
                |field, value| u32::try_from(value).map_err(|_| Problem::Range { field, value });
            Ok((part("devmajor", self.device.0)?, part("devminor", self.device.1)?))
        };
        Ok(match self.type_flag {
            0 if names_directory => Kind::Directory,
            0 | b'0' | b'S' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => device().map(|(major, minor)| Kind::CharDevice { major, minor })?,
            b'4' => device().map(|(major, minor)| Kind::BlockDevice { major, minor })?,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            unknown => return Err(Problem::UnknownType(unknown)),
        })
    }
}

fn field(name: &'static str, bytes: &[u8]) -> Result<i64, Problem> {
    number::parse_field(bytes).ok_or(Problem::Number(name))
}

/// Whether the bytes start with a tar header: its checksum tells, as the magic number came late.
pub fn is_header(bytes: &[u8]) -> bool {
    bytes.first_chunk::<BLOCK>().is_some_and(|block| {
        let header = Header::from_byte_slice(block);
        check_sum(block, header.as_old().cksum).is_ok()
    })
}

/// The sum of all bytes, the checksum's own taken for spaces. Old implementations added signed
/// bytes, and readers accept both.
fn check_sum(block: &[u8; BLOCK], stored: [u8; 8]) -> Result<(), Problem> {
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    match number::parse_field(&stored) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(Problem::Checksum),
    }
}

//! Bytecode of Python, as far as it can be told without Python: which source its header names.
//! <https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation>,
//! <https://peps.python.org/pep-0552/>
//!
//! A header may name a source by its size and time, or by its hash. The time is not compared: layers
//! have times of their own, and Python passes over bytecode with another time than its source has.
//! What the bytecode does only an interpreter of the same version could tell.

/// Numbers of magic of the versions that have a size in the header: 3.3 to 3.6.
const WITH_SIZE: std::ops::Range<u16> = 3190..3390;

/// The first of the numbers of Python 2, whose header has a time alone.
const OLD: u16 = 20_000;

/// A flag: the source is named by its hash.
const BY_HASH: u32 = 1;

/// The module that bytecode is of, told by its path.
pub(super) fn source(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let (directory, file) = text.rsplit_once('/')?;
    let stem = file.strip_suffix(".pyc")?;
    Some(match directory.strip_suffix("__pycache__") {
        Some(above) => format!("{above}{}.py", stem.split('.').next()?),
        None => format!("{directory}/{stem}.py"),
    })
}

/// Whether bytecode says that it is of this source; else what it says.
pub(super) fn names(bytecode: &[u8], source: &[u8]) -> Result<(), &'static str> {
    const SHORT: &str = "it has no header of bytecode";
    let word = |at: usize| {
        let bytes = bytecode.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes).ok_or(SHORT)
    };
    let [low, high, b'\r', b'\n', ..] = *bytecode else { return Err(SHORT) };
    let magic = u16::from_le_bytes([low, high]);
    let size_at = match magic {
        OLD.. => return word(4).map(drop),
        _ if WITH_SIZE.contains(&magic) => 8,
        _ if word(4)? & BY_HASH == 0 => 12,
        _ => {
            let named = bytecode.get(8..16).ok_or(SHORT)?;
            // 3.7 to 3.10 hash with two rounds a word, later ones with one.
            let hashes = [(2, 4), (1, 3)].map(|rounds| sip(word(0), source, rounds));
            let is_named = hashes.iter().any(|hash| hash.to_le_bytes() == named);
            return if is_named { Ok(()) } else { Err("it names a source of another hash") };
        }
    };
    // Sizes are counted up to 4 GiB.
    let size = source.len() as u64 & u64::from(u32::MAX);
    if u64::from(word(size_at)?) == size {
        Ok(())
    } else {
        Err("it names a source of another size")
    }
}

/// `SipHash` with the magic number for the first half of the key, and nothing for the other.
/// <https://www.aumasson.jp/siphash/siphash.pdf>
fn sip(key: Result<u32, &str>, text: &[u8], (rounds, last): (u32, u32)) -> u64 {
    let key = u64::from(key.unwrap_or_default());
    let mut state = [
        key ^ 0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        key ^ 0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    let take = |state: &mut [u64; 4], word: u64| {
        state[3] ^= word;
        (0..rounds).for_each(|_| round(state));
        state[0] ^= word;
    };
    let words = text.chunks_exact(8);
    let mut rest = [0; 8];
    let end = words.remainder();
    rest.iter_mut().zip(end).for_each(|(into, from)| *into = *from);
    for word in words {
        take(&mut state, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let length = (text.len() as u64) << 56;
    take(&mut state, u64::from_le_bytes(rest) | length);
    state[2] ^= 0xff;
    (0..last).for_each(|_| round(&mut state));
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &[u8] = b"VERSION = '1.0'\n";

    /// Of 3.11: `importlib.util.source_hash(SOURCE)`.
    const BY_HASH: &[u8] = b"\xa7\x0d\x0d\x0a\x01\0\0\0\xfb\xc0\xbf\xdb\x72\x2f\xfc\x95\xe3\0\0\0";

    #[test]
    fn headers_name_their_source() {
        let other = b"VERSION = '1.1' \n";
        let hash = "it names a source of another hash";
        let size = "it names a source of another size";
        let short = "it has no header of bytecode";
        let of_time = |magic: &[u8], size: u32| [magic, &size.to_le_bytes(), b"\xe3"].concat();
        let new = b"\xa7\x0d\x0d\x0a\0\0\0\0\x01\x02\x03\x04";
        let old = b"\x33\x0d\x0d\x0a\x01\x02\x03\x04";
        for (bytecode, source, expected) in [
            (BY_HASH.to_vec(), SOURCE, Ok(())),
            (BY_HASH.to_vec(), &b"VERSION = '1.1'\n"[..], Err(hash)),
            (of_time(new, 16), SOURCE, Ok(())),
            (of_time(new, 16), other, Err(size)),
            (of_time(old, 16), SOURCE, Ok(())),
            (of_time(old, 17), SOURCE, Err(size)),
            // Of 2.7.
            (b"\x03\xf3\x0d\x0a\x01\x02\x03\x04c".to_vec(), SOURCE, Ok(())),
            (b"\x03\xf3\x0d\x0a".to_vec(), SOURCE, Err(short)),
            (b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(), SOURCE, Err(short)),
            (new.to_vec(), SOURCE, Err(short)),
            (BY_HASH[..12].to_vec(), SOURCE, Err(short)),
            (Vec::new(), SOURCE, Err(short)),
        ] {
            assert_eq!(names(&bytecode, source), expected, "{bytecode:x?}");
        }
    }

    #[test]
    fn hashes_are_those_of_python() {
        // importlib.util.source_hash(b"x" * 17)
        let expected = [0x24, 0x6f, 0xf3, 0x3e, 0x16, 0x74, 0x1b, 0xd1];
        let key = u32::from_le_bytes([0xa7, 0x0d, 0x0d, 0x0a]);
        assert_eq!(sip(Ok(key), &[b'x'; 17], (1, 3)).to_le_bytes(), expected);
    }

    #[test]
    fn modules_are_beside_their_bytecode() {
        for (path, expected) in [
            ("lib/a/__pycache__/b.cpython-311.pyc", Some("lib/a/b.py")),
            ("lib/a/__pycache__/b.cpython-311.opt-1.pyc", Some("lib/a/b.py")),
            ("lib/a/b.pyc", Some("lib/a/b.py")),
            ("lib/a/b.py", None),
        ] {
            assert_eq!(source(path.as_bytes()).as_deref(), expected, "{path}");
        }
    }
}

//! Lists of packages without their compression, which signed indexes name too.
//!
//! Archives list the file without compression even where they only offer it compressed, and apt
//! verifies both: <https://wiki.debian.org/DebianRepository/Format#MD5Sum.2C_SHA1.2C_SHA256>. So what
//! was decompressed once is known again by its digest, as good as the file that it was made of.

use super::Release;
use crate::oci::Digest;

impl Release {
    /// Digest and size of a file of the list without its compression: of `main/binary-amd64/Packages.xz`
    /// what is said of `main/binary-amd64/Packages`. None where the list does not have it, or the name
    /// is that of a file without compression.
    pub fn plain(&self, name: &str) -> Option<(Digest, u64)> {
        const ENDS: [&str; 5] = [".xz", ".gz", ".bz2", ".zst", ".lzma"];
        let plain = ENDS.iter().find_map(|end| name.strip_suffix(end))?;
        self.files.get(plain).copied()
    }
}

#[cfg(test)]
mod tests {
    use crate::index::apt;
    use crate::oci::Digest;

    #[test]
    fn the_form_without_compression_is_found_by_the_name() {
        let (packed, plain) = ("1".repeat(64), "2".repeat(64));
        let text = format!(
            "Date: Sat, 10 Feb 2024 10:00:00 UTC\nSHA256:\n {packed} 10 main/Packages.xz\n \
             {plain} 100 main/Packages\n {packed} 10 other/Packages.xz\n"
        );
        let release = apt::release_detached(text.as_bytes(), None).unwrap().value;
        let expected = Some((Digest::from_hex(&plain).unwrap(), 100));
        for (name, found) in [
            ("main/Packages.xz", expected),
            ("main/Packages.gz", expected),
            ("main/Packages", None),
            ("other/Packages.xz", None),
            ("main/Sources.xz", None),
        ] {
            assert_eq!(release.plain(name), found, "{name}");
        }
    }
}

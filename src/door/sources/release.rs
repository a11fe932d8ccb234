//! The `Release` file of an apt repository, as far as it tells which repository that is and when
//! it was: <https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files>.
//!
//! It is locked by digest, so it needs no signature to be believed here.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// A larger file is none.
pub(in super::super) const RELEASE_SIZE_MAX: u64 = 16 << 20;

/// Which repository, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Release {
    /// The URL that everything of the repository is below; ends with a slash.
    pub(in super::super) root: String,
    pub(super) origin: Option<String>,
    pub(super) label: Option<String>,
    pub(super) date: Timestamp,
}

impl Release {
    /// The root of the repository whose `Release` or `InRelease` file has this URL, if it is one.
    pub(in super::super) fn root_of(url: &str) -> Option<&str> {
        let directory = url.strip_suffix("InRelease").or_else(|| url.strip_suffix("Release"))?;
        if !directory.ends_with('/') {
            return None;
        }
        match directory.rfind("/dists/") {
            Some(at) => directory.get(..=at),
            // A flat repository.
            None => Some(directory),
        }
    }

    /// When the repository was so.
    pub(in super::super) fn date(&self) -> Timestamp {
        self.date
    }

    /// Reads the content of the file with this URL. A signature around it is skipped.
    pub(in super::super) fn parse(url: &str, content: &[u8]) -> Option<Self> {
        let root = Self::root_of(url)?.to_owned();
        let text = String::from_utf8_lossy(content);
        let field = |name: &str| {
            let value =
                |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
            // Lists of files follow; nothing of interest stands after them.
            text.lines().take_while(|line| !line.starts_with(' ')).find_map(value)
        };
        let date = field("Date")?.replace("UTC", "GMT");
        let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(&date).ok()?;
        Some(Self { root, origin: field("Origin"), label: field("Label"), date })
    }
}

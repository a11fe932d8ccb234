//! `APKINDEX`: what a repository offers.

use super::segment;
use super::signature::{ApkKeys, ApkSigner, Signature};
use crate::index::error::shown;
use crate::index::location::below_root;
use crate::index::{
    Checksum, Dependency, INDEX_SIZE_MAX, IndexError, OFFERS_MAX, Offer, Provided, Relation,
};
use base64::Engine as _;
use bstr::ByteSlice as _;

const WHAT: &str = "APKINDEX.tar.gz";

/// An index with the signatures in front of it.
#[derive(Debug, Clone)]
pub struct SignedIndex {
    /// The text of `APKINDEX`, for [`packages`].
    pub text: Vec<u8>,
    signed: Vec<u8>,
    signatures: Vec<Signature>,
}

impl SignedIndex {
    /// Whether there is a signature at all, good or bad.
    pub fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// Who has signed it, of the keys that are believed; none where no such key has. One of them
    /// having signed something else is an error.
    pub fn verify(&self, keys: &ApkKeys) -> Result<Option<ApkSigner>, IndexError> {
        let mut found = None;
        for signature in &self.signatures {
            if let Some(verified) = signature.verify(keys, &self.signed) {
                found = Some(verified?);
            }
        }
        Ok(found)
    }

    /// The names of the keys that claim to have signed it.
    pub fn keys(&self) -> Vec<&str> {
        self.signatures.iter().map(Signature::key).collect()
    }
}

/// Splits an index into signatures and text.
pub fn index(bytes: &[u8]) -> Result<SignedIndex, IndexError> {
    if bytes.len() as u64 > INDEX_SIZE_MAX {
        return Err(IndexError::new(WHAT, format!("it has more than {INDEX_SIZE_MAX} bytes")));
    }
    let mut rest = bytes;
    let mut signatures = Vec::new();
    loop {
        let (content, _, behind) = segment::first(WHAT, rest)?;
        let files = segment::files(WHAT, &content)?;
        // Each signature is over all that follows the segment it is in.
        if files.first().is_some_and(|(name, _)| name.starts_with(b".SIGN.")) && !behind.is_empty()
        {
            if !signatures.is_empty() {
                return Err(IndexError::new(WHAT, "it has two segments of signatures"));
            }
            let parse = |(name, body): (Vec<u8>, Vec<u8>)| Signature::parse(&name, body);
            signatures.extend(files.into_iter().filter_map(parse));
            rest = behind;
            continue;
        }
        if !behind.is_empty() {
            return Err(IndexError::new(WHAT, "something follows its last segment"));
        }
        let text = files.into_iter().find(|(name, _)| name == b"APKINDEX");
        let (_, text) = text.ok_or_else(|| IndexError::new(WHAT, "it has no `APKINDEX`"))?;
        return Ok(SignedIndex { text, signed: rest.to_vec(), signatures });
    }
}

/// The repository's root (it ends in a slash) of the URL of an index; its packages are beside it.
pub fn repository_root(url: &str) -> Option<&str> {
    url.strip_suffix("APKINDEX.tar.gz").filter(|root| root.ends_with('/'))
}

/// Everything that an index offers, in its order.
pub fn packages(text: &[u8]) -> Result<Vec<Offer>, IndexError> {
    let mut offers = Vec::new();
    let mut record = Record::default();
    let mut line = 0;
    for text in text.lines() {
        line += 1;
        if text.is_empty() {
            offers.extend(std::mem::take(&mut record).finish(line)?);
        } else {
            record.line(text).map_err(|reason| IndexError::at(WHAT, line, reason))?;
        }
        if offers.len() > OFFERS_MAX {
            let reason = format!("it offers more than {OFFERS_MAX} packages");
            return Err(IndexError::at(WHAT, line, reason));
        }
    }
    offers.extend(record.finish(line + 1)?);
    Ok(offers)
}

#[derive(Default)]
struct Record {
    is_started: bool,
    checksum: Option<[u8; 20]>,
    name: String,
    version: String,
    architecture: String,
    size: Option<u64>,
    built: Option<i64>,
    origin: Option<String>,
    depends: Vec<Vec<Dependency>>,
    provides: Vec<Provided>,
}

impl Record {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        self.is_started = true;
        let (Some(key), Some(b':')) = (line.first(), line.get(1)) else {
            return Err("the line is not `K:value`".to_owned());
        };
        let Ok(value) = std::str::from_utf8(line.get(2..).unwrap_or_default()) else {
            return Ok(());
        };
        match key {
            b'C' => self.checksum = Some(identity(value)?),
            b'P' => self.name = word(value)?,
            b'V' => self.version = word(value)?,
            b'A' => self.architecture = word(value)?,
            b'S' => self.size = value.parse().ok(),
            b't' => self.built = value.parse().ok(),
            b'o' => self.origin = Some(word(value)?),
            b'D' => {
                let needs = value.split_ascii_whitespace().filter(|it| !it.starts_with('!'));
                self.depends = needs.map(|need| vec![dependency(need)]).collect();
            }
            b'p' => {
                let provided = value.split_ascii_whitespace().map(dependency);
                self.provides = provided
                    .map(|it| Provided { name: it.name, version: it.version.map(|it| it.1) })
                    .collect();
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, line: usize) -> Result<Option<Offer>, IndexError> {
        if !self.is_started {
            return Ok(None);
        }
        let lacks = |what: &str| {
            let reason = format!("the package `{}` above has no {what}", shown(&self.name));
            IndexError::at(WHAT, line, reason)
        };
        for (what, value) in
            [("name", &self.name), ("version", &self.version), ("architecture", &self.architecture)]
        {
            if value.is_empty() {
                return Err(lacks(what));
            }
        }
        let file = format!("{}-{}.apk", self.name, self.version);
        let location = below_root(&file).map_err(|reason| IndexError::at(WHAT, line, reason))?;
        Ok(Some(Offer {
            kind: "apk",
            checksum: Checksum::ApkControl(self.checksum.ok_or_else(|| lacks("checksum"))?),
            size: self.size.ok_or_else(|| lacks("size"))?,
            // An origin is built in one version with all that come of it.
            source: self.origin.map(|origin| (origin, self.version.clone())),
            location,
            built: self.built,
            name: self.name,
            architecture: self.architecture,
            version: self.version,
            depends: self.depends,
            provides: self.provides,
        }))
    }
}

/// `Q1` and the base64 of a SHA-1.
fn identity(text: &str) -> Result<[u8; 20], String> {
    let bad = || format!("`{}` is no checksum of the kind `Q1`", shown(text));
    let base64 = text.strip_prefix("Q1").ok_or_else(bad)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).map_err(|_| bad())?;
    bytes.try_into().map_err(|_| bad())
}

/// `so:libc.musl=1`, `busybox>=1.2`, `zlib~1.3`.
fn dependency(text: &str) -> Dependency {
    const SIGNS: [char; 4] = ['<', '>', '=', '~'];
    let at = text.find(SIGNS).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let version = rest.trim_start_matches(SIGNS);
    let relation = match rest.strip_suffix(version).unwrap_or_default() {
        "<" => Some(Relation::Less),
        "<=" => Some(Relation::LessOrEqual),
        "=" => Some(Relation::Equal),
        ">=" => Some(Relation::GreaterOrEqual),
        ">" => Some(Relation::Greater),
        sign if sign.contains('~') => Some(Relation::Like),
        _ => None,
    };
    let version = relation.map(|relation| (relation, version.to_owned()));
    Dependency { name: name.to_owned(), architecture: None, version }
}

/// A value that stands in lockfiles and in messages.
fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(format!("`{}` is not one word", shown(text))) }
}

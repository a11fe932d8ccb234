//! `Packages`: what an archive offers.

use super::relation;
use super::stanza::{Fields, stanzas};
use crate::index::location::below_root;
use crate::index::{Checksum, IndexError, OFFERS_MAX, Offer};
use crate::oci::Digest;

const WHAT: &str = "Packages";

/// Everything that an index offers, in its order. The text is decompressed already
/// ([`crate::index::decompress`]).
pub fn packages(text: &[u8]) -> Result<Vec<Offer>, IndexError> {
    select(text, &|_| true)
}

/// What an index offers of the packages whose name is wanted; the others are hardly looked at.
pub fn select(text: &[u8], wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Offer>, IndexError> {
    let mut offers = Vec::new();
    for (count, stanza) in stanzas(WHAT, text).enumerate() {
        if count >= OFFERS_MAX {
            return Err(stanza.error(0, format!("it offers more than {OFFERS_MAX} packages")));
        }
        // The name stands first in all that programs write; elsewhere it has to be searched for.
        if stanza.first("Package").is_some_and(|name| !wanted(name)) {
            continue;
        }
        let fields = stanza.fields()?;
        if wanted(fields.required("Package")?.as_bytes()) {
            offers.push(offer(&fields)?);
        }
    }
    Ok(offers)
}

fn offer(fields: &Fields<'_>) -> Result<Offer, IndexError> {
    let name = word(fields, "Package")?;
    let version = word(fields, "Version")?;
    let bad = |reason: String| fields.error(format!("`{name}`: {reason}"));
    let source = fields.get("Source").filter(|source| !source.is_empty());
    let source = match source.map(|source| source.split_once('(').unwrap_or((source, ""))) {
        None => (name.clone(), version.clone()),
        Some((source, own)) => {
            let own = own.trim_end().trim_end_matches(')').trim();
            let version = if own.is_empty() { version.clone() } else { own.to_owned() };
            (source.trim().to_owned(), version)
        }
    };
    let sha256 = fields.required("SHA256")?.to_ascii_lowercase();
    let size = fields.required("Size")?;
    let size = size.parse().map_err(|_| bad("its `Size` is not a number of bytes".to_owned()))?;
    let mut depends = Vec::new();
    for field in ["Pre-Depends", "Depends"] {
        depends.extend(relation::depends(fields.get(field).unwrap_or_default()).map_err(bad)?);
    }
    let provides = relation::provides(fields.get("Provides").unwrap_or_default()).map_err(bad)?;
    Ok(Offer {
        kind: "deb",
        architecture: word(fields, "Architecture")?,
        source: Some(source),
        location: below_root(fields.required("Filename")?).map_err(bad)?,
        checksum: Checksum::Sha256(
            Digest::from_hex(&sha256).map_err(|error| bad(error.to_string()))?,
        ),
        size,
        built: None,
        depends,
        provides,
        name,
        version,
    })
}

/// A value without blanks, which stands in lockfiles and in messages.
fn word(fields: &Fields<'_>, name: &str) -> Result<String, IndexError> {
    let value = fields.required(name)?;
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(fields.error(format!("`{name}` is not one word")))
    }
}

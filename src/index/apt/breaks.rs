//! `Breaks` and `Conflicts`: what a package cannot be beside.

use super::packages;
use super::relation;
use super::stanza::stanzas;
use crate::index::{Dependency, IndexError, OFFERS_MAX, Offer};
use std::collections::BTreeMap;

/// Everything that an index offers, each with what it cannot be beside.
pub fn packages_with_breaks(text: &[u8]) -> Result<Vec<(Offer, Vec<Dependency>)>, IndexError> {
    let mut breaks: BTreeMap<(String, String, String), Vec<Dependency>> = BTreeMap::new();
    for (count, stanza) in stanzas("Packages", text).enumerate() {
        if count >= OFFERS_MAX {
            return Err(stanza.error(0, format!("it offers more than {OFFERS_MAX} packages")));
        }
        let fields = stanza.fields()?;
        let named = |name: &str| fields.get(name).unwrap_or_default();
        let mut found = Vec::new();
        for field in ["Breaks", "Conflicts"] {
            let relations = relation::depends(named(field)).map_err(|it| fields.error(it))?;
            found.extend(relations.into_iter().flatten());
        }
        if !found.is_empty() {
            let key = ["Package", "Version", "Architecture"].map(|name| named(name).to_owned());
            breaks.insert(key.into(), found);
        }
    }
    let with = |offer: Offer| {
        let key = (offer.name.clone(), offer.version.clone(), offer.architecture.clone());
        let breaks = breaks.remove(&key).unwrap_or_default();
        (offer, breaks)
    };
    Ok(packages(text)?.into_iter().map(with).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_cannot_be_beside_is_read() {
        let text = format!(
            "Package: a\nVersion: 1\nArchitecture: all\nFilename: a.deb\nSize: 1\nSHA256: {}\n\
             Breaks: b (<< 2), c\nConflicts: d\n",
            "0".repeat(64)
        );
        let offers = packages_with_breaks(text.as_bytes()).unwrap();
        let names: Vec<&str> = offers[0].1.iter().map(|relation| &*relation.name).collect();
        assert_eq!(names, ["b", "c", "d"]);
    }
}

//! Relations between packages:
//! <https://www.debian.org/doc/debian-policy/ch-relationships.html#syntax-of-relationship-fields>.

use crate::index::{Dependency, Provided, Relation};

/// Relations in one field; the longest in use have some 2,000.
const RELATIONS_MAX: usize = 100_000;

/// `a (>= 1), b | c:any`: each of these, of which any alternative does.
pub(super) fn depends(field: &str) -> Result<Vec<Vec<Dependency>>, String> {
    let mut count = 0;
    let mut all = Vec::new();
    for clause in field.split(',').filter(|clause| !clause.trim().is_empty()) {
        let mut alternatives = Vec::new();
        for text in clause.split('|') {
            count += 1;
            if count > RELATIONS_MAX {
                return Err(format!("a field has more than {RELATIONS_MAX} relations"));
            }
            alternatives.push(dependency(text)?);
        }
        all.push(alternatives);
    }
    Ok(all)
}

/// `a, b (= 1)`.
pub(super) fn provides(field: &str) -> Result<Vec<Provided>, String> {
    let provided = |dependency: Dependency| Provided {
        name: dependency.name,
        version: dependency.version.map(|(_, version)| version),
    };
    Ok(depends(field)?.into_iter().flatten().map(provided).collect())
}

fn dependency(text: &str) -> Result<Dependency, String> {
    let malformed = || format!("`{}` is no relation", crate::index::error::shown(text.trim()));
    // Restrictions to architectures and build profiles stand in source packages only.
    let text = text.split(['[', '<']).next().filter(|_| !text.contains('(')).unwrap_or(text).trim();
    let (name, version) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let (inner, _) = rest.split_once(')').ok_or_else(malformed)?;
            (name.trim(), Some(constraint(inner.trim()).ok_or_else(malformed)?))
        }
    };
    let (name, architecture) = match name.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture.to_owned())),
        None => (name, None),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(malformed());
    }
    Ok(Dependency { name: name.to_owned(), architecture, version })
}

fn constraint(text: &str) -> Option<(Relation, String)> {
    // The single `<` and `>` are old, and mean what they do with `=`.
    const RELATIONS: [(&str, Relation); 7] = [
        ("<<", Relation::Less),
        ("<=", Relation::LessOrEqual),
        (">=", Relation::GreaterOrEqual),
        (">>", Relation::Greater),
        ("=", Relation::Equal),
        ("<", Relation::LessOrEqual),
        (">", Relation::GreaterOrEqual),
    ];
    let strip = |(sign, relation): &(&str, Relation)| Some((*relation, text.strip_prefix(sign)?));
    let (relation, version) = RELATIONS.iter().find_map(strip)?;
    let version = version.trim();
    (!version.is_empty()).then(|| (relation, version.to_owned()))
}

//! OpenVEX documents: what does not apply, and why.
//! <https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>

use super::{Parsed, day, is_id, json, shown};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a document says of one vulnerability in one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::advisory) struct VexStatement {
    pub(in crate::advisory) ids: BTreeSet<String>,
    pub(in crate::advisory) package: Purl,
    /// Why it does not apply; none where it does, which takes back what an older statement says.
    pub(in crate::advisory) reason: Option<String>,
    /// RFC 3339: the newest statement counts.
    pub(in crate::advisory) time: String,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    #[serde(default)]
    timestamp: String,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: Vulnerability,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    products: Vec<Product>,
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    #[serde(rename = "impact_statement")]
    impact: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Text(String),
    Named {
        #[serde(rename = "@id", default)]
        id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Text(String),
    Named {
        #[serde(rename = "@id", default)]
        id: String,
        #[serde(default)]
        identifiers: BTreeMap<String, String>,
        #[serde(default)]
        subcomponents: Vec<Self>,
    },
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let document: Document = json(content)?;
    if !document.context.starts_with("https://openvex.dev/ns") {
        return Err(format!("`{}` is not the context of OpenVEX", shown(&document.context)));
    }
    let mut parsed = Parsed { as_of: day(&document.timestamp), ..Parsed::default() };
    for statement in document.statements {
        parsed.records += 1;
        parsed.as_of = parsed.as_of.max(day(&statement.timestamp));
        add(&mut parsed, statement, &document.timestamp)?;
    }
    Ok(parsed)
}

fn add(parsed: &mut Parsed, statement: Statement, document_time: &str) -> Result<(), String> {
    let reason = reason(&statement)?;
    let time = if statement.timestamp.is_empty() { document_time } else { &statement.timestamp };
    let ids = ids(statement.vulnerability);
    if ids.is_empty() {
        return Err("a statement names no vulnerability".to_owned());
    }
    let mut purls = Vec::new();
    for product in statement.products {
        collect(product, &mut purls);
    }
    for purl in purls {
        let Some(package) = Purl::parse(&purl).filter(Purl::is_package) else {
            // About an image as a whole, which a review of packages cannot tell.
            parsed.not_evaluated += 1;
            continue;
        };
        let (ids, reason, time) = (ids.clone(), reason.clone(), time.to_owned());
        parsed.vex.push(VexStatement { ids, package, reason, time });
    }
    Ok(())
}

fn reason(statement: &Statement) -> Result<Option<String>, String> {
    let Statement { status, justification, impact, .. } = statement;
    match &**status {
        "fixed" => Ok(Some("fixed".to_owned())),
        "not_affected" => {
            let why: Vec<_> = [justification, impact]
                .into_iter()
                .map(|text| shown(text))
                .filter(|text| !text.is_empty())
                .collect();
            match &*why {
                [] => Err("`not_affected` needs a justification or an impact statement".to_owned()),
                _ => Ok(Some(why.join(": "))),
            }
        }
        "affected" | "under_investigation" => Ok(None),
        other => Err(format!("`{}` is not a status", shown(other))),
    }
}

fn ids(vulnerability: Vulnerability) -> BTreeSet<String> {
    let named = match vulnerability {
        Vulnerability::Text(name) => vec![name],
        Vulnerability::Named { id, name, aliases } => {
            let last = id.rsplit('/').next().unwrap_or("").to_owned();
            let own = if name.is_empty() { last } else { name };
            std::iter::once(own).chain(aliases).collect()
        }
    };
    named.into_iter().filter(|id| is_id(id)).collect()
}

/// The packages: of a product with parts, the parts.
fn collect(product: Product, purls: &mut Vec<String>) {
    match product {
        Product::Text(id) => purls.push(id),
        Product::Named { id, mut identifiers, subcomponents } if subcomponents.is_empty() => {
            purls.push(identifiers.remove("purl").unwrap_or(id));
        }
        Product::Named { subcomponents, .. } => {
            for part in subcomponents {
                collect(part, purls);
            }
        }
    }
}

/// A package URL, taken apart: <https://github.com/package-url/purl-spec>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::advisory) struct Purl {
    pub(in crate::advisory) kind: String,
    pub(in crate::advisory) namespace: String,
    pub(in crate::advisory) name: String,
    pub(in crate::advisory) version: Option<String>,
    pub(in crate::advisory) qualifiers: BTreeMap<String, String>,
}

impl Purl {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split('#').next()?;
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.split_once('/')?;
        let (path, version) = match path.rsplit_once('@') {
            // The scope of an npm package starts so.
            Some((path, version)) if !path.is_empty() => (path, Some(decoded(version)?)),
            _ => (path, None),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let qualifiers = qualifiers.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_ascii_lowercase(), decoded(value)?))
        });
        let (namespace, name) = (decoded(namespace)?, decoded(name)?);
        (!name.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            namespace,
            name,
            version,
            qualifiers: qualifiers.collect(),
        })
    }

    fn is_package(&self) -> bool {
        !matches!(&*self.kind, "oci" | "docker" | "generic" | "github")
    }

    /// The name as lockfiles have it.
    pub(in crate::advisory) fn full_name(&self) -> String {
        match &*self.kind {
            "npm" | "golang" if !self.namespace.is_empty() => {
                format!("{}/{}", self.namespace, self.name)
            }
            "maven" => format!("{}:{}", self.namespace, self.name),
            _ => self.name.clone(),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

//! CSAF 2.0 documents of the profiles VEX and security advisory, as Red Hat publishes them:
//! <https://docs.oasis-open.org/csaf/csaf/v2.0/os/csaf-v2.0-os.html>. Modules are not evaluated.

use super::vex::Purl;
use super::{Parsed, day, is_id, json, shown};
use crate::advisory::Severity;
use crate::advisory::ecosystem;
use crate::advisory::matching::{About, Affected, Range, Statement};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "document")]
    head: Head,
    #[serde(default)]
    product_tree: ProductTree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    csaf_version: String,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    #[serde(default)]
    current_release_date: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProductTree {
    branches: Vec<Branch>,
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    product: Option<Product>,
    #[serde(default)]
    branches: Vec<Self>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: Product,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    product_status: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    scores: Vec<Score>,
    #[serde(default)]
    threats: Vec<Threat>,
    #[serde(default)]
    remediations: Vec<Remediation>,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(default)]
    category: String,
    /// Of a fix: the page of the notice, whose last part is its id.
    #[serde(default)]
    url: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Score {
    cvss_v3: Option<Vector>,
    cvss_v4: Option<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "vectorString", default)]
    vector: String,
}

#[derive(Deserialize)]
struct Threat {
    #[serde(default)]
    category: String,
    #[serde(default)]
    details: String,
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let document: Document = json(content)?;
    if document.head.csaf_version != "2.0" {
        let version = shown(&document.head.csaf_version);
        return Err(format!("CSAF {version}: only 2.0 is known"));
    }
    let tracking = &document.head.tracking;
    let products = Products::of(&document.product_tree);
    let mut parsed = Parsed { as_of: day(&tracking.current_release_date), ..Parsed::default() };
    // What it covers: one product is enough, and one that is not affected counts.
    parsed.ecosystems.extend(products.platforms.values().cloned());
    for vulnerability in &document.vulnerabilities {
        parsed.records += 1;
        let about = about(vulnerability, &tracking.id)?;
        add(&mut parsed, &products, vulnerability, &Arc::new(about));
    }
    Ok(parsed)
}

fn about(vulnerability: &Vulnerability, document: &str) -> Result<About, String> {
    let id = vulnerability.cve.as_deref().unwrap_or(document);
    if !is_id(id) {
        return Err(format!("`{}` is not an id", shown(id)));
    }
    let vectors = vulnerability.scores.iter().flat_map(|score| [&score.cvss_v4, &score.cvss_v3]);
    let of_vectors = Severity::of_vectors(vectors.flatten().map(|vector| &*vector.vector));
    let mut impacts = vulnerability.threats.iter().filter(|threat| threat.category == "impact");
    Ok(About {
        id: id.to_owned(),
        aliases: BTreeSet::new(),
        upstream: BTreeSet::new(),
        notices: BTreeSet::new(),
        summary: shown(&vulnerability.title),
        severity: of_vectors
            .or_else(|| impacts.find_map(|threat| Severity::of_word(&threat.details))),
    })
}

/// The notices that repair it, by product: `RHSA-2024:2447`.
fn notices(of: &Vulnerability) -> BTreeMap<&str, &str> {
    let fixes = of.remediations.iter().filter(|remediation| remediation.category == "vendor_fix");
    let pairs = fixes.flat_map(|fix| {
        let id = fix.url.rsplit('/').next().filter(|id| is_id(id));
        fix.product_ids.iter().filter_map(move |product| Some((&**product, id?)))
    });
    pairs.collect()
}

/// Statements, one a platform, package and version: architectures have each their own product.
fn add(parsed: &mut Parsed, products: &Products, of: &Vulnerability, about: &Arc<About>) {
    let mut seen = BTreeSet::new();
    let notices = notices(of);
    for (status, undetermined) in
        [("fixed", false), ("known_affected", false), ("under_investigation", true)]
    {
        for product in of.product_status.get(status).into_iter().flatten() {
            match products.find(product) {
                Found::Package { platform, name, version } => {
                    let fixed = if status == "fixed" { version } else { None };
                    if status == "fixed" && fixed.is_none() {
                        parsed.not_evaluated += 1;
                        continue;
                    }
                    if !seen.insert((platform.clone(), name.clone(), fixed.clone())) {
                        continue;
                    }
                    let ranges = vec![Range::before(fixed)];
                    let affected = Affected { ranges, versions: Vec::new(), undetermined };
                    let notice = notices.get(&**product).filter(|_| status == "fixed");
                    let about = notice.map_or_else(|| Arc::clone(about), |id| noticed(about, id));
                    let statement = Statement { about, severity: None, affected, source: 0 };
                    parsed.state(platform, name, statement);
                }
                Found::OtherProduct => {}
                Found::NotEvaluated => parsed.not_evaluated += 1,
            }
        }
    }
}

fn noticed(about: &About, notice: &str) -> Arc<About> {
    Arc::new(About { notices: BTreeSet::from([notice.to_owned()]), ..about.clone() })
}

/// The product tree by ids.
#[derive(Default)]
struct Products {
    /// Ecosystems of the products that are distributions.
    platforms: BTreeMap<String, String>,
    /// Other products with a CPE: extended support, OpenShift.
    others: BTreeSet<String>,
    components: BTreeMap<String, Component>,
    /// Component and platform of a combined product.
    combined: BTreeMap<String, (String, String)>,
}

enum Component {
    Rpm { name: String, version: Option<String> },
    Other,
}

enum Found {
    Package {
        platform: String,
        name: String,
        version: Option<String>,
    },
    /// Of a product that no image's `os-release` names.
    OtherProduct,
    /// A module, or nothing that is described.
    NotEvaluated,
}

impl Products {
    fn of(tree: &ProductTree) -> Self {
        let mut products = Self::default();
        for branch in &tree.branches {
            products.add(branch);
        }
        for relationship in &tree.relationships {
            products.combined.insert(
                relationship.full_product_name.product_id.clone(),
                (
                    relationship.product_reference.clone(),
                    relationship.relates_to_product_reference.clone(),
                ),
            );
        }
        products
    }

    /// The reader of JSON limits the depth.
    fn add(&mut self, branch: &Branch) {
        for below in &branch.branches {
            self.add(below);
        }
        let Some(product) = &branch.product else { return };
        let Helper { cpe, purl } = &product.product_identification_helper;
        let id = product.product_id.clone();
        if let Some(purl) = purl {
            self.components.insert(id, component(purl));
        } else if let Some(cpe) = cpe {
            match ecosystem::red_hat(cpe) {
                Some(version) => drop(self.platforms.insert(id, format!("Red Hat:{version}"))),
                None => drop(self.others.insert(id)),
            }
        }
    }

    fn find(&self, product: &str) -> Found {
        let Some((component, platform)) = self.combined.get(product) else {
            let known = self.platforms.contains_key(product) || self.others.contains(product);
            return if known { Found::OtherProduct } else { Found::NotEvaluated };
        };
        if self.others.contains(platform) {
            return Found::OtherProduct;
        }
        match (self.components.get(component), self.platforms.get(platform)) {
            (Some(Component::Rpm { name, version }), Some(platform)) => Found::Package {
                platform: platform.clone(),
                name: name.clone(),
                version: version.clone(),
            },
            _ => Found::NotEvaluated,
        }
    }
}

fn component(purl: &str) -> Component {
    match Purl::parse(purl) {
        Some(Purl { kind, name, version, qualifiers, .. }) if kind == "rpm" => {
            let epoch = qualifiers.get("epoch").map_or("0", |epoch| &**epoch);
            Component::Rpm { name, version: version.map(|version| format!("{epoch}:{version}")) }
        }
        _ => Component::Other,
    }
}

//! Tier C: questions to a service of the OSV interface, and its answers. Who asks sends them with
//! POST below the configured address, only where that was asked for:
//! <https://google.github.io/osv.dev/post-v1-querybatch/>.
//!
//! A batch is answered with ids alone; [`record_path`] says where the record of an id is, which
//! [`Data::add_service`](super::Data::add_service) takes in.

use super::{Named, System, ecosystem};
use serde::{Deserialize, Serialize};

/// Where a batch is sent to, below the address of the service.
pub const BATCH_PATH: &str = "/v1/querybatch";

/// Questions of one batch: the service takes a thousand.
pub const BATCH_MAX: usize = 1000;

/// Pages of the answer to one question. A service that goes on and on is not believed.
pub const PAGES_MAX: usize = 100;

/// One question: which vulnerabilities are in a version of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Query {
    package: QueryPackage,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct QueryPackage {
    ecosystem: String,
    name: String,
}

impl Query {
    /// The questions about a package: none where the service cannot know it, one for each
    /// ecosystem and name that it may be listed under.
    pub fn of(system: System<'_>, package: Named<'_>) -> Vec<Self> {
        let mut queries = Vec::new();
        for ecosystem in ecosystem::of_image(system, package.kind) {
            // Names of the service alone; others are rlock's own, for other data.
            if ecosystem::canonical(&ecosystem).is_none() {
                continue;
            }
            for (name, version) in ecosystem::names(package) {
                let package = QueryPackage { ecosystem: ecosystem.clone(), name };
                queries.push(Self { package, version, page_token: None });
            }
        }
        queries
    }

    /// In OSV's words.
    pub fn ecosystem(&self) -> &str {
        &self.package.ecosystem
    }

    /// Of the package, as the ecosystem has it.
    pub fn name(&self) -> &str {
        &self.package.name
    }

    /// The same question, for the next page of its answer.
    #[must_use]
    pub fn next_page(&self, token: &str) -> Self {
        Self { page_token: Some(token.to_owned()), ..self.clone() }
    }
}

/// The bodies of the requests that ask all of these, [`BATCH_MAX`] at a time.
pub fn batches(queries: &[Query]) -> Vec<String> {
    #[derive(Serialize)]
    struct Batch<'a> {
        queries: &'a [Query],
    }
    let batches = queries.chunks(BATCH_MAX);
    // Texts only: there is nothing in it that JSON cannot hold.
    batches.filter_map(|queries| serde_json::to_string(&Batch { queries }).ok()).collect()
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Ids of the vulnerabilities.
    pub ids: Vec<String>,
    /// There is another page: ask again with it.
    pub next_page: Option<String>,
}

/// The answers to a batch of `asked` questions, in their order. A list of another length belongs to
/// other questions, and is an error.
pub fn answers(body: &[u8], asked: usize) -> Result<Vec<Answer>, String> {
    #[derive(Deserialize)]
    struct Body {
        results: Vec<Option<Page>>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Page {
        vulns: Vec<Id>,
        next_page_token: Option<String>,
    }
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("the answer of the OSV service is not understood: {error}"))?;
    if body.results.len() != asked {
        let count = body.results.len();
        return Err(format!("the OSV service gave {count} answers to {asked} questions"));
    }
    let mut answers = Vec::new();
    for page in body.results {
        let page = page.unwrap_or_default();
        let ids: Vec<String> =
            page.vulns.into_iter().map(|vulnerability| vulnerability.id).collect();
        if !ids.iter().all(|id| super::sources::is_id(id)) {
            return Err("the OSV service gave an id that is none".to_owned());
        }
        let next_page = page.next_page_token.filter(|token| !token.is_empty());
        answers.push(Answer { ids, next_page });
    }
    Ok(answers)
}

/// Where the record of an id is, below the address of the service; none for what is no id.
pub fn record_path(id: &str) -> Option<String> {
    super::sources::is_id(id).then(|| format!("/v1/vulns/{id}"))
}

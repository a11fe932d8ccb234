//! Tier C: questions to a service of the OSV interface, and its answers. Who asks sends them with
//! POST below the configured address, only where that was asked for:
//! <https://google.github.io/osv.dev/post-v1-querybatch/>.
//!
//! A batch is answered with ids alone; [`record_path`] says where the record of an id is, which
//! [`Data::add_service`](super::Data::add_service) takes in.

use super::{Named, System, ecosystem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a batch is sent to, below the address of the service.
pub const BATCH_PATH: &str = "/v1/querybatch";

/// Questions of one batch: the service takes a thousand.
pub const BATCH_MAX: usize = 1000;

/// Pages of the answer to one question. A service that goes on and on is not believed.
pub const PAGES_MAX: usize = 100;

/// Vulnerabilities of all packages together: the records of more are not fetched.
pub const IDS_MAX: usize = 20_000;

/// One question: which vulnerabilities are in a version of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Query {
    package: QueryPackage,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

/// A document of a service; else why there is none, in words.
pub type Document = Result<Vec<u8>, String>;

/// The same of several.
pub type Documents = Result<Vec<Vec<u8>>, String>;

/// How a service is spoken to. Both say in words why they could not.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Sending<'a> {
    /// Sends a document to a path below the address; the answer.
    pub post: &'a mut dyn FnMut(&str, &str) -> Document,
    /// The documents at paths below the address, in their order.
    pub get_all: &'a mut dyn FnMut(&[String]) -> Documents,
}

/// Asks all questions, page by page; the records of the vulnerabilities that are named, for
/// [`Data::add_service`](super::Data::add_service). Half an answer is none.
pub fn ask(questions: &[Query], sending: &mut Sending<'_>) -> Result<Vec<Vec<u8>>, String> {
    let mut ids = BTreeSet::new();
    let mut open = questions.to_vec();
    for _ in 0..PAGES_MAX {
        let mut further = Vec::new();
        for (asked, batch) in open.chunks(BATCH_MAX).zip(batches(&open)) {
            let answer = (sending.post)(BATCH_PATH, &batch)?;
            for (query, answer) in asked.iter().zip(answers(&answer, asked.len())?) {
                further.extend(answer.next_page.map(|token| query.next_page(&token)));
                ids.extend(answer.ids);
            }
            if ids.len() > IDS_MAX {
                return Err(format!("the OSV service names more than {IDS_MAX} vulnerabilities"));
            }
        }
        open = further;
        if open.is_empty() {
            return records(&ids, sending);
        }
    }
    Err(format!("the OSV service has more than {PAGES_MAX} pages for one question"))
}

fn records(ids: &BTreeSet<String>, sending: &mut Sending<'_>) -> Result<Vec<Vec<u8>>, String> {
    #[derive(Deserialize)]
    struct Record {
        id: String,
    }
    let paths: Vec<String> = ids.iter().filter_map(|id| record_path(id)).collect();
    let records = (sending.get_all)(&paths)?;
    for (id, record) in ids.iter().zip(&records) {
        let found: Record = serde_json::from_slice(record)
            .map_err(|error| format!("the record of {id} is not understood: {error}"))?;
        // Another vulnerability's record would hide this one.
        if found.id != *id {
            return Err(format!("the OSV service gave another record for {id}"));
        }
    }
    Ok(records)
}

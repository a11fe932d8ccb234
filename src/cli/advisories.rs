//! What a command is to know of vulnerabilities: what its arguments and `rlock.toml` name, and what a
//! service answers, which is asked where a person said so and nowhere else.

use super::args::{AdvisoryArguments, NetworkMode};
use super::context::{self, Context};
use super::failure::Misuse;
use super::settings::AdvisorySettings;
use crate::advisory::service::{self, Query, Sending};
use crate::advisory::{AdvisoryError, Data, Date, Ignore};
use crate::registry::{Documents, RegistryError, SizeLimits, Timing};
use crate::report::{ExpiredIgnore, words};
use crate::review::Coverage;
use jiff::ToSpan as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use url::Url;

/// Of a service: bytes of one answer, and of all records.
const LIMITS: SizeLimits = SizeLimits { one: 16 << 20, all: 512 << 20 };

/// How long a service may take for everything.
const TIME_MAX: Duration = Duration::from_mins(10);

/// Records that are fetched between two looks at the time.
const RECORDS_AT_ONCE: usize = 64;

/// Names that a message lists.
const NAMES_MAX: usize = 5;

/// What is to be looked into.
#[derive(Debug)]
pub(super) struct Wanted {
    paths: Vec<PathBuf>,
    ignores: Vec<Ignore>,
    service: Option<Service>,
    required: Required,
    today: Date,
}

/// `--require-advisories`.
#[derive(Debug, Clone, Copy)]
enum Required {
    /// It is not given.
    Nothing,
    /// Data that covers everything.
    Coverage,
    /// The same, no older than so many days.
    Since(u32),
}

/// A service that was asked for.
#[derive(Debug)]
struct Service {
    address: Url,
    network: NetworkMode,
}

impl Wanted {
    /// What arguments and settings say. The paths of the latter are relative to their file, which lies
    /// beside the Dockerfile.
    pub(super) fn of(
        arguments: &AdvisoryArguments,
        settings: &AdvisorySettings,
        dockerfile: &Path,
        network: NetworkMode,
    ) -> anyhow::Result<Self> {
        let folder = dockerfile.with_file_name("");
        let mut paths: Vec<PathBuf> = settings.paths.iter().map(|it| folder.join(it)).collect();
        paths.extend(arguments.paths.iter().cloned());
        let unnamed = || Misuse {
            message: "`--advisories-service` is given, and no service is named".to_owned(),
            hint:
                "write `--advisories-service=URL`, or `service = \"URL\"` below `[advisories]` in \
                   rlock.toml; a review goes by the file of the old side"
                    .to_owned(),
        };
        let service = match &arguments.service {
            None => None,
            Some(address) => {
                let address = address.as_ref().or(settings.service.as_ref());
                let address = address.ok_or_else(unnamed)?.clone();
                Some(Service { address, network })
            }
        };
        let today = jiff::Timestamp::try_from(context::now())?;
        let today = today.to_zoned(jiff::tz::TimeZone::UTC).date();
        let ignores = settings.ignores.clone();
        let required = match arguments.require {
            None => Required::Nothing,
            Some(None) => Required::Coverage,
            Some(Some(days)) => Required::Since(days),
        };
        Ok(Self { paths, ignores, service, required, today })
    }

    /// Whether there is anything to look into.
    pub(super) fn is_something(&self) -> bool {
        !self.paths.is_empty() || self.service.is_some()
    }

    /// The data, without what a service would say.
    pub(super) fn data(&self) -> Result<Data, AdvisoryError> {
        Ok(Data::load(&self.paths, self.today)?.ignoring(self.ignores.clone()))
    }

    /// Adds what the service says, where one was asked for. Where it could not be asked: its name, and
    /// why.
    pub(super) fn ask(
        &self,
        data: &mut Data,
        questions: &dyn Fn() -> Vec<Query>,
        context: &Context,
    ) -> Option<(String, String)> {
        let service = self.service.as_ref()?;
        let address = service.address.as_str().trim_end_matches('/');
        let answered = service.ask(&questions(), data, address, context);
        answered.err().map(|reason| (format!("OSV {address}"), reason))
    }

    /// Ignores whose last day is over.
    pub(super) fn expired(&self) -> Vec<ExpiredIgnore> {
        let over = self.ignores.iter().filter_map(|ignore| {
            let expires = ignore.expires.filter(|last| *last < self.today)?;
            Some(ExpiredIgnore {
                id: ignore.id.clone(),
                package: ignore.package.clone(),
                reason: ignore.reason.clone(),
                expires: expires.to_string(),
            })
        });
        over.collect()
    }

    /// What `--require-advisories` asks for and is not there.
    pub(super) fn lacking(
        &self,
        data: Option<(&Data, Option<&str>)>,
        coverage: &Coverage,
    ) -> Vec<String> {
        if matches!(self.required, Required::Nothing) {
            return Vec::new();
        }
        let Some((data, failure)) = data else {
            return vec!["no advisory data was given".to_owned()];
        };
        let mut lacking = Vec::new();
        lacking.extend(failure.map(|name| format!("{name} could not be asked")));
        let missing: Vec<&str> = coverage.not_covered.iter().map(String::as_str).collect();
        if !missing.is_empty() {
            let shown = missing.get(..NAMES_MAX).unwrap_or(&missing).join(", ");
            let more = if missing.len() > NAMES_MAX { ", …" } else { "" };
            let count = words::counted(missing.len() as u64, "package");
            lacking.push(format!("no data covers {count}: {shown}{more}"));
        }
        if let Required::Since(days) = self.required {
            lacking.extend(self.too_old(data, days));
        }
        lacking
    }

    /// Local data that is older; what a service says is of now.
    fn too_old(&self, data: &Data, days: u32) -> Vec<String> {
        let first = 0.days().try_days(i64::from(days));
        let first = first.ok().and_then(|span| self.today.checked_sub(span).ok());
        let first = first.unwrap_or(Date::MIN);
        let local = data.sources().iter().filter(|it| it.tier == crate::advisory::Tier::Local);
        let problem = |source: &crate::advisory::SourceInfo| match source.as_of {
            Some(day) if day >= first => None,
            Some(day) => Some(format!("{} is of {day}, more than {days} days ago", source.name)),
            None => Some(format!("{} has no date", source.name)),
        };
        local.filter_map(problem).collect()
    }
}

impl Service {
    fn ask(
        &self,
        questions: &[Query],
        data: &mut Data,
        address: &str,
        context: &Context,
    ) -> Result<(), String> {
        if self.network == NetworkMode::Offline {
            return Err("the network is not touched (--offline)".to_owned());
        }
        let documents = Documents::at(&self.address, Timing::default(), context.cancelled_flag());
        let documents = documents.map_err(|error| reason(&error))?;
        let end = Instant::now() + TIME_MAX;
        let in_time = || {
            let too_slow = || format!("it takes longer than {} minutes", TIME_MAX.as_secs() / 60);
            if Instant::now() < end { Ok(()) } else { Err(too_slow()) }
        };
        let mut post = |path: &str, body: &str| {
            in_time()?;
            documents.post(path, body, LIMITS).map_err(|error| reason(&error))
        };
        let mut get_all = |paths: &[String]| {
            let (mut all, mut limits) = (Vec::new(), LIMITS);
            for some in paths.chunks(RECORDS_AT_ONCE) {
                in_time()?;
                let records = documents.get_all(some, limits).map_err(|error| reason(&error))?;
                let bytes: usize = records.iter().map(Vec::len).sum();
                limits.all = limits.all.saturating_sub(bytes as u64);
                all.extend(records);
            }
            Ok(all)
        };
        let mut sending = Sending { post: &mut post, get_all: &mut get_all };
        let records = service::ask(questions, &mut sending)?;
        data.add_service(address, questions, &records).map_err(|error| error.to_string())
    }
}

fn reason(error: &RegistryError) -> String {
    match error {
        RegistryError::Cancelled => "stopped".to_owned(),
        error => error.to_string(),
    }
}

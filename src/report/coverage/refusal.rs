//! What each kind of refusal means.

use crate::door::RefusalReason;
use crate::finding::{Cause, Severity};
use crate::report::Status;

/// What a refusal means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) cause: &'static Cause,
    pub(super) severity: Severity,
    /// Beside what the finding leads to.
    pub(super) status: Status,
    /// Which of several most likely made a step fail: the least.
    pub(super) rank: u8,
    /// Whether it is forgotten where the step got what it wanted when it asked again.
    pub(super) passes: bool,
    pub(super) hint: &'static str,
}

pub(super) fn verdict(reason: &RefusalReason) -> Verdict {
    let (rank, cause, severity, status, hint) = match reason {
        RefusalReason::Integrity { .. } => (
            0,
            "wrong-content",
            Severity::Error,
            Status::Integrity,
            "find out who changed it before you use it; `rlock update` then locks what is there now",
        ),
        RefusalReason::NotLocked => (
            1,
            "unlocked-fetch",
            Severity::Error,
            Status::Ok,
            "`rlock lock` adds what is missing, `rlock update` moves the lock forward",
        ),
        RefusalReason::Unavailable(_) => (
            2,
            "unavailable-fetch",
            Severity::Error,
            Status::Undetermined,
            "pull it from a store that has it (`rlock store pull`), or move the lock forward \
             (`rlock update`)",
        ),
        RefusalReason::Store(_) => (
            3,
            "store-failure",
            Severity::Error,
            Status::Undetermined,
            "make room where the Store is and see who may write there, or name another with --store",
        ),
        RefusalReason::Upstream(_) => (
            4,
            "upstream-failure",
            Severity::Error,
            Status::Undetermined,
            "check the network, the proxy settings and the server, then run it again",
        ),
        RefusalReason::Untrusted(_) => (
            5,
            "untrusted-authority",
            Severity::Warning,
            Status::Ok,
            "have the client use the system's certificates, or those of SSL_CERT_FILE",
        ),
        RefusalReason::NotHttp | RefusalReason::Unsupported(_) => (
            6,
            "refused-connection",
            Severity::Warning,
            Status::Ok,
            "fetch it by http or https, or bring it with the build context",
        ),
        RefusalReason::Datagram => (
            7,
            "refused-connection",
            Severity::Warning,
            Status::Ok,
            "do without it: only http and https are recorded",
        ),
    };
    let passes = matches!(reason, RefusalReason::Upstream(_) | RefusalReason::Unavailable(_));
    Verdict { cause: Cause::named(cause), severity, status, rank, passes, hint }
}

/// Why, in words that follow what was asked for.
pub(super) fn words(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::NotLocked => "is not in the lock".to_owned(),
        RefusalReason::Unavailable(tried) if tried.is_empty() => {
            "is locked, and nobody has it any more".to_owned()
        }
        RefusalReason::Unavailable(tried) => {
            format!("is locked, and nobody has it any more (tried: {})", tried.join(", "))
        }
        RefusalReason::Upstream(error) => format!("could not be fetched: {error}"),
        RefusalReason::Integrity { expected, found, .. } => {
            format!("has the digest {found} now, and the lock says {expected}")
        }
        RefusalReason::NotHttp => "is neither HTTP nor TLS, and cannot be recorded".to_owned(),
        RefusalReason::Untrusted(error) => {
            format!(
                "is behind TLS whose client does not trust the authority of this build: {error}"
            )
        }
        RefusalReason::Datagram => "is not reached by TCP, and cannot be recorded".to_owned(),
        RefusalReason::Unsupported(error) => format!("cannot be recorded: {error}"),
        RefusalReason::Store(error) => format!("could not be stored: {error}"),
    }
}

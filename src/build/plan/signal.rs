//! What `STOPSIGNAL` takes: a signal of Linux by name or number, as
//! [Docker reads it](https://github.com/moby/sys/blob/signal/v0.7.1/signal/signal.go).

/// Names without `SIG`; real-time signals excepted.
const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// A signal that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal")]
pub(super) struct SignalError(String);

impl SignalError {
    /// What signals look like.
    pub(super) const HINT: &str = "write a name such as `SIGTERM`, or a number";
}

/// Whether Docker would take this for a signal.
pub(super) fn check(text: &str) -> Result<(), SignalError> {
    let is_known = match text.parse::<i64>() {
        Ok(number) => number != 0,
        Err(_) => is_name(text),
    };
    if is_known { Ok(()) } else { Err(SignalError(text.to_owned())) }
}

fn is_name(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |start: &str, last: u32| {
        let offset = name.strip_prefix(start)?;
        Some(!offset.starts_with('0') && (1..=last).contains(&offset.parse().ok()?))
    };
    NAMES.contains(&name)
        || real_time("RTMIN+", 15).unwrap_or(false)
        || real_time("RTMAX-", 14).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_names_or_numbers() {
        for signal in ["SIGTERM", "TERM", "sigterm", "9", "-3", "RTMIN", "SIGRTMIN+15", "RTMAX-14"]
        {
            assert_eq!(check(signal), Ok(()), "{signal}");
        }
        for other in ["", "0", "NOPE", "SIG", "9x", "RTMIN+16", "RTMIN+0", "RTMAX-15", "RTMAX-x"] {
            assert!(check(other).is_err(), "{other}");
        }
    }
}

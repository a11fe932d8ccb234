//! Port specifications of `EXPOSE`.

/// Why a port specification is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Not a number from 1 to 65535.
    #[error("`{0}` is not a port")]
    Number(String),
    /// The end of a range lies before its start.
    #[error("port range `{0}` ends before it starts")]
    Range(String),
    /// Neither tcp, udp nor sctp.
    #[error("unknown protocol `{0}`")]
    Protocol(String),
}

impl PortError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Number(_) | Self::Range(_) => {
                Some("write a port such as `80` or `80/udp`, or a range such as `8000-8010`".into())
            }
            Self::Protocol(_) => Some("protocols are `tcp`, `udp` and `sctp`".into()),
        }
    }
}

/// The ports of one expanded word, as the image's config names them: `80/tcp`. A range gives each
/// of its ports. An address and a host port before the last `:` are dropped, as `BuildKit` does.
///
/// <https://docs.docker.com/reference/dockerfile/#expose>
pub fn ports(specification: &str) -> Result<Vec<String>, PortError> {
    let (ports, protocol) = specification.split_once('/').unwrap_or((specification, "tcp"));
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(PortError::Protocol(protocol));
    }
    let ports = ports.rsplit_once(':').map_or(ports, |(_, container)| container);
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(PortError::Range(ports.to_owned()));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn number(text: &str) -> Result<u16, PortError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| PortError::Number(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_a_protocol() {
        assert_eq!(ports("80").unwrap(), ["80/tcp"]);
        assert_eq!(ports("53/UDP").unwrap(), ["53/udp"]);
        assert_eq!(ports("8000-8002/sctp").unwrap(), ["8000/sctp", "8001/sctp", "8002/sctp"]);
        assert_eq!(ports("127.0.0.1:8080:80").unwrap(), ["80/tcp"]);
    }

    #[test]
    fn wrong_ports_are_named() {
        assert_eq!(ports("http"), Err(PortError::Number("http".into())));
        assert_eq!(ports("0"), Err(PortError::Number("0".into())));
        assert_eq!(ports("+80"), Err(PortError::Number("+80".into())));
        assert_eq!(ports("65536"), Err(PortError::Number("65536".into())));
        assert_eq!(ports("9-8"), Err(PortError::Range("9-8".into())));
        assert_eq!(ports("80/icmp"), Err(PortError::Protocol("icmp".into())));
    }
}

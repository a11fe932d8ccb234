//! `--secret` and `--ssh`, in docker's words.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// `--secret id=ID[,src=FILE|env=NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretArgument {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Where its content is; where nothing says, a variable of its name, else a file.
    pub source: Option<SecretSource>,
}

/// Where a secret's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
}

/// `--add-host NAME:ADDRESS`, in docker's words; `NAME=ADDRESS` is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostArgument {
    /// The name, in lower case.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
}

impl FromStr for HostArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected NAME:ADDRESS, for instance deb.example:192.0.2.1";
        let (name, address) = text.split_once([':', '=']).ok_or(expected)?;
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse().map_err(|_| expected)?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(expected.to_owned());
        }
        Ok(Self { name: name.to_ascii_lowercase(), address })
    }
}

impl FromStr for SecretArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected id=ID, id=ID,src=FILE or id=ID,env=NAME";
        let (mut id, mut kind, mut path, mut variable) = (None, None, None, None);
        for field in text.split(',') {
            let (key, value) = field.split_once('=').ok_or(expected)?;
            let slot = match key.to_lowercase().as_str() {
                "id" => &mut id,
                "type" => &mut kind,
                "src" | "source" => &mut path,
                "env" => &mut variable,
                _ => return Err(format!("a secret has no `{key}`: {expected}")),
            };
            *slot = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        let source = match (kind.as_deref(), path, variable) {
            (_, Some(_), Some(_)) => return Err("a secret has `src` or `env`, not both".to_owned()),
            (None | Some("file"), Some(path), None) => Some(SecretSource::File(path.into())),
            (Some("env"), Some(name), None) | (None | Some("env"), None, Some(name)) => {
                Some(SecretSource::Variable(name))
            }
            (Some("env"), None, None) => id.clone().map(SecretSource::Variable),
            (None | Some("file"), None, None) => None,
            (Some(kind), ..) => {
                return Err(format!("`{kind}` is no type of secret here: {expected}"));
            }
        };
        Ok(Self { id: id.ok_or(expected)?, source })
    }
}

/// `--ssh default|ID[=SOCKET]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentArgument {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Its socket; that of `SSH_AUTH_SOCK` where nothing says.
    pub socket: Option<PathBuf>,
}

impl FromStr for AgentArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, socket) = match text.split_once('=') {
            Some((id, socket)) => (id, Some(socket)),
            None => (text, None),
        };
        if id.is_empty() || socket == Some("") {
            return Err("expected default, ID or ID=SOCKET".to_owned());
        }
        if socket.is_some_and(|socket| socket.contains(',')) {
            return Err(
                "several keys are not supported: start an agent, and add the keys to it".to_owned()
            );
        }
        Ok(Self { id: id.to_owned(), socket: socket.map(PathBuf::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_dockers_words() {
        let secret = |text: &str| {
            let SecretArgument { id, source } = text.parse().unwrap();
            (id, source)
        };
        let file = |path: &str| Some(SecretSource::File(path.into()));
        let variable = |name: &str| Some(SecretSource::Variable(name.into()));
        assert_eq!(secret("id=a"), ("a".into(), None));
        assert_eq!(secret("id=a,src=f=g"), ("a".into(), file("f=g")));
        assert_eq!(secret("type=file,source=f,id=a"), ("a".into(), file("f")));
        assert_eq!(secret("id=a,env=E"), ("a".into(), variable("E")));
        assert_eq!(secret("ID=a,type=env"), ("a".into(), variable("a")));
        assert_eq!(secret("id=a,type=env,src=E"), ("a".into(), variable("E")));
        for (text, message) in [
            ("a", "expected id=ID"),
            ("src=f", "expected id=ID"),
            ("id=,src=f", "expected id=ID"),
            ("id=a,src=f,env=E", "not both"),
            ("id=a,type=vault", "`vault` is no type"),
            ("id=a,path=f", "a secret has no `path`"),
        ] {
            let error = text.parse::<SecretArgument>().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn agents_in_dockers_words() {
        let agent = |text: &str| {
            let AgentArgument { id, socket } = text.parse().unwrap();
            (id, socket)
        };
        assert_eq!(agent("default"), ("default".into(), None));
        assert_eq!(agent("a=/s"), ("a".into(), Some("/s".into())));
        for text in ["", "=s", "a=", "a=k1,k2"] {
            assert!(text.parse::<AgentArgument>().is_err(), "{text}");
        }
    }
}

//! What `--secret` and `--ssh` name, read before anything is built.

use super::args::{AgentArgument, SecretArgument, SecretSource};
use super::context::Context;
use super::failure::{Misuse, Unreadable};
use crate::build::{Agents, Secrets};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// Secrets larger than this are refused, in bytes, as in BuildKit.
const SIZE_MAX: u64 = 500 * 1024;

/// Where the user's agent says that it listens.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Reads the secrets.
pub(super) fn read(arguments: &[SecretArgument], context: &Context) -> anyhow::Result<Secrets> {
    let mut secrets = Secrets::default();
    for SecretArgument { id, source } in arguments {
        let source = source.clone().unwrap_or_else(|| match context.variable(id) {
            Some(_) => SecretSource::Variable(id.clone()),
            None => SecretSource::File(id.into()),
        });
        let content = match &source {
            SecretSource::Variable(name) => variable(id, name, context)?,
            SecretSource::File(path) => file(id, path)?,
        };
        secrets.insert(id.clone(), content);
    }
    Ok(secrets)
}

fn variable(id: &str, name: &str, context: &Context) -> anyhow::Result<Vec<u8>> {
    let value = context.variable(name).ok_or_else(|| Misuse {
        message: format!("the secret `{id}` is in the variable `{name}`, which is not set"),
        hint: format!("set it, or name a file: `--secret id={id},src=FILE`"),
    })?;
    Ok(value.into_bytes())
}

fn file(id: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut content))
        .map_err(|source| Unreadable { what: "secret", path: path.to_owned(), source })?;
    if content.len() as u64 > SIZE_MAX {
        return Err(Misuse {
            message: format!("the secret `{id}` has more than {SIZE_MAX} bytes"),
            hint: "what is that large is hardly a secret: take it from the context".to_owned(),
        }
        .into());
    }
    Ok(content)
}

/// Finds the agents.
pub(super) fn agents(arguments: &[AgentArgument], context: &Context) -> anyhow::Result<Agents> {
    let mut agents = Agents::new();
    for AgentArgument { id, socket } in arguments {
        let socket = match socket {
            Some(socket) => socket.clone(),
            None => default_agent(id, context)?,
        };
        require_socket(id, &socket)?;
        agents.insert(id.clone(), std::path::absolute(socket)?);
    }
    Ok(agents)
}

fn default_agent(id: &str, context: &Context) -> anyhow::Result<PathBuf> {
    let socket = context.variable(AGENT_VARIABLE).filter(|socket| !socket.is_empty());
    let misuse = || Misuse {
        message: format!("`--ssh {id}` needs an agent, and {AGENT_VARIABLE} is not set"),
        hint: "start one with `eval $(ssh-agent)` and add keys with `ssh-add`".to_owned(),
    };
    Ok(socket.ok_or_else(misuse)?.into())
}

/// Docker also takes a file with a key, and is the agent itself then.
fn require_socket(id: &str, path: &Path) -> anyhow::Result<()> {
    let unreadable = |source| Unreadable { what: "SSH agent", path: path.to_owned(), source };
    let kind = std::fs::metadata(path).map_err(unreadable)?.file_type();
    if kind.is_socket() {
        return Ok(());
    }
    Err(Misuse {
        message: format!("`{}` of `--ssh {id}` is not the socket of an agent", path.display()),
        hint: format!(
            "keys are not supported: add it to an agent with `ssh-add`, then `--ssh {id}`"
        ),
    }
    .into())
}

//! How registries are spoken to, as users write it.

use clap::Args;
use std::str::FromStr;

/// What is allowed to registries beyond what is safe anywhere.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArguments {
    /// Speak to this registry without TLS, or whatever its certificate is; may be repeated
    ///
    /// Loopback addresses are always spoken to so.
    #[arg(long = "insecure-registry", value_name = "HOST[:PORT]")]
    pub insecure_registries: Vec<RegistryHost>,
    /// Show a registry's credentials to a token server at another host; may be repeated
    #[arg(long = "allow-auth-host", value_name = "REGISTRY=HOST[:PORT]")]
    pub allow_auth_hosts: Vec<AuthHost>,
}

/// `HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryHost(pub String);

impl FromStr for RegistryHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, rest)) = text.split_once("://") {
            return Err(format!("expected HOST[:PORT], without a scheme: `{rest}`"));
        }
        let is_foreign = |character: char| "/@=".contains(character) || character.is_whitespace();
        if text.is_empty() || text.contains(is_foreign) {
            return Err("expected HOST[:PORT], for instance registry.example:5000".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// `--allow-auth-host REGISTRY=HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHost {
    /// Whose credentials.
    pub registry: RegistryHost,
    /// Who may see them.
    pub server: RegistryHost,
}

impl FromStr for AuthHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (registry, server) = text.split_once('=').ok_or_else(|| {
            "expected REGISTRY=HOST, for instance registry.example=auth.example".to_owned()
        })?;
        Ok(Self { registry: registry.parse()?, server: server.parse()? })
    }
}

//! Platforms, as `--platform` and image indexes name them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Operating system and processor that an image is for, in Go's words (`linux`, `amd64`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `GOOS`.
    pub os: String,
    /// `GOARCH`.
    pub architecture: String,
    /// Variant of the processor, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: expected OS/ARCH or OS/ARCH/VARIANT, for instance linux/amd64")]
pub struct PlatformError(String);

impl Platform {
    /// The platform that this program was built for.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// Whether an image for `offered` is one for `self`. A variant counts only where both name one,
    /// and `arm64` is `arm64/v8`.
    pub fn accepts(&self, offered: &Self) -> bool {
        let variant = |platform: &Self| match (&*platform.architecture, platform.variant.as_deref())
        {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == offered.os
            && self.architecture == offered.architecture
            && match (variant(self), variant(offered)) {
                (Some(wanted), Some(found)) => wanted == found,
                _ => true,
            }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word = |part: &str| {
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
            (!part.is_empty() && part.bytes().all(fits)).then(|| part.to_ascii_lowercase())
        };
        let parts: Option<Vec<String>> = text.split('/').map(word).collect();
        match parts.as_deref() {
            Some([os, architecture]) => {
                Ok(Self { os: os.clone(), architecture: architecture.clone(), variant: None })
            }
            Some([os, architecture, variant]) => Ok(Self {
                os: os.clone(),
                architecture: architecture.clone(),
                variant: Some(variant.clone()),
            }),
            _ => Err(PlatformError(text.chars().filter(|c| !c.is_control()).take(80).collect())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_round_trip() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in ["", "linux", "linux/", "linux/a/b/c", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn variants_count_only_where_both_name_one() {
        let accepts = |wanted: &str, offered: &str| {
            wanted.parse::<Platform>().unwrap().accepts(&offered.parse().unwrap())
        };
        assert!(accepts("linux/arm64", "linux/arm64/v8"));
        assert!(accepts("linux/amd64", "linux/amd64"));
        assert!(!accepts("linux/arm/v6", "linux/arm/v7"));
        assert!(!accepts("linux/amd64", "linux/arm64"));
    }
}

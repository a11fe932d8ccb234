//! Where images come from and where they go, as users write it.

use crate::oci::{Digest, Reference};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An image, or a file tree, that a command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// In a registry.
    Registry(Reference),
    /// In an OCI image layout.
    OciLayout {
        /// The directory.
        path: PathBuf,
        /// Which of its images.
        selector: LayoutSelector,
    },
    /// In a file that `docker save` made.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Which of its images: `name:tag`.
        tag: Option<String>,
    },
    /// A directory with a file tree.
    Directory(PathBuf),
    /// A path: what lies there decides what it is.
    Path(PathBuf),
}

/// Which image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutSelector {
    /// The only one, or `latest`.
    Any,
    /// The one with this tag.
    Tag(String),
    /// The one with this digest.
    Digest(Digest),
}

/// An image as an argument: what was written, for messages and reports, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageArgument {
    /// What the user wrote.
    pub text: String,
    /// What it means.
    pub source: ImageSource,
}

impl FromStr for ImageArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), source: source(text)? })
    }
}

impl ImageArgument {
    /// An image, not a mere file tree.
    pub(super) fn parse_image(text: &str) -> Result<Self, String> {
        let argument: Self = text.parse()?;
        match argument.source {
            ImageSource::Directory(_) => {
                Err("a directory has no layers to compare with: use `rlock diff`".to_owned())
            }
            _ => Ok(argument),
        }
    }

    /// Where a name was taken for a reference and a file of that name lies there: how to say that
    /// the file is meant.
    pub fn hint(&self, exists: &dyn Fn(&Path) -> bool) -> Option<String> {
        let is_name = matches!(self.source, ImageSource::Registry(_));
        (is_name && !self.text.contains("://") && exists(Path::new(&self.text)))
            .then(|| format!("for the file or directory of that name write `./{}`", self.text))
    }
}

/// Transports that users know from other tools, with the way there is instead.
const ELSEWHERE: [(&str, &str); 5] = [
    ("docker-daemon:", "`docker save IMAGE -o image.tar`, then docker-archive:image.tar"),
    ("containers-storage:", "`podman save IMAGE -o image.tar`, then docker-archive:image.tar"),
    ("oci-archive:", "unpack it with `tar -xf`, then oci:DIR"),
    ("https://", "write the reference without https://"),
    ("http://", "write the reference without http://"),
];

fn source(text: &str) -> Result<ImageSource, String> {
    if let Some((transport, instead)) = ELSEWHERE.iter().find(|(start, _)| text.starts_with(start))
    {
        let transport = transport.trim_end_matches("//").trim_end_matches(':');
        return Err(format!("`{transport}` is not read directly: {instead}"));
    }
    if let Some(rest) = text.strip_prefix("dir:") {
        return Ok(ImageSource::Directory(path(rest)?));
    }
    if let Some(prefixed) = prefixed(text) {
        return prefixed;
    }
    if is_path(text) {
        return Ok(ImageSource::Path(path(text)?));
    }
    reference(text)
}

/// The forms that `--build-context` and `rlock diff` share.
fn prefixed(text: &str) -> Option<Result<ImageSource, String>> {
    let rest = |start: &str| text.strip_prefix(start);
    if let Some(rest) = rest("docker-image://").or_else(|| rest("docker://")) {
        return Some(reference(rest));
    }
    if let Some(rest) = rest("oci-layout://").or_else(|| rest("oci:")) {
        return Some(layout(rest));
    }
    if let Some(rest) = rest("docker-archive:") {
        return Some(archive(rest));
    }
    None
}

fn reference(text: &str) -> Result<ImageSource, String> {
    text.parse().map(ImageSource::Registry).map_err(|error: crate::oci::ReferenceError| {
        let path = "for a file or directory write ./PATH, oci:DIR, docker-archive:FILE or dir:DIR";
        format!("{error}; {path}")
    })
}

/// `DIR[:TAG][@DIGEST]`, as buildx reads it: the digest decides.
fn layout(text: &str) -> Result<ImageSource, String> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (
            rest,
            Some(digest.parse().map_err(|error: crate::oci::DigestError| error.to_string())?),
        ),
        None => (text, None),
    };
    let (directory, tag) = split_tag(rest)?;
    let selector = match (digest, tag) {
        (Some(digest), _) => LayoutSelector::Digest(digest),
        (None, Some(tag)) => LayoutSelector::Tag(tag),
        (None, None) => LayoutSelector::Any,
    };
    Ok(ImageSource::OciLayout { path: directory, selector })
}

fn archive(text: &str) -> Result<ImageSource, String> {
    let (file, tag) = split_tag(text)?;
    Ok(ImageSource::DockerArchive { path: file, tag })
}

/// What follows the first colon is the tag, as in skopeo and buildx.
fn split_tag(text: &str) -> Result<(PathBuf, Option<String>), String> {
    match text.split_once(':') {
        Some((_, "")) => Err("expected a tag after `:`".to_owned()),
        Some((file, tag)) => Ok((path(file)?, Some(tag.to_owned()))),
        None => Ok((path(text)?, None)),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("the path is missing".to_owned());
    }
    Ok(text.into())
}

fn is_path(text: &str) -> bool {
    let is_tar = Path::new(text).extension().is_some_and(|extension| extension == "tar");
    is_tar
        || matches!(text, "." | "..")
        || ["/", "./", "../"].iter().any(|start| text.starts_with(start))
}

/// `--build-context NAME=SOURCE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildContext {
    /// What it replaces: an image reference, a stage, or the name of a further context.
    pub name: String,
    /// What is used instead. A directory is a context, anything else an image.
    pub source: ImageSource,
}

impl BuildContext {
    /// Whether `name`, as FROM or `--from` has it, is what this replaces: the same text, or a
    /// reference to the same image (`debian` and `docker.io/library/debian:latest`).
    pub fn replaces(&self, name: &str) -> bool {
        let same_image = || Some(self.name.parse::<Reference>().ok()? == name.parse().ok()?);
        self.name == name || same_image().unwrap_or(false)
    }
}

impl FromStr for BuildContext {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => (name, value),
            _ => return Err("expected NAME=SOURCE, for instance debian=oci-layout://DIR".into()),
        };
        let source = match prefixed(value) {
            Some(source) => source?,
            None if value.contains("://") || value.starts_with("git@") => {
                return Err(format!(
                    "a remote context (`{value}`) is not supported: fetch it and name the directory"
                ));
            }
            None => ImageSource::Directory(value.into()),
        };
        Ok(Self { name: name.to_owned(), source })
    }
}

/// Where `rlock build` puts the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageTarget {
    /// Into an OCI image layout.
    OciLayout {
        /// The directory; made if it is not there.
        path: PathBuf,
        /// Its tag there.
        tag: Option<String>,
    },
    /// Into a file for `docker load`.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// `name:tag`.
        tag: Option<String>,
    },
}

impl std::fmt::Display for ImageTarget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (transport, path, tag) = match self {
            Self::OciLayout { path, tag } => ("oci", path, tag),
            Self::DockerArchive { path, tag } => ("docker-archive", path, tag),
        };
        write!(formatter, "{transport}:{}", path.display())?;
        tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))
    }
}

impl FromStr for ImageTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tagged = |rest: &str| split_tag(rest);
        if let Some(rest) = text.strip_prefix("oci:") {
            return tagged(rest).map(|(path, tag)| Self::OciLayout { path, tag });
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (path, tag) = tagged(rest)?;
            let tag = tag.map(|tag| name(&tag)).transpose()?;
            return Ok(Self::DockerArchive { path, tag });
        }
        Err("expected oci:DIR[:TAG] or docker-archive:FILE[:NAME:TAG]".to_owned())
    }
}

/// A name that `docker load` accepts; `latest` where it has no tag.
fn name(text: &str) -> Result<String, String> {
    let reference: Reference =
        text.parse().map_err(|error: crate::oci::ReferenceError| error.to_string())?;
    match (reference.digest, &reference.tag) {
        (None, Some(_)) => Ok(reference.familiar()),
        _ => Err(format!("`{text}` has a digest, which an archive cannot name: give a tag")),
    }
}

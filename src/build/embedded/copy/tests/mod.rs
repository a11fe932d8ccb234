//! COPY and ADD between temporary directories.

mod archives;
mod attributes;
mod destinations;
mod sources;

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// A context, a tree to copy from, and an image, side by side with a secret that nobody may reach.
struct Fixture {
    directory: tempfile::TempDir,
    context: Root,
    stage: Root,
    image: Root,
    ignore: Ignore,
    exclude: Ignore,
    stop: Stop,
}

/// What the destination gets where nothing says otherwise.
const TIME: i64 = 1_700_000_000;

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            Root::open(&path).unwrap()
        };
        let (context, stage, image) = (make("context"), make("stage"), make("image"));
        fs::write(directory.path().join("secret"), "secret").unwrap();
        Self {
            directory,
            context,
            stage,
            image,
            ignore: Ignore::empty(),
            exclude: Ignore::empty(),
            stop: Stop::default(),
        }
    }

    /// A context with these files, whose content is their path. `name/` is a directory,
    /// `name -> target` a symbolic link.
    fn with(files: &[&str]) -> Self {
        let fixture = Self::new();
        fixture.add("context", files);
        fixture
    }

    fn add(&self, part: &str, files: &[&str]) {
        let root = self.directory.path().join(part);
        for file in files {
            let (file, target) = file.split_once(" -> ").unwrap_or((file, ""));
            let path = root.join(file);
            if file.ends_with('/') {
                fs::create_dir_all(path).unwrap();
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if target.is_empty() {
                fs::write(&path, file).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            } else {
                symlink(target, path).unwrap();
            }
        }
    }

    fn ignoring(mut self, text: &str) -> Self {
        self.ignore = Ignore::parse(text.as_bytes()).unwrap();
        self
    }

    fn excluding(mut self, patterns: &[&str]) -> Self {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        self.exclude = Ignore::from_patterns(&patterns).unwrap();
        self
    }

    fn in_image(&self, path: &str) -> PathBuf {
        self.directory.path().join("image").join(path)
    }

    fn in_context(&self, path: &str) -> PathBuf {
        self.directory.path().join("context").join(path)
    }

    /// A request from the context.
    fn request<'a>(&'a self, sources: &[&'a str], destination: &'a str) -> CopyRequest<'a> {
        self.request_from(
            From::Context { root: &self.context, ignore: &self.ignore },
            sources,
            destination,
        )
    }

    fn request_from<'a>(
        &'a self,
        from: From<'a>,
        sources: &[&'a str],
        destination: &'a str,
    ) -> CopyRequest<'a> {
        let source =
            |path: &&'a str| Source { from, path: SourcePath::Pattern(path), extract: false };
        CopyRequest {
            sources: sources.iter().map(source).collect(),
            inline: Vec::new(),
            destination,
            owner: None,
            mode: None,
            exclude: &self.exclude,
            parents: false,
            into: &self.image,
            epoch: TIME,
            stop: &self.stop,
        }
    }

    fn request_from_stage<'a>(
        &'a self,
        sources: &[&'a str],
        destination: &'a str,
    ) -> CopyRequest<'a> {
        self.request_from(From::Tree { root: &self.stage }, sources, destination)
    }

    /// A request of an ADD.
    fn request_to_extract<'a>(
        &'a self,
        sources: &[&'a str],
        destination: &'a str,
    ) -> CopyRequest<'a> {
        let mut request = self.request(sources, destination);
        for source in &mut request.sources {
            source.extract = true;
        }
        request
    }

    fn copy(&self, sources: &[&str], destination: &'static str) -> CopySummary {
        copy(&self.request(sources, destination)).unwrap()
    }

    fn error(&self, sources: &[&str], destination: &'static str) -> CopyError {
        copy(&self.request(sources, destination)).unwrap_err()
    }

    /// All paths of the image, directories with a slash, links with their targets, and files with
    /// their content where it is not the path that it ends with.
    fn image(&self) -> Vec<String> {
        let mut lines = Vec::new();
        list(&self.in_image(""), "", &mut lines);
        assert_eq!(fs::read(self.directory.path().join("secret")).unwrap(), b"secret");
        lines
    }
}

fn list(directory: &Path, prefix: &str, lines: &mut Vec<String>) {
    for entry in crate::store::read_dir_sorted(directory).unwrap() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            lines.push(format!("{name}/"));
            list(&entry.path(), &format!("{name}/"), lines);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            lines.push(format!("{name} -> {}", target.display()));
        } else if kind.is_file() {
            let content = fs::read_to_string(entry.path()).unwrap();
            lines.push(format!("{name}: {content}"));
        } else {
            lines.push(format!("{name}: {kind:?}"));
        }
    }
}

/// Whether this process may change owners and make devices; says so if not.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: owners and devices need root");
    }
    is_root
}

//! A source of gems with a compact index, and gems that `gem` itself made.

use super::{Tree, pack};
use crate::world::{succeed, tool};
use rlock::oci::Digest;
use std::fmt::Write as _;
use std::path::Path;

/// Builds a gem and its specification as the index has it, in the folder that it runs in.
const BUILD: &str = r#"
require "rubygems/package"
name, version, *needs = ARGV
spec = Gem::Specification.new(name, version) do |it|
  it.summary = it.description = "A gem of tests"
  it.authors = ["it"]
  it.license = "MIT"
  it.homepage = "https://gem.test"
  it.files = ["lib/#{name}.rb"]
  needs.each_slice(2) { |name, wanted| it.add_dependency(name, wanted) }
end
Gem::DefaultUserInteraction.ui = Gem::SilentUI.new
Gem::Package.build(spec)
File.binwrite("specification.rz", Zlib::Deflate.deflate(Marshal.dump(spec)))
"#;

/// A release of a gem whose module says its version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) requires: Option<(&'static str, &'static str)>,
}

/// The source with one gem, `greeter`, in these versions.
pub(crate) fn source(versions: &[&'static str], modified: i64) -> Tree {
    let release = |version: &&'static str| Release { name: "greeter", version, requires: None };
    source_of(&versions.iter().map(release).collect::<Vec<_>>(), modified)
}

/// The same with these gems, those of one name after each other.
pub(crate) fn source_of(releases: &[Release], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let mut list = String::from("created_at: 2025-01-01T00:00:00Z\n---\n");
    let mut names = String::from("---\n");
    for of_gem in releases.chunk_by(|left, right| left.name == right.name) {
        let name = of_gem[0].name;
        let mut details = String::from("---\n");
        for release in of_gem {
            let folder = tempfile::tempdir().unwrap();
            let (version, gem) = (release.version, build(folder.path(), release));
            let needs = release.requires.map(|(name, wanted)| format!("{name}:{wanted}"));
            let (needs, sum) = (needs.unwrap_or_default(), Digest::of(&gem).hex());
            writeln!(details, "{version} {needs}|checksum:{sum}").unwrap();
            tree.file(&format!("/gems/{name}-{version}.gem"), gem);
            let specification = std::fs::read(folder.path().join("specification.rz")).unwrap();
            let path = format!("/quick/Marshal.4.8/{name}-{version}.gemspec.rz");
            tree.file(&path, specification);
        }
        let versions: Vec<&str> = of_gem.iter().map(|release| release.version).collect();
        let sum = &Digest::of(details.as_bytes()).hex()[..32];
        writeln!(list, "{name} {} {sum}", versions.join(",")).unwrap();
        writeln!(names, "{name}").unwrap();
        tree.page(&format!("/info/{name}"), "text/plain", details);
    }
    tree.page("/versions", "text/plain", list);
    tree.page("/names", "text/plain", names);
    tree
}

fn build(folder: &Path, release: &Release) -> Vec<u8> {
    let Release { name, version, requires } = release;
    std::fs::create_dir(folder.join("lib")).unwrap();
    let module = name[..1].to_uppercase() + &name[1..];
    let code = format!("module {module}\n  VERSION = {version:?}\nend\n");
    std::fs::write(folder.join(format!("lib/{name}.rb")), code).unwrap();
    let mut command = tool("ruby", "ruby");
    command.current_dir(folder).env("SOURCE_DATE_EPOCH", pack::MODIFIED.to_string());
    command.args(["-e", BUILD, name, version]);
    if let Some((needed, wanted)) = requires {
        command.args([needed, wanted]);
    }
    succeed(&mut command);
    std::fs::read(folder.join(format!("{name}-{version}.gem"))).unwrap()
}

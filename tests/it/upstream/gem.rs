//! A source of gems with a compact index, and gems that `gem` itself made.

use super::{Tree, pack};
use crate::world::{succeed, tool};
use rlock::oci::Digest;
use std::fmt::Write as _;
use std::path::Path;

/// Builds a gem and its specification as the index has it, in the folder that it runs in.
const BUILD: &str = r#"
require "rubygems/package"
spec = Gem::Specification.new("greeter", ARGV.first) do |it|
  it.summary = it.description = "A gem of tests"
  it.authors = ["it"]
  it.license = "MIT"
  it.homepage = "https://gem.test"
  it.files = ["lib/greeter.rb"]
end
Gem::DefaultUserInteraction.ui = Gem::SilentUI.new
Gem::Package.build(spec)
File.binwrite("greeter.rz", Zlib::Deflate.deflate(Marshal.dump(spec)))
"#;

/// The source with one gem, `greeter`, whose module says its version, in these versions.
pub(crate) fn source(versions: &[&str], modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    let mut details = String::from("---\n");
    for version in versions {
        let folder = tempfile::tempdir().unwrap();
        let gem = build(folder.path(), version);
        writeln!(details, "{version} |checksum:{}", Digest::of(&gem).hex()).unwrap();
        tree.file(&format!("/gems/greeter-{version}.gem"), gem);
        let specification = std::fs::read(folder.path().join("greeter.rz")).unwrap();
        let path = format!("/quick/Marshal.4.8/greeter-{version}.gemspec.rz");
        tree.file(&path, specification);
    }
    let list = format!(
        "created_at: 2025-01-01T00:00:00Z\n---\ngreeter {} {}\n",
        versions.join(","),
        &Digest::of(details.as_bytes()).hex()[..32]
    );
    tree.page("/versions", "text/plain", list);
    tree.page("/names", "text/plain", "---\ngreeter\n");
    tree.page("/info/greeter", "text/plain", details);
    tree
}

fn build(folder: &Path, version: &str) -> Vec<u8> {
    std::fs::create_dir(folder.join("lib")).unwrap();
    let code = format!("module Greeter\n  VERSION = {version:?}\nend\n");
    std::fs::write(folder.join("lib/greeter.rb"), code).unwrap();
    let mut command = tool("ruby", "ruby");
    command.current_dir(folder).env("SOURCE_DATE_EPOCH", pack::MODIFIED.to_string());
    succeed(command.args(["-e", BUILD, version]));
    std::fs::read(folder.join(format!("greeter-{version}.gem"))).unwrap()
}

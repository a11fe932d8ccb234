//! A Python index: PEP 503 and PEP 691 by `Accept`, with the metadata of PEP 658.

use super::{Tree, pack};
use rlock::oci::Digest;
use serde_json::json;
use std::fmt::Write as _;

/// A release of a project with one module, which prints its version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// As in `Requires-Dist`.
    pub(crate) requires: Option<&'static str>,
}

/// Files of a wheel besides its own, or instead of them.
pub(crate) type More<'a> = &'a [(&'a str, &'a str)];

/// The index below `/simple/` of a site.
pub(crate) fn index(releases: &[Release], modified: i64) -> Tree {
    let releases: Vec<(Release, More<'_>)> =
        releases.iter().map(|release| (release.clone(), &[][..])).collect();
    index_with(&releases, modified)
}

/// The same, with more in the wheels.
pub(crate) fn index_with(releases: &[(Release, More<'_>)], modified: i64) -> Tree {
    index_of(releases, &[], modified, &long_ago)
}

/// The same, where these versions of a project were withdrawn.
pub(crate) fn index_without(releases: &[Release], yanked: &[(&str, &str)], modified: i64) -> Tree {
    let releases: Vec<(Release, More<'_>)> =
        releases.iter().map(|release| (release.clone(), &[][..])).collect();
    index_of(&releases, yanked, modified, &long_ago)
}

/// The same as `index_with`, of files that were uploaded at these times.
pub(crate) fn index_uploaded(
    releases: &[(Release, More<'_>)],
    modified: i64,
    uploaded: &dyn Fn(&Release) -> String,
) -> Tree {
    index_of(releases, &[], modified, uploaded)
}

fn long_ago(_: &Release) -> String {
    "2025-01-01T00:00:00.000000Z".to_owned()
}

fn index_of(
    releases: &[(Release, More<'_>)],
    yanked: &[(&str, &str)],
    modified: i64,
    uploaded: &dyn Fn(&Release) -> String,
) -> Tree {
    let mut tree = Tree::at(modified);
    let mut names: Vec<&str> = releases.iter().map(|(release, _)| release.name).collect();
    names.dedup();
    for name in names {
        let of_project: Vec<&(Release, More<'_>)> =
            releases.iter().filter(|(release, _)| release.name == name).collect();
        project(&mut tree, name, &of_project, yanked, uploaded);
    }
    tree
}

fn project(
    tree: &mut Tree,
    name: &str,
    releases: &[&(Release, More<'_>)],
    yanked: &[(&str, &str)],
    uploaded: &dyn Fn(&Release) -> String,
) {
    let mut html = String::from("<!DOCTYPE html><html><body>\n");
    let mut files = Vec::new();
    for (release, more) in releases {
        let metadata = metadata(release);
        let wheel = wheel(release, &metadata, more);
        let file = format!("{name}-{}-py3-none-any.whl", release.version);
        let is_yanked = yanked.contains(&(name, release.version));
        let (hash, metadata_hash) = (Digest::of(&wheel), Digest::of(metadata.as_bytes()));
        writeln!(
            html,
            "<a href=\"/files/{file}#sha256={}\" data-core-metadata=\"sha256={}\"{}>{file}</a>",
            hash.hex(),
            metadata_hash.hex(),
            if is_yanked { " data-yanked=\"broken\"" } else { "" }
        )
        .unwrap();
        files.push(json!({
            "filename": file, "url": format!("/files/{file}"), "size": wheel.len(),
            "hashes": { "sha256": hash.hex() }, "yanked": is_yanked,
            "core-metadata": { "sha256": metadata_hash.hex() },
            "upload-time": uploaded(release),
        }));
        tree.file(&format!("/files/{file}.metadata"), metadata);
        tree.file(&format!("/files/{file}"), wheel);
    }
    let versions: Vec<&str> = releases.iter().map(|(release, _)| release.version).collect();
    let json = json!({
        "meta": { "api-version": "1.1" }, "name": name, "versions": versions, "files": files,
    });
    let path = format!("/simple/{name}/");
    tree.page(&path, "text/html", html + "</body></html>\n");
    tree.page(&path, "application/vnd.pypi.simple.v1+json", json.to_string());
}

fn metadata(release: &Release) -> String {
    let Release { name, version, requires } = release;
    let mut text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    if let Some(requires) = requires {
        writeln!(text, "Requires-Dist: {requires}").unwrap();
    }
    text
}

fn wheel(release: &Release, metadata: &str, more: More<'_>) -> Vec<u8> {
    let Release { name, version, .. } = release;
    let module = format!("VERSION = {version:?}\n\n\ndef main():\n    print({name:?}, VERSION)\n");
    let folder = format!("{name}-{version}.dist-info");
    let kind = "Wheel-Version: 1.0\nGenerator: it\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let scripts = format!("[console_scripts]\n{name} = {name}:main\n");
    let mut files = vec![
        (format!("{name}.py"), module),
        (format!("{folder}/METADATA"), metadata.to_owned()),
        (format!("{folder}/WHEEL"), kind.to_owned()),
        (format!("{folder}/entry_points.txt"), scripts),
    ];
    files.retain(|(path, _)| !more.iter().any(|(other, _)| other == path));
    files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let record = files.iter().fold(String::new(), |text, (path, _)| text + path + ",,\n");
    let record = (format!("{folder}/RECORD"), format!("{record}{folder}/RECORD,,\n"));
    let files: Vec<(&str, &[u8])> =
        files.iter().chain([&record]).map(|(path, text)| (&**path, text.as_bytes())).collect();
    pack::zip(&files)
}

//! The canonical form.

use super::{
    LockedFetch, LockedImage, LockedNormalize, LockedPackage, LockedStage, LockedStep, Lockfile,
    VERSION, moment,
};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

/// Writes blocks in the order that `lockfile` has them in.
pub(super) fn write(lockfile: &Lockfile) -> String {
    let mut out = Writer::default();
    out.value("version", VERSION);
    out.text("platform", &lockfile.platform);
    out.value("epoch", lockfile.epoch);
    out.value("canonical", lockfile.canonical);
    lockfile.images.iter().for_each(|image| out.image(image));
    lockfile.packages.iter().for_each(|package| out.package(package));
    lockfile.fetches.iter().for_each(|fetch| out.fetch(fetch));
    lockfile.stages.iter().for_each(|stage| out.stage(stage));
    lockfile.steps.iter().for_each(|step| out.step(step));
    lockfile.normalize.iter().for_each(|normalize| out.normalize(normalize));
    if let Some(result) = &lockfile.result {
        out.block("[result]");
        out.text("image", result.image);
    }
    out.0
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn image(&mut self, image: &LockedImage) {
        self.block("[[image]]");
        self.text("reference", &image.reference);
        self.text_if("index", image.index);
        self.text("manifest", image.manifest);
        if !image.packages.is_empty() {
            self.line("packages = [");
            for package in &image.packages {
                self.line(format_args!("    {},", quoted(package)));
            }
            self.line("]");
        }
    }

    fn package(&mut self, package: &LockedPackage) {
        self.block("[[package]]");
        self.text("type", &package.kind);
        self.text("name", &package.name);
        self.text("version", &package.version);
        let architecture =
            Some(&package.architecture).filter(|architecture| !architecture.is_empty());
        self.text_if("architecture", architecture);
        self.text_if("source", package.source.as_ref());
        self.text_if("url", package.url.as_ref());
        self.text_if("sha256", package.sha256.map(|digest| digest.hex()));
        self.value_if("size", package.size);
        self.value_if("modified", package.modified.map(moment::text));
        self.text("step", &package.step);
        self.value("requested", package.requested);
    }

    fn fetch(&mut self, fetch: &LockedFetch) {
        self.block("[[fetch]]");
        self.text("url", &fetch.url);
        self.text_if("method", fetch.method.as_ref());
        self.text_if("variant", fetch.variant.as_ref());
        self.text_if("request", fetch.request.map(|digest| digest.hex()));
        self.value_if("status", fetch.status);
        self.text_if("location", fetch.location.as_ref());
        self.text_if("type", fetch.media_type.as_ref());
        self.value_if("modified", fetch.modified.map(moment::text));
        self.text_if("etag", fetch.etag.as_ref());
        if !fetch.headers.is_empty() {
            self.value("headers", inline_table(&fetch.headers));
        }
        self.text("sha256", fetch.sha256.hex());
        self.value("size", fetch.size);
        self.text("step", &fetch.step);
    }

    fn stage(&mut self, stage: &LockedStage) {
        self.block("[[stage]]");
        if !stage.id.is_empty() {
            self.text("id", &stage.id);
        }
        self.text("base", &stage.base);
    }

    fn step(&mut self, step: &LockedStep) {
        self.block("[[step]]");
        self.text("id", &step.id);
        self.text("input", step.input);
        self.text_if("layer", step.layer);
    }

    fn normalize(&mut self, normalize: &LockedNormalize) {
        self.block("[[normalize]]");
        self.text("rule", &normalize.rule);
        self.text("path", &normalize.path);
        self.text("step", &normalize.step);
    }

    fn block(&mut self, header: &str) {
        self.line("");
        self.line(header);
    }

    fn text(&mut self, key: &str, value: impl Display) {
        self.value(key, quoted(&value.to_string()));
    }

    fn text_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn value_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    fn value(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn line(&mut self, line: impl Display) {
        // Writing into a `String` cannot fail.
        let _infallible = writeln!(self.0, "{line}");
    }
}

/// `{ docker-content-digest = "sha256:…", link = "<…>" }`: <https://toml.io/en/v1.0.0#inline-table>.
fn inline_table(values: &BTreeMap<String, String>) -> String {
    let pair = |(key, value): (&String, &String)| format!("{} = {}", self::key(key), quoted(value));
    format!("{{ {} }}", values.iter().map(pair).collect::<Vec<_>>().join(", "))
}

/// A bare key where it can be one: <https://toml.io/en/v1.0.0#keys>.
fn key(text: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(is_bare) { text.to_owned() } else { quoted(text) }
}

/// A basic string: <https://toml.io/en/v1.0.0#string>.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _infallible = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

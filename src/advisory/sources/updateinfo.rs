//! `updateinfo.xml` of rpm repositories, which their metadata covers:
//! <https://github.com/rpm-software-management/createrepo_c>. What a package belongs to is told by
//! the tag in its release (`.el9`, `.fc42`). Which stream of a
//! module an installed package is of is not known: about those it is undetermined.

use super::{Parsed, day, is_id, shown};
use crate::advisory::Severity;
use crate::advisory::ecosystem;
use crate::advisory::matching::{About, Affected, Range, Statement};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Elements inside each other. The format has six.
const DEPTH_MAX: usize = 32;

pub(super) fn is_one(content: &[u8]) -> bool {
    let mut reader = Reader::from_reader(content);
    // Before the root stand a declaration and comments.
    for _ in 0..16 {
        match reader.read_event() {
            Ok(Event::Start(root) | Event::Empty(root)) => {
                return root.local_name().as_ref() == b"updates";
            }
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    false
}

pub(super) fn parse(content: &[u8]) -> Result<Parsed, String> {
    let mut reader = Reader::from_reader(content);
    let mut parsed = Parsed::default();
    let mut update = Update::default();
    let mut path: Vec<Vec<u8>> = Vec::new();
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let malformed = |reason: &str| format!("byte {at}: {}", shown(reason));
        match event.map_err(|error| malformed(&error.to_string()))? {
            Event::Start(start) => {
                if path.len() == DEPTH_MAX {
                    return Err(malformed("elements are nested too deep"));
                }
                path.push(start.local_name().as_ref().to_vec());
                update.start(&start, true)?;
            }
            Event::Empty(start) => update.start(&start, false)?,
            Event::Text(text) => {
                let text = text.decode().map_err(|error| malformed(&error.to_string()))?;
                update.text(&path, &text);
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|error| malformed(&error.to_string()))?;
                update.text(&path, &text);
            }
            Event::End(end) => {
                path.pop();
                if end.local_name().as_ref() == b"update" {
                    std::mem::take(&mut update).add(&mut parsed);
                } else if end.local_name().as_ref() == b"collection" {
                    update.in_module = false;
                }
            }
            Event::Eof if path.is_empty() => return Ok(parsed),
            Event::Eof => return Err(malformed("the file ends within an element")),
            // References to characters are of no interest in the fields that are read; entities are
            // never expanded.
            _ => {}
        }
    }
}

/// One `<update>`, as far as it was read.
#[derive(Debug, Default)]
struct Update {
    kind: String,
    id: String,
    title: String,
    severity: String,
    date: String,
    cves: BTreeSet<String>,
    /// Name, release and `epoch:version-release`, and whether it is of a module.
    packages: BTreeSet<(String, String, String, bool)>,
    in_module: bool,
    modular: usize,
}

impl Update {
    fn start(&mut self, start: &BytesStart<'_>, has_content: bool) -> Result<(), String> {
        match start.local_name().as_ref() {
            b"update" => self.kind = attribute(start, "type")?,
            b"issued" | b"updated" => {
                let date = attribute(start, "date")?;
                self.date = std::mem::take(&mut self.date).max(date);
            }
            b"reference" => {
                let id = attribute(start, "id")?;
                if id.starts_with("CVE-") && is_id(&id) {
                    self.cves.insert(id);
                }
            }
            b"collection" => self.in_module = false,
            b"module" => self.in_module = true,
            b"package" => {
                let [name, epoch, version, release] =
                    ["name", "epoch", "version", "release"].map(|key| attribute(start, key));
                let (epoch, version, release) = (epoch?, version?, release?);
                let epoch = if epoch.is_empty() { "0" } else { &epoch };
                let evr = format!("{epoch}:{version}-{release}");
                self.modular += usize::from(self.in_module);
                self.packages.insert((name?, release, evr, self.in_module));
            }
            _ => {}
        }
        // An update without content lists nothing.
        if !has_content && start.local_name().as_ref() == b"update" {
            *self = Self::default();
        }
        Ok(())
    }

    fn text(&mut self, path: &[Vec<u8>], text: &str) {
        let [.., parent, element] = path else { return };
        if parent != b"update" {
            return;
        }
        match &**element {
            b"id" => self.id.push_str(text.trim()),
            b"title" => self.title.push_str(text),
            b"severity" => self.severity.push_str(text.trim()),
            _ => {}
        }
    }

    fn add(self, parsed: &mut Parsed) {
        parsed.as_of = parsed.as_of.max(day(&self.date));
        let is_security = self.kind == "security" || !self.cves.is_empty();
        let tags =
            self.packages.iter().filter_map(|(_, release, ..)| ecosystem::of_dist_tag(release));
        // An update that repairs no vulnerability still shows which distribution this is.
        parsed.ecosystems.extend(tags);
        if !is_security || !is_id(&self.id) {
            return;
        }
        parsed.records += 1;
        parsed.not_evaluated += usize::from(self.modular > 0);
        let about = Arc::new(About {
            id: self.id,
            aliases: BTreeSet::new(),
            upstream: self.cves,
            notices: BTreeSet::new(),
            summary: shown(&self.title),
            severity: Severity::of_word(&self.severity),
        });
        for (name, release, evr, undetermined) in self.packages {
            let Some(ecosystem) = ecosystem::of_dist_tag(&release) else {
                parsed.not_evaluated += 1;
                continue;
            };
            let affected = Affected {
                ranges: vec![Range::before(Some(evr))],
                undetermined,
                ..Affected::default()
            };
            let about = Arc::clone(&about);
            parsed.state(ecosystem, name, Statement { about, severity: None, affected, source: 0 });
        }
    }
}

/// The value of an attribute, empty where it is not there.
fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = start.try_get_attribute(name).map_err(|error| shown(&error.to_string()))?;
    let Some(attribute) = found else { return Ok(String::new()) };
    let value = std::str::from_utf8(&attribute.value).map_err(|_| "a value is not UTF-8")?;
    let value = quick_xml::escape::unescape(value).map_err(|error| shown(&error.to_string()))?;
    Ok(value.into_owned())
}

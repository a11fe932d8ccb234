//! The part of XML that indexes use: elements, attributes, text. Entities that a document defines
//! itself are what a bomb is made of, so a document type is refused.

use super::IndexError;
use super::error::shown;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::collections::BTreeMap;

/// Elements inside of each other; indexes have five.
const DEPTH_MAX: usize = 32;

/// Attributes of one element; indexes have five.
const ATTRIBUTES_MAX: usize = 64;

/// Bytes of the text of one element that is read.
const TEXT_MAX: usize = 1 << 20;

/// A piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An element starts; its name is without its prefix.
    Open(Element<'a>),
    /// An element ends.
    Close,
    /// Text.
    Text(String),
}

/// The start of an element.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) name: String,
    start: BytesStart<'a>,
}

/// Reads a document piece by piece.
pub(super) struct Document<'a> {
    what: &'static str,
    reader: quick_xml::Reader<&'a [u8]>,
    depth: usize,
    seen: bool,
}

impl<'a> Document<'a> {
    pub(super) fn new(what: &'static str, text: &'a [u8]) -> Self {
        let mut reader = quick_xml::Reader::from_reader(text);
        // An element without content has an end like every other.
        reader.config_mut().expand_empty_elements = true;
        Self { what, reader, depth: 0, seen: false }
    }

    /// The next piece; none at the end of a complete document.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>, IndexError> {
        loop {
            let event = self.reader.read_event();
            match event.map_err(|error| self.error(error.to_string()))? {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(self.error(format!("more than {DEPTH_MAX} nested elements")));
                    }
                    if self.depth == 1 && std::mem::replace(&mut self.seen, true) {
                        return Err(self.error("there is a second document"));
                    }
                    let name = start.local_name();
                    let name = String::from_utf8_lossy(name.as_ref()).into_owned();
                    return Ok(Some(Piece::Open(Element { name, start })));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Piece::Close));
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| self.error(error.to_string()))?;
                    return Ok(Some(Piece::Text(text.into_owned())));
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| self.error(error.to_string()))?;
                    return Ok(Some(Piece::Text(text.into_owned())));
                }
                Event::GeneralRef(reference) => return self.reference(&reference).map(Some),
                Event::DocType(_) => return Err(self.error("it has a document type")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof if self.depth == 0 && self.seen => return Ok(None),
                Event::Eof => return Err(self.error("it ends before its last element does")),
            }
        }
    }

    fn reference(&self, reference: &BytesRef<'_>) -> Result<Piece<'a>, IndexError> {
        let character = reference.resolve_char_ref();
        if let Some(character) = character.map_err(|error| self.error(error.to_string()))? {
            return Ok(Piece::Text(character.to_string()));
        }
        let name = reference.decode().map_err(|error| self.error(error.to_string()))?;
        match quick_xml::escape::resolve_predefined_entity(&name) {
            Some(text) => Ok(Piece::Text(text.to_owned())),
            None => Err(self.error(format!("the entity `{}` is not known", shown(&name)))),
        }
    }

    /// The text of the element that was just opened, to its end; what is nested in it is left out.
    pub(super) fn text(&mut self) -> Result<String, IndexError> {
        let depth = self.depth;
        let mut all = String::new();
        while let Some(piece) = self.next()? {
            match piece {
                Piece::Text(text) if self.depth == depth => all.push_str(&text),
                Piece::Close if self.depth < depth => break,
                _ => {}
            }
            if all.len() > TEXT_MAX {
                return Err(self.error(format!("an element has more than {TEXT_MAX} bytes")));
            }
        }
        Ok(all.trim().to_owned())
    }

    /// Passes over the element that was just opened.
    pub(super) fn skip(&mut self) -> Result<(), IndexError> {
        let depth = self.depth;
        while self.depth >= depth && self.next()?.is_some() {}
        Ok(())
    }

    /// An error here.
    pub(super) fn error(&self, reason: impl Into<String>) -> IndexError {
        let place = self.reader.buffer_position();
        IndexError::new(self.what, format!("byte {place}: {}", reason.into()))
    }

    /// Attributes by name, prefixes included, as documents have them: `xml:base`.
    pub(super) fn attributes(
        &self,
        element: &Element<'_>,
    ) -> Result<BTreeMap<String, String>, IndexError> {
        let mut attributes = BTreeMap::new();
        for attribute in element.start.attributes() {
            let attribute = attribute.map_err(|error| self.error(error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.error(error.to_string()))?.into_owned();
            let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            attributes.insert(key, value);
            if attributes.len() > ATTRIBUTES_MAX {
                return Err(self.error("an element has too many attributes"));
            }
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, IndexError> {
        let mut document = Document::new("test", text.as_bytes());
        let mut read = String::new();
        while let Some(piece) = document.next()? {
            match piece {
                Piece::Open(element) => {
                    let attributes = document.attributes(&element)?;
                    read.extend([format!("<{} {attributes:?}>", element.name)]);
                }
                Piece::Close => read += "</>",
                Piece::Text(text) => read += &text,
            }
        }
        Ok(read)
    }

    #[test]
    fn elements_have_attributes_and_text() {
        let text = "<?xml version='1.0'?><!-- c --><a xml:b='&lt;c'>&amp;x&#65;<p:d/></a>\n";
        assert_eq!(read(text).unwrap(), "<a {\"xml:b\": \"<c\"}>&xA<d {}></></>\n");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(40);
        let wide =
            format!("<a {}/>", (0..70).map(|at| format!("b{at}='' ")).collect::<Vec<_>>().concat());
        for (text, reason) in [
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
            ("<a>&b;</a>", "the entity `b` is not known"),
            (&deep, "nested elements"),
            (&wide, "too many attributes"),
            ("<a>", "ends before"),
            ("<a></b>", ""),
            ("<a b='1' b='2'/>", ""),
            ("<a/><b/>", "second document"),
            ("", "ends before"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
        }
    }
}

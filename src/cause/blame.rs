//! Which instruction made which layer.

use crate::diff::FileDifference;
use crate::finding::Location;
use crate::store::{Image, Node};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is known about how the two images were made.
#[derive(Debug, Clone, Default)]
pub struct Blame {
    left: BTreeMap<usize, Location>,
    right: BTreeMap<usize, Location>,
    surroundings: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Blame {
    /// Nothing is known.
    pub fn none() -> Self {
        Self::default()
    }

    /// The instruction of each layer that one is known for, of two builds of one Dockerfile; 0 is
    /// the lowest layer of the image.
    pub fn new(layers: BTreeMap<usize, Location>) -> Self {
        Self::of_sides(layers.clone(), layers)
    }

    /// The same where the two images have other layers each.
    pub fn of_sides(left: BTreeMap<usize, Location>, right: BTreeMap<usize, Location>) -> Self {
        Self { left, right, surroundings: Vec::new() }
    }

    /// What the histories of two images tell: the command of each layer, without a line. The file
    /// is the image's name, and the line is 0: there is none. A side that is no image has none.
    pub fn of_history(left: Option<&Image>, right: Option<&Image>) -> Self {
        let layers = |image: Option<&Image>| image.map(history).unwrap_or_default();
        Self { left: layers(left), right: layers(right), surroundings: Vec::new() }
    }

    /// Adds what the surroundings of the two builds deliberately had different: pairs of left and
    /// right value, such as the two host names. Only numbers may be of one character: letters
    /// stand in every text.
    #[must_use]
    pub fn with_surroundings(mut self, pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let is_telling =
            |value: &[u8]| value.len() > 1 || value.first().is_some_and(u8::is_ascii_digit);
        let tells = |(left, right): &(Vec<u8>, Vec<u8>)| {
            is_telling(left) && is_telling(right) && left != right
        };
        self.surroundings = pairs.into_iter().filter(tells).collect();
        self
    }

    /// The instruction that made the difference: that of the upper of the two layers that the path
    /// is from, since the other side may show what a common layer has.
    pub(super) fn location(&self, file: &FileDifference) -> Option<&Location> {
        let layer = |node: &Option<Node>| node.as_ref().map(|node| node.layer);
        let (left, right) = (layer(&file.left), layer(&file.right));
        if left >= right { self.left.get(&left?) } else { self.right.get(&right?) }
    }

    /// Pairs of values that the surroundings had different.
    pub(super) fn surroundings(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.surroundings
    }
}

/// The command of each layer; nothing if the history does not fit the layers, since it would blame
/// the wrong instruction.
fn history(image: &Image) -> BTreeMap<usize, Location> {
    let entries = image.config.history.iter().filter(|entry| !entry.empty_layer);
    let locations = entries.map(|entry| Location {
        file: PathBuf::from(&image.name),
        start_line: 0,
        end_line: 0,
        instruction: instruction(entry.created_by.as_deref().unwrap_or_default()),
    });
    let layers: BTreeMap<usize, Location> = locations.enumerate().collect();
    if layers.len() == image.layers.len() { layers } else { BTreeMap::new() }
}

/// The first line of the instruction, out of what builders write into `created_by`:
/// `/bin/sh -c apt-get update`, `/bin/sh -c #(nop) COPY file:… in /`, `RUN /bin/sh -c … # buildkit`.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim().trim_end_matches("# buildkit").trim_end();
    let text = match text.strip_prefix("/bin/sh -c #(nop)") {
        Some(rest) => rest.trim_start().to_owned(),
        None => match text.strip_prefix("RUN ").unwrap_or(text).strip_prefix("/bin/sh -c ") {
            Some(command) => format!("RUN {}", command.trim_start()),
            None => text.to_owned(),
        },
    };
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_read_from_what_builders_write() {
        for (created_by, expected) in [
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
            ("/bin/sh -c #(nop) COPY file:1 in / ", "COPY file:1 in /"),
            ("COPY . /app # buildkit", "COPY . /app"),
            ("RUN |1 A=b /bin/sh -c make", "RUN |1 A=b /bin/sh -c make"),
            ("", ""),
            ("RUN a\nb\u{1b}[31m", "RUN a"),
        ] {
            assert_eq!(instruction(created_by), expected);
        }
    }

    #[test]
    fn surroundings_that_tell_nothing_are_ignored() {
        let pair = |left: &str, right: &str| (left.as_bytes().to_vec(), right.as_bytes().to_vec());
        let blame = Blame::none().with_surroundings(vec![
            pair("1", ""),
            pair("x", "y"),
            pair("a", "a"),
            pair("first", "second"),
            pair("2", "1"),
        ]);
        assert_eq!(blame.surroundings(), [pair("first", "second"), pair("2", "1")]);
    }
}

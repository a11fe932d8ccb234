//! Collects differing fields: each once, with the number of records that it differs in.

use super::{FieldDifference, FieldKind};

#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) found: Vec<FieldDifference>,
}

impl Fields {
    /// Times, owners, orders.
    pub(super) fn stamp(&mut self, name: &'static str, left: &str, right: &str) {
        self.compare(name, FieldKind::Stamp, left, right);
    }

    /// What matters.
    pub(super) fn content(&mut self, name: &'static str, left: &str, right: &str) {
        self.compare(name, FieldKind::Content, left, right);
    }

    /// A member that only one archive has.
    pub(super) fn one_sided(&mut self, path: &[u8], is_left: bool) {
        let path = path.escape_ascii().to_string();
        let (left, right) = if is_left { (&path[..], "") } else { ("", &path[..]) };
        self.content("entries on one side", left, right);
    }

    /// Two archives whose members were found equal differ in what no field tells.
    pub(super) fn encoding(&mut self) {
        self.stamp("encoding", "other headers or padding", "for the same entries");
    }

    fn compare(&mut self, name: &'static str, kind: FieldKind, left: &str, right: &str) {
        if left == right {
            return;
        }
        if let Some(field) = self.found.iter_mut().find(|field| field.name == name) {
            field.count += 1;
            return;
        }
        let (left, right) = (left.to_owned(), right.to_owned());
        self.found.push(FieldDifference { name, kind, left, right, count: 1 });
    }
}

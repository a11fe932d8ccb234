//! Two images over a common base differ in the same paths as the same two images squashed: the
//! short cut over the base must not be seen.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A change of a layer to one of few paths.
#[derive(Debug, Clone)]
enum Change {
    Write(u8),
    Remove,
    Directory,
    Opaque,
}

const FILES: &[&str] = &["a", "d/a", "d/b", "d/e/c", "f/a"];
const DIRECTORIES: &[&str] = &["d", "d/e", "f"];

fn changes() -> impl Strategy<Value = Vec<Part>> {
    let change = prop_oneof![
        4 => (0u8..3).prop_map(Change::Write),
        2 => Just(Change::Remove),
        1 => Just(Change::Directory),
        1 => Just(Change::Opaque),
    ];
    prop::collection::btree_map(0..FILES.len() + DIRECTORIES.len(), change, 0..6).prop_map(
        |changes| {
            let mut parts = BTreeMap::new();
            for (index, change) in changes {
                let (path, is_directory) = match FILES.get(index) {
                    Some(path) => (*path, false),
                    None => (DIRECTORIES[index - FILES.len()], true),
                };
                add(&mut parts, path, is_directory, &change);
            }
            parts.into_values().collect()
        },
    )
}

fn add(parts: &mut BTreeMap<String, Part>, path: &str, is_directory: bool, change: &Change) {
    let mut insert = |part: Part| {
        parts.insert(part.path.clone(), part);
    };
    // A layer that an overlay gives has an entry for each directory that leads to a change.
    for (slash, _) in path.match_indices('/') {
        insert(directory(&path[..slash]));
    }
    match change {
        Change::Remove => insert(whiteout(path)),
        Change::Opaque if is_directory => {
            insert(directory(path));
            insert(file(&format!("{path}/.wh..wh..opq"), ""));
        }
        Change::Directory if is_directory => insert(directory(path).mode(0o700)),
        Change::Write(content) if !is_directory => insert(file(path, [*content])),
        _ => {}
    }
}

/// One layer with the whole tree.
fn squash(blobs: &Blobs, image: &Image) -> Image {
    let mut tree = crate::store::FileTree::new();
    for (index, layer) in image.layers.iter().enumerate() {
        tree.apply_layer(index, layer.open().unwrap()).unwrap();
    }
    let mut parts = Vec::new();
    let contents: BTreeMap<Digest, Vec<u8>> =
        (0..3).map(|byte| (Digest::of(&[byte]), vec![byte])).collect();
    for (path, node) in tree.iter() {
        let path = String::from_utf8(path.to_vec()).unwrap();
        parts.push(match &node.kind {
            crate::store::NodeKind::File { digest, .. } => file(&path, &contents[digest]),
            _ => directory(&path).mode(node.mode),
        });
    }
    blobs.image(&[&parts])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_short_cut_over_common_layers_is_not_seen(
        base in changes(), left in changes(), right in changes(),
    ) {
        let blobs = Blobs::new();
        let left = blobs.image(&[&base, &left]);
        let right = blobs.image(&[&base, &right]);
        let short = compare_images(&left, &right);
        let (left, right) = (squash(&blobs, &left), squash(&blobs, &right));
        let whole = compare_images(&left, &right);
        prop_assert_eq!(shown(&short), shown(&whole));
        let back = compare_images(&right, &left);
        prop_assert_eq!(shown(&whole), shown(&back));
    }
}

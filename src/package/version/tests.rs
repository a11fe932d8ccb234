//! Cases of `fixtures/versions`, and laws that hold for every order.

use super::*;
use std::fs;
use std::path::Path;

/// Lines `left < right`, `left = right`, `left > right`, and `left ? right` for what cannot be
/// compared: `fixtures/versions/README.md` says where they are from.
fn cases(kind: &str) -> Vec<(String, char, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/versions/{kind}.txt"));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let cases = lines.map(|line| {
        let [left, order, right] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{kind}: `{line}` is not a case")
        };
        (left.to_owned(), order.chars().next().unwrap(), right.to_owned())
    });
    cases.collect()
}

fn order_of(sign: char) -> Option<Ordering> {
    match sign {
        '<' => Some(Ordering::Less),
        '=' => Some(Ordering::Equal),
        '>' => Some(Ordering::Greater),
        '?' => None,
        other => panic!("`{other}` is no order"),
    }
}

fn assert_cases(kind: &str, at_least: usize) {
    let cases = cases(kind);
    assert!(cases.len() >= at_least, "{kind}: only {} cases", cases.len());
    let mut wrong = Vec::new();
    for (left, sign, right) in cases {
        let expected = order_of(sign);
        let found = compare(kind, &left, &right);
        let back = compare(kind, &right, &left);
        if found != expected || back != expected.map(Ordering::reverse) {
            wrong.push(format!("{left} {sign} {right}: found {found:?}, backwards {back:?}"));
        }
    }
    assert!(wrong.is_empty(), "{kind}: {} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn deb() {
    assert_cases("deb", 300);
}

#[test]
fn rpm() {
    assert_cases("rpm", 150);
}

#[test]
fn apk() {
    assert_cases("apk", 500);
}

#[test]
fn pypi() {
    assert_cases("pypi", 200);
}

#[test]
fn npm() {
    assert_cases("npm", 150);
}

#[test]
fn gem() {
    assert_cases("gem", 200);
}

#[test]
fn maven() {
    assert_cases("maven", 300);
    for uncertain in ["1.0.BUILD-SNAPSHOT", "1.0.0.x.1", "1_0"] {
        assert_eq!(compare("maven", uncertain, "1"), None, "{uncertain}");
    }
}

#[test]
fn golang() {
    assert_cases("golang", 20);
}

#[test]
fn cargo_orders_as_semver_does() {
    assert_eq!(compare("cargo", "1.0.0-alpha.2", "1.0.0-alpha.10"), Some(Ordering::Less));
    assert_eq!(compare("cargo", "1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
    assert_eq!(compare("cargo", "1.0", "1.0.0"), None);
    assert_eq!(compare("cargo", "v1.0.0", "1.0.0"), None);
}

#[test]
fn what_is_unknown_is_not_compared() {
    assert_eq!(compare("conan", "1", "2"), None);
    let long = "1".repeat(LENGTH_MAX + 1);
    for kind in ["deb", "rpm", "apk", "pypi", "npm", "cargo", "golang", "gem", "maven"] {
        assert_eq!(compare(kind, &long, "1"), None, "{kind}");
        assert_eq!(compare(kind, "", "1"), None, "{kind}");
        assert_eq!(compare(kind, "1.0.0\u{661}", "1.0.0\n"), None, "{kind}");
    }
}

proptest::proptest! {
    /// An order: the reverse of the other way round, equal to itself, and transitive.
    #[test]
    fn orders_are_orders(
        kind in proptest::sample::select(&["deb", "rpm", "apk", "gem", "maven", "golang", "npm"][..]),
        versions in proptest::collection::vec("[0-9]{1,2}(\\.[0-9]{1,2}){0,2}[a-z]?([-_.~^+][a-z0-9]{1,4}){0,2}", 3),
    ) {
        let [a, b, c] = &versions[..] else { unreachable!() };
        if let Some(order) = compare(kind, a, b) {
            proptest::prop_assert_eq!(compare(kind, b, a), Some(order.reverse()));
            if order.is_le() && compare(kind, b, c).is_some_and(Ordering::is_le) {
                proptest::prop_assert!(compare(kind, a, c).is_some_and(Ordering::is_le));
            }
        }
        if let Some(order) = compare(kind, a, a) {
            proptest::prop_assert_eq!(order, Ordering::Equal);
        }
    }

    /// Whatever the bytes, there is an answer and no panic.
    #[test]
    fn nothing_panics(left in "\\PC{0,20}", right in "[0-9a-z.~^+_:-]{0,20}") {
        for kind in ["deb", "rpm", "apk", "pypi", "npm", "cargo", "golang", "gem", "maven"] {
            let _ = compare(kind, &left, &right);
            let _ = compare(kind, &right, &left);
        }
    }
}

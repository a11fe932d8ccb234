//! Tests of reading manifests.

use super::*;
use crate::registry::Failure;
use proptest::prelude::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn manifest(layers: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{DIGEST}","size":2}},"layers":[{layers}]}}"#,
        media_type::MANIFEST,
        media_type::CONFIG
    )
}

fn layer(media_type: &str, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":1{more}}}"#)
}

fn index(entries: &[(&str, &str)]) -> Index {
    let entry = |(media_type, platform): &(&str, &str)| Descriptor {
        media_type: (*media_type).to_owned(),
        digest: crate::oci::Digest::of(platform.as_bytes()),
        size: 1,
        platform: platform.parse().ok(),
        annotations: std::collections::BTreeMap::default(),
    };
    Index {
        schema_version: 2,
        media_type: None,
        manifests: entries.iter().map(entry).collect(),
        annotations: std::collections::BTreeMap::default(),
    }
}

fn error(text: &str) -> RegistryError {
    parse(text.as_bytes(), "a.example/b:c").unwrap_err()
}

#[test]
fn images_and_indexes_are_told_apart() {
    let text = manifest(&layer(media_type::LAYER_GZIP, ""));
    assert!(matches!(parse(text.as_bytes(), "x").unwrap(), Document::Manifest(_)));
    let text = r#"{"schemaVersion":2,"manifests":[]}"#;
    assert!(matches!(parse(text.as_bytes(), "x").unwrap(), Document::Index(_)));
}

#[test]
fn what_no_registry_may_serve_is_an_integrity_error() {
    let both = manifest("").replacen('{', r#"{"manifests":[],"#, 1);
    let other_type = manifest("").replace(media_type::MANIFEST, media_type::INDEX);
    let bad_digest = manifest("").replace(DIGEST, "sha256:../../etc/passwd");
    let deep = format!(r#"{{"schemaVersion":2,"config":{}"#, "[".repeat(100_000));
    for (text, words) in [
        (&*both, "both layers and manifests"),
        (&*other_type, "another media type"),
        (&*bad_digest, "not a digest"),
        (&*deep, "not valid"),
        ("<html>Sign in</html>", "not valid"),
        ("", "not valid"),
        ("[]", "not valid"),
        ("{}", "schemaVersion"),
        (r#"{"schemaVersion":2}"#, "neither layers nor manifests"),
        (r#"{"schemaVersion":2,"layers":[],"layers":[]}"#, "duplicate"),
        (
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
            "another media type",
        ),
    ] {
        let error = error(text);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("a.example/b:c"), "{error}");
        assert!(error.is_integrity(), "{error}");
    }
}

#[test]
fn what_is_legal_and_not_read_is_called_unsupported() {
    let foreign = layer(media_type::LAYER_GZIP, r#","urls":["https://elsewhere.example/x"]"#);
    let chart =
        manifest("").replace(media_type::CONFIG, "application/vnd.cncf.helm.config.v1+json");
    let many = vec![layer(media_type::LAYER, ""); LAYERS_MAX + 1].join(",");
    for (text, words) in [
        (manifest(&foreign), "from elsewhere"),
        (manifest(&layer("application/vnd.oci.image.layer.v1.tar+encrypted", "")), "+encrypted"),
        (
            manifest(&layer("application/vnd.oci.image.layer.nondistributable.v1.tar", "")),
            "nondist",
        ),
        (chart, "not a container image"),
        (manifest(&many), "more than 1024 layers"),
        (manifest("").replace(r#""size":2"#, r#""size":9999999"#), "config is larger"),
        (r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(), "schema 1"),
    ] {
        let error = error(&text);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.failure(), Failure::Unsupported, "{error}");
    }
    let allowed = vec![layer(media_type::LAYER, ""); LAYERS_MAX].join(",");
    assert!(parse(manifest(&allowed).as_bytes(), "x").is_ok());
}

#[test]
fn the_platforms_manifest_is_chosen() {
    let m = media_type::MANIFEST;
    let index = index(&[
        (m, "unknown/unknown"),
        (m, "linux/arm/v6"),
        (m, "linux/arm/v7"),
        (m, "linux/amd64/v3"),
        (m, "linux/amd64"),
        (m, "linux/arm64/v8"),
        (media_type::INDEX, "linux/s390x"),
        ("application/x", "linux/riscv64"),
    ]);
    let chosen = |platform: &str| {
        let chosen = select(&index, &platform.parse().unwrap(), "a.example/b:c");
        chosen.map(|entry| entry.platform.clone().unwrap().to_string())
    };
    assert_eq!(chosen("linux/amd64").unwrap(), "linux/amd64");
    assert_eq!(chosen("linux/arm/v7").unwrap(), "linux/arm/v7");
    assert_eq!(chosen("linux/arm64").unwrap(), "linux/arm64/v8");
    let error = chosen("windows/amd64").unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound);
    let hint = error.hint().unwrap();
    assert!(hint.contains("linux/arm64/v8") && !hint.contains("unknown"), "{hint}");
    assert!(chosen("linux/s390x").unwrap_err().to_string().contains("another index"));
    assert!(chosen("linux/riscv64").unwrap_err().to_string().contains("application/x"));
}

#[test]
fn a_config_must_agree_with_manifest_and_platform() {
    let Document::Manifest(image) =
        parse(manifest(&layer(media_type::LAYER, "")).as_bytes(), "x").unwrap()
    else {
        panic!("an image")
    };
    let check = |ids: &str, architecture: &str| {
        let config = format!(
            r#"{{"os":"linux","architecture":"{architecture}","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#
        );
        check_config(config.as_bytes(), &image, &"linux/amd64".parse().unwrap(), "x")
    };
    assert!(check(&format!(r#""{DIGEST}""#), "amd64").is_ok());
    assert!(check("", "amd64").unwrap_err().is_integrity());
    let error = check(&format!(r#""{DIGEST}""#), "arm64").unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound);
    assert_eq!(error.hint().unwrap(), "it has: linux/arm64");
    let error =
        check_config(b"nonsense", &image, &"linux/amd64".parse().unwrap(), "x").unwrap_err();
    assert!(error.is_integrity());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes, "x").is_err());
    }

    #[test]
    fn a_damaged_manifest_is_survived(position in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = manifest(&layer(media_type::LAYER_GZIP, "")).into_bytes();
        if let Some(target) = bytes.get_mut(position) {
            *target = byte;
        }
        drop(parse(&bytes, "x"));
    }
}

//! Keys and signatures that gpg made (`fixtures/index/make.sh`), and what they must not be taken for.

use super::*;
use std::path::{Path, PathBuf};

fn fixture(path: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/index").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn keyring(names: &[&str]) -> Keyring {
    let mut keyring = Keyring::default();
    for name in names {
        keyring.add(name, &fixture(&format!("keys/{name}"))).unwrap();
    }
    keyring
}

/// Who has signed, or why nobody has.
fn verify(text: &[u8], names: &[&str]) -> String {
    match cleartext(text) {
        Ok(signed) => said(&signed, names),
        Err(error) => error.to_string(),
    }
}

fn said(signed: &Signed<()>, names: &[&str]) -> String {
    match signed.verify(&keyring(names)) {
        Ok(signers) => {
            let signers: Vec<String> =
                signers.iter().map(|it| it.user.clone().unwrap_or_default()).collect();
            signers.join(" and ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn signatures_of_every_supported_kind_are_good() {
    for name in ["ed25519", "rsa", "rsa-sha256", "p256", "p384", "subkey"] {
        let key = name.split('-').next().unwrap();
        let text = fixture(&format!("apt/InRelease.{name}"));
        let user = format!("{key} <{key}@index.test>");
        assert_eq!(verify(&text, &[&format!("{key}.asc")]), user, "{name}");
    }
    let both = "ed25519 <ed25519@index.test> and rsa <rsa@index.test>";
    assert_eq!(verify(&fixture("apt/InRelease.two"), &["two.gpg"]), both);
    // One of two is enough; of the other nothing is known.
    assert_eq!(verify(&fixture("apt/InRelease.two"), &["rsa.asc"]), "rsa <rsa@index.test>");
}

#[test]
fn a_signer_has_its_key_and_its_time() {
    let signed = cleartext(&fixture("apt/InRelease.subkey")).unwrap();
    let signers = signed.verify(&keyring(&["subkey.asc"])).unwrap();
    let [signer] = &*signers else { panic!("{signers:?}") };
    assert_ne!(signer.key, signer.primary);
    assert_eq!((signer.made, signer.until), (1_767_225_600, None));
    assert_eq!(signer.keyring, "subkey.asc");
    let signed = cleartext(&fixture("apt/InRelease.in-time")).unwrap();
    let signers = signed.verify(&keyring(&["expired.asc"])).unwrap();
    assert_eq!(signers[0].made, 1_738_368_000);
    // 180 days after it was made to expire, on the day after it was made.
    assert_eq!(signers[0].until, Some(1_735_776_000 + 180 * 86_400));
}

#[test]
fn what_no_key_of_the_keyring_has_signed_is_signed_by_nobody() {
    let text = fixture("apt/InRelease.ed25519");
    assert!(verify(&text, &["rsa.asc"]).ends_with("which no keyring has"));
    assert!(verify(&text, &[]).ends_with("which no keyring has"));
    assert_eq!(said(&unsigned(b"text"), &["rsa.asc"]), "it is not signed");
}

#[test]
fn weak_expired_and_revoked_signatures_count_for_nothing() {
    for (name, key, reason) in [
        ("rsa-sha1", "rsa", "SHA-1 is too weak to sign with"),
        ("weak", "weak", "self-signature does not hold: SHA-1 is too weak"),
        ("short", "short", "fewer than 2048 bits"),
        ("expired", "expired", "the key had expired when it signed"),
        ("revoked", "revoked", "the key is revoked"),
    ] {
        let said = verify(&fixture(&format!("apt/InRelease.{name}")), &[&format!("{key}.asc")]);
        assert!(said.contains("counts for nothing"), "{name}: {said}");
        assert!(said.contains(reason), "{name}: {said}");
    }
}

#[test]
fn signatures_beside_a_text_are_armored_or_not() {
    let release = fixture("apt/Release");
    for (name, key) in
        [("Release.gpg", "ed25519"), ("Release.binary.gpg", "rsa"), ("Release.text.gpg", "rsa")]
    {
        let signature = fixture(&format!("apt/{name}"));
        let signed = detached(&release, &signature).unwrap();
        let keys = format!("{key}.asc");
        assert_eq!(said(&signed, &[&keys]), format!("{key} <{key}@index.test>"), "{name}");
        let mut changed = release.clone();
        changed[10] ^= 1;
        let said = said(&detached(&changed, &signature).unwrap(), &[&keys]);
        assert!(said.starts_with("it is not what key"), "{said}");
    }
}

#[test]
fn every_changed_byte_of_a_signed_text_is_found() {
    let text = fixture("apt/InRelease.ed25519");
    let end = bstr::ByteSlice::find(&*text, b"-----BEGIN PGP SIGNATURE-----").unwrap();
    let start = bstr::ByteSlice::find(&*text, b"\n\n").unwrap() + 2;
    let good = verify(&text, &["ed25519.asc"]);
    for at in start..end {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert_ne!(verify(&changed, &["ed25519.asc"]), good, "byte {at}");
    }
}

#[test]
fn text_outside_of_the_signed_block_is_refused() {
    let text = fixture("apt/InRelease.ed25519");
    let with = |before: &str, after: &str| {
        let text = [before.as_bytes(), &text, after.as_bytes()].concat();
        verify(&text, &["ed25519.asc"])
    };
    assert_eq!(with("", ""), "ed25519 <ed25519@index.test>");
    assert_eq!(with("", "\n \n"), "ed25519 <ed25519@index.test>");
    assert_eq!(with("Origin: evil\n", ""), "there is text before the signed block");
    assert_eq!(with("\n", ""), "there is text before the signed block");
    assert_eq!(with("", "Origin: evil\n"), "there is text behind the signed block");
    let twice = String::from_utf8(text.clone()).unwrap();
    assert_eq!(with("", &twice), "there is text behind the signed block");
    let replaced =
        |from: &str, to: &str| verify(twice.replacen(from, to, 1).as_bytes(), &["ed25519.asc"]);
    assert_eq!(
        replaced("Hash: ", "NotDashEscaped: x\nHash: "),
        "the signed block has a header other than `Hash`"
    );
    assert_eq!(replaced("\nOrigin", "\n-Origin"), "a line starts with a dash that is not escaped");
    assert_eq!(replaced("-----END PGP SIGNATURE-----", ""), "the signature has no end");
    assert_eq!(verify(b"Origin: it\n", &[]), "it is not clear-signed");
    assert_eq!(verify(b"", &[]), "it is not clear-signed");
}

#[test]
fn blanks_at_the_ends_of_lines_are_not_signed_and_not_read() {
    let text = String::from_utf8(fixture("apt/InRelease.ed25519")).unwrap();
    let spaced = text.replace("Suite: stable\n", "Suite: stable \t\r\n");
    let signed = cleartext(spaced.as_bytes()).unwrap();
    assert_eq!(said(&signed, &["ed25519.asc"]), "ed25519 <ed25519@index.test>");
    let plain = cleartext(text.as_bytes()).unwrap();
    assert_eq!(signed.text(), plain.text());
    // What starts with a dash is signed as it is meant.
    let release = fixture("apt/Release");
    assert_eq!(plain.text(), release.strip_suffix(b"\n").unwrap());
}

#[test]
fn a_subkey_of_somebody_else_signs_nothing() {
    // The subkey of one key, put behind another: the binding is not that key's.
    let own = armor::plain(&fixture("keys/subkey.asc")).unwrap();
    let other = armor::plain(&fixture("keys/ed25519.asc")).unwrap();
    let packets = packet::packets(&own).unwrap();
    let start = packets.iter().position(|it| it.tag == packet::PUBLIC_SUBKEY).unwrap();
    let mut stolen = other;
    for packet in &packets[start..] {
        stolen.push(0x80 | packet.tag << 2 | 1);
        stolen.extend_from_slice(&u16::try_from(packet.body.len()).unwrap().to_be_bytes());
        stolen.extend_from_slice(packet.body);
    }
    let mut keyring = Keyring::default();
    keyring.add("stolen", &stolen).unwrap();
    let signed = cleartext(&fixture("apt/InRelease.subkey")).unwrap();
    let error = signed.verify(&keyring).unwrap_err();
    assert!(matches!(error, SignatureError::Unusable { .. }), "{error}");
}

#[test]
fn no_input_makes_it_fall_over() {
    let key = fixture("keys/two.gpg");
    for at in 0..key.len() {
        // Cut off, and changed.
        let _refused = Keyring::default().add("cut", &key[..at]);
        let mut changed = key.clone();
        changed[at] ^= 0xff;
        let _either = Keyring::default().add("changed", &changed);
    }
    let signature = fixture("apt/Release.binary.gpg");
    for at in 0..signature.len() {
        assert!(detached(b"text", &signature[..at]).is_err(), "{at}");
        let mut changed = signature.clone();
        changed[at] ^= 0xff;
        if let Ok(signed) = detached(b"text", &changed) {
            assert!(signed.verify(&keyring(&["rsa.asc"])).is_err());
        }
    }
}

#[test]
fn a_line_that_starts_with_a_dash_is_signed_without_its_escape() {
    let block = |line: &str| {
        let text = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: it\n{line}\n-----BEGIN PGP \
             SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"
        );
        cleartext::split(text.as_bytes()).map(|(text, _)| String::from_utf8(text).unwrap())
    };
    assert_eq!(block("- -----BEGIN"), Ok("Suite: it\n-----BEGIN".to_owned()));
    assert_eq!(block("- - a"), Ok("Suite: it\n- a".to_owned()));
    assert!(block("-a").is_err() && block("--").is_err());
}

#[test]
fn armor_may_have_headers_which_end_in_an_empty_line() {
    let decode = |head: &str| {
        let name = "PGP SIGNATURE-----";
        armor::decode(format!("-----BEGIN {name}\n{head}AAAA\n=cccc\n-----END {name}\n").as_bytes())
    };
    for head in ["\n", "Version: it\n\n", "Comment:\n\n", "Version: it\nComment: x\n\n"] {
        assert_eq!(decode(head), Ok(vec![0, 0, 0]), "{head:?}");
    }
    for head in ["", "Version: it\n", "Version\n\n"] {
        assert!(decode(head).is_err(), "{head:?}");
    }
}

#[test]
fn packets_have_lengths_of_both_formats() {
    let lengths = |head: &[u8], size: usize| -> Result<Vec<(u8, usize)>, PgpError> {
        let bytes = [head, &vec![7; size], &[0xca, 0]].concat();
        let found = packet::packets(&bytes)?;
        Ok(found.iter().map(|it| (it.tag, it.body.len())).collect())
    };
    for (head, size) in [
        (&[0xc2, 191][..], 191),
        (&[0xc2, 192, 0], 192),
        (&[0xc2, 223, 255], 8383),
        (&[0xc2, 255, 0, 1, 0, 0], 65_536),
        (&[0x88, 200], 200),
        (&[0x89, 1, 0], 256),
        (&[0x8a, 0, 0, 1, 0], 256),
    ] {
        assert_eq!(lengths(head, size), Ok(vec![(2, size), (10, 0)]), "{head:?}");
    }
    // Parts, no length, no packet.
    for head in [&[0xc2, 224][..], &[0xc2, 254], &[0x8b], &[0x02, 1]] {
        assert!(lengths(head, 300).is_err(), "{head:?}");
    }
    let mut number = packet::Bytes(&[0, 17, 0, 1, 2, 9]);
    assert_eq!(number.integer(), Ok(&[1, 2][..]));
    assert_eq!(number.0, [9]);
}

#[test]
fn keys_that_nobody_has_are_named() {
    let id = keyring(&["ed25519.asc"]).ids()[0];
    let text = verify(&fixture("apt/InRelease.ed25519"), &["rsa.asc"]);
    assert_eq!(text, format!("it is signed by key {id}, which no keyring has"));
}

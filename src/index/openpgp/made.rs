//! Keys and signatures that are made here, byte by byte: what no program would make, and what must
//! then count for nothing.

use super::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha1::Digest as _;

/// When all keys are made that are not made at another time.
const BIRTH: u32 = 1_000_000;
const TEXT: &[u8] = b"Suite: stable\n";
const SIGN: &[u8] = &[0x02];

/// A pair of keys of algorithm 27.
struct Pair {
    pair: Ed25519KeyPair,
    /// Of the key packet.
    body: Vec<u8>,
}

fn pair(seed: u8) -> Pair {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let mut body = vec![4];
    body.extend(BIRTH.to_be_bytes());
    body.push(27);
    body.extend(pair.public_key().as_ref());
    Pair { pair, body }
}

/// A packet whose length has four bytes.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 255], &length[..], body].concat()
}

fn subpacket(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len() + 1).unwrap(), kind], body].concat()
}

fn made(at: u32) -> Vec<u8> {
    subpacket(2, &at.to_be_bytes())
}

fn flags(flags: &[u8]) -> Vec<u8> {
    subpacket(27, flags)
}

/// Subpacket 3 or 9.
fn holds_for(kind: u8, seconds: u32) -> Vec<u8> {
    subpacket(kind, &seconds.to_be_bytes())
}

impl Pair {
    /// As section 5.2.4 has it signed.
    fn signed(&self) -> Vec<u8> {
        let length = u16::try_from(self.body.len()).unwrap().to_be_bytes();
        [&[0x99], &length[..], &self.body].concat()
    }

    fn id(&self) -> KeyId {
        KeyId(*sha1::Sha1::digest(self.signed()).last_chunk().unwrap())
    }

    fn issuer(&self) -> Vec<u8> {
        subpacket(16, &self.id().0)
    }

    /// The body of a signature over `signed`. Hash 2 is SHA-1, which only claims to be one.
    fn sign(&self, form: &Form, signed: &[u8]) -> Vec<u8> {
        let hashed = form.hashed.concat();
        let mut body = vec![4, form.kind, 27, form.hash];
        body.extend(u16::try_from(hashed.len()).unwrap().to_be_bytes());
        body.extend(hashed);
        let end = u32::try_from(body.len()).unwrap().to_be_bytes();
        let digest = sha2::Sha256::digest([signed, &body, &[4, 0xff], &end].concat());
        let unhashed = form.unhashed.concat();
        body.extend(u16::try_from(unhashed.len()).unwrap().to_be_bytes());
        body.extend(unhashed);
        body.extend(&digest[..2]);
        body.extend(self.pair.sign(&digest).as_ref());
        body
    }

    fn user(&self, name: &str, form: &Form) -> Vec<u8> {
        let length = u32::try_from(name.len()).unwrap().to_be_bytes();
        let signed = [&*self.signed(), &[0xb4], &length, name.as_bytes()].concat();
        let signature = packet(packet::SIGNATURE, &self.sign(form, &signed));
        [packet(packet::USER_ID, name.as_bytes()), signature].concat()
    }

    /// A key with one user, who says this of it.
    fn certificate(&self, of_user: &Form) -> Vec<u8> {
        [packet(packet::PUBLIC_KEY, &self.body), self.user("it", of_user)].concat()
    }

    /// The subkey's signature over its primary key.
    fn agrees(&self, kind: u8, primary: &Self) -> Vec<u8> {
        let form = Form::of(kind, vec![made(BIRTH), self.issuer()]);
        subpacket(32, &self.sign(&form, &[primary.signed(), self.signed()].concat()))
    }

    /// A subkey that is bound like this.
    fn subkey(&self, subkey: &Self, binding: &Form) -> Vec<u8> {
        let signed = [self.signed(), subkey.signed()].concat();
        let signature = packet(packet::SIGNATURE, &self.sign(binding, &signed));
        [packet(packet::PUBLIC_SUBKEY, &subkey.body), signature].concat()
    }
}

/// What a signature says.
#[derive(Clone)]
struct Form {
    kind: u8,
    hash: u8,
    hashed: Vec<Vec<u8>>,
    unhashed: Vec<Vec<u8>>,
}

impl Form {
    fn of(kind: u8, hashed: Vec<Vec<u8>>) -> Self {
        Self { kind, hash: 8, hashed, unhashed: Vec::new() }
    }
}

/// What the user of a key says of it.
fn positive(hashed: Vec<Vec<u8>>) -> Form {
    Form::of(0x13, [vec![made(BIRTH)], hashed].concat())
}

/// Who has signed with a form, of the keys of a file.
fn signers(file: &[u8], by: &Pair, form: &Form) -> Result<Vec<Signer>, SignatureError> {
    let mut keyring = Keyring::default();
    keyring.add("file", file).unwrap();
    let signature = packet(packet::SIGNATURE, &by.sign(form, TEXT));
    detached(TEXT, &signature).unwrap().verify(&keyring)
}

/// `good`, or why not.
fn said(file: &[u8], by: &Pair, form: &Form) -> String {
    match signers(file, by, form) {
        Ok(_) => "good".to_owned(),
        Err(error) => error.to_string().replace(&by.id().to_string(), "ID"),
    }
}

/// A plain signature over a text, at this time.
fn at(by: &Pair, time: u32) -> Form {
    Form::of(signature::BINARY, vec![made(time), by.issuer()])
}

#[track_caller]
fn ends(said: &str, expected: &str) {
    assert!(said.ends_with(expected), "`{said}` does not end in `{expected}`");
}

#[test]
fn a_primary_key_signs_as_far_as_its_own_signatures_say() {
    let key = pair(1);
    let time = at(&key, BIRTH + 10);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("flags", key.certificate(&positive(vec![flags(SIGN)])), "good"),
        ("no flags", key.certificate(&positive(vec![])), "good"),
        ("to certify", key.certificate(&positive(vec![flags(&[0x01])])), "not for signing"),
        ("empty flags", key.certificate(&positive(vec![flags(&[])])), "not for signing"),
        ("nobody says it", packet(packet::PUBLIC_KEY, &key.body), "the key has no self-signature"),
        (
            "weak",
            key.certificate(&Form { hash: 2, ..positive(vec![]) }),
            "self-signature does not hold: SHA-1 is too weak to sign with",
        ),
        (
            "the user of another key",
            [packet(packet::PUBLIC_KEY, &key.body), pair(2).user("it", &positive(vec![]))].concat(),
            "self-signature does not hold: the signature is not the key's",
        ),
        (
            "not a certification",
            key.certificate(&Form { kind: 0x14, ..positive(vec![]) }),
            "the key has no self-signature",
        ),
        (
            "without a time",
            key.certificate(&Form::of(0x13, vec![])),
            "self-signature does not hold: the signature does not say when it was made",
        ),
    ];
    for (name, file, expected) in cases {
        let said = said(&file, &key, &time);
        assert!(said.ends_with(expected), "{name}: {said}");
    }
    for kind in 0x10..=0x13 {
        let file = key.certificate(&Form { kind, ..positive(vec![]) });
        assert_eq!(said(&file, &key, &time), "good", "{kind}");
    }
    // About the key itself, without any user; and what only claims to be about it.
    let direct = Form::of(signature::DIRECT_KEY, vec![made(BIRTH)]);
    let file = |over: &[u8]| {
        let signature = packet(packet::SIGNATURE, &key.sign(&direct, over));
        [packet(packet::PUBLIC_KEY, &key.body), signature].concat()
    };
    assert_eq!(said(&file(&key.signed()), &key, &time), "good");
    ends(&said(&file(b"other"), &key, &time), "the signature is not the key's");
}

#[test]
fn the_newest_self_signature_counts() {
    let key = pair(1);
    let user = |name: &str, time: u32, hashed: Vec<Vec<u8>>| {
        key.user(name, &Form::of(0x13, [vec![made(time)], hashed].concat()))
    };
    let not_to_sign = |time| user("it", time, vec![flags(&[0x01])]);
    let to_sign = |time| user("other", time, vec![flags(SIGN)]);
    for (parts, expected) in [
        ([not_to_sign(BIRTH), to_sign(BIRTH + 1)], "good"),
        ([to_sign(BIRTH + 1), not_to_sign(BIRTH)], "good"),
        ([to_sign(BIRTH), not_to_sign(BIRTH + 1)], "not for signing"),
        ([not_to_sign(BIRTH + 1), to_sign(BIRTH)], "not for signing"),
        // Of one second the last.
        ([to_sign(BIRTH), not_to_sign(BIRTH)], "not for signing"),
    ] {
        let file = [packet(packet::PUBLIC_KEY, &key.body), parts.concat()].concat();
        ends(&said(&file, &key, &at(&key, BIRTH + 10)), expected);
    }
}

#[test]
fn signatures_behind_what_is_not_known_are_about_nothing_that_is() {
    // A picture, with a signature that would hold for the user before it.
    let key = pair(1);
    let user = key.user("it", &positive(vec![flags(&[0x01])]));
    let newer = Form::of(0x13, vec![made(BIRTH + 1), flags(SIGN)]);
    let signed = [&key.signed(), &[0xb4, 0, 0, 0, 2][..], b"it"].concat();
    let signature = packet(packet::SIGNATURE, &key.sign(&newer, &signed));
    let certificate = |between: &[u8]| {
        let file = [&packet(packet::PUBLIC_KEY, &key.body), &user, between, &signature].concat();
        said(&file, &key, &at(&key, BIRTH + 10))
    };
    assert_eq!(certificate(&[]), "good");
    ends(&certificate(&packet(17, b"picture")), "not for signing");
    // A subkey of a version that cannot be read; and a user after it counts again.
    ends(&certificate(&packet(packet::PUBLIC_SUBKEY, b"\x05")), "not for signing");
    let again = [packet(17, b"picture"), packet(packet::USER_ID, b"it")].concat();
    assert_eq!(certificate(&again), "good");
}

#[test]
fn a_key_of_another_version_is_none() {
    let key = pair(1);
    let mut other = pair(1);
    other.body[0] = 5;
    let file = other.certificate(&positive(vec![]));
    ends(&said(&file, &key, &at(&key, BIRTH + 10)), "which no keyring has");
    // One behind it does count.
    let file = [file, key.certificate(&positive(vec![]))].concat();
    assert_eq!(said(&file, &key, &at(&key, BIRTH + 10)), "good");
}

#[test]
fn a_subkey_signs_if_it_is_bound_to_sign_and_agrees() {
    let (key, sub, foreign) = (pair(1), pair(2), pair(3));
    let agreed = |kind| sub.agrees(kind, &key);
    let bound = |hashed: Vec<Vec<u8>>| {
        let form = Form::of(signature::SUBKEY_BINDING, [vec![made(BIRTH)], hashed].concat());
        key.subkey(&sub, &form)
    };
    let good = || bound(vec![flags(SIGN), agreed(signature::PRIMARY_BINDING)]);
    let unhashed = Form {
        unhashed: vec![agreed(signature::PRIMARY_BINDING)],
        ..Form::of(signature::SUBKEY_BINDING, vec![made(BIRTH), flags(SIGN)])
    };
    let elsewhere = Form::of(signature::SUBKEY_BINDING, vec![made(BIRTH), flags(SIGN)]);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("good", good(), "good"),
        ("the agreement proves itself", key.subkey(&sub, &unhashed), "good"),
        ("no flags", bound(vec![agreed(signature::PRIMARY_BINDING)]), "not for signing"),
        (
            "to encrypt",
            bound(vec![flags(&[0x0c]), agreed(signature::PRIMARY_BINDING)]),
            "not for signing",
        ),
        ("it has not agreed", bound(vec![flags(SIGN)]), "the subkey has not agreed to its key"),
        (
            "it says something else",
            bound(vec![flags(SIGN), agreed(signature::SUBKEY_BINDING)]),
            "the subkey has not agreed to its key",
        ),
        (
            "somebody else agrees",
            bound(vec![flags(SIGN), foreign.agrees(signature::PRIMARY_BINDING, &key)]),
            "the signature is not the key's",
        ),
        ("no signature", packet(packet::PUBLIC_SUBKEY, &sub.body), "is not bound to its key"),
        (
            "bound to another key",
            foreign.subkey(&sub, &elsewhere),
            "the subkey's binding does not hold: the signature is not the key's",
        ),
    ];
    for (name, subkey, expected) in cases {
        let file = [key.certificate(&positive(vec![])), subkey].concat();
        let said = said(&file, &sub, &at(&sub, BIRTH + 10));
        assert!(said.ends_with(expected), "{name}: {said}");
    }
    // Not even then, if the primary key counts for nothing.
    let file = [packet(packet::PUBLIC_KEY, &key.body), good()].concat();
    ends(&said(&file, &sub, &at(&sub, BIRTH + 10)), "the key has no self-signature");
    // A primary key that may only certify has subkeys to sign with.
    let file = [key.certificate(&positive(vec![flags(&[0x01])])), good()].concat();
    let found = signers(&file, &sub, &at(&sub, BIRTH + 10)).unwrap();
    assert_eq!((found[0].key, found[0].primary), (sub.id(), key.id()));
    assert_eq!((found[0].user.as_deref(), &*found[0].keyring), (Some("it"), "file"));
}

#[test]
fn a_revocation_holds_if_it_is_the_keys_own() {
    let (key, sub, foreign) = (pair(1), pair(2), pair(3));
    let revocation = |kind, hash, by: &Pair, over: &[u8]| {
        let hashed = vec![made(BIRTH + 5), key.issuer()];
        packet(packet::SIGNATURE, &by.sign(&Form { hash, ..Form::of(kind, hashed) }, over))
    };
    let binding = vec![made(BIRTH), flags(SIGN), sub.agrees(signature::PRIMARY_BINDING, &key)];
    let subkey = key.subkey(&sub, &Form::of(signature::SUBKEY_BINDING, binding));
    let both = [key.signed(), sub.signed()].concat();
    let (own, of_sub) = (signature::KEY_REVOCATION, signature::SUBKEY_REVOCATION);
    for (of_key, behind, primary, secondary) in [
        (vec![], vec![], "good", "good"),
        (revocation(own, 8, &key, &key.signed()), vec![], "is revoked", "is revoked"),
        // One with a weak hash too: it can do no harm.
        (revocation(own, 2, &key, &key.signed()), vec![], "is revoked", "is revoked"),
        (revocation(own, 8, &foreign, &key.signed()), vec![], "good", "good"),
        (revocation(of_sub, 8, &key, &key.signed()), vec![], "good", "good"),
        (vec![], revocation(of_sub, 8, &key, &both), "good", "is revoked"),
        (vec![], revocation(of_sub, 2, &key, &both), "good", "is revoked"),
        (vec![], revocation(of_sub, 8, &foreign, &both), "good", "good"),
        (vec![], revocation(own, 8, &key, &both), "good", "good"),
    ] {
        let users = key.user("it", &positive(vec![]));
        let head = packet(packet::PUBLIC_KEY, &key.body);
        let file = [head, of_key, users, subkey.clone(), behind].concat();
        ends(&said(&file, &key, &at(&key, BIRTH + 10)), primary);
        ends(&said(&file, &sub, &at(&sub, BIRTH + 10)), secondary);
    }
    // One that says that it is somebody else's is not looked at.
    let hashed = vec![made(BIRTH), foreign.issuer()];
    let body = key.sign(&Form { hash: 2, ..Form::of(own, hashed) }, &key.signed());
    let head = packet(packet::PUBLIC_KEY, &key.body);
    let users = key.user("it", &positive(vec![]));
    let file = [head, packet(packet::SIGNATURE, &body), users].concat();
    assert_eq!(said(&file, &key, &at(&key, BIRTH + 10)), "good");
}

#[test]
fn a_key_signs_from_its_first_second_to_its_last() {
    let (key, sub) = (pair(1), pair(2));
    let until = |form: Form, file: &[u8], by: &Pair| {
        signers(file, by, &form).map(|found| found[0].until).map_err(|error| error.to_string())
    };
    let file = key.certificate(&positive(vec![holds_for(9, 100)]));
    let end = i64::from(BIRTH + 100);
    assert_eq!(until(at(&key, BIRTH), &file, &key), Ok(Some(end)));
    assert_eq!(until(at(&key, BIRTH + 100), &file, &key), Ok(Some(end)));
    let late = until(at(&key, BIRTH + 101), &file, &key).unwrap_err();
    ends(&late, "the key had expired when it signed");
    ends(&until(at(&key, BIRTH - 1), &file, &key).unwrap_err(), "it was made before its key");
    // Zero is for ever.
    let forever = key.certificate(&positive(vec![holds_for(9, 0)]));
    assert_eq!(until(at(&key, BIRTH + 10), &forever, &key), Ok(None));
    // The signature's own end, if it is sooner.
    for (seconds, expected) in [(5, BIRTH + 15), (500, BIRTH + 100), (0, BIRTH + 100)] {
        let mut form = at(&key, BIRTH + 10);
        form.hashed.push(holds_for(3, seconds));
        assert_eq!(until(form, &file, &key), Ok(Some(i64::from(expected))), "{seconds}");
    }
    // A subkey ends with its key, at the latest.
    for (of_sub, end) in [(50, Some(50)), (200, Some(100)), (0, Some(100))] {
        let agreed = sub.agrees(signature::PRIMARY_BINDING, &key);
        let hashed = vec![made(BIRTH), flags(SIGN), holds_for(9, of_sub), agreed];
        let subkey = key.subkey(&sub, &Form::of(signature::SUBKEY_BINDING, hashed));
        let file = [file.clone(), subkey].concat();
        let end = end.map(|it| i64::from(BIRTH + it));
        assert_eq!(until(at(&sub, BIRTH + 10), &file, &sub), Ok(end), "{of_sub}");
    }
}

#[test]
fn only_what_is_signed_in_a_signature_counts_but_for_its_issuer() {
    let key = pair(1);
    let file = key.certificate(&positive(vec![]));
    let signed = |form: Form| said(&file, &key, &form);
    let time = || made(BIRTH + 10);
    let plain = |hashed| Form::of(signature::BINARY, hashed);
    let fingerprint = |version: u8| {
        let digest = sha1::Sha1::digest(key.signed());
        subpacket(33, &[&[version], digest.as_slice()].concat())
    };
    // Who it is may stand anywhere, as an id or as a fingerprint.
    for issuer in [key.issuer(), fingerprint(4)] {
        assert_eq!(signed(plain(vec![time(), issuer.clone()])), "good");
        assert_eq!(signed(Form { unhashed: vec![issuer], ..plain(vec![time()]) }), "good");
    }
    let nobody = "the signature cannot be checked: it names no key";
    assert_eq!(signed(plain(vec![time()])), nobody);
    assert_eq!(signed(plain(vec![time(), fingerprint(6)])), nobody);
    // The time may not.
    let beside = Form { unhashed: vec![time()], ..plain(vec![key.issuer()]) };
    ends(&signed(beside), "the signature does not say when it was made");
    // What nobody has signed says nothing of how long it holds.
    let beside = Form { unhashed: vec![holds_for(3, 1)], ..at(&key, BIRTH + 10) };
    assert_eq!(signers(&file, &key, &beside).unwrap()[0].until, None);
    let critical = subpacket(0x80 | 0x64, b"x");
    let with = |more: Vec<u8>| plain(vec![time(), key.issuer(), more]);
    let refused = "counts for nothing: subpacket 100 is critical and not supported";
    ends(&signed(with(critical.clone())), refused);
    assert_eq!(signed(with(subpacket(100, b"x"))), "good");
    assert_eq!(signed(with(subpacket(0x80 | 0x14, b"a note"))), "good");
    assert_eq!(signed(Form { unhashed: vec![critical], ..at(&key, BIRTH + 10) }), "good");
}

#[test]
fn a_signature_of_something_else_is_not_one_of_a_text() {
    let key = pair(1);
    let file = key.certificate(&positive(vec![]));
    for kind in [0x02, 0x10, 0x13, signature::DIRECT_KEY, 0x40] {
        let said = said(&file, &key, &Form { kind, ..at(&key, BIRTH + 10) });
        ends(&said, &format!("counts for nothing: a signature of type {kind} is not of a text"));
    }
    for (hash, reason) in [
        (1, "MD5 is too weak to sign with"),
        (2, "SHA-1 is too weak to sign with"),
        (3, "RIPEMD-160 is too weak to sign with"),
        (11, "hash algorithm 11 is not supported"),
    ] {
        ends(&said(&file, &key, &Form { hash, ..at(&key, BIRTH + 10) }), reason);
    }
}

#[test]
fn subpackets_have_lengths_of_one_two_and_five_bytes() {
    let key = pair(1);
    let file = key.certificate(&positive(vec![]));
    let long = |head: &[u8], size: usize| [head, &[20], &vec![0; size - 1]].concat();
    for note in [
        long(&[191], 191),
        long(&[192, 0], 192),
        long(&[194, 44], 748),
        long(&[255, 0, 0, 1, 0], 256),
    ] {
        // What stands behind it is read from where it ends.
        let hashed = vec![note, made(BIRTH + 10), key.issuer()];
        assert_eq!(said(&file, &key, &Form::of(signature::BINARY, hashed)), "good");
    }
}

#[test]
fn several_signatures_are_all_looked_at_and_not_too_many() {
    let (key, other) = (pair(1), pair(2));
    let mut keyring = Keyring::default();
    keyring.add("file", &key.certificate(&positive(vec![]))).unwrap();
    let by = |pair: &Pair, text: &[u8]| {
        packet(packet::SIGNATURE, &pair.sign(&at(pair, BIRTH + 10), text))
    };
    let verify = |file: &[u8]| match detached(TEXT, file) {
        Ok(signed) => signed
            .verify(&keyring)
            .map_or_else(|it| it.to_string(), |it| format!("{} good", it.len())),
        Err(error) => error.to_string(),
    };
    let (good, unknown) = (by(&key, TEXT), by(&other, TEXT));
    let old = packet(packet::SIGNATURE, b"\x03");
    assert_eq!(verify(&[&*good, &unknown].concat()), "1 good");
    assert_eq!(verify(&[&*old, &good].concat()), "1 good");
    ends(&verify(&old), "signatures of version 3 are not supported");
    // One that is wrong is one too many, wherever it stands.
    let wrong = by(&key, b"another text");
    for both in [[&*good, &wrong], [&*wrong, &good]] {
        ends(&verify(&both.concat()), "has signed");
    }
    // A marker and padding are nothing; anything else does not belong there.
    let marked = [packet(packet::MARKER, b"PGP"), good.clone(), packet(packet::PADDING, b"xx")];
    assert_eq!(verify(&marked.concat()), "1 good");
    assert_eq!(verify(&packet(packet::MARKER, b"PGP")), "there is no signature");
    let strange = [good.clone(), packet(packet::USER_ID, b"it")].concat();
    assert_eq!(verify(&strange), "packet 13 among signatures");
    assert_eq!(verify(&good.repeat(SIGNATURES_MAX)), "64 good");
    assert_eq!(verify(&good.repeat(SIGNATURES_MAX + 1)), "there are more than 64 signatures");
}

#[test]
fn a_keyring_is_cut_to_fingerprints_with_the_subkeys_of_a_key() {
    let (key, sub, other) = (pair(1), pair(2), pair(3));
    let subkey = key.subkey(&sub, &Form::of(signature::SUBKEY_BINDING, vec![made(BIRTH)]));
    let mut keyring = Keyring::default();
    keyring.add("one", &[key.certificate(&positive(vec![])), subkey].concat()).unwrap();
    keyring.add("two", &other.certificate(&positive(vec![]))).unwrap();
    assert_eq!((keyring.len(), keyring.is_empty()), (3, false));
    let only = |id: KeyId| keyring.clone().only(&[format!("00112233{id}")]).ids();
    assert_eq!(only(key.id()), [sub.id(), key.id()]);
    assert_eq!(only(sub.id()), [sub.id()]);
    assert_eq!(only(other.id()), [other.id()]);
}

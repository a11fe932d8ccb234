//! Who is shown which credentials.

use super::fake::{Content, Fake, Received, reply};
use super::{Bench, PASSWORD, amd64, basic, honest, reference};
use crate::registry::{Failure, RealmProblem, RegistryError};
use std::collections::BTreeSet;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A server that lets nothing in without `authorization`, and challenges with `challenge`.
fn guarded(content: &Content, challenge: &str, authorization: &str) -> Fake {
    let content = content.clone();
    let (challenge, authorization) = (challenge.to_owned(), authorization.to_owned());
    Fake::start("127.0.0.1", move |request, stream| {
        if request.header("authorization") == Some(&*authorization) {
            return content.serve(request, stream);
        }
        reply(stream, 401, &[("WWW-Authenticate", &challenge)], b"")
    })
}

/// Hands out the token `t0ken` to whoever has the password.
fn token_server(host: &str) -> Fake {
    let expected = format!("Basic {}", basic());
    Fake::start(host, move |request, stream| {
        if request.header("authorization") == Some(&*expected) {
            return reply(stream, 200, &[], br#"{"token":"t0ken","expires_in":300}"#);
        }
        reply(stream, 401, &[], br#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong"}]}"#)
    })
}

fn bearer(realm: &Fake) -> String {
    format!(
        r#"Bearer realm="http://{}/token?x=1",service="the, service",scope="registry:catalog:*""#,
        realm.address
    )
}

#[test]
fn a_password_is_sent_only_when_asked_for() {
    let content = Content::new(&[10, 20]);
    let fake = guarded(&content, r#"Basic realm="x, y""#, &format!("Basic {}", basic()));
    let bench = Bench::with_password(&fake.address);
    assert_eq!(bench.pull(&fake).unwrap().manifest_digest, content.manifest);
    let first = &fake.received()[0];
    assert_eq!(first.header("authorization"), None, "nobody has asked yet");
    let open = honest(&content);
    let bench = Bench::with_password(&open.address);
    bench.pull(&open).unwrap();
    assert!(!open.saw(&basic()), "nobody asked");
}

#[test]
fn a_wrong_password_is_named_without_being_shown() {
    let fake = guarded(&Content::new(&[1]), "Basic realm=x", "Basic other");
    let error = Bench::with_password(&fake.address).pull(&fake).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { anonymous: false, .. }), "{error}");
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(!shown.contains(PASSWORD) && !shown.contains(&basic()), "{shown}");
    let error = Bench::new().pull(&fake).unwrap_err();
    assert!(error.hint().unwrap().contains("docker login"), "{:?}", error.hint());
}

#[test]
fn one_token_for_this_repository_serves_all_requests() {
    let content = Content::new(&[10, 20, 30]);
    let tokens = token_server("127.0.0.1");
    let fake = guarded(&content, &bearer(&tokens), "Bearer t0ken");
    Bench::with_password(&fake.address).pull(&fake).unwrap();
    let asked = tokens.received();
    assert_eq!(asked.len(), 1);
    let expected = "/token?x=1&service=the%2C+service&scope=repository%3Aa%2Fb%3Apull&account=user";
    assert_eq!(asked[0].target, expected);
    assert!(!fake.saw(&basic()), "the password is for the token server");
}

#[test]
fn a_token_that_is_no_longer_accepted_is_renewed() {
    let content = Content::new(&[10]);
    let count = AtomicUsize::new(0);
    let tokens = Fake::start("127.0.0.1", move |_, stream| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        reply(stream, 200, &[], format!(r#"{{"token":"t{number}"}}"#).as_bytes())
    });
    let challenge = bearer(&tokens);
    let used = Mutex::new(BTreeSet::new());
    let served = content.clone();
    let fake = Fake::start("127.0.0.1", move |request, stream| {
        // Each token once.
        let token = request.header("authorization").map(str::to_owned);
        if token.is_some_and(|token| used.lock().unwrap().insert(token)) {
            return served.serve(request, stream);
        }
        reply(stream, 401, &[("WWW-Authenticate", &challenge)], b"")
    });
    let image = Bench::new().pull(&fake).unwrap();
    assert_eq!(image.manifest_digest, content.manifest);
}

#[test]
fn an_identity_token_is_exchanged() {
    let content = Content::new(&[10]);
    let tokens = Fake::start("127.0.0.1", |request, stream| {
        let is_right = request.method == "POST"
            && request.body
                == "grant_type=refresh_token&refresh_token=r%26t&client_id=rlock&scope=repository%3Aa%2Fb%3Apull&service=the%2C+service";
        let answer = if is_right { &br#"{"access_token":"t0ken"}"#[..] } else { b"{}" };
        reply(stream, 200, &[], answer)
    });
    let fake = guarded(&content, &bearer(&tokens), "Bearer t0ken");
    let config = format!(r#"{{"auths":{{"{}":{{"identitytoken":"r&t"}}}}}}"#, fake.address);
    Bench::with_config(&config).pull(&fake).unwrap();
    assert!(!fake.saw("r&t") && !fake.saw("r%26t"));
}

#[test]
fn credentials_do_not_go_to_a_realm_of_another_host() {
    let content = Content::new(&[10]);
    let tokens = token_server("127.0.0.2");
    let fake = guarded(&content, &bearer(&tokens), "Bearer t0ken");
    let mut bench = Bench::with_password(&fake.address);
    let error = bench.pull(&fake).unwrap_err();
    assert!(
        matches!(error, RegistryError::Realm { problem: RealmProblem::OtherHost, .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--allow-auth-host"));
    assert_eq!(tokens.received().len(), 0, "nothing was sent");
    assert!(!fake.saw(&basic()));

    bench.options.allow_auth_hosts = vec![(fake.address.clone(), "127.0.0.2".to_owned())];
    bench.pull(&fake).unwrap();
}

#[test]
fn without_credentials_another_host_may_give_a_token() {
    let content = Content::new(&[10]);
    let tokens =
        Fake::start("127.0.0.2", |_, stream| reply(stream, 200, &[], br#"{"token":"free"}"#));
    let fake = guarded(&content, &bearer(&tokens), "Bearer free");
    // There are credentials, but for somebody else.
    Bench::with_password("other.example").pull(&fake).unwrap();
    assert_eq!(tokens.received()[0].header("authorization"), None);
}

#[test]
fn the_metadata_service_is_not_asked_for_a_token() {
    let challenge = r#"Bearer realm="http://169.254.169.254/latest/meta-data/iam",service="s""#;
    let fake = guarded(&Content::new(&[1]), challenge, "Bearer t0ken");
    let error = Bench::new().pull(&fake).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    assert!(error.to_string().contains("169.254.169.254"), "{error}");
}

#[test]
fn a_token_server_cannot_redirect() {
    let thief = Fake::start("127.0.0.2", |_, stream| reply(stream, 200, &[], br#"{"token":"t"}"#));
    let target = format!("http://{}/", thief.address);
    let tokens = Fake::start("127.0.0.1", move |_, stream| {
        reply(stream, 307, &[("Location", &target)], b"")
    });
    let fake = guarded(&Content::new(&[1]), &bearer(&tokens), "Bearer t");
    let error = Bench::with_password(&fake.address).pull(&fake).unwrap_err();
    assert!(error.to_string().contains("307"), "{error}");
    assert_eq!(thief.received().len(), 0);
}

#[test]
fn an_answer_without_a_token_is_an_error() {
    for answer in ["<html>Sign in</html>", "{}", r#"{"token":"a\r\nb"}"#, ""] {
        let tokens = Fake::start("127.0.0.1", move |_, stream| {
            reply(stream, 200, &[("Content-Type", "text/html")], answer.as_bytes())
        });
        let fake = guarded(&Content::new(&[1]), &bearer(&tokens), "Bearer t");
        let error = Bench::new().pull(&fake).unwrap_err();
        assert_eq!(error.failure(), Failure::Network, "{error}");
        assert!(error.to_string().contains("has no token"), "{error}");
    }
}

#[test]
fn a_token_is_for_the_registry_that_asked() {
    let content = Content::new(&[10]);
    let tokens = token_server("127.0.0.1");
    let first = guarded(&content, &bearer(&tokens), "Bearer t0ken");
    let second = guarded(&content, "Basic realm=x", "Basic never");
    let bench = Bench::with_password(&first.address);
    let client = bench.client();
    client.resolve(&reference(&first), &amd64()).unwrap();
    let other = format!("{}/a/b:c", second.address).parse().unwrap();
    client.resolve(&other, &amd64()).unwrap_err();
    assert!(!second.saw("t0ken") && !second.saw(&basic()));
    let other_repository = format!("{}/a/secret:c", first.address).parse().unwrap();
    client.resolve(&other_repository, &amd64()).unwrap_err();
    assert_eq!(tokens.received().len(), 2, "a token of its own for each repository");
}

/// Redirects blobs to `target`, which has the same paths.
fn redirecting(
    content: &Content,
    target: String,
) -> impl Fn(&Received, &mut TcpStream) -> io::Result<()> + use<> {
    let content = content.clone();
    let expected = format!("Basic {}", basic());
    move |request, stream| {
        if request.header("authorization") != Some(&*expected) {
            return reply(stream, 401, &[("WWW-Authenticate", "Basic realm=x")], b"");
        }
        if request.is_for("/blobs/") {
            let location = format!("{target}{}?X-Signature=signed", request.target);
            return reply(stream, 307, &[("Location", &location)], b"");
        }
        content.serve(request, stream)
    }
}

#[test]
fn a_redirect_to_another_host_loses_the_credentials() {
    let content = Content::new(&[10, 20]);
    let signed = content.clone();
    let storage = Fake::start("127.0.0.2", move |request, stream| {
        let (path, _) = request.target.split_once('?').unwrap();
        let request = Received { target: path.to_owned(), ..request.clone() };
        signed.serve(&request, stream)
    });
    let fake =
        Fake::start("127.0.0.1", redirecting(&content, format!("http://{}", storage.address)));
    Bench::with_password(&fake.address).pull(&fake).unwrap();
    assert_eq!(storage.count("GET", "X-Signature=signed"), 3);
    assert!(storage.received().iter().all(|request| request.header("authorization").is_none()));
    assert!(!storage.saw(&basic()) && !storage.saw(PASSWORD));
}

#[test]
fn the_target_of_a_redirect_cannot_ask_for_credentials() {
    let content = Content::new(&[10]);
    let thief = Fake::start("127.0.0.2", |_, stream| {
        let challenge = ("WWW-Authenticate", "Basic realm=x");
        reply(stream, 401, &[challenge], b"")
    });
    let fake = Fake::start("127.0.0.1", redirecting(&content, format!("http://{}", thief.address)));
    let error = Bench::with_password(&fake.address).pull(&fake).unwrap_err();
    assert_eq!(error.failure(), Failure::Authentication, "{error}");
    assert_eq!(thief.received().len(), 1);
    assert!(!thief.saw(&basic()));
}

#[test]
fn a_port_of_the_same_host_is_another_party_for_redirects() {
    let content = Content::new(&[10]);
    let thief = honest(&content);
    let fake = Fake::start("127.0.0.1", redirecting(&content, format!("http://{}", thief.address)));
    let _failed_or_not = Bench::with_password(&fake.address).pull(&fake);
    assert!(!thief.received().is_empty());
    assert!(!thief.saw(&basic()));
}

#[test]
fn bad_redirects_are_refused() {
    let content = Arc::new(Content::new(&[10]));
    for (location, words) in [
        ("http://169.254.169.254/latest", "link-local"),
        ("file:///etc/passwd", "neither https nor http"),
        ("http://user:hunter2@127.0.0.1/", "user or password"),
        ("http://[", "no usable Location"),
        ("/v2/a/b/again", "too many redirects"),
    ] {
        let content = Arc::clone(&content);
        let fake = Fake::start("127.0.0.1", move |request, stream| {
            if request.is_for("/blobs/") || request.is_for("again") {
                return reply(stream, 302, &[("Location", location)], b"");
            }
            content.serve(request, stream)
        });
        let error = Bench::new().pull(&fake).unwrap_err();
        assert!(error.is_integrity(), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(fake.received().len() < 20);
    }
}

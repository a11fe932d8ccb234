//! A planted secret is in nothing that is written: searched for in every file of the Store, in
//! every name, in what goes to the lock and to reports, and in the log.

use super::super::super::exchange::RefusalReason;
use super::super::super::options::{Mode, Options};
use super::super::super::visitor::Visitor;
use super::server::{Server, reply};
use super::{Place, asked, noise, open, read};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

const DECLARED: &str = "Decl4red-T0ken/Value";
const BEARER: &str = "B34rer.T0ken-0123456789";
const PASSWORD: &str = "Passw0rd-0123456789";
const COOKIE: &str = "C00kie-0123456789";

fn assert_absent(what: &str, content: &[u8]) {
    let content = String::from_utf8_lossy(content).to_lowercase();
    for secret in [DECLARED, BEARER, PASSWORD, COOKIE, "uGFzc3cwcmQt", "Decl4red-T0ken%2fValue"] {
        assert!(!content.contains(&secret.to_lowercase()), "{secret} is in {what}");
    }
}

fn assert_absent_below(path: &Path) {
    for entry in crate::store::read_dir_sorted(path).unwrap() {
        let path = entry.path();
        assert_absent("a name", path.as_os_str().as_encoded_bytes());
        if path.is_dir() {
            assert_absent_below(&path);
        } else {
            assert_absent(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// One thread, which the log listens to.
#[tokio::test]
async fn secrets_reach_upstream_and_nothing_else() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let server = Server::start(|seen| {
        let leaking = format!("https://cdn.example/{BEARER}/x");
        match seen.target.split('?').next().unwrap() {
            "/etag" => {
                let headers = [("ETag", BEARER), ("Set-Cookie", COOKIE), ("Link", DECLARED)];
                reply(200, &headers, &noise(100_000))
            }
            "/location" => reply(302, &[("Location", &*leaking)], b""),
            "/echo-long" => reply(200, &[], &[&noise(100_000)[..], DECLARED.as_bytes()].concat()),
            "/echo-short" => reply(200, &[], DECLARED.as_bytes()),
            "/broken" => reply(500, &[], DECLARED.as_bytes()),
            _ => reply(200, &[], b"ok"),
        }
    });
    let place = Place::new();
    let secrets = vec![DECLARED.as_bytes().to_vec()];
    let ledger = open(Options { secrets, ..place.options(Mode::Record, Vec::new()) });
    let visitor = Visitor::new("1");
    let bearer = format!("Bearer {BEARER}");
    let cookie = format!("a={COOKIE}");
    let headers = [("authorization", &*bearer), ("cookie", &*cookie)];
    for (path, is_refused) in [
        (format!("/{BEARER}/x?y={COOKIE}&token=whatever&z=Decl4red-T0ken%2FValue"), false),
        (format!("/etag?{BEARER}"), false),
        ("/location".to_owned(), true),
        ("/echo-long".to_owned(), true),
        ("/echo-short".to_owned(), true),
        ("/broken?Decl4red-T0ken%2fValue".to_owned(), true),
    ] {
        let asked = asked("GET", &server.url(&path), &headers, DECLARED.as_bytes());
        let is_answered = match ledger.answer(&visitor, asked).await {
            Ok(answer) => read(answer).await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(is_answered, !is_refused, "{path}");
    }
    let with_user = server.url("/user").replace("http://", &format!("http://user:{PASSWORD}@"));
    let asked = asked("GET", &with_user, &[], b"");
    read(ledger.answer(&visitor, asked).await.unwrap()).await.unwrap();
    visitor.settle().await;
    // Upstream got them, or nothing was proved.
    let seen = server.seen();
    assert!(seen[0].target.contains(BEARER) && seen[0].target.contains("token=whatever"));
    assert_eq!(seen[0].headers["cookie"], cookie);
    assert_eq!(seen[0].body, DECLARED.as_bytes());
    assert!(seen.last().unwrap().headers["authorization"].starts_with("Basic "));
    let traffic = visitor.traffic();
    assert_eq!((traffic.uses.len(), traffic.refusals.len()), (3, 4));
    let is_secret =
        |it: &RefusalReason| matches!(it, RefusalReason::Unsupported(it) if it.contains("secret"));
    assert_eq!(traffic.refusals.iter().filter(|it| is_secret(&it.reason)).count(), 2);
    assert_absent("traffic", format!("{traffic:?}").as_bytes());
    assert_absent("exchanges", format!("{:?} {ledger:?}", ledger.exchanges()).as_bytes());
    assert_absent_below(place.folder.path());
    let log = log.0.lock().unwrap();
    assert!(!log.is_empty());
    assert_absent("the log", &log);
}

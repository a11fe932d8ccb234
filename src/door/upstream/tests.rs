//! What is derived from URLs, headers and failures.

use super::{Failure, Patience, Timing, is_loopback};
use std::time::Duration;

#[test]
fn this_machine_is_asked_without_a_proxy() {
    for (url, expected) in [
        ("http://127.0.0.1/", true),
        ("http://127.9.9.9:8080/", true),
        ("http://[::1]/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://localhost./", true),
        ("http://deb.localhost/", true),
        ("http://deb.example/", false),
        ("http://10.0.0.1/", false),
        ("http://notlocalhost/", false),
        ("data:x", false),
    ] {
        assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
    }
}

#[test]
fn patience_ends() {
    let failure = || Failure::Transient("503".to_owned(), None);
    let after = |seconds| Failure::Transient("503".to_owned(), Some(Duration::from_secs(seconds)));
    let mut patience = Patience::new(Timing::default());
    let waits: Vec<_> = std::iter::from_fn(|| patience.next(failure()).ok()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000].map(Duration::from_millis));
    patience.renew();
    assert!(patience.next(failure()).is_ok());
    let mut patience = Patience::new(Timing::default());
    assert_eq!(patience.next(after(60)), Ok(Duration::from_mins(1)));
    assert_eq!(patience.next(after(61)), Err(after(61)));
    assert_eq!(patience.next(after(60)), Ok(Duration::from_mins(1)));
    assert_eq!(patience.next(after(60)), Err(after(60)));
    for last in [Failure::Cancelled, Failure::Final("no".to_owned())] {
        assert_eq!(Patience::new(Timing::default()).next(last.clone()), Err(last));
    }
}

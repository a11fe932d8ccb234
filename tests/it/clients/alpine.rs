//! apk.

use super::{Case, NEW, OLD};
use crate::upstream::apk::{KEY_NAME, Key, repository};
use crate::upstream::{Site, Wire};

fn replays(wire: Wire) {
    let key = Key::new();
    let site = Site::start("apk.test", wire);
    site.serve(repository(&key, &["1.0-r0"], OLD));
    let dockerfile = format!(
        "COPY <<END /etc/apk/keys/{KEY_NAME}\n{}END\nRUN echo {} > /etc/apk/repositories \
         && apk add --no-cache greeter && grep '^1' /usr/share/greeter/version\n",
        key.public(),
        site.url()
    );
    let case = Case::new("alpine", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(repository(&key, &["1.1-r0"], NEW)));
}

#[test]
fn apk() {
    replays(Wire::Tls);
}

#[test]
fn apk_without_tls() {
    replays(Wire::Plain);
}

//! curl, GNU wget and busybox's wget.

use super::{Case, NEW, OLD};
use crate::upstream::{Site, Tree, Wire};

fn tree(text: &str, modified: i64) -> Tree {
    let mut tree = Tree::at(modified);
    tree.page("/a file.txt", "text/plain", text.repeat(1000));
    tree.page("/list", "text/plain", "/a%20file.txt\n");
    tree
}

fn replays(base: &'static str, wire: Wire, command: &str) {
    let site = Site::start("files.test", wire);
    site.serve(tree("one\n", OLD));
    let command = command.replace("URL", &site.url());
    let case = Case::new(base, &format!("WORKDIR /srv\nRUN {command}\n"), &[&site]);
    case.assert_replays(|| site.serve(tree("two\n", NEW)));
}

/// With the times that the server gives, a piece, a missing file, and one that is there already.
const CURL: &str = "curl -fsSR -o a URL/a%20file.txt \
    && curl -fsS -r 100-199 -o piece URL/a%20file.txt && test $(wc -c < piece) = 100 \
    && head -c 1000 a > resumed && curl -fsSR -C - -o resumed URL/a%20file.txt && cmp a resumed \
    && curl -sI URL/list | grep -i content-length && ! curl -fsS URL/missing \
    && curl -fsSR -z a -o a URL/a%20file.txt && curl -fsS --parallel -o b URL/list -o c URL/list";

#[test]
fn curl() {
    replays("clients", Wire::Tls, CURL);
}

#[test]
fn curl_without_tls() {
    replays("clients", Wire::Plain, CURL);
}

/// With the server's times, resumed, and only if newer; a page with what it links to.
const WGET: &str = "wget -nv 'URL/a file.txt' && wget -nv -N 'URL/a file.txt' \
    && head -c 1000 'a file.txt' > piece && cp piece 'b' \
    && wget -nv -c -O b 'URL/a file.txt' && cmp b 'a file.txt' && ! wget -nv URL/missing";

#[test]
fn gnu_wget() {
    replays("clients", Wire::Tls, WGET);
}

#[test]
fn gnu_wget_without_tls() {
    replays("clients", Wire::Plain, WGET);
}

/// It knows no TLS of its own.
const BUSYBOX: &str = "wget -q -O a 'URL/a%20file.txt' && head -c 1000 a > b \
    && wget -q -c -O b 'URL/a%20file.txt' && cmp a b && ! wget -q URL/missing";

#[test]
fn busybox_wget() {
    replays("busybox", Wire::Plain, BUSYBOX);
}

/// Alpine's busybox hands TLS to a helper, which asks nobody whom to trust.
#[test]
fn alpine_wget_over_tls() {
    replays("alpine", Wire::Tls, BUSYBOX);
}

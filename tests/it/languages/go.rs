//! A Go program, against what `go version -m` reads in it.

use super::{Locked, Packages};
use crate::clients::{Case, OLD};
use crate::upstream::golang::{MODULE, proxy};
use crate::upstream::{Site, Wire};

fn equals(flags: &str) {
    let site = Site::start("go.test", Wire::Tls);
    site.serve(proxy(&["v1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\nENV GOPROXY={} GONOSUMDB=code.test\n\
         COPY <<END main.go\npackage main\n\nimport (\"fmt\"; \"{MODULE}\")\n\n\
         func main() {{ fmt.Println(greeter.Version()) }}\nEND\n\
         RUN export GOPATH=/tmp/go GOCACHE=/tmp/cache GOFLAGS=-modcacherw && go mod init app \
         && go get {MODULE}@latest && CGO_ENABLED=0 go build {flags} -o /usr/bin/app . \
         && go version -m /usr/bin/app > /srv/listed && rm -rf /tmp/go /tmp/cache ~/.config/go\n",
        site.url()
    );
    let locked = Locked::of(&Case::new("go", &dockerfile, &[&site]));
    let mut list = Packages::new();
    for line in locked.listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["dep", name, version, ..] => list.insert((name.to_owned(), version.to_owned())),
            [_, version] if version.starts_with("go1") => {
                list.insert(("stdlib".to_owned(), version.trim_start_matches("go").to_owned()))
            }
            _ => continue,
        };
    }
    assert_eq!(list.len(), 2, "{}", locked.listed);
    assert_eq!(locked.all("golang"), &list | &locked.of_base("golang"));
    let greeter = locked.package("golang", MODULE);
    assert_eq!(greeter.url, Some(format!("{}/{MODULE}/@v/v1.0.0.zip", site.url())));
    assert!(greeter.requested, "{greeter:?}");
}

#[test]
fn go() {
    equals("");
}

#[test]
fn go_without_symbols() {
    equals("-ldflags='-s -w'");
}

//! go, with a module proxy.

use super::{Case, NEW, OLD};
use crate::upstream::golang::{MODULE, proxy};
use crate::upstream::{Site, Wire};

#[test]
fn go() {
    let site = Site::start("go.test", Wire::Tls);
    site.serve(proxy(&["v1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\nENV GOPROXY={} GONOSUMDB=code.test\n\
         COPY <<END main.go\npackage main\n\nimport (\"fmt\"; \"{MODULE}\")\n\n\
         func main() {{ fmt.Println(greeter.Version()) }}\nEND\n\
         RUN export GOPATH=/tmp/go GOCACHE=/tmp/cache GOFLAGS=-modcacherw && go mod init app \
         && go get {MODULE}@latest && CGO_ENABLED=0 go build -o /usr/bin/app . \
         && rm -rf /tmp/go /tmp/cache ~/.config/go && app | grep '^v1'\n",
        site.url()
    );
    let case = Case::new("go", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(proxy(&["v1.0.1"], NEW)));
}

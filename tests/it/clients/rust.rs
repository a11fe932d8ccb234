//! cargo, with a sparse registry.

use super::{Case, NEW, OLD};
use crate::upstream::cargo::registry;
use crate::upstream::{Site, Wire};

#[test]
fn cargo() {
    let site = Site::start("cargo.test", Wire::Tls);
    site.serve(registry(&site.url(), &["1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\n\
         COPY <<END Cargo.toml\n[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [dependencies]\ngreeter = {{ version = \"1\", registry = \"it\" }}\nEND\n\
         COPY <<END src/main.rs\nfn main() {{ println!(\"{{}}\", greeter::version()) }}\nEND\n\
         ENV CARGO_REGISTRIES_IT_INDEX=sparse+{}/index/\n\
         RUN export CARGO_HOME=/tmp/cargo && cargo build --release && cp target/release/app /usr/bin \
         && rm -rf target /tmp/cargo && app | grep '^1'\n",
        site.url()
    );
    let case = Case::new("rust", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(registry(&site.url(), &["1.0.1"], NEW)));
}

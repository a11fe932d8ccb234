//! dnf.

use super::{Case, NEW, OLD};
use crate::upstream::rpm::repository;
use crate::upstream::{Site, Wire};

/// What dnf and rpm note with the time of the installation.
const NOTES: &str =
    "/srv/root/var/lib/dnf /srv/root/var/lib/rpm /srv/root/var/log /srv/root/var/cache";

fn replays(wire: Wire) {
    let site = Site::start("rpm.test", wire);
    site.serve(repository(&["1.0"], OLD));
    let dockerfile = format!(
        "RUN dnf --installroot=/srv/root --releasever=1 --repofrompath=it,{} --repo=it \
         --nogpgcheck --assumeyes install greeter && rm -rf {NOTES} \
         && grep '^1' /srv/root/usr/share/greeter/version\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(repository(&["1.1"], NEW)));
}

#[test]
fn dnf() {
    replays(Wire::Tls);
}

#[test]
fn dnf_without_tls() {
    replays(Wire::Plain);
}

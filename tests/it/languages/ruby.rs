//! gem, against its own list.

use super::{Locked, Packages, pairs};
use crate::clients::{Case, OLD};
use crate::upstream::gem::source;
use crate::upstream::{Site, Wire};

#[test]
fn gem() {
    let site = Site::start("gem.test", Wire::Tls);
    site.serve(source(&["1.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv\nRUN gem install --no-document --clear-sources --source {}/ greeter \
         && gem list --local > listed\n",
        site.url()
    );
    let locked = Locked::of(&Case::new("clients", &dockerfile, &[&site]));
    // `name (1.0, default: 0.9)`, with the platform behind a version that has one.
    let mut list = Packages::new();
    for line in locked.listed.lines() {
        let Some((name, versions)) = line.split_once(" (") else { continue };
        for version in versions.trim_end_matches(')').split(", ") {
            let version = version.trim_start_matches("default: ").split(' ').next().unwrap();
            list.insert((name.to_owned(), version.to_owned()));
        }
    }
    assert_eq!(locked.all("gem"), list);
    assert!(list.len() > 50, "{list:?}");
    assert_eq!(locked.of_steps("gem"), pairs(&[("greeter", "1.0")]));
    let greeter = locked.package("gem", "greeter");
    assert!(greeter.requested, "{greeter:?}");
    assert_eq!(greeter.url, Some(format!("{}/gems/greeter-1.0.gem", site.url())));
}

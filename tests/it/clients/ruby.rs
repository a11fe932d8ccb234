//! gem.

use super::{Case, NEW, OLD};
use crate::upstream::gem::source;
use crate::upstream::{Site, Wire};

#[test]
fn gem() {
    let site = Site::start("gem.test", Wire::Tls);
    site.serve(source(&["1.0"], OLD));
    let dockerfile = format!(
        "RUN gem install --no-document --clear-sources --source {}/ greeter \
         && ruby -e 'require \"greeter\"; puts Greeter::VERSION' | grep '^1'\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(source(&["1.1"], NEW)));
}

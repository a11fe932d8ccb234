//! Packages that COPY and ADD bring: from other stages they are the image's, from the build context
//! the user's own.

use super::Locked;
use crate::clients::{Case, OLD, releases};
use crate::upstream::{Site, Wire};

#[test]
fn from_a_stage_and_from_the_context() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(releases(&["1.0"], OLD));
    let dockerfile = format!(
        "RUN pip install --no-cache-dir --target /opt/lib --index-url {}/simple greeter\n\
         FROM base\nCOPY own /srv/node_modules/own\nCOPY --from=0 /opt/lib /opt/lib\n\
         RUN echo > /srv/listed\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    case.world.write("own/package.json", r#"{"name":"own","version":"1.0.0"}"#);
    case.rlock("lock", &[]).expect(0);
    let lock = rlock::lock::Lockfile::parse(&case.world.read("Dockerfile.lock")).unwrap();
    let text = |package: &rlock::lock::LockedPackage| {
        format!("{} {}:{} {}", package.step, package.kind, package.name, package.version)
    };
    let packages: Vec<String> = lock.packages.iter().map(text).collect();
    let expected = [
        "0/1 pypi:greeter 1.0",
        "1/2 pypi:greeter 1.0",
        "0/1 pypi:phrases 1.0",
        "1/2 pypi:phrases 1.0",
    ];
    assert_eq!(packages, expected);
}

/// What cannot be read is said, and the rest is locked.
#[test]
fn malformed_marks_are_shown() {
    let dockerfile = "RUN mkdir -p /srv/node_modules/a /srv/node_modules/b \
        && echo '{' > /srv/node_modules/a/package.json \
        && echo '{\"name\":\"b\",\"version\":\"1.0.0\"}' > /srv/node_modules/b/package.json && echo > /srv/listed\n";
    let case = Case::new("busybox", dockerfile, &[]);
    let ran = case.rlock("lock", &[]).expect(0);
    let ran = ran.says(&[
        "Dockerfile:2: /srv/node_modules/a/package.json: it is not JSON",
        "the package that it is of is not known",
    ]);
    assert_eq!(ran.stderr.matches("it is not JSON").count(), 1, "{}", ran.stderr);
    assert_eq!(Locked::of(&case).of_steps("npm"), super::pairs(&[("b", "1.0.0")]));
}

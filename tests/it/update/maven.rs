//! Maven: nothing moves alone, which is said; everything moves.

use super::{look, recorded, update};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::maven::repository;
use crate::upstream::{Site, Wire};

#[test]
fn what_maven_resolves_moves_with_everything_only() {
    let site = Site::start("maven.test", Wire::Tls);
    site.serve(repository(&["1.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\n\
         COPY <<END pom.xml\n<project><modelVersion>4.0.0</modelVersion><parent>\
         <groupId>test.greeter</groupId><artifactId>parent</artifactId><version>[1.0,2.0)</version>\
         <relativePath/></parent><artifactId>app</artifactId><version>1</version>\
         <packaging>pom</packaging></project>\nEND\n\
         COPY <<END /root/.m2/settings.xml\n<settings><mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf>\
         <url>{}</url></mirror></mirrors></settings>\nEND\n\
         RUN mvn --batch-mode -Dmaven.repo.local=/tmp/m2 validate && mkdir /srv/lib \
         && cp /tmp/m2/test/greeter/*/*/*.jar /srv/lib && rm -rf /tmp/m2 /tmp/hsperfdata_root\n",
        site.url()
    );
    let case = Case::new("java", &dockerfile, &[&site]);
    let before = case.lock();
    site.serve(repository(&["1.0", "1.1"], NEW));
    let lock = case.world.read("Dockerfile.lock");
    for name in ["parent", "test.greeter:parent"] {
        let ran = case.rlock("update", &["-C", ".", name]).expect(2);
        ran.says(&[
            &format!("{name} is of Maven, of which rlock moves nothing alone"),
            "hint: a version that a POM names is moved there",
        ]);
    }
    let ran = case.rlock("update", &["-C", ".", "greeter"]).expect(2);
    ran.says(&["the lock has no package `greeter`"]);
    assert_eq!(case.world.read("Dockerfile.lock"), lock);
    // What Maven could have newer is not known, and not said to be up to date.
    let report = look(&case, 5, &["--exit-code"]);
    let unchecked = report["unchecked"].to_string();
    assert!(unchecked.contains("maven parent"), "{report:#}");

    assert_eq!(update(&case, 0, &[])["outcome"], "written");
    assert_ne!(recorded(&case), before, "nothing has moved");
    case.assert_replays_offline(&recorded(&case));
}

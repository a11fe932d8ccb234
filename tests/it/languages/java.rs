//! Archives that `jar` makes, one in the other.

use super::{Locked, pairs};
use crate::clients::Case;

#[test]
fn jar() {
    let dockerfile = "WORKDIR /srv\n\
        COPY <<END in/META-INF/maven/test.greeter/greeter/pom.properties\n\
        version=1.0\ngroupId=test.greeter\nartifactId=greeter\nEND\n\
        RUN mkdir -p out/BOOT-INF/lib jars && jar --create --file out/BOOT-INF/lib/greeter.jar -C in . \
         && jar --create --no-compress --file app-2.0.jar -C out . && rm -r out \
         && jar --list --file app-2.0.jar > listed\n";
    let locked = Locked::of(&Case::new("java", dockerfile, &[]));
    assert!(locked.listed.contains("BOOT-INF/lib/greeter.jar"), "{}", locked.listed);
    assert_eq!(locked.of_steps("maven"), pairs(&[("app", "2.0"), ("test.greeter:greeter", "1.0")]));
    assert!(locked.of_base("maven").len() > 20, "Maven's own archives are in the base image");
}

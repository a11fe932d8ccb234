//! apk and dnf where a step says itself which repositories there are: what one index offers moves
//! together, and is named. Where it does not, the others are held: see `security`.

use super::{look, moves, outdated, recorded, update};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::{Site, Wire, apk, rpm};

/// A package and what it needs.
fn packages(version: &str) -> [(&str, &str, Option<&str>); 2] {
    [("greeter", version, Some("phrases")), ("phrases", version, None)]
}

/// `greeter` is asked for, and what else the index has newer comes with it.
#[track_caller]
fn moves_together(case: &Case<'_>, kind: &str, [old, new]: [&str; 2], move_on: impl FnOnce()) {
    case.lock();
    assert_eq!(outdated(&look(case, 0, &["--exit-code"])), [""; 0]);
    move_on();
    let row = |name: &str| format!("{kind} {name} {old} -> {new}");
    assert_eq!(outdated(&look(case, 1, &["--exit-code"])), [row("greeter"), row("phrases")]);
    let manager = if kind == "rpm" { "dnf" } else { kind };
    let because = match manager {
        "apk" => {
            ", because apk cannot be given a second state of a repository: step 2 says \
             `/etc/apk/repositories`"
        }
        _ => {
            ", because dnf has one index for all packages, and step 1 leaves no database that says \
             what it installs"
        }
    };
    let expected = [row("greeter"), row("phrases") + because];
    assert_eq!(moves(&update(case, 0, &["greeter", "--dry-run"])), expected);
    assert_eq!(moves(&update(case, 0, &["greeter"])), expected);
    case.assert_replays_offline(&recorded(case));
}

#[test]
fn apk() {
    let key = apk::Key::new();
    let site = Site::start("apk.test", Wire::Plain);
    site.serve(apk::repository_of(&key, &packages("1.0-r0"), OLD));
    let dockerfile = format!(
        "COPY <<END /etc/apk/keys/{}\n{}END\nRUN echo {} > /etc/apk/repositories \
         && apk add --no-cache greeter\n",
        apk::KEY_NAME,
        key.public(),
        site.url()
    );
    let case = Case::new("alpine", &dockerfile, &[&site]);
    moves_together(&case, "apk", ["1.0-r0", "1.1-r0"], || {
        site.serve(apk::repository_of(&key, &packages("1.1-r0"), NEW));
    });
}

#[test]
fn dnf() {
    let site = Site::start("rpm.test", Wire::Plain);
    site.serve(rpm::repository_of(&packages("1.0"), OLD));
    let notes = "/srv/root/var/lib/dnf /srv/root/var/lib/rpm /srv/root/var/log /srv/root/var/cache";
    let dockerfile = format!(
        "RUN dnf --installroot=/srv/root --releasever=1 --repofrompath=it,{} --repo=it \
         --nogpgcheck --assumeyes install greeter && rm -rf {notes}\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    moves_together(&case, "rpm", ["1.0-1", "1.1-1"], || {
        site.serve(rpm::repository_of(&packages("1.1"), NEW));
    });
}

//! Causes that `rlock review` names: what of a change of the lock a person should look at.

use super::cause::{Cause, Treatment};

pub(super) const UNEXPLAINED_FILE: Cause = Cause {
    id: "unexplained-file",
    title: "changed files without explanation",
    explanation: "The image of the new lock has files that the image of the old one does not \
             have, or has otherwise, and neither a package that the lock moves, nor a \
             database that follows from packages, nor a changed instruction accounts for \
             them. What a package's script fetched, made or changed is of this kind, whatever \
             the image's own database of packages says: packages' files are compared with it.",
    mend: "Look at the file. If it is wanted, have an instruction of its own make it, or \
             normalise what differs without meaning; if not, do not merge the lock.",
    treatment: Treatment::Explain,
};

pub(super) const UNPROVEN_FILE: Cause = Cause {
    id: "unproven-file",
    title: "changed files explained without proof",
    explanation: "Either a step made these files that is the same in both locks, packages and \
             downloads included; it stands below an instruction that changed, or that copies what \
             changed of the build context, and may have read that. Or they may come of a package \
             that moved: bytecode of its modules, setuid that a script of it names, a file of it \
             that an instruction edits as it did before. Whether they do is not known, and neither \
             is that nothing else made them.",
    mend: "Look at what is named, and at these files. To have less of them, copy what changes often \
             late, and write no bytecode (`PYTHONDONTWRITEBYTECODE=1`, `pip install --no-compile`); \
             what a lock moves is best reviewed without other changes. `--fail-on warning` fails \
             where there are any.",
    treatment: Treatment::Explain,
};

pub(super) const OTHER_HASH: Cause = Cause {
    id: "same-version-other-hash",
    title: "same version, other content",
    explanation: "The lock names the same version of a package as before with another \
             sha256. Archives do not change a published file; a mirror that was broken into \
             does.",
    mend: "Do not merge it before `rlock lock --verify` has found the hash in the signed \
             index, and somebody knows why it changed.",
    treatment: Treatment::Explain,
};

pub(super) const DOWNGRADE: Cause = Cause {
    id: "downgrade",
    title: "an earlier version",
    explanation: "A package goes back to an earlier version. What was fixed since is open \
             again.",
    mend: "Find out why: an older mirror, a suite that was left out, a pin. `rlock update \
             NAME` moves it forward.",
    treatment: Treatment::Explain,
};

pub(super) const NEW_UPSTREAM: Cause = Cause {
    id: "new-upstream-version",
    title: "new upstream version",
    explanation: "A security suite has back-ports as a rule: the old version with a patch. \
             This package is a new upstream version instead, so that more than the fix \
             changed.",
    mend: "Read its NEWS and changelog, and run the tests of what uses it.",
    treatment: Treatment::Explain,
};

pub(super) const SUITE_CHANGE: Cause = Cause {
    id: "suite-change",
    title: "another suite",
    explanation: "A package comes from another suite of its archive, or from another \
             archive, than before.",
    mend: "Check that the sources of packages in the image were meant to change.",
    treatment: Treatment::Explain,
};

pub(super) const REVERTED_FIX: Cause = Cause {
    id: "reverted-fix",
    title: "a fix that was taken back",
    explanation: "The changelog of a moved package says that the fix of a vulnerability, \
             which the old version had, was taken back.",
    mend: "Read the changelog: a fix that broke something often comes again in the next \
             version.",
    treatment: Treatment::Explain,
};

pub(super) const EPOCH_BUMP: Cause = Cause {
    id: "version-epoch-bump",
    title: "another version epoch",
    explanation: "The part before the colon of a version went up or down. It overrides the \
             order of all that stands behind it, so what looks like an earlier version \
             counts as a later one.",
    mend: "Look at the upstream versions on both sides: is it the one that is wanted?",
    treatment: Treatment::Explain,
};

pub(super) const DEPENDENCY: Cause = Cause {
    id: "dependency-change",
    title: "other dependencies",
    explanation: "A moved package needs packages that it did not need before, or no longer \
             needs some.",
    mend: "Nothing is to be done where the packages that it needs are ones that you want in \
             the image.",
    treatment: Treatment::Explain,
};

pub(super) const SCRIPTS: Cause = Cause {
    id: "install-scripts",
    title: "other maintainer scripts",
    explanation: "The scripts that run, as root, when the package is installed are new, gone \
             or other ones.",
    mend: "Read them: `dpkg-deb --ctrl-tarfile FILE | tar xO`. They run in every build.",
    treatment: Treatment::Explain,
};

pub(super) const SETUID: Cause = Cause {
    id: "new-setuid",
    title: "new setuid or setgid file",
    explanation: "A program runs with the rights of its owner or group, whoever starts it, \
             and did not before.",
    mend: "Remove the bit in the Dockerfile if nothing needs it: `chmod u-s,g-s FILE`.",
    treatment: Treatment::Explain,
};

pub(super) const CAPABILITY: Cause = Cause {
    id: "new-capability",
    title: "new file capability",
    explanation: "A program has capabilities of the kernel that it did not have before.",
    mend: "Remove them in the Dockerfile if nothing needs them: `setcap -r FILE`.",
    treatment: Treatment::Explain,
};

pub(super) const ACCOUNT: Cause = Cause {
    id: "new-account",
    title: "accounts or grants",
    explanation: "A user or a group is new, has another id, home or shell, can log in with a \
             password, or a file that says who may do what (sudo, polkit, PAM) is new or \
             changed.",
    mend: "Check that a package that you want made it.",
    treatment: Treatment::Explain,
};

pub(super) const SERVICE: Cause = Cause {
    id: "new-service",
    title: "new service",
    explanation: "Something is there that an init system, a timer or a bus starts by itself.",
    mend: "In a container nothing starts it as a rule; remove it if nothing should.",
    treatment: Treatment::Explain,
};

pub(super) const CA_ROOTS: Cause = Cause {
    id: "ca-roots",
    title: "other certificate authorities",
    explanation: "Authorities whose certificates programs in the image trust are new or \
             gone.",
    mend: "Check that it is an update of the list of authorities that you want.",
    treatment: Treatment::Explain,
};

pub(super) const SIGNING_KEYS: Cause = Cause {
    id: "signing-keys",
    title: "other package signing keys",
    explanation: "Keys by which package managers in the image trust archives are new, gone \
             or other ones.",
    mend: "Check the fingerprint of a new key against what its owner publishes.",
    treatment: Treatment::Explain,
};

pub(super) const NEW_HOST: Cause = Cause {
    id: "new-host",
    title: "a host that is new to the lock",
    explanation: "The lock names a host that it did not name before: something is fetched \
             from there now.",
    mend: "Check whose host it is, and which instruction or package asks for it.",
    treatment: Treatment::Explain,
};

pub(super) const UNOWNED_FETCH: Cause = Cause {
    id: "unowned-fetch",
    title: "a fetch that no package explains",
    explanation: "Something that a step fetches changed, is new, is gone, or is no longer \
             found, and it is neither the index of an archive that has a package that \
             moved, nor the file of such a package.",
    mend: "Look at the URL. What is meant to stay should be named with its version or its \
             digest in the Dockerfile.",
    treatment: Treatment::Explain,
};

pub(super) const LOCK_EPOCH: Cause = Cause {
    id: "lock-epoch",
    title: "another SOURCE_DATE_EPOCH",
    explanation: "The moment that the lock pins the build to is another one, so every file \
             that is made in the build may get another time. `rlock update` holds it.",
    mend: "Keep the old one unless the base image was to move on.",
    treatment: Treatment::Explain,
};

pub(super) const LOCK_FORM: Cause = Cause {
    id: "lock-form",
    title: "another canonical form or platform",
    explanation: "The lock was made for another platform, or its layers were taken in \
             another canonical form, so digests of layers cannot be compared with those \
             before.",
    mend: "Nothing is to be done after an upgrade of rlock that says so.",
    treatment: Treatment::Explain,
};

pub(super) const INTRODUCED: Cause = Cause {
    id: "introduced-advisory",
    title: "an advisory that is new",
    explanation: "An advisory concerns a package in the new lock, and concerned nothing of \
             that package in the old one.",
    mend: "Take a version that is not affected, or note in the ignore list why it does not \
             matter here.",
    treatment: Treatment::Explain,
};

pub(super) const OPEN: Cause = Cause {
    id: "open-advisory",
    title: "an advisory that stays open",
    explanation: "An advisory concerns a package before and after the change.",
    mend: "`rlock update --security` takes the fix where there is one.",
    treatment: Treatment::Explain,
};

pub(super) const FIXED: Cause = Cause {
    id: "fixed-advisory",
    title: "fixed advisories",
    explanation: "The changelog of a moved package names vulnerabilities that it fixes since \
             the old version. That is its maintainer's claim.",
    mend: "Nothing has to be done. Advisory data (`--advisories`) tells how severe they were.",
    treatment: Treatment::Explain,
};

pub(super) const POLICY: Cause = Cause {
    id: "policy-change",
    title: "rules that would let more pass",
    explanation: "The change edits `rlock.toml`, or data that it names, so that a check would let \
             more pass, believe or ask somebody else: an advisory is ignored, a key, a service, \
             a mirror or other data is named. A review goes by the rules before the change, and \
             so does `rlock lock --verify`.",
    mend: "Read each of these lines as what it is: a decision about what is not looked at. It \
           counts from when it is merged.",
    treatment: Treatment::Explain,
};

pub(super) const END_OF_LIFE: Cause = Cause {
    id: "end-of-life",
    title: "a distribution past its end",
    explanation: "The distribution of an image in the lock gets no updates any more, or only \
             subscribers get some: what is found in its packages from now on stays open. The \
             message names the table of dates; `--lifecycle` and rlock.toml give another.",
    mend: "Base the image on a release that is supported.",
    treatment: Treatment::Explain,
};

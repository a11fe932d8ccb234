//! New privileges: what runs with more rights than before, or by itself.

use super::owners::Owners;
use super::{Images, absolute, accounts, trust};
use crate::diff::FileDifference;
use crate::review::risk::{Flag, Risk, Risks, Unchecked};
use crate::store::{Node, NodeKind};
use std::collections::BTreeSet;

/// Setuid and setgid.
const PRIVILEGED: u32 = 0o6000;

/// The attribute that holds file capabilities.
const CAPABILITY: &[u8] = b"security.capability";

/// Directories in which a file is something that starts by itself.
const SERVICES: [&[u8]; 15] = [
    b"etc/systemd/system/",
    b"etc/systemd/user/",
    b"usr/lib/systemd/system/",
    b"usr/lib/systemd/user/",
    b"lib/systemd/system/",
    b"usr/local/lib/systemd/system/",
    b"usr/lib/systemd/system-generators/",
    b"etc/init.d/",
    b"etc/cron.d/",
    b"etc/cron.daily/",
    b"etc/cron.hourly/",
    b"etc/cron.weekly/",
    b"etc/xdg/autostart/",
    b"usr/share/dbus-1/system-services/",
    b"var/spool/cron/",
];

/// Files that give rights to users.
const GRANTS: [&[u8]; 5] = [
    b"etc/sudoers",
    b"etc/doas",
    b"etc/polkit-1/rules.d/",
    b"usr/share/polkit-1/rules.d/",
    b"etc/pam.d/",
];

/// What the images show of privileges and of trust.
pub(super) fn risks(images: &Images<'_>, owners: &Owners<'_>) -> Risks {
    let mut seen = Seen { owners, risks: Risks::default() };
    for file in &images.diff.files {
        seen.mode(file);
        seen.capability(file);
        seen.service(file);
        seen.grant(file);
    }
    accounts::compare(images, &mut seen);
    trust::compare(images, &mut seen);
    seen.risks.settle();
    seen.risks
}

/// What was found so far.
pub(super) struct Seen<'a> {
    owners: &'a Owners<'a>,
    pub(super) risks: Risks,
}

impl Seen<'_> {
    /// A flag about a file.
    pub(super) fn flag(&mut self, risk: Risk, path: &[u8], detail: String) {
        self.flag_all(risk, path, std::iter::once(path), detail);
    }

    /// One about several files, which are put down to the owner of the first.
    pub(super) fn flag_all<'p>(
        &mut self,
        risk: Risk,
        subject: &[u8],
        paths: impl Iterator<Item = &'p [u8]> + Clone,
        detail: String,
    ) {
        let package = paths.clone().next().and_then(|path| self.owners.at(path).next());
        let package = package.map(|owner| (owner.kind.to_owned(), owner.name.to_owned()));
        self.risks.flags.push(Flag {
            risk,
            subject: String::from_utf8_lossy(&absolute(subject)).into_owned(),
            detail,
            steps: BTreeSet::new(),
            package,
            paths: paths.map(absolute).collect(),
        });
    }

    /// A check that could not be made.
    pub(super) fn not_checked(&mut self, risk: Risk, path: &str, error: &std::io::Error) {
        let (subject, reason) = (format!("/{path}"), format!("it cannot be read: {error}"));
        self.risks.unchecked.push(Unchecked { risk, subject, reason });
    }

    fn mode(&mut self, file: &FileDifference) {
        let bits = |node: Option<&Node>| match node {
            Some(Node { kind: NodeKind::File { .. }, mode, .. }) => mode & PRIVILEGED,
            _ => 0,
        };
        let new = bits(file.right.as_ref()) & !bits(file.left.as_ref());
        let changed_hands = bits(file.right.as_ref()) != 0
            && file
                .left
                .as_ref()
                .zip(file.right.as_ref())
                .is_some_and(|(old, new)| (old.uid, old.gid) != (new.uid, new.gid));
        if new == 0 && !changed_hands {
            return;
        }
        let Some(node) = &file.right else { return };
        let word = if node.mode & 0o4000 == 0 { "setgid" } else { "setuid" };
        let detail = format!("{word}, {:04o}, owner {}:{}", node.mode, node.uid, node.gid);
        self.flag(Risk::Setuid, &file.path, detail);
    }

    fn capability(&mut self, file: &FileDifference) {
        let of = |node: Option<&Node>| node.and_then(|node| node.xattrs.get(CAPABILITY)).cloned();
        let (old, new) = (of(file.left.as_ref()), of(file.right.as_ref()));
        if let Some(value) = new.filter(|new| old.as_ref() != Some(new)) {
            self.flag(Risk::Capability, &file.path, capabilities(&value));
        }
    }

    fn service(&mut self, file: &FileDifference) {
        let is_there = |node: Option<&Node>| {
            node.is_some_and(|node| {
                matches!(node.kind, NodeKind::File { .. } | NodeKind::Symlink(_))
            })
        };
        let is_new = is_there(file.right.as_ref()) && !is_there(file.left.as_ref());
        if is_new && SERVICES.iter().any(|directory| file.path.starts_with(directory)) {
            self.flag(Risk::Service, &file.path, "new".to_owned());
        }
    }

    fn grant(&mut self, file: &FileDifference) {
        // Whose it is and what is in it: a time means nothing.
        let says = |node: &Option<Node>| {
            node.as_ref().map(|node| (node.kind.clone(), node.mode, node.uid, node.gid))
        };
        let is_other = file.right.is_some() && says(&file.left) != says(&file.right);
        if is_other && GRANTS.iter().any(|start| file.path.starts_with(start)) {
            let what = if file.left.is_none() { "new" } else { "changed" };
            self.flag(Risk::Account, &file.path, format!("{what}; says who may do what"));
        }
    }
}

/// The permitted set of `security.capability`.
fn capabilities(value: &[u8]) -> String {
    match capability_names(value, 4) {
        None => "capabilities in a form that is not known".to_owned(),
        Some(names) if names.is_empty() => "inheritable capabilities".to_owned(),
        Some(names) => names.join(", "),
    }
}

/// All that `security.capability` gives, permitted or inheritable, by name; none where it is in a form
/// that is not known.
pub(super) fn all_capabilities(value: &[u8]) -> Option<Vec<String>> {
    Some([capability_names(value, 4)?, capability_names(value, 8)?].concat())
}

/// A set by number, in the form of `struct vfs_cap_data` of `linux/capability.h`: a word of magic, then
/// pairs of 32 bits (permitted, inheritable).
fn capability_names(value: &[u8], at: usize) -> Option<Vec<String>> {
    let word = |at: usize| {
        let bytes = value.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes)
    };
    let (low, high) = (word(at)?, word(at + 8).unwrap_or(0));
    let set = u64::from(low) | (u64::from(high) << 32);
    Some((0..64_usize).filter(|number| set >> number & 1 == 1).map(name).collect())
}

/// In the order of `linux/capability.h`.
fn name(number: usize) -> String {
    const NAMES: [&str; 41] = [
        "chown",
        "dac_override",
        "dac_read_search",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "linux_immutable",
        "net_bind_service",
        "net_broadcast",
        "net_admin",
        "net_raw",
        "ipc_lock",
        "ipc_owner",
        "sys_module",
        "sys_rawio",
        "sys_chroot",
        "sys_ptrace",
        "sys_pacct",
        "sys_admin",
        "sys_boot",
        "sys_nice",
        "sys_resource",
        "sys_time",
        "sys_tty_config",
        "mknod",
        "lease",
        "audit_write",
        "audit_control",
        "setfcap",
        "mac_override",
        "mac_admin",
        "syslog",
        "wake_alarm",
        "block_suspend",
        "audit_read",
        "perfmon",
        "bpf",
        "checkpoint_restore",
    ];
    NAMES.get(number).map_or_else(|| format!("capability {number}"), |name| format!("cap_{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_names() {
        let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(capabilities(&value), "cap_net_raw, cap_bpf");
        let inheritable = [1, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0];
        let expected = ["cap_chown", "cap_bpf"].map(str::to_owned).to_vec();
        assert_eq!(all_capabilities(&inheritable), Some(expected));
        assert_eq!(capabilities(&inheritable), "inheritable capabilities");
        assert_eq!(capabilities(b"x"), "capabilities in a form that is not known");
    }
}

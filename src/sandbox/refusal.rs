//! From a refusal of the kernel to the setting that decides it: pure, but for [`Settings::read`].

use std::fs;

use super::error::Doing;

/// The system settings that decide whether an ordinary user gets a user namespace.
/// `None` where the kernel does not have the setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `/proc/sys/user/max_user_namespaces`.
    pub max_user_namespaces: Option<u64>,
    /// `/proc/sys/kernel/unprivileged_userns_clone`: Debian's and Arch's switch.
    pub unprivileged_userns_clone: Option<u64>,
    /// `/proc/sys/kernel/apparmor_restrict_unprivileged_userns`: Ubuntu's, since 23.10.
    pub apparmor_restrict_unprivileged_userns: Option<u64>,
    /// Whether a seccomp filter is loaded already, as in Docker's containers.
    pub seccomp_filtered: bool,
}

impl Settings {
    /// The settings of this machine.
    pub fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        Self {
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restrict_unprivileged_userns: number(
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            ),
            seccomp_filtered: fs::read_to_string("/proc/self/status")
                .is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2")),
        }
    }
}

/// Why a user namespace, or a mount inside one, was refused with `errno`.
pub(super) fn user_namespace(errno: Option<i32>, settings: &Settings) -> String {
    if settings.max_user_namespaces == Some(0) {
        return "user namespaces are switched off: as root, `sysctl -w user.max_user_namespaces=15000`, \
                or run rlock as root"
            .to_owned();
    }
    if settings.unprivileged_userns_clone == Some(0) {
        return "user namespaces are kept for root: as root, `sysctl -w \
                kernel.unprivileged_userns_clone=1`, or run rlock as root"
            .to_owned();
    }
    let denied = matches!(errno, Some(libc::EPERM | libc::EACCES));
    if settings.apparmor_restrict_unprivileged_userns == Some(1) && denied {
        return "AppArmor restricts user namespaces (Ubuntu 23.10 and later): as root, `sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0`, or give rlock a profile with `userns,`, \
                or run rlock as root"
            .to_owned();
    }
    match errno {
        Some(libc::EINVAL) => "the kernel is built without `CONFIG_USER_NS`: run rlock as root",
        Some(libc::ENOSPC) => {
            "too many user namespaces: raise `user.max_user_namespaces` with `sysctl`, or leave the \
             namespaces that rlock is started in"
        }
        Some(libc::EUSERS) => "too many nested user namespaces: start rlock outside of them",
        Some(libc::EPERM | libc::EACCES) if settings.seccomp_filtered => {
            "a seccomp filter forbids it, as Docker's containers have one: start the container with \
             `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
        }
        _ => "a security module or a chroot forbids it: run rlock as root, or outside of the chroot",
    }
    .to_owned()
}

pub(super) fn not_privileged() -> &'static str {
    "in a container, root needs `CAP_SYS_ADMIN`: start the container with `--privileged`, or with \
     `--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
     --security-opt systempaths=unconfined`"
}

pub(super) fn tool_missing(tool: &str) -> String {
    format!(
        "`{tool}` gives an ordinary user more than one user id: install the package `uidmap` (Debian, \
         Ubuntu, Alpine: `shadow-uidmap`) or `shadow-utils` (Fedora), or run rlock as root"
    )
}

pub(super) fn range_missing(file: &str, user: &str) -> String {
    let option = if file.ends_with("gid") { "--add-subgids" } else { "--add-subuids" };
    format!("as root, `usermod {option} 100000-165535 {user}`, or run rlock as root")
}

pub(super) fn map_refused(tool: &str) -> String {
    format!(
        "`{tool}` must be setuid root (or have `cap_setuid,cap_setgid+ep`) on a file system mounted \
         without `nosuid`, and rlock must not run with `no_new_privs`"
    )
}

pub(super) fn overlay(errno: Option<i32>) -> Option<String> {
    let hint = match errno? {
        libc::ENODEV => "the kernel has no overlay file system: as root, `modprobe overlay`",
        libc::EPERM => {
            "an ordinary user may mount an overlay since Linux 5.11: use a newer kernel, or run \
             rlock as root"
        }
        libc::EINVAL | libc::EOPNOTSUPP => {
            "the upper directory cannot lie on an overlay (a container's own file system), NFS, FAT or \
             the like: put rlock's cache folder on ext4, xfs, btrfs or tmpfs"
        }
        libc::ENOSYS => "rlock needs Linux 5.11 or later",
        libc::ENOSPC => "the disk is full, or `sysctl fs.mount-max` is reached",
        _ => return None,
    };
    Some(hint.to_owned())
}

pub(super) fn step(doing: &Doing, errno: Option<i32>) -> Option<String> {
    let hint = match (doing, errno?) {
        (_, libc::ENOSYS) => "rlock needs Linux 5.11 or later".to_owned(),
        (Doing::Mount(path), libc::EPERM) if path == "/proc" => {
            "parts of the outer `/proc` are masked, so the kernel allows no new one: start the outer \
             container with `--security-opt systempaths=unconfined` (Docker) or `--security-opt \
             unmask=/proc/*` (Podman)"
                .to_owned()
        }
        (Doing::Namespaces | Doing::Processes, libc::ENOSPC) => {
            "too many namespaces: raise `user.max_mnt_namespaces`, `user.max_pid_namespaces` and \
             their like with `sysctl`"
                .to_owned()
        }
        (Doing::Namespaces | Doing::Processes, libc::EPERM) => not_privileged().to_owned(),
        (Doing::Loopback | Doing::Gate, libc::EPERM) => {
            "in a container, root needs `CAP_NET_ADMIN` and `CAP_NET_RAW`: start the container with \
             `--cap-add NET_ADMIN --cap-add NET_RAW`, or run rlock as an ordinary user"
                .to_owned()
        }
        (Doing::Seccomp, libc::EINVAL) => {
            "the kernel is built without `CONFIG_SECCOMP_FILTER`".to_owned()
        }
        (Doing::Redirect, errno) => return redirect(errno).map(str::to_owned),
        (Doing::User { uid, gid }, libc::EINVAL) => format!(
            "user {uid} or group {gid} is outside of the ids that `/etc/subuid` and `/etc/subgid` \
             give: enlarge the ranges, or run rlock as root"
        ),
        (Doing::User { .. }, libc::EPERM) => {
            "rlock was started as root of a user namespace that has no further ids (`unshare -r`): \
             start it as yourself, outside of that"
                .to_owned()
        }
        (Doing::WorkingDirectory(path), libc::ENOENT) => {
            format!("`WORKDIR {path}` makes the directory")
        }
        (Doing::Mount(path) | Doing::MountPoint(path), libc::ELOOP | libc::ENOTDIR) => {
            format!("`{path}` is not a directory in the image")
        }
        _ => return None,
    };
    Some(hint)
}

/// Why rlock cannot answer a step's `connect` calls.
fn redirect(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EPERM | libc::EACCES => Some(
            "rlock needs `CAP_SYS_PTRACE` over the step's processes: in a container, start it with \
             `--cap-add SYS_PTRACE --security-opt seccomp=unconfined`; and the system setting \
             `kernel.yama.ptrace_scope` must not be 3",
        ),
        libc::EBUSY => Some(
            "another program answers system calls of rlock by seccomp notification, as LXD and some \
             container runtimes do: run rlock outside of it",
        ),
        libc::EINVAL => Some(
            "the kernel has no seccomp user notification: rlock needs Linux 5.11 or later, built with \
             `CONFIG_SECCOMP_FILTER`",
        ),
        libc::EMFILE | libc::ENFILE => Some("raise the limit of open files: `ulimit -n 65536`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Settings {
        Settings { max_user_namespaces: Some(15_000), ..Settings::default() }
    }

    #[test]
    fn each_switch_is_named() {
        let eperm = Some(libc::EPERM);
        let off = Settings { max_user_namespaces: Some(0), ..open() };
        assert!(
            user_namespace(Some(libc::ENOSPC), &off).contains("user.max_user_namespaces=15000")
        );
        let clone = Settings { unprivileged_userns_clone: Some(0), ..open() };
        assert!(user_namespace(eperm, &clone).contains("kernel.unprivileged_userns_clone=1"));
        let ubuntu = Settings { apparmor_restrict_unprivileged_userns: Some(1), ..open() };
        for errno in [libc::EPERM, libc::EACCES] {
            assert!(
                user_namespace(Some(errno), &ubuntu)
                    .contains("kernel.apparmor_restrict_unprivileged_userns=0")
            );
        }
        let docker = Settings { seccomp_filtered: true, ..open() };
        assert!(user_namespace(eperm, &docker).contains("seccomp=unconfined"));
    }

    #[test]
    fn a_switch_that_is_on_is_not_blamed() {
        let on = Settings {
            unprivileged_userns_clone: Some(1),
            apparmor_restrict_unprivileged_userns: Some(0),
            ..open()
        };
        assert!(user_namespace(Some(libc::EPERM), &on).contains("security module or a chroot"));
        assert!(user_namespace(Some(libc::EINVAL), &on).contains("CONFIG_USER_NS"));
        assert!(user_namespace(Some(libc::ENOSPC), &on).contains("too many"));
        assert!(user_namespace(Some(libc::EUSERS), &on).contains("nested"));
        let ubuntu = Settings { apparmor_restrict_unprivileged_userns: Some(1), ..open() };
        assert!(user_namespace(Some(libc::EINVAL), &ubuntu).contains("CONFIG_USER_NS"));
    }

    #[test]
    fn missing_ids_come_with_the_command() {
        assert!(
            range_missing("/etc/subuid", "ann").contains("usermod --add-subuids 100000-165535 ann")
        );
        assert!(
            range_missing("/etc/subgid", "ann").contains("usermod --add-subgids 100000-165535 ann")
        );
        assert!(tool_missing("newuidmap").contains("package `uidmap`"));
    }

    #[test]
    fn overlay_and_step_refusals_are_told_apart() {
        assert!(overlay(Some(libc::EPERM)).unwrap().contains("5.11"));
        assert!(overlay(Some(libc::ENODEV)).unwrap().contains("modprobe overlay"));
        assert!(overlay(Some(libc::EINVAL)).unwrap().contains("cache folder"));
        assert_eq!(overlay(Some(libc::EIO)), None);
        assert_eq!(overlay(None), None);
        let proc = Doing::Mount("/proc".to_owned());
        assert!(step(&proc, Some(libc::EPERM)).unwrap().contains("systempaths=unconfined"));
        assert_eq!(step(&Doing::Mount("/sys".to_owned()), Some(libc::EPERM)), None);
        let user = Doing::User { uid: 70_000, gid: 0 };
        assert!(step(&user, Some(libc::EINVAL)).unwrap().contains("/etc/subuid"));
        assert!(step(&user, Some(libc::EPERM)).unwrap().contains("unshare -r"));
        assert!(step(&Doing::Namespaces, Some(libc::ENOSPC)).unwrap().contains("sysctl"));
        for (errno, expected) in [
            (libc::EPERM, "--cap-add SYS_PTRACE"),
            (libc::EBUSY, "LXD"),
            (libc::EINVAL, "CONFIG_SECCOMP_FILTER"),
            (libc::EMFILE, "ulimit -n"),
        ] {
            assert!(step(&Doing::Redirect, Some(errno)).unwrap().contains(expected), "{errno}");
        }
        assert!(step(&Doing::Gate, Some(libc::EPERM)).unwrap().contains("NET_ADMIN"));
    }

    #[test]
    fn settings_of_this_machine_can_be_read() {
        assert!(Settings::read().max_user_namespaces.is_some());
    }
}

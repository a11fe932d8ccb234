//! How much memory may still be taken: the machine's, within the limits of all control groups.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted, and the names of the files that a version has.
struct Version {
    mounts: &'static [&'static str],
    limit: &'static str,
    usage: &'static str,
    /// Page cache that goes when memory is needed.
    reclaimable: &'static str,
}

/// <https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files>; systemd's hybrid
/// hierarchy has it in a folder of its own.
const SECOND: Version = Version {
    mounts: &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: "inactive_file",
};

/// <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>
const FIRST: Version = Version {
    mounts: &["/sys/fs/cgroup/memory"],
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

/// What this process and those it starts can take without swapping and without being killed for it, in
/// bytes; 0 where the system does not say.
pub fn available_memory() -> u64 {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let Some(machine) = read(Path::new("/proc/meminfo")).and_then(|text| of_machine(&text)) else {
        return 0;
    };
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    of_groups(&groups, &read).map_or(machine, |left| left.min(machine))
}

/// `MemAvailable` of `/proc/meminfo`, which is in KiB.
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The least that any group leaves, from this process's up to the root; none where none has a limit.
fn of_groups(groups: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut least: Option<u64> = None;
    for (version, group) in groups.lines().filter_map(hierarchy) {
        for mount in version.mounts {
            // In a container without a namespace of its own the group's path is the host's, and
            // what is mounted is the group itself: the last ancestor.
            for ancestor in Path::new(group).ancestors() {
                let relative = ancestor.strip_prefix("/").unwrap_or(ancestor);
                let left = left_in(version, &Path::new(mount).join(relative), read);
                least = least.into_iter().chain(left).min();
            }
        }
    }
    least
}

/// The version and the group of one line of `/proc/self/cgroup`, if it is about memory.
fn hierarchy(line: &str) -> Option<(&'static Version, &str)> {
    let mut fields = line.splitn(3, ':');
    let (_number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    match controllers {
        "" => Some((&SECOND, group)),
        _ if controllers.split(',').any(|name| name == "memory") => Some((&FIRST, group)),
        _ => None,
    }
}

fn left_in(version: &Version, group: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let value = |name: &str| read(&PathBuf::from(group).join(name));
    // "max" is no limit.
    let limit: u64 = value(version.limit)?.trim().parse().ok()?;
    let usage: u64 = value(version.usage)?.trim().parse().ok()?;
    let statistics = value("memory.stat").unwrap_or_default();
    let reclaimable = statistics
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == version.reclaimable)
        .and_then(|(_, value)| value.trim().parse::<u64>().ok())
        .unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(reclaimable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn left(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let files: BTreeMap<&Path, &str> =
            files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        of_groups(groups, &|path| files.get(path).map(|text| (*text).to_owned()))
    }

    #[test]
    fn machine_says_what_is_available() {
        let text = "MemTotal:       24000 kB\nMemAvailable:    2048 kB\nSwapFree: 1 kB\n";
        assert_eq!(of_machine(text), Some(2 << 20));
        assert_eq!(of_machine("MemTotal: 5 kB\n"), None);
        assert_eq!(of_machine("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn the_narrowest_group_counts() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "5\n"),
            ("/sys/fs/cgroup/a/memory.max", "1000\n"),
            ("/sys/fs/cgroup/a/memory.current", "700\n"),
            ("/sys/fs/cgroup/a/memory.stat", "anon 400\ninactive_file 200\n"),
            ("/sys/fs/cgroup/memory.max", "9000\n"),
            ("/sys/fs/cgroup/memory.current", "800\n"),
        ];
        assert_eq!(left("0::/a/b\n", &files), Some(500));
        assert_eq!(left("0::/\n", &files), Some(8200));
        assert_eq!(left("3:cpu:/a\n", &files), None);
    }

    #[test]
    fn a_container_sees_its_group_as_the_mount() {
        let files = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "100\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "130\n"),
        ];
        assert_eq!(left("5:cpu,memory:/docker/0123\n0::/x\n", &files), Some(0));
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available_memory() > 0);
    }
}

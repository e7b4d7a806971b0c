//! Processes in groups of all kinds, made of fake files.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// A root directory with files in it, gone with the test.
struct Root(PathBuf);

impl Root {
    /// `cgroup` and `mountinfo` are the files below `/proc/self`.
    fn new(cgroup: &str, mountinfo: &str) -> Root {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sudog-cgroup-{}-{number}", std::process::id());
        let root = Root(std::env::temp_dir().join(name));
        root.with("/proc/self/cgroup", cgroup)
            .with("/proc/self/mountinfo", mountinfo)
    }

    fn with(self, path: &str, text: &str) -> Root {
        let path = self.0.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
        self
    }

    fn procs(&self, cpus: usize) -> usize {
        limit_procs(cpus, &self.0)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const OTHERS: &str = "\
    23 28 0:22 / /proc rw shared:13 - proc proc rw\n\
    31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
    33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n";
const V1: &str = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n";

fn v2(cpu_max: &str) -> Root {
    Root::new("0::/app\n", V2).with("/sys/fs/cgroup/app/cpu.max", cpu_max)
}

fn v1(quota: &str, period: &str) -> Root {
    Root::new("4:memory:/m\n1:cpu:/app\n0::/\n", &format!("{OTHERS}{V1}"))
        .with("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", quota)
        .with("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", period)
}

#[test]
fn a_quota_is_rounded_up_and_two_at_least() {
    for (cpu_max, procs) in [
        ("max 100000\n", 16),
        ("400000 100000\n", 4),
        ("250000 100000\n", 3),
        ("200001 100000\n", 3),
        ("200000 100000\n", 2),
        ("100000 100000\n", 2),
        ("50000 100000\n", 2),
        ("1000 1000000\n", 2),
        ("1600000 100000\n", 16),
        ("1700000 100000\n", 16),
        ("9223372036854775807 1\n", 16),
        ("18446744073709551615 1\n", 16),
    ] {
        assert_eq!(v2(cpu_max).procs(16), procs, "{cpu_max}");
    }
    // A quota adds no CPUs.
    assert_eq!(v2("50000 100000\n").procs(1), 1);
}

#[test]
fn the_old_files_say_the_same() {
    for (quota, period, procs) in [
        ("-1\n", "100000\n", 16),
        ("350000\n", "100000\n", 4),
        ("10000\n", "100000\n", 2),
        ("9223372036854775807\n", "100000\n", 16),
    ] {
        assert_eq!(v1(quota, period).procs(16), procs, "{quota}");
    }
}

#[test]
fn what_makes_no_sense_is_no_limit() {
    for cpu_max in [
        "",
        "\n",
        "max\n",
        "200000\n",
        "200000 100000",
        "200000 0\n",
        "-200000 100000\n",
        "200000 -1\n",
        "two 100000\n",
        "200000 100000 1\n",
        "200000  100000\n",
        "2e5 1e5\n",
        "99999999999999999999 100000\n",
    ] {
        assert_eq!(v2(cpu_max).procs(16), 16, "{cpu_max:?}");
    }
    for (quota, period) in [
        ("200000", "100000\n"),
        ("200000\n", "100000"),
        ("\n", "100000\n"),
        ("200000\n", "\n"),
        ("200000\n", "0\n"),
        ("max\n", "100000\n"),
        ("-2\n", "100000\n"),
    ] {
        assert_eq!(v1(quota, period).procs(16), 16, "{quota:?} {period:?}");
    }
}

#[test]
fn files_that_are_missing_or_broken_are_no_limit() {
    let with = |cgroup: &str, mountinfo: &str| {
        Root::new(cgroup, mountinfo)
            .with("/sys/fs/cgroup/app/cpu.max", "200000 100000\n")
            .procs(16)
    };
    assert_eq!(with("0::/app\n", V2), 2, "this one is whole");
    for cgroup in [
        "",
        "\n",
        "0\n",
        "0:\n",
        "0:/app\n",
        "0::app\n",
        "0::\n",
        "/app\n",
        "0::/other\n",
    ] {
        assert_eq!(with(cgroup, V2), 16, "{cgroup:?}");
    }
    for mountinfo in [
        "",
        OTHERS,
        V1,
        "30 23 0:26 / /sys/fs/cgroup\n",
        "30 23 0:26 / /sys/fs/cgroup rw - \n",
        "30 23 0:26 /app\n",
        "30 - cgroup2\n",
        r"30 23 0:26 / /sys/fs/\9cgroup rw - cgroup2 cgroup2 rw",
        r"30 23 0:26 / /sys/fs/cgroup\04 rw - cgroup2 cgroup2 rw",
        r"30 23 0:26 / /sys/fs/cgroup\400 rw - cgroup2 cgroup2 rw",
    ] {
        assert_eq!(with("0::/app\n", mountinfo), 16, "{mountinfo:?}");
    }
    assert_eq!(limit_procs(16, Path::new("/no/such/root")), 16);
}

#[test]
fn the_tightest_ancestor_counts() {
    let below = |cgroup: &str| {
        Root::new(cgroup, V2)
            .with("/sys/fs/cgroup/a/cpu.max", "300000 100000\n")
            .with("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n")
            .with("/sys/fs/cgroup/a/b/c/cpu.max", "500000 50000\n")
            .procs(16)
    };
    assert_eq!(below("0::/a/b/c\n"), 3);
    assert_eq!(below("0::/a/b\n"), 3);
    assert_eq!(below("0::/a\n"), 3);
    assert_eq!(below("0::/\n"), 16);
    // A group without the controller has no file; those above it have.
    assert_eq!(below("0::/a/b/c/d\n"), 3);
    assert_eq!(below("0::/a/x/y\n"), 3);
    assert_eq!(below("0::/ab\n"), 16);
    let old = v1("800000\n", "100000\n")
        .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "600000\n")
        .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_eq!(old.procs(16), 6);
}

#[test]
fn a_container_sees_its_own_group_on_top() {
    // The new kind, with a namespace of its own: its group is `/`, and has a file.
    let own = Root::new("0::/\n", V2).with("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    assert_eq!(own.procs(16), 3);
    // The old kind: only the container's part is mounted, under a name of the outside.
    let mount = "32 31 0:29 /docker/9f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n";
    let part = |cgroup: &str| {
        Root::new(cgroup, mount)
            .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n")
            .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
            .with("/sys/fs/cgroup/cpu/in/cpu.cfs_quota_us", "200000\n")
            .with("/sys/fs/cgroup/cpu/in/cpu.cfs_period_us", "100000\n")
            .procs(16)
    };
    assert_eq!(part("7:cpuacct,cpu:/docker/9f\n"), 3);
    assert_eq!(part("7:cpu,cpuacct:/docker/9f/in\n"), 2);
    assert_eq!(part("7:cpu:/docker/9\n"), 16);
    assert_eq!(part("7:cpu:/docker/9fa\n"), 16);
    assert_eq!(part("7:cpu:/\n"), 16);
}

#[test]
fn a_group_outside_the_namespace_is_out_of_reach() {
    let mount = |top: &str| format!("30 23 0:26 {top} /mnt rw - cgroup2 cgroup2 rw\n");
    let procs = |cgroup: &str, mounts: &str| {
        Root::new(cgroup, mounts)
            .with("/mnt/cpu.max", "500000 100000\n")
            .with("/mnt/init/cpu.max", "400000 100000\n")
            .with("/sys/fs/cgroup/cpu.max", "300000 100000\n")
            .procs(16)
    };
    assert_eq!(procs("0::/../../init\n", &mount("/..")), 16);
    assert_eq!(procs("0::/../../init\n", &mount("/")), 16);
    assert_eq!(procs("0::/..\n", &mount("/")), 16);
    assert_eq!(procs("0::/../../init\n", &mount("/../..")), 4);
    assert_eq!(procs("0::/../../init\n", &mount("/../../init")), 5);
    // The first mount that has the group is taken, not the first.
    let two = format!("{}{}", mount("/other"), V2);
    assert_eq!(procs("0::/\n", &two), 3);
}

#[test]
fn where_both_kinds_are_the_old_one_with_the_controller_decides() {
    let both = format!("{OTHERS}30 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n{V1}");
    let hybrid = |cgroup: &str| {
        Root::new(cgroup, &both)
            .with("/sys/fs/cgroup/unified/app/cpu.max", "200000 100000\n")
            .with("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "500000\n")
            .with("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n")
            .procs(16)
    };
    assert_eq!(hybrid("0::/app\n4:memory:/app\n1:cpu:/app\n"), 5);
    assert_eq!(hybrid("1:cpu,cpuacct:/app\n0::/app\n"), 5);
    // Where no old one has it, it is in the new one.
    assert_eq!(hybrid("4:memory:/app\n3:cpuset,cpuacct:/app\n0::/app\n"), 2);
    assert_eq!(hybrid("1:cpu:/\n0::/app\n"), 16);
}

#[test]
fn names_may_have_blanks_and_colons() {
    let mount = r"30 23 0:26 / /mnt/with\040blank\134 rw a:b - cgroup2 cgroup2 rw";
    let odd =
        Root::new("0::/a:b c\n", mount).with("/mnt/with blank\\/a:b c/cpu.max", "300000 100000\n");
    assert_eq!(odd.procs(16), 3);
    let top = Root::new(
        "0::/a b/c\n",
        r"30 23 0:26 /a\040b /mnt rw - cgroup2 cgroup2 rw",
    )
    .with("/mnt/c/cpu.max", "400000 100000\n");
    assert_eq!(top.procs(16), 4);
}

#[test]
fn a_changed_quota_is_seen_the_next_time() {
    let root = v2("300000 100000\n");
    assert_eq!(root.procs(16), 3);
    let root = root.with("/sys/fs/cgroup/app/cpu.max", "700000 100000\n");
    assert_eq!(root.procs(16), 7);
    let root = root.with("/proc/self/cgroup", "0::/moved\n");
    assert_eq!(root.procs(16), 16);
}

//! Following the quotas of control groups, fed from files of our own.

use super::sched;
use crate::runtime::{max_procs, set_max_procs};
use crate::sys::cgroup;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A `/` with a control group that has this quota.
struct Root(PathBuf);

impl Root {
    fn new(quota: &str) -> Root {
        let name = format!("sudog-procs-{}", std::process::id());
        let root = Root(std::env::temp_dir().join(name));
        root.file("proc/self/cgroup", "0::/app\n");
        root.file(
            "proc/self/mountinfo",
            "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n",
        );
        root.set(quota);
        root
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn set(&self, quota: &str) {
        self.file("sys/fs/cgroup/app/cpu.max", &format!("{quota}\n"));
    }

    /// What sysmon does every second, with this root and eight CPUs.
    fn follow(&self) {
        sched().procs().follow(|| cgroup::limit_procs(8, &self.0));
        sched().sysmon.wake();
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Has the number follow the quota until it does: sysmon looks at the true one every second.
fn follow_to(root: &Root, count: usize) {
    let limit = Instant::now() + Duration::from_secs(30);
    while (sched().ps().len(), max_procs()) != (count, count) {
        let now = (sched().ps().len(), max_procs());
        assert!(Instant::now() < limit, "{now:?} Ps instead of {count}");
        root.follow();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The only test of this binary that changes the number.
#[test]
fn the_number_follows_the_quota_until_one_is_given() {
    let is_given = |name| std::env::var_os(name).is_some();
    if is_given("SUDOG_MAXPROCS") || is_given("GOMAXPROCS") {
        return;
    }
    let root = Root::new("300000 100000");
    follow_to(&root, 3);
    root.set("max 100000");
    follow_to(&root, 8);
    set_max_procs(5);
    root.follow();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!((max_procs(), sched().ps().len()), (5, 5));
}

//! How much CPU the control groups of this process leave it. Go's `internal/runtime/cgroup`.
//!
//! A group may have a quota: so many microseconds of CPU in each period. It holds for all groups below
//! it together, so what counts is the least of our own group's and its ancestors'. (Go looks at our own
//! group only.)
//!
//! 1. `/proc/self/cgroup` names the group. Where an old hierarchy (v1) has the `cpu` controller the new
//!    one (v2) has no quotas.
//! 2. `/proc/self/mountinfo` says where the hierarchy is mounted, and with which group on top: in a
//!    container that need not be the first of all.
//! 3. In the group's directory, v2 has `cpu.max` (`50000 100000`, or `max 100000`), v1 `cpu.cfs_quota_us`
//!    (-1 for none) and `cpu.cfs_period_us`.
//! 4. What is not there, cannot be read or makes no sense is no limit, and no complaint.
//!
//! Nothing is kept: quotas change while a process runs, and so may the group it is in.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How many goroutines should run at once on `cpus` CPUs, as Go has it: no more than the quota, rounded
/// up, is good for, but 2 at least. One that is alone would wait for each goroutine that is throttled.
///
/// `root` is where `/proc` is found: `/`, but in tests.
pub(crate) fn limit_procs(cpus: usize, root: &Path) -> usize {
    match quota(root) {
        // A quota too large for a number is no limit.
        Some(quota) => cpus.min((quota.ceil() as usize).max(2)),
        None => cpus,
    }
}

/// The least quota of our group and its ancestors, in CPUs.
fn quota(root: &Path) -> Option<f64> {
    let group = Group::read(&fs::read(root.join("proc/self/cgroup")).ok()?)?;
    let mounts = fs::read(root.join("proc/self/mountinfo")).ok()?;
    let Found { mount, below } = group.find(&mounts)?;
    let mount = inside(root, &mount);
    let below = inside(Path::new(""), below);
    // From our own group up to the one that is mounted.
    let ancestors = below.ancestors().map(|group| mount.join(group));
    let quotas = ancestors.filter_map(|directory| match group.version {
        Version::V1 => quota_v1(&directory),
        Version::V2 => quota_v2(&directory),
    });
    quotas.min_by(f64::total_cmp)
}

/// The path of `absolute` if `root` is taken for `/`.
fn inside(root: &Path, absolute: &[u8]) -> PathBuf {
    let start = absolute.iter().take_while(|byte| **byte == b'/').count();
    root.join(OsStr::from_bytes(&absolute[start..]))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    V1,
    V2,
}

/// The group whose quota holds for us, in the hierarchy of that version.
struct Group {
    version: Version,
    path: Vec<u8>,
}

/// Where a group is found.
struct Found<'a> {
    mount: Vec<u8>,
    /// From there on.
    below: &'a [u8],
}

impl Group {
    /// Reads `/proc/self/cgroup`: lines of `number:controllers:path`, the number being 0 for v2.
    fn read(text: &[u8]) -> Option<Group> {
        let mut unified = None;
        for line in lines(text) {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            if !path.starts_with(b"/") {
                return None;
            }
            let group = |version| Group {
                version,
                path: path.to_vec(),
            };
            if number == b"0" {
                unified = Some(group(Version::V2));
            } else if has_cpu(controllers) {
                return Some(group(Version::V1));
            }
        }
        unified
    }

    /// Finds the group in `/proc/self/mountinfo`, in the first mount that has it:
    ///
    /// ```text
    /// 32 31 0:29 /top /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
    ///            root mount point                               type          options
    /// ```
    fn find(&self, mounts: &[u8]) -> Option<Found<'_>> {
        for line in lines(mounts) {
            let split = line.windows(3).position(|bytes| bytes == b" - ")?;
            let mut front = line[..split].split(|byte| *byte == b' ').skip(3);
            let mut back = line[split + 3..].split(|byte| *byte == b' ');
            let (top, mount, kind) = (front.next()?, front.next()?, back.next()?);
            let is_ours = match self.version {
                Version::V1 => kind == b"cgroup" && has_cpu(back.nth(1)?),
                Version::V2 => kind == b"cgroup2",
            };
            if is_ours && let Some(below) = self.below(&unescape(top)?) {
                let mount = unescape(mount)?;
                return Some(Found { mount, below });
            }
        }
        None
    }

    /// The rest of the path from `top` on, if the group is there.
    ///
    /// A group outside our namespace is named by a way up (`/../other`), which a mount cannot go.
    fn below(&self, top: &[u8]) -> Option<&[u8]> {
        let top = if top == b"/" { b"" } else { top };
        let below = self.path.strip_prefix(top)?;
        let is_path = below.is_empty() || below.starts_with(b"/");
        let is_up = below == b"/.." || below.starts_with(b"/../");
        (is_path && !is_up).then_some(below)
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

/// Whether `cpu` is in a list with commas.
fn has_cpu(list: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|name| name == b"cpu")
}

/// Undoes the kernel's writing of blanks and backslashes as `\040`; none if that makes no sense.
fn unescape(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = path.split(|byte| *byte == b'\\');
    let mut plain = parts.next()?.to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(3)?;
        let digits = std::str::from_utf8(digits).ok()?;
        plain.push(u8::from_str_radix(digits, 8).ok()?);
        plain.extend_from_slice(rest);
    }
    Some(plain)
}

fn quota_v2(directory: &Path) -> Option<f64> {
    let text = fs::read_to_string(directory.join("cpu.max")).ok()?;
    let (quota, period) = text.strip_suffix('\n')?.split_once(' ')?;
    in_cpus(quota, period)
}

fn quota_v1(directory: &Path) -> Option<f64> {
    let quota = fs::read_to_string(directory.join("cpu.cfs_quota_us")).ok()?;
    let period = fs::read_to_string(directory.join("cpu.cfs_period_us")).ok()?;
    in_cpus(quota.strip_suffix('\n')?, period.strip_suffix('\n')?)
}

/// What a quota amounts to; none for `max` and -1, which are no numbers here.
fn in_cpus(quota: &str, period: &str) -> Option<f64> {
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok().filter(|period| *period > 0)?;
    Some(quota as f64 / period as f64)
}

#[cfg(test)]
mod tests;

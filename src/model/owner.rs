//! Who made a temporary object or holds a lock, and whether that process still lives.

use std::fmt;
use std::fs;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RunId;

/// A mark that this program did not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say which process made it")]
pub struct InvalidOwner(pub String);

/// The process that a run belongs to, written where others can ask whether it is still there.
///
/// As text: `RUN HOST BOOT PIDNS PID START`, where BOOT is the kernel's boot id, PIDNS the inode of
/// the PID namespace and START the process' start time in clock ticks since boot (field 22 of
/// `/proc/PID/stat`), so that a reused process id is not mistaken for the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner {
    run: String,
    host: String,
    boot: String,
    namespace: String,
    pid: u32,
    start: String,
}

/// What is known about the process of an [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is this very run.
    Own,
    /// It runs.
    Alive,
    /// It has ended.
    Dead,
    /// It belongs to another machine or container, whose processes cannot be seen from here.
    Unknown,
}

impl Owner {
    /// This process, for a run.
    pub fn current(run: &RunId) -> Self {
        let pid = std::process::id();
        let this = Machine::current();
        Self {
            run: run.to_string(),
            host: this.host,
            boot: this.boot,
            namespace: this.namespace,
            pid,
            start: start_of(pid).unwrap_or_else(|| "-".to_owned()),
        }
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The host that the process runs or ran on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process in a form that fits into a name: `BOOT-PIDNS-PID-START`, of the boot id its
    /// first eight digits, of the namespace its number.
    pub fn tag(&self) -> String {
        let Self {
            boot,
            namespace,
            pid,
            start,
            ..
        } = self;
        format!("{}-{}-{pid}-{start}", boot_prefix(boot), digits(namespace))
    }

    /// Looks whether the process of a [`tag`](Self::tag) still lives.
    ///
    /// A tag of another boot may be of another machine, so nothing is known of it.
    pub fn liveness_of_tag(tag: &str) -> Liveness {
        let parts: Vec<&str> = tag.split('-').collect();
        let [boot, namespace, pid, start] = parts[..] else {
            return Liveness::Unknown;
        };
        let Ok(pid) = pid.parse() else {
            return Liveness::Unknown;
        };
        let this = Machine::current();
        if boot != boot_prefix(&this.boot) || namespace != digits(&this.namespace) {
            return Liveness::Unknown;
        }
        Self::liveness_here(pid, start)
    }

    /// Looks whether the process still lives.
    pub fn liveness(&self) -> Liveness {
        let this = Machine::current();
        if self.host != this.host {
            return Liveness::Unknown;
        }
        if self.boot != this.boot {
            return Liveness::Dead;
        }
        if self.namespace != this.namespace {
            return Liveness::Unknown;
        }
        Self::liveness_here(self.pid, &self.start)
    }

    fn liveness_here(pid: u32, start: &str) -> Liveness {
        match start_of(pid) {
            Some(now) if now == start && pid == std::process::id() => Liveness::Own,
            Some(now) if now == start => Liveness::Alive,
            _ => Liveness::Dead,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            host,
            boot,
            namespace,
            pid,
            start,
        } = self;
        write!(f, "{run} {host} {boot} {namespace} {pid} {start}")
    }
}

impl FromStr for Owner {
    type Err = InvalidOwner;
    fn from_str(text: &str) -> Result<Self, InvalidOwner> {
        let invalid = || InvalidOwner(text.to_owned());
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [run, host, boot, namespace, pid, start] = fields[..] else {
            return Err(invalid());
        };
        Ok(Self {
            run: run.to_owned(),
            host: host.to_owned(),
            boot: boot.to_owned(),
            namespace: namespace.to_owned(),
            pid: pid.parse().map_err(|_| invalid())?,
            start: start.to_owned(),
        })
    }
}

impl TryFrom<String> for Owner {
    type Error = InvalidOwner;
    fn try_from(text: String) -> Result<Self, InvalidOwner> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

/// What tells this machine, boot and process namespace from others.
struct Machine {
    host: String,
    boot: String,
    namespace: String,
}

impl Machine {
    fn current() -> Self {
        let word = |text: String| {
            let text = text.trim().replace(char::is_whitespace, "_");
            if text.is_empty() {
                "-".to_owned()
            } else {
                text
            }
        };
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            host: word(host),
            boot: word(boot),
            namespace: word(namespace.to_string_lossy().into_owned()),
        }
    }
}

/// Enough of a boot id to tell boots apart in a name.
fn boot_prefix(boot: &str) -> &str {
    boot.get(..8).unwrap_or(boot)
}

/// The number in the name of a namespace, such as `pid:[4026531836]`.
fn digits(namespace: &str) -> String {
    namespace.chars().filter(char::is_ascii_digit).collect()
}

/// When a process was started, in clock ticks since boot; nothing when there is no such process.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name, in parentheses, may hold spaces and parentheses itself.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // A zombie (state Z) does nothing any more.
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19).map(|start| (*start).to_owned())
}

/// 32 random bits.
pub(super) fn random() -> u32 {
    let mut bytes = [0; 4];
    // The kernel cannot fail here once it has booted; the process id is distinct enough if it does.
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(4) => u32::from_ne_bytes(bytes),
        _ => std::process::id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_its_own_owner_and_survives_as_text() {
        let owner = Owner::current(&RunId::begin());
        assert_eq!(owner.liveness(), Liveness::Own);
        assert_eq!(owner.to_string().parse(), Ok(owner));
    }

    #[test]
    fn a_reused_process_id_is_a_dead_owner() {
        let mut owner = Owner::current(&RunId::begin());
        owner.start = "1".into();
        assert_eq!(owner.liveness(), Liveness::Dead);
        owner.start = Owner::current(&RunId::begin()).start;
        owner.boot = "another".into();
        assert_eq!(owner.liveness(), Liveness::Dead);
        owner.host = "elsewhere".into();
        assert_eq!(owner.liveness(), Liveness::Unknown);
    }
}

//! What is said on the control socket.

use components::time::rfc3339;
use serde::{Deserialize, Serialize};

use crate::limits::{Standing, protocol_name, unit_name};

/// Version of the objects that machines read.
pub const SCHEMA: u32 = 1;

/// The owner of the control socket itself; no component is called so.
pub const CONTROL: &str = "/control";

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who answers?
    Status {},
    /// Give another process the sockets that listen here. They come with the answer's first byte.
    HandOver {},
    /// Make way for another agent: end, and withdraw nothing. Answered by who leaves.
    Leave {},
    /// Set a limit of source `operator`.
    LimitSet {
        /// `tcp` or `udp`.
        proto: String,
        /// The port.
        port: u16,
        /// `connections`, `packets` or `bytes`.
        unit: String,
        /// Units per hour.
        rate_per_hour: u64,
        /// Units at once; the default when absent.
        burst: Option<u32>,
        /// How long.
        lease_ms: u64,
        /// Count only.
        dry_run: bool,
        /// The whole rate for each source address.
        #[serde(default)]
        per_source: bool,
        /// Why.
        reason: String,
    },
    /// Every live limit.
    LimitList {},
    /// Everything known about a port.
    LimitExplain {
        /// The port.
        port: u16,
    },
    /// Take limits away.
    LimitClear {
        /// Of this port; of all when absent.
        port: Option<u16>,
    },
    /// Something for the reflexes.
    Reflex(Reflex),
}

/// A request to the reflexes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reflex {
    /// The kill switch, on or off.
    Kill {
        /// Which.
        on: bool,
    },
    /// No actions for a while.
    Pause {
        /// How long.
        time_ms: u64,
        /// Why.
        reason: String,
    },
    /// The end of a pause.
    Resume {},
    /// Approve a suggestion.
    Approve {
        /// Its event's id.
        id: String,
    },
    /// Signals, rules and guards now.
    Top {},
    /// What was written down since a moment.
    Report {
        /// Nanoseconds since 1970.
        since_unix_ns: u64,
    },
}

/// An answer; `status` is the exit status of the command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// 0 done, 1 failed, 2 usage.
    pub status: u8,
    /// Why not, when `status` is not 0.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// What the operator should know besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The limits asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Listed>,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Status>,
    /// Whose the sockets are that come along, in their order; [`CONTROL`] is this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<String>,
    /// What the reflexes answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reflex: Option<serde_json::Value>,
}

impl Answer {
    /// Failed.
    pub fn failed(error: String) -> Self {
        Self { status: 1, error, ..Self::default() }
    }

    /// Asked wrongly.
    pub fn usage(error: String) -> Self {
        Self { status: 2, error, ..Self::default() }
    }
}

/// Who answers on the socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's process id.
    pub pid: u32,
    /// The keeper's, if there is one.
    pub keeper_pid: Option<u32>,
    /// Its version.
    pub version: String,
    /// Why nothing is enforced, if so.
    pub kernel_missing: Option<String>,
    /// Interfaces that are covered.
    pub interfaces: Vec<String>,
}

/// One limit as `limit list --json` prints it (contract.md section 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What for.
    pub target: ListedTarget,
    /// `connections`, `packets` or `bytes`.
    pub unit: String,
    /// Units per second.
    pub rate_per_s: f64,
    /// Units at once.
    pub burst: u32,
    /// The whole rate for each source address.
    pub per_source: bool,
    /// Counts only.
    pub dry_run: bool,
    /// Who wants it.
    pub source: String,
    /// Why.
    pub reason: String,
    /// RFC 3339.
    pub since: String,
    /// RFC 3339.
    pub expires: String,
    /// Whether the kernel enforces this one.
    pub enforced: bool,
    /// Units admitted.
    pub passed: u64,
    /// Units dropped.
    pub dropped: u64,
}

/// What a limit is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListedTarget {
    /// `tcp` or `udp`.
    pub proto: String,
    /// The port.
    pub port: u16,
    /// Null: every covered interface.
    pub interface: Option<String>,
    /// Null: every process.
    pub cgroup: Option<String>,
}

impl From<&Standing> for Listed {
    fn from(standing: &Standing) -> Self {
        let desired = &standing.desired;
        Self {
            schema: SCHEMA,
            target: ListedTarget {
                proto: protocol_name(desired.limit.target.protocol).to_owned(),
                port: desired.limit.target.port,
                interface: None,
                cgroup: None,
            },
            unit: unit_name(desired.limit.unit).to_owned(),
            rate_per_s: desired.limit.rate_per_hour as f64 / 3600.0,
            burst: desired.limit.burst,
            per_source: desired.limit.per_source,
            dry_run: desired.limit.dry_run,
            source: desired.source.to_string(),
            reason: desired.reason.clone(),
            since: rfc3339(desired.since),
            expires: rfc3339(desired.expires),
            enforced: standing.enforced,
            passed: standing.verdicts.passed,
            dropped: standing.verdicts.dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_have_the_form_that_is_written_down() {
        let text = r#"{"command":"limit_set","proto":"tcp","port":80,"unit":"connections","rate_per_hour":360000,"burst":null,"lease_ms":1000,"dry_run":false,"per_source":false,"reason":""}"#;
        let request: Request = serde_json::from_str(text).expect("a request");
        assert_eq!(serde_json::to_string(&request).expect("written"), text);
        for bad in ["{}", r#"{"command":"limit_list","x":1}"#, r#"{"command":"reboot"}"#, "[]"] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(
            line in ".{0,200}",
            words in proptest::collection::vec("\\PC{0,6}|[0-9]{1,20}|limit_set|command", 0..12),
        ) {
            let object = words.chunks(2).map(|pair| format!("{:?}:{:?}", pair[0], pair[pair.len() - 1]));
            let object = format!("{{{}}}", object.collect::<Vec<_>>().join(","));
            for line in [&line, &object] {
                if let Ok(request) = serde_json::from_str::<Request>(line) {
                    let text = serde_json::to_string(&request).expect("written");
                    prop_assert_eq!(serde_json::from_str::<Request>(&text).expect("read"), request);
                }
                let _ = serde_json::from_str::<Answer>(line);
            }
        }
    }
}

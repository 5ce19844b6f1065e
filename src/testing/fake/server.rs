//! `GET /1.0`: what the server is.

use serde_json::json;

use super::answer::Answer;
use super::state::State;

/// Which server is faked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// 6.0.4: named backups only, errors inside a 200.
    Lts60,
    /// 7.0.2: exports are streamed.
    Lts70,
}

const EXTENSIONS_60: [&str; 5] = [
    "metadata_configuration",
    "container_backup",
    "operation_wait",
    "instance_get_full",
    "storage_bucket_backup",
];
const EXTENSIONS_70: [&str; 3] = ["direct_backup", "backup_override_config", "instance_nbd"];

/// `GET /1.0/cluster` of a server that is in none.
pub(super) fn cluster(state: &State) -> Answer {
    let key = |pool: &String| {
        json!({ "entity": "storage-pool", "name": pool, "key": "source",
        "value": "", "description": "" })
    };
    let keys: Vec<_> = state.pools.keys().map(key).collect();
    Answer::sync(json!({ "server_name": "", "enabled": false, "member_config": keys }))
}

/// `GET /1.0`.
pub(super) fn server(state: &State, series: Series) -> Answer {
    let mut extensions = EXTENSIONS_60.to_vec();
    let mut version = "6.0.4";
    if series == Series::Lts70 {
        extensions.extend(EXTENSIONS_70);
        version = "7.0.2";
    }
    extensions.extend(&state.extensions);
    // Only administrators see the configuration: others see nothing on 7.0, and an empty one on 6.0.
    let config = if state.no_administrator {
        match series {
            Series::Lts60 => json!({}),
            Series::Lts70 => json!(null),
        }
    } else if state.serves_buckets {
        json!({ "core.storage_buckets_address": "127.0.0.1:9000" })
    } else {
        json!({})
    };
    let method = if state.no_administrator {
        "tls"
    } else {
        "unix"
    };
    Answer::tagged(
        json!({ "auth": "trusted", "auth_user_method": method, "config": config, "api_extensions": extensions, "environment": {
            "server_name": "fake", "server_version": version, "server_clustered": false,
            "certificate_fingerprint": state.fingerprint, "architectures": ["x86_64", "i686"] } }),
    )
}

/// A few of the keys that servers of both series know, and one that only the newer does.
const KEYS: [&str; 3] = [
    "snapshots.expiry",
    "boot.autostart",
    "volatile.<name>.hwaddr",
];
/// What came after 6.0.
pub(super) const KEYS_70: [&str; 2] = ["snapshots.expiry.manual", "volatile.vm.rtc_offset"];

/// `GET /1.0/metadata/configuration`.
pub(super) fn keys(series: Series) -> Answer {
    let newer: &[&str] = match series {
        Series::Lts60 => &[],
        Series::Lts70 => &KEYS_70,
    };
    let keys: Vec<_> = KEYS
        .iter()
        .chain(newer)
        .map(|key| json!({ *key: {} }))
        .collect();
    Answer::sync(json!({ "configs": { "instance": { "all": { "keys": keys } } } }))
}

//! Everything that is tested from outside: one binary, a module per capability.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    clippy::unused_self,
    unreachable_pub,
    missing_docs,
    reason = "tests: clippy knows the test functions, not what they call"
)]

mod aliases;
mod archive;
mod archive_volumes;
mod bad_disks;
mod buckets;
mod cases;
mod cases_kinds;
mod completion;
mod cutting;
mod daemon;
mod disk_files;
mod disk_images;
mod disks;
mod doctor;
mod drill;
mod encryption;
mod encryption_copies;
mod encryption_keys;
mod examples;
mod fake;
mod fake_config;
mod faults;
mod faults_requests;
mod faults_restic;
mod faults_volumes;
mod files;
mod flaky;
mod format_page;
mod fourteen_days;
mod generated;
mod gone;
mod gzip;
mod hooks;
mod hostile;
mod https;
mod images;
mod isos;
mod issuer;
mod keeping;
mod kills;
mod kills_kinds;
mod lab;
mod layers;
mod legacy;
mod licences;
mod limits;
mod logins;
mod mapping;
mod metrics;
mod moved;
mod notify;
mod one_program;
mod passwords;
mod pki;
mod promises;
mod protection;
mod real_bad_days;
mod real_buckets;
mod real_cluster;
mod real_cluster_config;
mod real_config;
mod real_config_restore;
mod real_consistency;
mod real_drill;
mod real_drivers;
mod real_encryption;
mod real_files;
mod real_flaky;
mod real_full_pool;
mod real_guides;
mod real_hooks;
mod real_images;
mod real_legacy;
mod real_limits;
mod real_logins;
mod real_machines;
mod real_mapping;
mod real_pair;
mod real_probe;
mod real_remotes;
mod real_restart;
mod real_restic;
mod real_rights;
mod real_round_trip;
mod real_series;
mod real_together;
mod real_tree;
mod real_volumes;
mod real_whole;
mod report;
mod restic;
mod restic_commands;
mod restic_legacy;
mod restic_locks;
mod restic_servers;
mod rights;
mod room;
mod runs;
mod s3;
mod scale;
mod seed;
mod series;
mod servers;
mod service;
mod stored;
mod suite;
mod swept;
mod taken_back;
mod target;
mod target_init;
mod target_restic;
mod terminal;
mod together;
mod transfer;
mod transfer_faults;
mod whole;

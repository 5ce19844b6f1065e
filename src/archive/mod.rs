//! Incus' export format: reading, checking, rewriting and framing it.

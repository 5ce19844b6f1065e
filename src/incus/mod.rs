//! The Incus REST client.

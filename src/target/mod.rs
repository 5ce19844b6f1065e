//! Where backups live: the storage seam and the directory target. Knows nothing of the Incus API.

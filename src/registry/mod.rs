//! The OCI distribution API: authentication and pull.

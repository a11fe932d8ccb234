//! Reports: terminal and JSON.

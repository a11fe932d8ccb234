//! Archives and compression: strict readers with limits, and the canonical tar writer.

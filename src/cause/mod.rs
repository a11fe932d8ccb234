//! Why a difference is there, and which instruction made it.

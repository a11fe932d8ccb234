//! Normalisers: rules that remove pure noise from what a step wrote, one small rule each.

//! The difference of two images: config, layers, files. Does not know where images come from.

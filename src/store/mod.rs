//! The Store: blobs and images on disk, layers, file trees.

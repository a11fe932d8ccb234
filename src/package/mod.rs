//! Package databases of images, one format a file.

//! Builders: from a Dockerfile and resolved images to an image in the Store.

//! The catalog of a lake: versioned files that say which relations there are and which version of each is current.

//! SQL the engine does not read, rewritten into SQL that it does.

//! One Delta table: what a transaction stages on top of its pinned version, and the one commit that comes of it.

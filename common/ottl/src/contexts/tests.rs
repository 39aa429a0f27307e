//! Paths read and set on records written by hand; the vectors of the reference run in `tests/`.

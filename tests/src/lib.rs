//! The harness of the black-box tests.

#![forbid(unsafe_code)]

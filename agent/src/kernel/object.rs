//! The kernel programs inside this binary, if it was built with them (`cargo xtask build`).

include!(concat!(env!("OUT_DIR"), "/object.rs"));

/// The embedded object, or the error that says there is none.
pub fn embedded() -> Result<&'static [u8], super::Error> {
    OBJECT.ok_or(super::Error::NoObject)
}

//! Why a function cannot be made of its constant arguments, and which of them is to blame.

use std::fmt::Display;

/// What a function says while it is prepared. The binder finds the place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The argument, counted as in [`Args`](super::Args), and in a list the item; nothing where none is to blame alone.
    pub place: Option<(usize, Option<usize>)>,
    /// What is wrong.
    pub message: String,
}

impl From<String> for Unfit {
    fn from(message: String) -> Self {
        Self { place: None, message }
    }
}

impl From<Unfit> for String {
    fn from(unfit: Unfit) -> Self {
        unfit.message
    }
}

impl Unfit {
    /// An argument that the function cannot work with.
    pub fn argument(index: usize, message: impl Display) -> Self {
        Self { place: Some((index, None)), message: message.to_string() }
    }

    /// An item of an argument that is a list.
    pub fn item(index: usize, item: usize, message: impl Display) -> Self {
        Self { place: Some((index, Some(item))), message: message.to_string() }
    }
}

/// Errors that an argument is to blame for.
pub(crate) trait Blame<T> {
    /// The error as that of the argument `index`.
    fn of_argument(self, index: usize) -> Result<T, Unfit>;
}

impl<T, E: Display> Blame<T> for Result<T, E> {
    fn of_argument(self, index: usize) -> Result<T, Unfit> {
        self.map_err(|error| Unfit::argument(index, error))
    }
}

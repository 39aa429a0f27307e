//! Map values as aya wants them: plain bytes.

use kernel_abi::layout::{
    Clock, Control, Exchange, Flow, Latency, Limit, Port, State, Unseen, Verdicts, Watch,
};
use kernel_abi::reflex::{Rule, Watchdog};

/// A map value. aya's trait and our layouts live in different crates, so they meet here.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Value<T>(pub(super) T);

// SAFETY: every layout is `repr(C)`, `Copy`, of integers only and without padding, so that any bytes
// are a value of it and all bytes of a value are initialised; `kernel_abi::layout` asserts the sizes.
unsafe impl aya::Pod for Value<Port> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Limit> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<State> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Verdicts> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Control> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Clock> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Unseen> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Watch> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Latency> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Flow> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Exchange> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Rule> {}
// SAFETY: as above.
unsafe impl aya::Pod for Value<Watchdog> {}

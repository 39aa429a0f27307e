//! Batches through fused texts.

//! What only metrics have: conversion, extraction, aggregation.

use crate::function::Definition;

/// Functions of the metric context.
pub const METRIC: &[Definition] = &[];
/// Functions of the datapoint context.
pub const DATAPOINT: &[Definition] = &[];
/// Functions that only conditions over metrics have.
pub const FILTER: &[Definition] = &[];

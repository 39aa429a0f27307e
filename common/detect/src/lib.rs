//! Streaming anomaly detection: a value series in, scored anomalies out.
//!
//! One [`Detector`] watches one series in at most 4 KiB, allocates when it is made and never again, and
//! takes rows at any rhythm. [`Method::Auto`] is calibrated to a budget of false alarms per day
//! whatever the cadence; [`Method::Ewma`] and [`Method::Zscore`] are the textbook charts for those who ask for them
//! by name. [`Counter`] turns a cumulative counter into a rate first.
//!
//! An alarm is the row that opens it (score at least 1); the state stays open until the series is back
//! for `clear_after` or `accept_after` takes the new level as normal. Nothing is learned meanwhile.
//!
//! Knows nothing of OTLP, kernels and clocks: time comes with the row. Results depend only on the rows;
//! logarithms come from `libm`, so that they do not depend on the architecture either. Left out:
//! several series at once, forecasts, state on disk.
//!
//! ```
//! let mut detector = medulla_detect::Detector::new(medulla_detect::Config::default());
//! for second in 0..600 {
//!     let verdict = detector.push(second * 1_000_000_000, (second % 7) as f64);
//!     assert!(!verdict.opened);
//! }
//! ```
#![forbid(unsafe_code)]

mod auto;
pub mod backtest;
mod base;
mod chart;
mod constant;
mod counter;
mod detector;
mod episode;
mod ewma;
mod fast;
mod pace;
mod prototypes;
mod quarantine;
mod ring;
mod rows;
mod score;
mod seasonal;
mod shift;
mod slow;
mod tail;
mod unit;
mod zscore;

pub use counter::{Counter, Width};
pub use detector::{Config, Detector, Direction, Method, Statistic, Verdict, Weights};

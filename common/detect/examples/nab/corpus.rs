//! The labelled series of a folder as NAB lays it out: `data/<category>/<name>.csv` and `combined_windows.json`.

use std::path::Path;

use medulla_detect::backtest::timestamp_ns;
use serde_json::Value;

/// One series and where its anomalies are.
pub(crate) struct File {
    pub(crate) rows: Vec<(i64, f64)>,
    /// First and last row of each labelled window, in order.
    pub(crate) windows: Vec<(usize, usize)>,
}

/// Every labelled series that is there, by name.
pub(crate) fn load(folder: &Path) -> Vec<File> {
    let labels = folder.join("combined_windows.json");
    let labels = std::fs::read_to_string(labels).expect("NAB's combined_windows.json");
    let labels: Value = serde_json::from_str(&labels).expect("labels in JSON");
    let labels = labels.as_object().expect("windows by file");
    let mut names: Vec<&String> = labels.keys().collect();
    names.sort();
    names
        .into_iter()
        .filter_map(|name| {
            let text = std::fs::read_to_string(folder.join("data").join(name)).ok()?;
            Some(File::of(&text, &labels[name]))
        })
        .collect()
}

impl File {
    fn of(text: &str, windows: &Value) -> Self {
        let rows: Vec<(i64, f64)> = text.lines().skip(1).filter_map(row).collect();
        let at = |time: &Value| {
            let t_ns = timestamp_ns(time.as_str()?)?;
            rows.iter().position(|row| row.0 == t_ns)
        };
        let windows = windows.as_array().expect("a list of windows").iter();
        let windows = windows.map(|window| at(&window[0]).zip(at(&window[1])));
        let windows = windows.map(|window| window.expect("a window from row to row")).collect();
        Self { rows, windows }
    }
}

fn row(line: &str) -> Option<(i64, f64)> {
    let (time, value) = line.split_once(',')?;
    Some((timestamp_ns(time)?, value.trim().parse().unwrap_or(f64::NAN)))
}

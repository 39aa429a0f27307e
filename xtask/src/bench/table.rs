//! The rows as text for people or for programs.

use super::Row;
use serde_json::json;

/// One line per row, in columns.
pub(super) fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    rows.iter().for_each(|row| println!("{}", line(row, width)));
    let missed = rows.iter().filter(|row| row.met() == Some(false)).count();
    let goals = rows.iter().filter(|row| row.met().is_some()).count();
    println!("{} of {goals} goals met", goals - missed);
}

fn line(row: &Row, width: usize) -> String {
    let name = &row.name;
    let Some(value) = row.value else {
        let why = row.missing.as_deref().unwrap_or("no value");
        return format!("{name:width$}  not measured: {why}");
    };
    let goal = match (row.at_least, row.at_most) {
        (Some(bound), _) => format!(">= {bound}"),
        (_, Some(bound)) => format!("<= {bound}"),
        (None, None) => String::new(),
    };
    let verdict = match row.met() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    let line = format!("{name:width$}  {:>8}  {:24}  {goal:6}  {verdict}", shown(value), row.unit);
    line.trim_end().to_owned()
}

/// Whole nanoseconds as they are, everything else with two digits behind the point.
fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") }
}

/// One object per line.
pub(super) fn print_json(rows: &[Row]) {
    for row in rows {
        let mut object = json!({ "name": row.name });
        let mut set = |key: &str, value: serde_json::Value| {
            if !value.is_null() {
                object[key] = value;
            }
        };
        set("value", json!(row.value));
        set("unit", if row.value.is_some() { json!(row.unit) } else { json!(null) });
        set("at_least", json!(row.at_least));
        set("at_most", json!(row.at_most));
        set("met", json!(row.met()));
        set("missing", json!(row.missing));
        println!("{object}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_and_shown() {
        let check = |text: &str, expect: &str, met| {
            let row: Row = serde_json::from_str(text).unwrap();
            assert_eq!((line(&row, 4), row.met()), (expect.to_owned(), met));
        };
        check(
            r#"{"name":"a","value":7,"unit":"ns","at_most":8}"#,
            "a            7  ns                        <= 8    met",
            Some(true),
        );
        check(
            r#"{"name":"b","value":4.987,"unit":"M spans","at_least":5}"#,
            "b         4.99  M spans                   >= 5    MISSED",
            Some(false),
        );
        check(r#"{"name":"c","value":1,"unit":"MiB"}"#, "c            1  MiB", None);
        check(r#"{"name":"d","missing":"no root"}"#, "d     not measured: no root", None);
    }
}

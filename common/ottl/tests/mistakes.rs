//! Texts that cannot be loaded: the class, and the place of what is to blame.
//!
//! `^` in a text of these tables stands before what is to blame; it is taken out.

use medulla_ottl::contexts::Otlp;
use medulla_ottl::{Class, Compiler, Functions, LoadError, Purpose};

fn load(context: Otlp, text: &str) -> Result<(), LoadError> {
    let functions = Functions::new(&context, Purpose::Transform, true);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    let is_statement = text.starts_with(|first: char| first.is_ascii_lowercase());
    match is_statement {
        true => compiler.statement(text).map(drop),
        false => compiler.expression(text).map(drop),
    }
}

/// Each text is refused with that class, at its mark.
fn check(context: Otlp, class: Class, texts: &[&str]) {
    for marked in texts {
        let at = marked.find('^').expect("a mark");
        let text = format!("{}{}", &marked[..at], &marked[at + 1..]);
        match load(context, &text) {
            Ok(()) => panic!("{text}: loaded"),
            Err(error) => {
                assert_eq!((error.class, error.offset), (class, at), "{marked}: {error}");
            }
        }
    }
}

#[test]
fn a_literal_that_its_function_cannot_work_with_is_the_place() {
    check(
        Otlp::Log,
        Class::Literal,
        &[
            r#"IsMatch(body, ^"(")"#,
            r#"IsMatch(target=body, pattern=^"(")"#,
            r#"set(body, 1) where not IsMatch(attributes["a"], ^"a{2000}")"#,
            r#"set(attributes["a"], Concat([IsMatch(body, ^"*")], ""))"#,
            r#"delete_matching_keys(attributes, ^"[")"#,
            r#"keep_matching_keys(attributes, ^"(?P<n")"#,
            r#"replace_pattern(body, ^"(", "x")"#,
            r#"replace_all_patterns(attributes, "value", ^"(", "x")"#,
            r#"replace_all_patterns(attributes, ^"both", "a", "x")"#,
            r#"replace_match(body, ^"[", "x")"#,
            r#"replace_all_matches(attributes, ^"a[", "x")"#,
            r#"merge_maps(attributes, cache, ^"replace")"#,
            r#"limit(attributes, ^1, ["a", "b"])"#,
            r#"truncate_all(attributes, 2, true, ^"...")"#,
            r#"flatten(attributes, "p", ^0)"#,
            r#"flatten(attributes, depth=^0)"#,
            r#"ConvertCase(body, ^"kebab")"#,
            r#"Sort(attributes["a"], ^"up")"#,
            r#"Decode(body, ^"rot13")"#,
            r#"IsInCIDR(body, ["10.0.0.0/8", ^"10.0.0.0"])"#,
            r#"ExtractPatterns(body, ^"(?P<a>")"#,
            r#"ExtractGrokPatterns(body, ^"%{NOPE:x}")"#,
            r#"ExtractGrokPatterns(body, "%{A:x}", true, ["A=a", ^"B"])"#,
            r#"ParseCSV(body, "a,b", ^";;")"#,
            r#"ParseCSV(body, "a,b", ",", ^"")"#,
            r#"ParseCSV(body, "a,b", mode=^"loose")"#,
            r#"ParseKeyValue(body, ^"")"#,
            r#"ParseKeyValue(body, "=", ^"=")"#,
            r#"ParseKeyValue(body, ^" ")"#,
            r#"ToKeyValueString(attributes, "=", ^"")"#,
            r#"ParseCLF(body, ^"apache")"#,
            r#"Time(body, ^"%Q")"#,
            r#"Time(body, ^"")"#,
            r#"Time(body, "%Y", ^"Mars/Olympus")"#,
            r#"Time(body, "%Y", "UTC", ^"tlh")"#,
            r#"FormatTime(time, ^"2006")"#,
            r#"TraceID(^"zz")"#,
            r#"set(trace_id, TraceID(^0x00))"#,
            r#"SpanID(^"0102")"#,
            r#"ProfileID(^"")"#,
            r#"GetXML(body, ^"/a[")"#,
            r#"RemoveXML(body, ^"]")"#,
            r#"InsertXML(body, ^"//", "<a/>")"#,
            r#"ConvertAttributesToElementsXML(body, ^"[")"#,
            r#"ConvertTextToElementsXML(body, ^"[", "v")"#,
            r#"Coalesce(^[])"#,
            r#"Int(^"2.0")"#,
            r#"Double(^"x")"#,
            r#"Bool(^"yes")"#,
            r#"IsBool(^1)"#,
            r#"IsString(^nil)"#,
            // What no argument alone is to blame for stands where the call does.
            r#"^append(attributes["a"])"#,
        ],
    );
    check(
        Otlp::Metric,
        Class::Literal,
        &[
            r#"convert_gauge_to_sum(^"gauge", true)"#,
            r#"extract_percentile_metric(^100.0)"#,
            r#"aggregate_on_attributes(^"avg", ["a"])"#,
            r#"aggregate_on_attribute_value(^"avg", "a", ["b"], "c")"#,
            r#"convert_exponential_histogram_to_histogram(^"lower", [1.0])"#,
            r#"convert_exponential_histogram_to_histogram("upper", ^[])"#,
        ],
    );
    check(
        Otlp::DataPoint,
        Class::Literal,
        &[
            r#"convert_summary_sum_val_to_sum(^"gauge", true)"#,
            r#"merge_histogram_buckets(1.0, ^"some")"#,
            r#"merge_histogram_buckets(^0.5, "limit_buckets")"#,
        ],
    );
    check(
        Otlp::Span,
        Class::Literal,
        &[r#"set_semconv_span_name(^"1.36.0")"#, r#"set_semconv_span_name(^"latest")"#],
    );
}

#[test]
fn a_literal_of_another_type_is_the_place() {
    check(
        Otlp::Log,
        Class::Type,
        &[
            r#"limit(attributes, ^-1, [])"#,
            r#"limit(attributes, ^"1", [])"#,
            r#"limit(attributes, 1, ["a", ^2])"#,
            r#"limit(attributes, 1, ^"a")"#,
            r#"keep_keys(attributes, ["a", "b", ^1])"#,
            r#"keep_keys(attributes, ^"a")"#,
            r#"keep_keys(target=attributes, keys=[^5])"#,
            r#"truncate_all(attributes, 1, ^1)"#,
            r#"SHA256(^5)"#,
            r#"SHA256(target=^5)"#,
            r#"Concat([body, "a"], ^1)"#,
            r#"Substring(body, ^"0", 1)"#,
            r#"Substring(body, 0, 1, ^"yes")"#,
            r#"set(attributes["a"], Len(Split(body, ^nil)))"#,
            r#"Format(^body, [1])"#,
            r#"Format("%s", ^body)"#,
            r#"IsMatch(body, ^1.5)"#,
            r#"IsInCIDR(body, ["10.0.0.0/8", ^10])"#,
            r#"IsInCIDR(body, ^"10.0.0.0/8")"#,
            r#"ParseCSV(body, "a", ^1)"#,
            r#"ParseSeverity(severity_number, ^5)"#,
            r#"Time(body, ^body)"#,
            r#"FormatTime(^"now", "%Y")"#,
            r#"Hours(^5)"#,
            r#"Keys(^[1])"#,
            r#"SliceToMap(attributes["a"], ["k", ^1])"#,
            r#"set(^"a", 1)"#,
            r#"set(^SHA256(body), 1)"#,
            r#"replace_pattern(body, "a", "b", ^SHA256(body))"#,
            r#"replace_pattern(body, "a", "b", ^1)"#,
            r#"MapKeys(attributes, ^1)"#,
        ],
    );
    check(
        Otlp::Metric,
        Class::Type,
        &[
            r#"convert_exponential_histogram_to_histogram("upper", [1.0, ^2])"#,
            r#"extract_sum_metric(^"true")"#,
            r#"extract_percentile_metric(^99)"#,
            r#"scale_metric(^name)"#,
            r#"aggregate_on_attributes("sum", ["a", ^nil])"#,
        ],
    );
}

#[test]
fn other_mistakes_stand_where_they_are() {
    let log = Otlp::Log;
    check(log, Class::Arity, &["SHA256(body, ^5)", "^SHA256()", "SHA256(^text=body)"]);
    check(log, Class::Arity, &[r#"Trim(target=body, ^target="a")"#]);
    check(log, Class::Arity, &["MapKeys(attributes, ^(k) => k)"]);
    check(log, Class::Parse, &[r#"IsMatch(body, "a^\.")"#, "set(body, ^99999999999999999999)"]);
    check(log, Class::Parse, &["set(trace_id, TraceID(^0x123))"]);
    check(log, Class::UnknownEnum, &["set(severity_number, ^NOPE)", "Len([1, ^NOPE])"]);
    check(
        log,
        Class::UnknownFunction,
        &["set(body, ^Nope(1))", r#"replace_pattern(body, "a", "b", ^Nope)"#],
    );
    check(log, Class::UnknownPath, &["set(^nope, 1)", r#"Len([1, attributes["a"], ^nope])"#]);
}
